"""Pure: the text of a declarative file as a configuration, or every reason why it is none.

Children nested below an entity become entities of their own kind that refer to it; missing ids are
derived from names. Errors are a tree like Kong's and read the same (`in entry 2 of 'services'`).
"""

from __future__ import annotations

import importlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .entities import COMMON, ENTITIES, HEALTHCHECKS, ONLY_KONG, Entity
from .settings import BUNDLED, PLUGINS, crossed

yaml: Any = importlib.import_module("yaml")  # has no types of its own
Record = dict[str, Any]
Errors = dict[Any, Any]
_BESIDE = {"_transform": bool, "_comment": str, "_ignore": list}
EMPTY_HASH = "0" * 32
_NAMESPACE = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


class DeclarativeError(Exception):
    """The file is no configuration; the text says why, one reason a line."""


@dataclass
class Config:
    """All entities by kind, each with its id and, as ids, what it refers to."""

    entities: dict[str, list[Record]] = field(
        default_factory=lambda: {kind: [] for kind in ENTITIES}
    )

    def of(self, kind: str) -> list[Record]:
        return self.entities[kind]

    def by_id(self, kind: str) -> dict[str, Record]:
        return {entity["id"]: entity for entity in self.of(kind)}


def parse(text: bytes, plugins: Iterable[str]) -> Config:
    """The configuration, checked as a whole; `plugins` are those the gateway has loaded."""
    document = _document(text)
    errors: Errors = {}
    config = Config()
    for key, value in document.items():
        if key == "_format_version":
            if value != "3.0":
                errors[key] = "expected 3.0: this stand-in reads no other"
        elif isinstance(value, _BESIDE.get(key, ())):
            continue
        elif key in ONLY_KONG:
            errors[key] = "this stand-in does not have them"
        elif key not in ENTITIES:
            errors[key] = "unknown field"
        else:
            _put(errors, key, _take(config, key, value, {}))
    if "_format_version" not in document:
        errors["_format_version"] = "required field missing"
    _identify(config)
    _refer(config, errors)
    _unique(config, errors)
    _put(errors, "plugins", _plugins(config, set(plugins)))
    if errors:
        raise DeclarativeError("\n".join(_lines(errors)))
    return config


def _document(text: bytes) -> Record:
    try:
        if text.lstrip().startswith(b"{"):
            document = json.loads(text)
        else:
            loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
            document = yaml.load(text, Loader=loader)
    except (ValueError, yaml.YAMLError) as error:
        raise DeclarativeError(f"failed parsing declarative configuration: {error}") from None
    if not isinstance(document, dict):
        raise DeclarativeError("expected an object")
    return document


def _take(config: Config, kind: str, value: Any, parent: Record) -> Errors:
    """Put a list of entities into the configuration; what is wrong, by position."""
    if not isinstance(value, list):
        return {"": "expected an array"}
    errors: Errors = {}
    for place, entity in enumerate(value, 1):
        if not isinstance(entity, dict):
            errors[place] = {"": "expected a record"}
        else:
            _put(errors, place, _one(config, kind, {**entity, **parent}))
    return errors


def _one(config: Config, kind: str, entity: Record) -> Errors:
    shape, errors, kept = ENTITIES[kind], Errors(), Record()
    for key, value in entity.items():
        if key in shape.children:
            continue
        if value is None:
            continue
        check = shape.fields.get(key) or COMMON.get(key)
        if key in shape.refs:
            kept[key] = value.get("id", value.get("name")) if isinstance(value, dict) else value
            kept[key] = kept[key] if isinstance(value, dict | str) else ""
        elif check is None:
            errors[key] = "unknown field"
        elif reason := check(value):
            errors[key] = reason
        else:
            kept[key] = value
    errors |= {key: "required field missing" for key in shape.required if key not in entity}
    errors |= _special(kind, kept)
    kept.setdefault("id", None)
    config.of(kind).append(kept)
    for child, back in shape.children.items():
        if child in entity:
            _put(errors, child, _take(config, child, entity[child], {back: _Parent(kept)}))
    return errors


class _Parent(dict[str, Any]):
    """Stands for the entity around a nested one until all have ids."""

    def __init__(self, entity: Record) -> None:
        super().__init__(id=self)
        self.entity = entity


def _special(kind: str, entity: Record) -> Errors:
    if kind == "routes" and not any(
        entity.get(name) for name in ("methods", "hosts", "headers", "paths", "snis")
    ):
        return {"@entity": "must set one of 'methods', 'hosts', 'headers', 'paths', 'snis'"}
    if kind == "consumers" and not (entity.get("username") or entity.get("custom_id")):
        return {"@entity": "at least one of these fields must be non-empty: custom_id, username"}
    if kind == "services" and entity.get("protocol", "http") != "https":
        wrong = {"tls_verify", "ca_certificates", "client_certificate"} & set(entity)
        return {name: "only with protocol https" for name in sorted(wrong)}
    if kind == "upstreams":
        if entity.get("algorithm", "round-robin") not in ("round-robin", "least-connections"):
            return {"algorithm": "this stand-in has round-robin and least-connections"}
        return _nested(entity.get("healthchecks", {}), {**HEALTHCHECKS, "threshold": None})
    return {}


def _nested(value: Record, shape: Record) -> Errors:
    errors: Errors = {}
    for key, inner in value.items():
        if key not in shape:
            errors[key] = "unknown field"
        elif isinstance(shape[key], dict):
            wrong = {"": "expected a record"}
            _put(errors, key, _nested(inner, shape[key]) if isinstance(inner, dict) else wrong)
        elif inner is not None and shape[key] and (reason := shape[key](inner)):
            errors[key] = reason
    return errors


def _identify(config: Config) -> None:
    """An id for every entity: from its name where it has one, else from its place."""
    for kind, entities in config.entities.items():
        for place, entity in enumerate(entities):
            if not entity["id"]:
                known = [entity.get(k) for k in ("name", "username", "key", "target", "group")]
                name = next((k for k in known if k and kind != "plugins"), place)
                entity["id"] = str(uuid.uuid5(_NAMESPACE, f"{kind}:{name}"))


def _refer(config: Config, errors: Errors) -> None:
    """References become ids; one that points to nothing is an error of its entity."""
    for kind, entities in config.entities.items():
        for place, entity in enumerate(entities, 1):
            for key, target in ENTITIES[kind].refs.items():
                given = entity.get(key)
                if given is None:
                    continue
                if isinstance(given, _Parent):
                    entity[key] = given.entity["id"]
                    continue
                found = _named(config, target, given)
                if found is None:
                    reason = f"invalid reference '{key}: {given}' (no such entry in '{target}')"
                    _put(errors, kind, {place: {key: reason}})
                entity[key] = found
            for given in entity.get("ca_certificates", []) if kind == "services" else []:
                if given not in config.by_id("ca_certificates"):
                    reason = f"invalid reference '{given}' (no such entry in 'ca_certificates')"
                    _put(errors, kind, {place: {"ca_certificates": reason}})


def _named(config: Config, kind: str, given: Any) -> str | None:
    for entity in config.of(kind):
        if given in (entity["id"], entity.get("name"), entity.get("username")):
            return str(entity["id"])
    return None


def _unique(config: Config, errors: Errors) -> None:
    for kind, entities in config.entities.items():
        for key in ("id", *ENTITIES[kind].unique):
            seen: set[str] = set()
            for place, entity in enumerate(entities, 1):
                value = entity.get(key)
                if kind == "targets" and key == "target":  # once in each upstream
                    value = f"{entity.get('upstream')} {value}"
                if value is not None and str(value) in seen:
                    # The value may be a key, which no message may show.
                    _put(errors, kind, {place: {key: f"uniqueness violation of '{key}'"}})
                seen.add(str(value))


def _plugins(config: Config, loaded: set[str]) -> Errors:
    errors: Errors = {}
    seen: set[tuple[Any, ...]] = set()
    for place, plugin in enumerate(config.of("plugins"), 1):
        name = plugin.get("name")
        where = {key for key in ("route", "service", "consumer") if plugin.get(key)} or {"global"}
        key = (name, *(plugin.get(k) for k in ("route", "service", "consumer")))
        if name not in BUNDLED or name not in loaded:
            told = "not enabled; add it to the 'plugins' configuration property"
            _put(errors, place, {"name": f"plugin '{name}' {told}"})
        elif name not in PLUGINS:
            _put(errors, place, {"name": f"this stand-in does not have the plugin '{name}'"})
        elif not where <= PLUGINS[name].only_where:
            _put(errors, place, {"consumer": "value must be null"})
        elif key in seen:
            _put(errors, place, {"name": "uniqueness violation: the plugin is there twice"})
        else:
            settings = PLUGINS[name]
            given = plugin.get("config", {})
            problems = _nested(given, dict(settings.fields))
            problems |= {k: "required field missing" for k in settings.required if k not in given}
            plugin["config"] = {**settings.defaults, **_present(given)}
            if not problems and (reason := crossed(name, plugin["config"])):
                problems = {"@entity": reason}
            _put(errors, place, {"config": problems} if problems else {})
        seen.add(key)
    return errors


def _present(config: Record) -> Record:
    return {key: value for key, value in config.items() if value is not None}


def _put(errors: Errors, key: Any, below: Errors) -> None:
    """Merge errors of a part into those of the whole; nothing where there are none."""
    if not below:
        return
    if list(below) == [""]:
        errors[key] = below[""]
        return
    known = errors.setdefault(key, {})
    if isinstance(known, dict):
        for name, value in below.items():
            if isinstance(value, dict):
                _put(known, name, value)
            else:
                known[name] = value


def _lines(errors: Errors, item: Any = "", indent: str = "") -> list[str]:
    """As Kong prints them: no line numbers, a path of names and positions."""
    lines: list[str] = []
    for key, value in errors.items():
        name = f"- in entry {key} of '{item}'" if isinstance(key, int) else f"in '{key}'"
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", *_lines(value, key, indent + "  ")]
        else:
            lines.append(f"{indent}{name}: {value}")
    return lines


__all__ = ["EMPTY_HASH", "Config", "DeclarativeError", "Entity", "parse"]
