"""What a plugin is here, and which instances act on a request: the most specific of each name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from .message import Answer, Entity, Request


class Plugin:
    """One configured instance; the phases that a plugin does not need do nothing."""

    name: ClassVar[str]
    priority: ClassVar[int]

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.config: dict[str, Any] = entity["config"]

    async def access(self, request: Request) -> Answer | None:
        """Before the upstream; an answer ends the request here."""
        return None

    def respond(self, request: Request, answer: Answer) -> None:
        """Change the fields of an answer before they are sent."""

    def log(self, request: Request, answer: Answer) -> None:
        """After the answer was sent."""

    def keep(self, request: Request, value: object) -> None:
        request.kept[id(self)] = value

    def kept(self, request: Request) -> Any:
        return request.kept.get(id(self))


#: From the most specific on; kong/runloop/plugins_iterator.lua.
ORDER = (
    ("route", "service", "consumer"), ("route", "consumer"), ("service", "consumer"),
    ("route", "service"), ("consumer",), ("route",), ("service",), (),
)  # fmt: skip
Scope = tuple[str | None, str | None, str | None]


class Chain:
    """All instances of a configuration, by name in the order of execution."""

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self._by_name: dict[str, dict[Scope, Plugin]] = {}
        for plugin in sorted(plugins, key=lambda p: (-p.priority, p.name)):
            entity = plugin.entity
            scope = (entity.get("route"), entity.get("service"), entity.get("consumer"))
            self._by_name.setdefault(plugin.name, {})[scope] = plugin

    @property
    def names(self) -> list[str]:
        return list(self._by_name)

    def find(self, name: str, request: Request) -> Plugin | None:
        """The instance that acts now; a consumer found earlier counts."""
        have: dict[str, str | None] = {
            name: entity["id"] if entity else None
            for name, entity in (
                ("route", request.route), ("service", request.service),
                ("consumer", request.consumer),
            )
        }  # fmt: skip
        for parts in ORDER:
            if any(have[part] is None for part in parts):
                continue
            route, service, consumer = (
                have[part] if part in parts else None for part in ("route", "service", "consumer")
            )
            if found := self._by_name[name].get((route, service, consumer)):
                return found
        return None
