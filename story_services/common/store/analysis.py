"""How texts are taken apart for searching. Pure data."""

from __future__ import annotations

from typing import Any

#: Names of analysers and normalisers.
PROSE, EXACT, NAME, SORTABLE = "prose", "exact", "name", "sortable"

ANALYSIS: dict[str, Any] = {
    "normalizer": {SORTABLE: {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
    "analyzer": {
        PROSE: {"tokenizer": "standard", "filter": ["lowercase", "asciifolding"]},
        EXACT: {"tokenizer": "standard", "filter": ["lowercase", "asciifolding"]},
        NAME: {"tokenizer": "standard", "filter": ["lowercase", "asciifolding"]},
    },
}
