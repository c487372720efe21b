"""What no single entity of a kong.yml can show: references, uniqueness, and routes to nobody.

Kong refuses dangling references and doubled names when it loads the file; that a service leads to
no target, or that a target taken out never comes back, it would load: those are ours. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .schema_text import is_address
from .schema_types import Problem, shown

CHILDREN = {
    "services": ("routes", "plugins"), "routes": ("plugins",), "upstreams": ("targets",),
    "certificates": ("snis",), "consumers": ("keyauth_credentials", "acls", "plugins"),
}  # fmt: skip
#: The field of a child that names its parent, and where that parent is declared.
OWNERS = {
    "routes": {"service": "services"},
    "plugins": {"service": "services", "route": "routes", "consumer": "consumers"},
    "targets": {"upstream": "upstreams"}, "snis": {"certificate": "certificates"},
    "keyauth_credentials": {"consumer": "consumers"}, "acls": {"consumer": "consumers"},
    "services": {"client_certificate": "certificates"},
    "upstreams": {"client_certificate": "certificates"},
}  # fmt: skip
#: The name by which others may refer to an entity besides its id.
NAMES = {"services": "name", "routes": "name", "upstreams": "name", "consumers": "username"}
UNIQUE = {
    "services": ("name",), "routes": ("name",), "upstreams": ("name",), "snis": ("name",),
    "consumers": ("username", "custom_id"), "keyauth_credentials": ("key",),
    "ca_certificates": ("cert",),
}  # fmt: skip
#: Unique among those that belong to the same entities.
_UNIQUE_WITHIN = {"plugins": "name", "targets": "target", "acls": "group"}
_NEEDS_OWNER = ("targets", "snis", "keyauth_credentials", "acls")
_HIDDEN = ("key", "cert")


@dataclass(frozen=True)
class Entity:
    """One entity of the file, wherever it stands; `owner` is what it is nested in."""

    kind: str
    path: str
    value: Mapping[str, Any]
    owner: Entity | None = None

    def refers(self, field: str) -> str | None:
        """The id or name a field refers to."""
        value = self.value.get(field)
        value = value.get("id") if isinstance(value, dict) else value
        return value if isinstance(value, str) else None


def entities(kong: Mapping[str, Any]) -> Iterator[Entity]:
    """Every entity of the document, parents before children."""
    for kind in dict.fromkeys([*CHILDREN, *OWNERS, "ca_certificates"]):
        yield from _of(kind, kong, "", None)


def _of(kind: str, holder: Mapping[str, Any], path: str, owner: Entity | None) -> Iterator[Entity]:
    for index, value in enumerate(holder.get(kind) or ()):
        if value is not None:
            here = Entity(kind, f"{path}{kind}[{index}]", value, owner)
            yield here
            for child in CHILDREN.get(kind, ()):
                yield from _of(child, value, f"{here.path}.", here)


def problems(kong: Mapping[str, Any]) -> Iterator[Problem]:
    """Of a document that is `sound`: whatever is there is of the right kind."""
    found = list(entities(kong))
    yield from _uniqueness(found)
    yield from _references(found)
    yield from _required_here(found)
    yield from _leads_nowhere(found)


def _uniqueness(found: list[Entity]) -> Iterator[Problem]:
    places = {
        (entity.kind, name): entity.path
        for entity in reversed(found)
        for name in (entity.value.get("id"), entity.value.get(NAMES.get(entity.kind, "id")))
        if isinstance(name, str)
    }
    seen: dict[tuple[object, ...], str] = {}
    for entity in found:
        fields: dict[str, tuple[str, ...]] = dict.fromkeys(("id", *UNIQUE.get(entity.kind, ())), ())
        if entity.kind in _UNIQUE_WITHIN:
            fields[_UNIQUE_WITHIN[entity.kind]] = _scope(entity, places)
        for field, scope in fields.items():
            value = entity.value.get(field)
            if not isinstance(value, str):
                continue
            first = seen.setdefault((entity.kind, field, value, *scope), entity.path)
            if first != entity.path:
                text = "the same value" if field in _HIDDEN else shown(value)
                reason = f"{text} is already at {first}.{field}"
                yield Problem(f"{entity.path}.{field}", reason, "each once")


def _scope(entity: Entity, places: Mapping[tuple[str, str], str]) -> tuple[str, ...]:
    """Where what an entity belongs to stands, by nesting or by reference."""
    owner = entity.owner
    return tuple(
        owner.path
        if owner and owner.kind == kind
        else places.get((kind, entity.refers(field) or ""), "")
        for field, kind in OWNERS[entity.kind].items()
    )


def _references(found: list[Entity]) -> Iterator[Problem]:
    known: dict[str, set[str]] = {}
    for entity in found:
        names = (entity.value.get("id"), entity.value.get(NAMES.get(entity.kind, "id")))
        known.setdefault(entity.kind, set()).update(n for n in names if isinstance(n, str))
    for entity in found:
        for field, kind in OWNERS.get(entity.kind, {}).items():
            at, there = f"{entity.path}.{field}", entity.value.get(field)
            if there is None:
                if not entity.owner and entity.kind in _NEEDS_OWNER:
                    yield Problem(at, "required field missing", f"the id of one of {kind}")
            elif entity.owner and entity.owner.kind in (kind, "services", "routes", "consumers"):
                reason = f"it is nested in {entity.owner.path} already"
                yield Problem(at, reason, "leave it out, or move it to the top", "project")
            elif entity.refers(field) not in known.get(kind, ()):
                yield Problem(at, f"no such entry in {kind}: {shown(there)}", _known(known, kind))
        if entity.kind == "services":
            yield from _authorities(entity, known)
        name = (entity.value.get("config") or {}).get("anonymous")
        if isinstance(name, str) and name not in known.get("consumers", ()):
            at = f"{entity.path}.config.anonymous"
            yield Problem(
                at, f"no such consumer: {shown(name)}", _known(known, "consumers"), "project"
            )


def _authorities(service: Entity, known: Mapping[str, set[str]]) -> Iterator[Problem]:
    """Kong does not look these up before the first request."""
    values = service.value.get("ca_certificates")
    for index, one in enumerate(values or ()):
        if one is not None and one not in known.get("ca_certificates", ()):
            at = f"{service.path}.ca_certificates[{index}]"
            reason = f"no such entry in ca_certificates: {shown(one)}"
            yield Problem(at, reason, _known(known, "ca_certificates"), "project")
    if service.value.get("tls_verify") and not values:
        at = f"{service.path}.ca_certificates"
        yield Problem(at, "tls_verify needs an authority", "the id of one", "project")


def _known(known: Mapping[str, set[str]], kind: str) -> str:
    names = sorted(known.get(kind, ()))
    return f"known: {', '.join(names[:12])}" if names else f"there are no {kind}"


def _required_here(found: list[Entity]) -> Iterator[Problem]:
    """Ids keep counters and credentials over a reload; names are how people tell routes apart."""
    for entity in found:
        named = NAMES.get(entity.kind)
        for field in ("id", *([named] if entity.kind in ("services", "routes") and named else [])):
            if entity.value.get(field) is None:
                reason = "left out, Kong makes one up"
                yield Problem(f"{entity.path}.{field}", reason, "set it", "project")
        if entity.kind == "routes" and not entity.owner and entity.value.get("service") is None:
            yield Problem(f"{entity.path}.service", "it leads to no service", "name one", "project")


def _leads_nowhere(found: list[Entity]) -> Iterator[Problem]:
    targets: dict[str, list[Mapping[str, Any]]] = {}
    for entity in found:
        if entity.kind == "targets":
            owner = entity.owner.value.get("name") if entity.owner else entity.refers("upstream")
            targets.setdefault(str(owner), []).append(entity.value)
    upstreams = [e for e in found if e.kind == "upstreams"]
    for entity in upstreams:
        names = {str(entity.value.get(field)) for field in ("id", "name")}
        own = [target for name in names for target in targets.get(name, ())]
        if not any(target.get("weight", 100) for target in own):
            reason = "it has targets of weight 0 only" if own else "it has no target"
            yield Problem(f"{entity.path}.targets", reason, "at least one host:port", "project")
    hosts = {entity.value.get("name") for entity in upstreams}
    for entity in found:
        host = entity.value.get("host") if entity.kind == "services" else None
        if not isinstance(host, str) or host in hosts or host == "localhost" or is_address(host):
            continue
        valid = f"an address, or one of {', '.join(sorted(map(str, hosts))) or 'no upstreams'}"
        reason = f"{shown(host)} routes to nobody: it is no upstream of this file"
        yield Problem(f"{entity.path}.host", reason, valid, "project")
