"""The record before and after the writes of one level, so that a kill in between shows. Pure.

Before the first write every secret that will be written or removed is marked as begun; after the
last one the marks become fingerprints. Whatever happens in between, a secret is never taken for
unchanged wrongly, and what may be somebody else's by now is never taken for ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from inventories.errors import PlanRefused
from inventories.repository.fingerprints import Entry, Record, digest, dump
from inventories.repository.names import MAX_BYTES
from inventories.repository.plan import REPOSITORY, Found, Plan, Wanted

_FILLED_IN = 100  # bytes that `after` adds to an entry at most: 64 digits and a time


def before(plan: Plan, wanted: Wanted, have: Found, key_id: str) -> Record:
    """What to record before the writes of a level; the same record when it has none. What was
    written once and is gone by now is forgotten."""
    level, record = wanted.level, have.record
    todo = plan.of(level)
    levels = {i.level for i in plan.pending} - {REPOSITORY}
    known = record.environments | levels if level == REPOSITORY else record.environments
    if not todo:
        return replace(record, environments=known)
    # The time stays that of our own last write: a mark does not make somebody else's value ours.
    begun = {
        i.name: replace(record.secrets.get(i.name, Entry()), fingerprint="")
        for i in todo
        if i.sort == "secret"
    }
    texts = {
        i.name: digest(wanted.variables[i.name])
        for i in todo
        if i.sort == "variable" and i.will == "write"
    }
    secrets = {n: e for n, e in record.secrets.items() if n in have.secrets}
    variables = {n: d for n, d in record.variables.items() if n in have.variables}
    key = key_id if begun else record.key_id  # entries under another key stay that key's
    new = Record(key, {**secrets, **begun}, {**variables, **texts}, known)
    if len(dump(new)) > MAX_BYTES - _FILLED_IN * len(begun):
        raise PlanRefused(
            f"{level or 'the repository'}: the names are too long to be recorded together in one "
            f"variable of {MAX_BYTES} bytes",
            "use shorter names",
        )
    return new


def after(plan: Plan, wanted: Wanted, begun: Record, updated: Mapping[str, str]) -> Record:
    """What to record when the writes of `level` are done. `updated`: the secrets of the level as
    GitHub has them now; one that it does not show stays marked as begun."""
    todo = plan.of(wanted.level)
    secrets, variables = dict(begun.secrets), dict(begun.variables)
    for item in todo:
        if item.sort == "secret" and item.will == "remove":
            secrets.pop(item.name, None)
        elif item.sort == "secret" and item.name in updated:
            secrets[item.name] = Entry(wanted.secrets[item.name], updated[item.name])
        elif item.sort == "variable" and item.will == "remove":
            variables.pop(item.name, None)
    return replace(begun, secrets=secrets, variables=variables)
