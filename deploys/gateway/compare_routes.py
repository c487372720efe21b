"""What changed for each route of a gateway: its address, where it leads, and what is in its way.

Routes are compared as requests meet them: a plugin of the service or of everything counts like
one of the route (the nearest wins, Kong's precedence), and a service counts by what it does, so
moving settings about is no change. Pure; works on the redacted configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deploys.gateway.compare_plugins import (
    INFO,
    WARNING,
    WEAKER,
    Config,
    Note,
    is_authentication,
    notes,
)

Kong = Mapping[str, Any]
_TIMEOUTS = {"connect_timeout": 60000, "read_timeout": 60000, "write_timeout": 60000}
_MATCHES = ("methods", "hosts", "headers", "snis", "sources", "destinations")
_ROUTE_DEFAULTS = {
    "strip_path": True, "preserve_host": False, "path_handling": "v0",
    "request_buffering": True, "response_buffering": True, "https_redirect_status_code": 426,
}  # fmt: skip
_HTTP_TOO = ["http", "https"]


@dataclass(frozen=True)
class Route:
    """A route as requests meet it."""

    entity: Kong
    service: Kong
    plugins: Mapping[str, Config] = field(default_factory=dict)  # effective, enabled ones

    @property
    def is_open(self) -> bool:
        """Whether a stranger's request reaches a service."""
        ended = "request-termination" in self.plugins
        return not ended and not any(is_authentication(n, c) for n, c in self.plugins.items())


def routes(kong: Kong) -> dict[str, Route]:
    """Every route by its name (by its id without one)."""
    scoped = _scoped(kong)
    found = {}
    for service in kong.get("services") or ():
        for entity in service.get("routes") or ():
            found[_called(entity)] = _route(entity, service, scoped, kong)
    by_name = {key: s for s in kong.get("services") or () for key in (s.get("id"), s.get("name"))}
    for entity in kong.get("routes") or ():
        service = by_name.get(_reference(entity.get("service")), {})
        found[_called(entity)] = _route(entity, service, scoped, kong)
    return found


def everywhere(kong: Kong) -> dict[str, Config]:
    """Plugins of every request, those to unknown addresses included."""
    return _by_name(p for p in kong.get("plugins") or () if not _owner(p))


def changed(old: Route, new: Route) -> Iterator[Note]:
    """What differs for requests to a route that was there before and is now."""
    yield from _address(old.entity, new.entity)
    yield from _service(old.service, new.service)
    for name in sorted(old.plugins.keys() | new.plugins.keys()):
        kind, _, consumer = name.partition(" of ")
        for note in notes(kind, old.plugins.get(name), new.plugins.get(name)):
            yield replace(note, what=f"{note.what} (for {consumer})") if consumer else note


def added(route: Route) -> Note:
    """What a new route brings."""
    what = f"new route: {address(route)}"
    if route.is_open:
        return Note(WEAKER, "route-added", f"{what}, open to anyone")
    return Note(INFO, "route-added", what)


def removed(route: Route) -> Note:
    """What goes with a route that is gone."""
    return Note(WARNING, "route-removed", f"route is gone: {address(route)}")


def address(route: Route) -> str:
    """Methods and paths, for people: a whole-path regex without its marks."""
    paths = [str(p).removeprefix("~").removesuffix("$") for p in route.entity.get("paths") or ()]
    methods = route.entity.get("methods") or ["any method"]
    return f"{','.join(methods)} {' '.join(paths) or 'any path'}"


def _address(old: Kong, new: Kong) -> Iterator[Note]:
    if old.get("paths") != new.get("paths"):
        what = f"path {_list(old.get('paths'))} -> {_list(new.get('paths'))}"
        yield Note(WARNING, "route-path-changed", what)
    for word in _MATCHES:
        if _sorted(old.get(word)) != _sorted(new.get(word)):
            what = f"{word} {_list(old.get(word))} -> {_list(new.get(word))}"
            yield Note(WARNING, f"route-{word}-changed", what)
    before, after = (set(r.get("protocols") or _HTTP_TOO) for r in (old, new))
    if more := after - before:
        yield Note(WEAKER, "route-protocols-widened", f"is served over {_list(sorted(more))} too")
    if less := before - after:
        what = f"is no longer served over {_list(sorted(less))}"
        yield Note(WARNING, "route-protocols-narrowed", what)
    if old.get("regex_priority", 0) != new.get("regex_priority", 0):
        what = f"priority {old.get('regex_priority', 0)} -> {new.get('regex_priority', 0)}"
        yield Note(INFO, "route-priority-changed", what)
    for word, default in _ROUTE_DEFAULTS.items():
        if old.get(word, default) != new.get(word, default):
            what = f"{word} {old.get(word, default)} -> {new.get(word, default)}"
            yield Note(WARNING, "route-changed", what)


def _service(old: Kong, new: Kong) -> Iterator[Note]:
    for word, default in _TIMEOUTS.items():
        was, now = old.get(word, default), new.get(word, default)
        if was != now:
            kind = "timeout-raised" if now > was else "timeout-lowered"
            what = f"{word.replace('_', ' ')} {was} -> {now} ms"
            yield Note(INFO if now > was else WARNING, kind, what)
    if old.get("retries", 5) != new.get("retries", 5):
        what = f"retries {old.get('retries', 5)} -> {new.get('retries', 5)}"
        yield Note(INFO, "service-changed", what)
    was, now = _where(old), _where(new)
    if was != now:
        plain = was.startswith("https") and not now.startswith("https")
        what = f"leads to {now} instead of {was}" + (", unencrypted" if plain else "")
        yield Note(WEAKER if plain else WARNING, "service-moved", what)
    if bool(old.get("tls_verify")) != bool(new.get("tls_verify")):
        checked = bool(new.get("tls_verify"))
        what = f"the certificate behind is {'checked' if checked else 'no longer checked'}"
        yield Note(INFO if checked else WEAKER, "service-changed", what)
    if old.get("enabled", True) != new.get("enabled", True):
        on = "on" if new.get("enabled", True) else "off"
        yield Note(WARNING, "service-changed", f"the service is switched {on}")
    for word, called in (("client_certificate", "client certificate"), ("ca_certificates", "CAs")):
        if _ids(old.get(word)) != _ids(new.get(word)):
            # Less to check a service by, or nothing to be known by: it refuses, or anyone is it.
            gone = not new.get(word)
            what = f"uses {'no' if gone else 'other'} {called} for the service behind"
            yield Note(WEAKER if gone else WARNING, "service-changed", what)


def _where(service: Kong) -> str:
    port, path = service.get("port", 80), service.get("path") or ""
    return f"{service.get('protocol', 'http')}://{service.get('host')}:{port}{path}"


def _route(entity: Kong, service: Kong, scoped: Mapping[Any, Any], kong: Kong) -> Route:
    """Kong takes one plugin of a name: the route's, else the service's, else everything's."""
    plugins = {**everywhere(kong)}
    for kind, one in (("service", service), ("route", entity)):
        own = [*(one.get("plugins") or ())]
        for key in (one.get("id"), one.get("name")):
            own += scoped.get((kind, key), ()) if key else ()
        plugins.update(_by_name(own))
    return Route(entity, service, plugins)


def _by_name(plugins: Iterable[Kong]) -> dict[str, Config]:
    """Enabled plugins by name, and by consumer where they are for one. A disabled one is as if it
    were not there: it does not switch off what is further out."""
    found = {}
    for plugin in plugins:
        if plugin.get("enabled", True):
            consumer = _reference(plugin.get("consumer"))
            name = str(plugin["name"]) + (f" of {consumer}" if consumer else "")
            found[name] = plugin.get("config") or {}
    return found


def _scoped(kong: Kong) -> dict[tuple[str, str], list[Kong]]:
    """Top-level plugins that name a route or a service."""
    found: dict[tuple[str, str], list[Kong]] = {}
    for plugin in kong.get("plugins") or ():
        for kind in ("route", "service"):
            if key := _reference(plugin.get(kind)):
                found.setdefault((kind, key), []).append(plugin)
                break
    return found


def _owner(plugin: Kong) -> bool:
    return any(plugin.get(kind) for kind in ("route", "service"))


def _reference(value: Any) -> str:
    """The name or id that a reference gives, however it is written."""
    if isinstance(value, Mapping):
        value = value.get("name") or value.get("username") or value.get("id")
    return str(value) if value else ""


def _called(entity: Kong) -> str:
    return str(entity.get("name") or entity.get("id") or address(Route(entity, {})))


def _ids(value: Any) -> list[str]:
    return sorted(map(_reference, value)) if isinstance(value, list) else [_reference(value)]


def _sorted(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value


def _list(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) and value else str(value or "any")
