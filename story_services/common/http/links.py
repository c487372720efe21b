"""Links of a document: from what makes something to what can be done with it. Pure.

Guarantees: a link leads to an operation of the same document, and every path parameter of that
operation is taken from the answer or from the request's own path. So a client, or a test, finds
its way without knowing how ids are called in which path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]

_PARAMETER = re.compile(r"\{(\w+)\}")
#: Path parameters that answers call otherwise.
_FIELDS = {"spokenWordId": "dialogueId"}
_ELEMENT = {"elementType", "elementId"}


def add_links(document: Document) -> None:
    """Write links into the document's 201 answers."""
    schemas = document["components"]["schemas"]
    for path, item in document["paths"].items():
        made = item.get("post", {}).get("responses", {}).get("201", {})
        content = made.get("content", {}).get("application/json", {})
        name = str(content.get("schema", {}).get("$ref", "")).rsplit("/", 1)[-1]
        if name in schemas:
            links = dict(sorted(_links(document["paths"], path, name, schemas[name])))
            if links:
                made["links"] = links


def _links(
    paths: Document, made_at: str, name: str, schema: Document
) -> Iterator[tuple[str, Document]]:
    own = _own(paths, made_at) or f"{name[:1].lower()}{name[1:]}Id"
    given = {f: f"$response.body#/{f}" for f in _present(schema)}
    given |= {parameter: f"$request.path.{parameter}" for parameter in _PARAMETER.findall(made_at)}
    if (field := _FIELDS.get(own, own)) in schema["properties"]:
        given[own] = f"$response.body#/{field}"
    for path, item in paths.items():
        wanted = _PARAMETER.findall(path)
        if wanted and given.keys() >= set(wanted) and (_of(path, own) or set(wanted) >= _ELEMENT):
            for operation in item.values():
                told = {"operationId": operation["operationId"]}
                told["parameters"] = {parameter: given[parameter] for parameter in wanted}
                yield operation["operationId"], told


def _own(paths: Document, made_at: str) -> str | None:
    """The path parameter that names what is made there."""
    for path in paths:
        if found := re.fullmatch(re.escape(made_at) + r"/\{(\w+)\}", path):
            return found.group(1)
    return None


def _present(schema: Mapping[str, Any]) -> list[str]:
    """Fields that are never null."""
    required = set(schema.get("required", ()))
    return [
        name
        for name, field in schema["properties"].items()
        if name in required and {"type": "null"} not in field.get("anyOf", ())
    ]


def _of(path: str, own: str) -> bool:
    """Whether a path is the thing's own or of one part of it: at most one name behind its id."""
    _, found, behind = path.partition(f"/{{{own}}}")
    return bool(found) and "{" not in behind and behind.count("/") <= 1
