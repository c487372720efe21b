"""What each index holds: explicit and strict, so that a misspelt field is refused. Pure data.

Every index of records has the same head (who changed what when, which version) and below
`content` the fields of its entity under their names of the contract. The wording of every kind of
story line is `content.text`, whatever the contract calls it. Free data is `flat_object`: a
thousand different keys are one field. What is only read by id is stored and not indexed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from story_services.common.store.analysis import EXACT, NAME, PROSE, SORTABLE, STEMS

Properties = dict[str, Any]

_KEYWORD = {"type": "keyword"}
_ID = {"type": "long"}
_NUMBER = {"type": "integer"}
_FLAG = {"type": "boolean"}
_TIME = {"type": "date", "format": "strict_date_optional_time"}
_FREE = {"type": "flat_object"}
_STORED = {"type": "object", "enabled": False}  # takes any JSON value and looks into none
_PROSE = {
    "type": "text",
    "analyzer": PROSE,
    "fields": {
        "exact": {"type": "text", "analyzer": EXACT},
        "stems": {"type": "text", "analyzer": STEMS},
    },
}
_NAME = {
    "type": "text",
    "analyzer": NAME,
    "fields": {"keyword": {"type": "keyword", "normalizer": SORTABLE}},
}

_HEAD: Properties = {
    "kind": _KEYWORD,
    "id": _ID,
    "scope": _ID,
    "version": _NUMBER,
    "deleted": _FLAG,
    "createdAt": _TIME,
    "updatedAt": _TIME,
    "action": _KEYWORD,
    "actor": _KEYWORD,
    "comment": {"type": "text", "analyzer": EXACT},
    "changeId": _ID,
    "reverts": _ID,
    "nonce": _KEYWORD,
}
_PLACE: Properties = {"scriptId": _ID, "sessionId": _ID, "fromSequence": _ID, "toSequence": _ID}

_CONTENTS: dict[str, Properties] = {
    "script": {"title": _NAME, "author": _NAME, "description": _PROSE},
    "section": {"scriptId": _ID, "title": _NAME},
    "element": {
        "text": _PROSE,
        "scriptId": _ID,
        "sectionId": _ID,
        "characterId": _ID,
        "speechId": _ID,
        "actionId": _ID,
        "targetType": _KEYWORD,
        "targetId": _ID,
    },
    "character": {"name": _NAME, "description": _PROSE, "scriptIds": _ID},
    "paraphrase": {
        "originalType": _KEYWORD,
        "originalId": _ID,
        "text": _PROSE,
        "commentary": _PROSE,
        "style": _KEYWORD,
        "sessionId": _ID,
        "contextRevision": _NUMBER,
        "source": _KEYWORD,
    },
    "performer": {"name": _NAME},
    "casting": {"scriptId": _ID, "characterId": _ID, "performerId": _ID},
    "session": {
        "userId": _ID,
        "name": _NAME,
        "scriptId": _ID,
        "context": _STORED,
        "contextEntries": _PROSE,
        "data": _FREE,
    },
    "context": {"characterId": _ID, "data": _FREE, **_PLACE},
    "world-state": {"kind": _KEYWORD, "description": _PROSE, "data": _FREE, **_PLACE},
    "numbering": {"elementType": _KEYWORD, "elementId": _ID, "scriptId": _ID, "data": _STORED},
}
#: Order roots and their pages, and what an order was before a logged change.
_ORDER: Properties = {**_HEAD, "root": _KEYWORD, "content": _STORED}
_UNSEARCHED = {"type": "keyword", "index": False, "doc_values": False}
_KEY: Properties = {
    "request": _UNSEARCHED,
    "attempt": _KEYWORD,
    "status": _KEYWORD,
    "owner": _UNSEARCHED,
    "leaseUntil": _ID,
    "expires": _TIME,
    "answer": _STORED,
    "nonce": _KEYWORD,
}

#: Index by its short name -> its fields.
PROPERTIES: Mapping[str, Properties] = {
    **{name: {**_HEAD, "content": {"properties": content}} for name, content in _CONTENTS.items()},
    "version": _ORDER,
    "order": _ORDER,
    "key": _KEY,
}
#: Of each index. Whatever changes what an index is created with needs the next number here, and
#: `story migrate` for data that is there already.
VERSIONS: Mapping[str, int] = {name: 1 for name in PROPERTIES}
#: The indices a search over the change log looks into, under one alias.
LOG = "log"
UNLOGGED = ("key",)
LOGGED = tuple(name for name in PROPERTIES if name not in UNLOGGED)

_RECORD_ORDER = ("kind", "id", "version")
_ORDERS = {"key": ("nonce",), "order": ("root", "nonce")}


def total_sort(index: str, sort: Sequence[Any]) -> list[Any]:
    """`sort`, made unambiguous by what tells documents of this index apart."""
    named = {field for by in sort for field in ([by] if isinstance(by, str) else by)}
    last = _ORDERS.get(index, _RECORD_ORDER)
    return [*sort, *(field for field in last if field not in named)]
