"""Header fields in order, found without regard to case: what both sides of a request share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

#: Fields between two neighbours only (RFC 9110, 7.6.1); never handed on.
HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-connection te trailer trailers transfer-encoding upgrade".split()  # noqa: SIM905
)


class Headers:
    """A list of fields; names keep the case they came in."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields = list(fields)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields)

    def all(self, name: str) -> list[str]:
        return [v for n, v in self._fields if n.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The first value, as a gateway that must decide for one would take it."""
        return next(iter(self.all(name)), None)

    def set(self, name: str, value: object) -> None:
        self.remove(name)
        self._fields.append((name, str(value)))

    def add(self, name: str, value: object) -> None:
        self._fields.append((name, str(value)))

    def remove(self, name: str) -> None:
        self._fields = [f for f in self._fields if f[0].lower() != name.lower()]

    def handed_on(self) -> Headers:
        """Without the fields that belong to one connection, those `Connection` names included."""
        named = {n.strip().lower() for value in self.all("connection") for n in value.split(",")}
        return Headers(f for f in self._fields if f[0].lower() not in HOP_BY_HOP | named)

    def encoded(self) -> list[tuple[bytes, bytes]]:
        return [(n.encode("latin-1"), v.encode("latin-1", "replace")) for n, v in self._fields]

    def by_name(self) -> dict[str, str | list[str]]:
        """As a log shows them: lower-case names, a list where a name occurs twice."""
        names = {name.lower() for name, _ in self._fields}
        values = {name: self.all(name) for name in sorted(names)}
        return {name: v[0] if len(v) == 1 else v for name, v in values.items()}
