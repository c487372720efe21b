"""What a change of one documented operation means for its clients: parameters, body, answers,
authentication. Pure.

The rules are those of public OpenAPI comparers (the checks of oasdiff, docs/BREAKING-CHANGES.md;
OpenAPITools/openapi-diff), judged like schemas: see compare_schemas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploys.gateway.compare_authentication import alternatives, said
from deploys.gateway.compare_places import Place, step
from deploys.gateway.compare_schemas import Edit, Level, Schemas, default_edits

INFO, POSSIBLE, BREAKING = Level.INFO, Level.POSSIBLE, Level.BREAKING
#: How a parameter is written into the request (OpenAPI 3.1, 4.8.12), with the defaults by place.
_STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}
#: Header parameters that the specification says are ignored (4.8.12.2).
_IGNORED_HEADERS = {"accept", "content-type", "authorization"}


@dataclass(frozen=True, order=True)
class Change:
    """One change of an operation, already judged for the direction it is in."""

    pointer: str
    rule: str
    what: str
    level: Level


def changes(old: Place, new: Place, schemas: Schemas) -> Iterator[Change]:
    """Everything that differs between two operations (with path-level parameters inside)."""
    before, after = old.node, new.node
    if before.get("operationId") != after.get("operationId"):
        what = f"operationId {before.get('operationId')} -> {after.get('operationId')}"
        yield Change(new.pointer, "operation-id-changed", what, INFO)
    if after.get("deprecated") and not before.get("deprecated"):
        yield Change(new.pointer, "deprecated", "is deprecated now", INFO)
    yield from _parameters(old, new, schemas)
    yield from _body(old, new, schemas)
    yield from _answers(old, new, schemas)
    yield from _security(old, new)


def parameters(operation: Place) -> dict[tuple[str, str], Place]:
    """(place, name) -> parameter. Path parameters by position, headers without case: their names
    and cases never reach the wire."""
    found: dict[tuple[str, str], Place] = {}
    path = operation.node.get("x-path", "")
    order = re.findall(r"{([^}]*)}", path)
    for index, _ in enumerate(operation.node.get("parameters") or ()):
        node = operation.node["parameters"][index]
        at = Place(operation.document, node, f"{operation.pointer}/parameters/{index}").followed()
        where, name = str(at.node.get("in")), str(at.node.get("name"))
        if where == "header":
            name = name.lower()
            if name in _IGNORED_HEADERS:
                continue
        if where == "path" and name in order:
            name = str(order.index(name))
        found[where, name] = at
    return found


def _parameters(old: Place, new: Place, schemas: Schemas) -> Iterator[Change]:
    before, after = parameters(old), parameters(new)
    for key, place in after.items():
        name = f"{key[0]} parameter {place.node.get('name')}"
        if key not in before:
            required = place.node.get("required", False)
            rule = "required-parameter-added" if required else "parameter-added"
            what = f"new {'required' if required else 'optional'} {name}"
            yield Change(place.pointer, rule, what, BREAKING if required else INFO)
            continue
        was = before[key]
        if bool(was.node.get("required")) != bool(place.node.get("required")):
            tighter = bool(place.node.get("required"))
            what = f"{name} is {'required' if tighter else 'optional'} now"
            rule = "parameter-became-required" if tighter else "parameter-became-optional"
            yield Change(place.pointer, rule, what, BREAKING if tighter else INFO)
        if key[0] == "path" and was.node.get("name") != place.node.get("name"):
            what = f"path parameter {was.node.get('name')} is called {place.node.get('name')} now"
            yield Change(place.pointer, "path-parameter-renamed", what, INFO)
        if _written(was.node) != _written(place.node):
            what = f"{name} is written another way"
            yield Change(place.pointer, "parameter-style-changed", what, BREAKING)
        first, second = _schema(was), _schema(place)
        yield from _sent(schemas.edits(first, second), name)
        yield from _sent(default_edits(first, second), name)
    for key, place in before.items():
        if key not in after:  # most servers ignore what they do not know: not provable
            what = f"{key[0]} parameter {place.node.get('name')} is gone"
            yield Change(place.pointer, "parameter-removed", what, POSSIBLE)


def _written(node: Mapping[str, Any]) -> tuple[Any, ...]:
    style = node.get("style") or _STYLES.get(str(node.get("in")))
    return (
        style, bool(node.get("explode", style == "form")), bool(node.get("allowReserved")),
        sorted(node.get("content") or ()),
    )  # fmt: skip


def _schema(place: Place) -> Place:
    """The schema below a parameter, media type or header; anything where there is none."""
    if "schema" in place.node:
        return place.below("schema")
    for kind in place.node.get("content") or ():
        return _schema(place.below("content", kind))
    return Place(place.document, True, place.pointer + "/schema")


def _body(old: Place, new: Place, schemas: Schemas) -> Iterator[Change]:
    at = new.pointer + "/requestBody"
    had, has = "requestBody" in old.node, "requestBody" in new.node
    if not had and not has:
        return
    if not has:
        what = "takes no request body any more"
        yield Change(old.pointer + "/requestBody", "request-body-removed", what, BREAKING)
        return
    body = new.below("requestBody").followed()
    required = bool(body.node.get("required"))
    if not had:
        what = f"takes a{' required' if required else 'n optional'} request body"
        yield Change(at, "request-body-added", what, BREAKING if required else INFO)
        return
    was = old.below("requestBody").followed()
    if bool(was.node.get("required")) != required:
        what = f"request body is {'required' if required else 'optional'} now"
        rule = f"request-body-became-{'required' if required else 'optional'}"
        yield Change(at, rule, what, BREAKING if required else INFO)
    for kind, change in _media(was, body, "request body"):
        if change is not None:
            yield change
        else:
            first, second = was.below("content", kind), body.below("content", kind)
            yield from _sent(schemas.edits(_schema(first), _schema(second)), "request body")


def _answers(old: Place, new: Place, schemas: Schemas) -> Iterator[Change]:
    before, after = old.node.get("responses") or {}, new.node.get("responses") or {}
    for status in before:
        if status not in after:
            good = str(status).startswith("2")
            at = old.below("responses", status).pointer
            # An error that cannot happen any more hurts nobody who does not wait for it.
            what = f"answer {status} is gone"
            yield Change(at, "answer-removed", what, BREAKING if good else POSSIBLE)
    for status in after:
        now = new.below("responses", status).followed()
        if status not in before:
            good = str(status).startswith(("2", "3"))
            rule = "success-answer-added" if good else "error-answer-added"
            at = new.below("responses", status).pointer
            yield Change(at, rule, f"may now answer {status}", POSSIBLE if good else INFO)
            continue
        was = old.below("responses", status).followed()
        for kind, change in _media(was, now, f"answer {status}"):
            if change is not None:
                yield change
            else:
                first, second = was.below("content", kind), now.below("content", kind)
                edits = schemas.edits(_schema(first), _schema(second))
                yield from _received(edits, f"answer {status}")
        yield from _headers(was, now, status, schemas)


def _media(old: Place, new: Place, what: str) -> Iterator[tuple[str, Change | None]]:
    """(media type, what happened to it) with None for one that is on both sides."""
    before, after = old.node.get("content") or {}, new.node.get("content") or {}
    for kind in before:
        if kind not in after:
            at = old.pointer + step("content") + step(kind)
            told = f"{what} as {kind} is gone"
            yield kind, Change(at, "media-type-removed", told, BREAKING)
    for kind in after:
        if kind in before:
            yield kind, None
        else:
            at = new.pointer + step("content") + step(kind)
            # The first media type of an answer that had none is content nobody reads yet.
            yield kind, Change(at, "media-type-added", f"{what} may be {kind} now", INFO)


def _headers(old: Place, new: Place, status: str, schemas: Schemas) -> Iterator[Change]:
    before = {name.lower(): name for name in old.node.get("headers") or ()}
    after = {name.lower(): name for name in new.node.get("headers") or ()}
    for key, name in before.items():
        was = old.below("headers", name).followed()
        required = bool(was.node.get("required"))
        told = f"header {name} of answer {status}"
        if key not in after:
            level = BREAKING if required else POSSIBLE
            yield Change(was.pointer, "answer-header-removed", f"{told} is gone", level)
            continue
        now = new.below("headers", after[key]).followed()
        if required and not now.node.get("required"):
            what = f"{told} may be missing now"
            yield Change(now.pointer, "answer-header-became-optional", what, BREAKING)
        yield from _received(schemas.edits(_schema(was), _schema(now)), told)
    for key, name in after.items():
        if key not in before:
            at = new.below("headers", name).pointer
            yield Change(at, "answer-header-added", f"answer {status} has header {name} now", INFO)


def _sent(edits: Iterator[Edit] | list[Edit], where: str) -> Iterator[Change]:
    for edit in edits:
        yield Change(edit.pointer, f"request-{edit.rule}", f"{where}: {edit.what}", edit.request)


def _received(edits: Iterator[Edit] | list[Edit], where: str) -> Iterator[Change]:
    for edit in edits:
        yield Change(edit.pointer, f"response-{edit.rule}", f"{where}: {edit.what}", edit.response)


def _security(old: Place, new: Place) -> Iterator[Change]:
    """Requirements are alternatives, schemes and scopes within one are all needed: a client goes
    on as before when some alternative asks no more than the one it used."""
    before, after = alternatives(old), alternatives(new)
    at = new.pointer + "/security"
    lost = [a for a in before if not any(b <= a for b in after)]
    more = [b for b in after if not any(a <= b for a in before)]
    for one in lost:
        what = f"authentication: {said(one)} is no longer enough"
        yield Change(at, "authentication-tightened", what, BREAKING)
    for one in more if not lost else ():
        what = f"authentication: {said(one)} is enough now"
        yield Change(at, "authentication-loosened", what, INFO)
