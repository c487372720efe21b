"""What site.toml wants and what GitHub has in, what would change out. Pure: names, never a value.

A plan applied to its own result is empty, and the order things are listed in does not matter.
Only what was written from here is ever removed, and only with `prune`; what others put there is
listed as unknown and left alone, unless site.toml names it: then site.toml's value is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from inventories.repository import names
from inventories.repository.fingerprints import Record, digest, parse
from inventories.repository.names import RECORD

Sort = Literal["environment", "secret", "variable"]
Kind = Literal["add", "change", "remove", "unknown", "unchanged"]
Will = Literal["write", "remove", ""]
REPOSITORY = ""  # the repository's own level


@dataclass(frozen=True)
class Wanted:
    """One level as site.toml wants it: fingerprints of secrets, texts of variables."""

    level: str
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """One level as GitHub has it: `updated_at` of secrets, texts of variables."""

    level: str
    exists: bool = True
    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def record(self) -> Record:
        return parse(self.variables.get(RECORD))


@dataclass(frozen=True, order=True)
class Item:
    """One name, what it is to GitHub now, what apply does about it, and why."""

    level: str
    sort: Sort
    name: str
    kind: Kind
    will: Will = ""
    why: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything found or wanted, sorted by level, sort and name."""

    items: tuple[Item, ...]

    @property
    def pending(self) -> tuple[Item, ...]:
        """What apply would do."""
        return tuple(i for i in self.items if i.will)

    def of(self, level: str) -> tuple[Item, ...]:
        return tuple(i for i in self.pending if i.level == level)


def make_plan(
    wanted: Iterable[Wanted], found: Iterable[Found], key_id: str, *, prune: bool = False
) -> Plan:
    """Levels are matched by name; one that is only found has nothing wanted in it, one that is
    only wanted does not exist yet."""
    wants = {w.level: w for w in wanted}
    haves = {f.level: f for f in found}
    items: list[Item] = []
    for level in {*wants, *haves}:
        want = wants.get(level, Wanted(level))
        have = haves.get(level, Found(level, exists=False))
        if level != REPOSITORY and level in wants and not have.exists:
            items.append(Item(level, "environment", level, "add", "write"))
        items += _secrets(want, have, key_id, prune)
        items += _variables(want, have, prune)
    return Plan(tuple(sorted(items)))


def too_many(plan: Plan, found: Iterable[Found]) -> list[str]:
    """Levels that would hold more than GitHub takes, with what others put there: one line each."""
    haves = {f.level: f for f in found}
    lines = []
    for level in sorted({i.level for i in plan.pending}):
        have = haves.get(level, Found(level, exists=False))
        most = names.MAX_VARIABLES if level == REPOSITORY else names.MAX_ENVIRONMENT_VARIABLES
        for sort, there, limit in (
            ("secret", set(have.secrets), names.MAX_SECRETS),
            ("variable", {*have.variables, RECORD}, most),
        ):
            todo = [i for i in plan.of(level) if i.sort == sort]
            gone = {i.name for i in todo if i.will == "remove"}
            count = len((there | {i.name for i in todo}) - gone)
            if count > limit and any(i.kind == "add" for i in todo):
                where = f"the environment {level}" if level else "the repository"
                lines.append(f"{where} would have {count} {sort}s; GitHub takes {limit} at most")
    return lines


def _secrets(want: Wanted, have: Found, key_id: str, prune: bool) -> Iterator[Item]:
    record = have.record
    for name in {*want.secrets, *have.secrets}:
        entry, at = record.secrets.get(name), have.secrets.get(name)
        kind: Kind = "change"
        will: Will = "write"
        why = ""
        if name not in want.secrets:
            if entry is None:
                kind, will, why = "unknown", "", "not written from here"
            elif entry.updated_at != at:  # perhaps somebody else's by now
                kind, will, why = "unknown", "", f"changed at GitHub on {at}"
            else:
                kind, will, why = "remove", "remove" if prune else "", "no longer in site.toml"
        elif at is None:
            kind = "add"
        elif entry is None:
            kind, why = "unknown", "not written from here"
        elif record.key_id != key_id:
            kind, why = "unknown", "written with another key than this machine's"
        elif entry.begun:
            why = "an earlier write did not come to its end"
        elif entry.updated_at != at:
            why = f"changed at GitHub on {at}, after it was written from here"
        elif entry.fingerprint != want.secrets[name]:
            why = "another value here"
        else:
            kind, will = "unchanged", ""
        yield Item(want.level, "secret", name, kind, will, why)


def _variables(want: Wanted, have: Found, prune: bool) -> Iterator[Item]:
    ours = have.record.variables
    for name in {*want.variables, *have.variables} - {RECORD}:
        kind: Kind = "unchanged"
        will: Will = ""
        why = ""
        if name not in want.variables:
            kind, why = "unknown", "not written from here"
            if name in ours and ours[name] != digest(have.variables[name]):
                why = "changed at GitHub since it was written from here"
            elif name in ours:
                kind, will, why = "remove", "remove" if prune else "", "no longer in site.toml"
        elif name not in have.variables:
            kind, will = "add", "write"
        elif have.variables[name] != want.variables[name]:
            kind, will, why = "change", "write", "another text here"
        yield Item(want.level, "variable", name, kind, will, why)
