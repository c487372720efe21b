"""The record before and after the writes of one level, so that a kill in between shows. Pure.

Before the first write every secret that will be written or removed is marked as begun; after the
last one the marks become fingerprints. Whatever happens in between, a secret is never taken for
unchanged wrongly, and what was written from here stays known as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from inventories.errors import PlanRefused
from inventories.repository.fingerprints import Entry, Record, dump
from inventories.repository.names import MAX_BYTES
from inventories.repository.plan import REPOSITORY, Plan, Wanted


def before(plan: Plan, level: str, record: Record, key_id: str) -> Record:
    """What to record before the writes of `level`; the same record when it has none."""
    todo = plan.of(level)
    levels = {i.level for i in plan.pending} - {REPOSITORY}
    known = record.environments | levels if level == REPOSITORY else record.environments
    if not todo:
        return replace(record, environments=known)
    begun = {i.name: Entry() for i in todo if i.sort == "secret"}
    added = {i.name for i in todo if i.sort == "variable" and i.will == "write"}
    new = Record(key_id, {**record.secrets, **begun}, record.variables | added, known)
    if not begun:  # entries under another key stay that key's
        new = replace(new, key_id=record.key_id)
    if len(dump(new)) > MAX_BYTES - 100 * len(begun):  # room for what `after` fills in
        raise PlanRefused(
            f"{level or 'the repository'}: the names are too long to be recorded together in one "
            f"variable of {MAX_BYTES} bytes",
            "use shorter names",
        )
    return new


def after(
    plan: Plan, level: str, begun: Record, wanted: Wanted, updated: Mapping[str, str]
) -> Record:
    """What to record when the writes of `level` are done. `updated`: the secrets of the level as
    GitHub has them now; one that it does not show stays marked as begun."""
    todo = plan.of(level)
    secrets, variables = dict(begun.secrets), set(begun.variables)
    for item in todo:
        if item.sort == "secret" and item.will == "remove":
            secrets.pop(item.name, None)
        elif item.sort == "secret" and item.name in updated:
            secrets[item.name] = Entry(wanted.secrets[item.name], updated[item.name])
        elif item.sort == "variable" and item.will == "remove":
            variables.discard(item.name)
    return replace(begun, secrets=secrets, variables=frozenset(variables))
