"""Carries a plan out, level by level, so that a kill between any two requests is repaired by the
next apply: first the record says what is begun, then the writes, then the record says what is done.

The repository's level comes first: its record names the environments that were written to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from inventories.repository import records
from inventories.repository.fingerprints import Record, dump
from inventories.repository.hub import Hub
from inventories.repository.names import RECORD
from inventories.repository.plan import REPOSITORY, Found, Item, Plan, Wanted
from inventories.repository.text import item_line
from inventories.repository.values import Values

Say = Callable[[str], None]


def look(hub: Hub, wanted: Iterable[str]) -> list[Found]:
    """What GitHub has of every level that is wanted or was ever written to from here."""
    repository = hub.found(REPOSITORY)
    names = {*wanted, *repository.record.environments} - {REPOSITORY}
    there = {name.lower() for name in hub.environments()} if names else set()
    unique = {n.lower(): n for n in sorted(names, key=lambda n: n in set(wanted))}
    return [
        repository,
        *(
            hub.found(name) if low in there else Found(name, exists=False)
            for low, name in sorted(unique.items())
        ),
    ]


def carry_out(
    hub: Hub, plan: Plan, found: Iterable[Found], values: Values, key_id: str, say: Say
) -> int:
    """Write and remove what `plan` says. Returns how many names that were."""
    haves = {f.level: f for f in found}
    levels = sorted({i.level for i in plan.pending} | {REPOSITORY})
    wants = {level: values.wanted.get(level, Wanted(level)) for level in levels}
    begun = {  # all of them first: refuses before anything is written
        level: records.before(plan, wants[level], haves[level], key_id) for level in levels
    }
    for level in levels:
        have, todo = haves[level], plan.of(level)
        if any(i.sort == "environment" for i in todo):
            hub.create_environment(level)
            say(f"environment {level} made")
        exists = _record(hub, have, have.record, begun[level], RECORD in have.variables)
        for item in sorted(todo, key=lambda i: i.will != "remove"):  # room for what comes
            _one(hub, item, have, values)
            if item.sort != "environment":
                say(item_line(item).strip())
        if any(i.sort != "environment" for i in todo):
            touched = any(i.sort == "secret" and i.will == "write" for i in todo)
            updated: Mapping[str, str] = hub.updated(level) if touched else {}
            done = records.after(plan, wants[level], begun[level], updated)
            _record(hub, have, begun[level], done, exists)
    return len(plan.pending)


def _record(hub: Hub, have: Found, old: Record, new: Record, exists: bool) -> bool:
    """Bring the level's record up to date; returns whether there is one now."""
    if new == old:
        return exists
    hub.put_record(have.level, dump(new), exists=exists)
    return True


def _one(hub: Hub, item: Item, have: Found, values: Values) -> None:
    level, name = item.level, item.name
    if item.sort == "secret" and item.will == "write":
        hub.put_secret(level, name, values.secrets[level, name], have.secrets.get(name))
    elif item.sort == "secret":
        hub.delete_secret(level, name)
    elif item.sort == "variable" and item.will == "write":
        text = values.wanted[level].variables[name]
        hub.put_variable(level, name, text, exists=name in have.variables)
    elif item.sort == "variable":
        hub.delete_variable(level, name)
