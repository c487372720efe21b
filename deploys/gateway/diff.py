"""The difference of two gateway configurations in words: what lets more through, what clients may
notice, and what else changed.

Guarantees: nothing for equal configurations, something for any others, and no secret: it is given
the redacted ones, where a key stands as a keyed digest. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploys.gateway.compare_entities import entities
from deploys.gateway.compare_plugins import INFO, Note, Severity, notes
from deploys.gateway.compare_routes import Kong, added, changed, everywhere, removed, routes

_FORMAT = {"_format_version": None, "_transform": True}
_SHOWN = 3  # names in one line


@dataclass(frozen=True)
class Difference:
    """One change, and the entities it is the same for (routes by operationId)."""

    severity: Severity
    kind: str
    what: str
    names: tuple[str, ...]
    everyone: bool = False  # it is the same for every route

    def as_json(self) -> dict[str, Any]:
        return {
            "severity": str(self.severity), "kind": self.kind, "what": self.what,
            "names": list(self.names),
        }  # fmt: skip

    def __str__(self) -> str:
        if self.everyone and len(self.names) > _SHOWN:
            return f"all {len(self.names)} routes: {self.what}"
        shown = ", ".join(self.names[:_SHOWN])
        more = len(self.names) - _SHOWN
        return f"{shown}{f' and {more} more' if more > 0 else ''}: {self.what}"


def diff(old: Kong | None, new: Kong) -> list[Difference]:
    """What changes from `old` to `new`, weakest protection first. Without an `old` one there is
    nothing to compare with: every route is one line of the count."""
    if old is None:
        names = tuple(sorted(routes(new)))
        return [Difference(INFO, "first", f"first configuration: {len(names)} routes", ("new",))]
    try:
        return _diff(old, new)
    except (AttributeError, KeyError, TypeError, ValueError):  # somebody wrote on the host
        return [Difference(Severity.WARNING, "unreadable", *_UNREADABLE)]


_UNREADABLE = ("what is applied has not the form of a configuration", ("configuration",))


def _diff(old: Kong, new: Kong) -> list[Difference]:
    found = list(_routes(old, new))
    found += _gathered(entities(old, new))
    spoken = {d.what for d in found}
    found += [d for d in _gathered(_everywhere(old, new)) if d.what not in spoken]
    if not found and _bare(old) != _bare(new):
        what = "details that have no words (ids, tags, order of entries)"
        found.append(Difference(INFO, "details", what, ("configuration",)))
    if old.get("_comment") != new.get("_comment"):
        what = "made from other documents or another policy"
        found.append(Difference(INFO, "provenance", what, ("configuration",)))
    return sorted(found, key=lambda d: (-d.severity, d.kind, d.names, d.what))


def summary(old: Kong | None, new: Kong) -> str:
    """One line for a plan: how many routes come, go and change, and what is weaker."""
    if old is None:
        return f"first configuration, routes +{len(routes(new))}"
    found = diff(old, new)
    if found and found[0].kind == "unreadable":
        return found[0].what
    before, after = routes(old), routes(new)
    come, gone = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    both = sorted(before.keys() & after.keys())
    other = sum(1 for name in both if any(True for _ in changed(before[name], after[name])))
    weaker = sum(1 for d in found if d.severity is Severity.WEAKER)
    parts = [f"routes +{come} -{gone} ~{other}"] if come or gone or other else []
    rest = sorted({d.kind for d in found if not d.kind.startswith("route-")})
    if not parts:
        parts.append(", ".join(rest) or "no difference")
    if weaker:
        parts.append(f"{weaker} WEAKER")
    return ", ".join(parts)


def _routes(old: Kong, new: Kong) -> Iterator[Difference]:
    before, after = routes(old), routes(new)
    found: list[tuple[Note, str]] = [(removed(before[n]), n) for n in before.keys() - after.keys()]
    found += [(added(after[n]), n) for n in after.keys() - before.keys()]
    both = before.keys() & after.keys()
    found += [(note, n) for n in both for note in changed(before[n], after[n])]
    for one in _gathered(found):
        everyone = len(one.names) == len(both)
        yield Difference(one.severity, one.kind, one.what, one.names, everyone)


def _everywhere(old: Kong, new: Kong) -> Iterator[tuple[Note, str]]:
    """What only requests to unknown addresses meet: no service sees them."""
    before, after = everywhere(old), everywhere(new)
    for name in before.keys() | after.keys():
        for note in notes(name.partition(" of ")[0], before.get(name), after.get(name)):
            yield Note(INFO, note.kind, note.what), "unknown addresses"
    for word, default in _FORMAT.items():
        if old.get(word, default) != new.get(word, default):
            what = f"{word} {old.get(word, default)} -> {new.get(word, default)}"
            yield Note(Severity.WARNING, "format", what), "configuration"


def _gathered(found: Iterable[tuple[Note, str]]) -> list[Difference]:
    """The same note for several entities as one."""
    names: dict[Note, set[str]] = defaultdict(set)
    for note, name in found:
        names[note].add(name)
    return [
        Difference(note.severity, note.kind, note.what, tuple(sorted(who)))
        for note, who in names.items()
    ]


def _bare(kong: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in kong.items() if key != "_comment"}
