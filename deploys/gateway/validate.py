"""Whether a kong.yml would load in Kong OSS 3.9, and do what it says, told without a Kong.

`parse` reads the text (YAML or JSON) and refuses what YAML readers quietly accept; `problems` finds
everything wrong with the document, each with its path, the reason and what is valid. Nothing is
changed, no file is read. The modules beside this one that it uses need only the standard library
and PyYAML, and import each other relatively, so that they can be copied as one folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import health_rules, references
from .entity_schemas import DOCUMENT, UNUSED
from .reading import Unreadable, parse
from .schema_types import Problem, sound, walk

__all__ = ["PORTABLE", "Problem", "Unreadable", "parse", "problems"]

#: All that is needed to route and to validate elsewhere: copy these into one package.
PORTABLE = (
    "entity_schemas", "health_rules", "pattern_rules", "plugin_schemas", "reading", "references",
    "request_path", "router", "schema_text", "schema_types", "validate",
)  # fmt: skip


def problems(kong: Mapping[str, Any]) -> list[Problem]:
    """Everything wrong, in the order of the file's structure; empty for a file to use.

    Those with `by == "kong"` keep Kong from loading it; the others it would load, and not do what
    the author means.
    """
    found = dict.fromkeys(_all(kong))
    return list(found)


def _all(kong: Mapping[str, Any]) -> Iterator[Problem]:
    for problem in walk(dict(kong), DOCUMENT, ""):
        if problem.reason == "unknown field" and problem.path in UNUSED:
            yield Problem(problem.path, "not used by this project", problem.valid, "project")
        else:
            yield problem
    version = kong.get("_format_version")
    if version in ("1.1", "2.1"):
        yield Problem("_format_version", f"{version} is an older format", '"3.0"', "project")
    document = sound(dict(kong), DOCUMENT)
    yield from references.problems(document)
    for index, upstream in enumerate(document.get("upstreams") or ()):
        if checks := (upstream or {}).get("healthchecks"):
            yield from health_rules.problems(f"upstreams[{index}].healthchecks", checks)
