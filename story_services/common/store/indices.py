"""The only owner of index names, aliases and versions.

An index `element-v1` stands behind the aliases `element` and `log`; everybody else knows aliases
only. `ensure` makes what is missing and changes nothing that is there. It may run in any number
of processes at once, needs no more than the story role may do, and can be killed anywhere: an
index comes into being with its aliases or not at all. Data of another version than this code's
is refused, as only a migration (`migrate`) may change it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from story_services.common.errors import Unavailable
from story_services.common.store.analysis import analysis
from story_services.common.store.client import Store
from story_services.common.store.mappings import LOG, LOGGED, PROPERTIES, VERSIONS
from story_services.common.store.outcomes import Failure, Kind

#: Every index, by its short name.
NAMES = tuple(PROPERTIES)
#: The index that says who migrates.
LOCK = "migration"
_AT_ONCE = 4  # creations; each is a change of the whole cluster's state


@dataclass(frozen=True)
class Generation:
    """An index that exists: its full name, and what it was created as."""

    name: str
    version: int
    digest: str


def generation_name(index: str, version: int) -> str:
    """The short name of the index behind an alias: `element-v1`."""
    return f"{index}-v{version}"


def aliases_of(index: str) -> tuple[str, ...]:
    """The short names of the aliases that stand for an index."""
    return (index, LOG) if index in LOGGED else (index,)


def body(index: str) -> dict[str, Any]:
    """What an index is created with, aliases apart. How many copies of it there are is left to
    the cluster, which knows how many nodes it has."""
    return {
        "settings": {
            "number_of_shards": 1,
            # Whoever must see the newest asks for it first; this is for all others.
            "refresh_interval": "30s",
            "translog": {"durability": "request"},  # what is acknowledged is on the disk
            "mapping": {"coerce": False},
            "analysis": analysis(PROPERTIES[index]),
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": meta(index),
            "properties": PROPERTIES[index],
        },
    }


def meta(index: str) -> dict[str, Any]:
    """What an index says of itself: its version, and a digest of what it was created with."""
    plan = orjson.dumps(
        [PROPERTIES[index], analysis(PROPERTIES[index])], option=orjson.OPT_SORT_KEYS
    )
    return {"version": VERSIONS[index], "digest": hashlib.sha256(plan).hexdigest()[:16]}


async def ensure(store: Store) -> None:
    """Make every index that is missing. Unavailable when the store cannot do it now, or when its
    data is of another version than this code."""
    try:
        found = await behind(store)
        gate = asyncio.Semaphore(_AT_ONCE)
        missing = [index for index in NAMES if index not in found]
        await asyncio.gather(*(_create(store, index, gate) for index in missing))
        if missing:
            found = await behind(store)
    except Failure as failure:
        raise failure.error() from failure
    for index in NAMES:
        if index not in found:
            raise Unavailable(details=f"{store.name(index)} was removed", code="store_not_ready")
        _check(index, found[index])


async def behind(store: Store) -> dict[str, Generation]:
    """The index behind each alias, by short name; missing ones are left out. Raises Failure, and
    Unavailable when an alias stands for several indices."""
    found: dict[str, Generation] = {}
    for alias in (LOG, *(index for index in NAMES if index not in LOGGED)):
        path = f"/{store.name(alias)}"
        try:
            names = await store.look(f"{path}/_alias")
            told = await store.look(f"{path}/_mapping")
        except Failure as failure:
            if failure.kind is Kind.NOT_READY:
                continue
            raise
        for name in names.keys() & told.keys():
            generation = _generation(name, told[name]["mappings"])
            for index in NAMES:
                if store.name(index) in names[name]["aliases"]:
                    if index in found:
                        raise _ambiguous(store.name(index), found[index].name, name)
                    found[index] = generation
    return found


def _generation(name: str, mapping: Mapping[str, Any]) -> Generation:
    said = mapping.get("_meta", {})
    return Generation(name, int(said.get("version", 0)), str(said.get("digest", "")))


async def _create(store: Store, index: str, gate: asyncio.Semaphore) -> None:
    name = store.name(generation_name(index, VERSIONS[index]))
    aliases: dict[str, Any] = {store.name(alias): {} for alias in aliases_of(index)}
    async with gate:
        try:
            await store.administer("PUT", f"/{name}", {**body(index), "aliases": aliases})
        except Failure as failure:
            if failure.kind is not Kind.EXISTS:
                raise


def _check(index: str, found: Generation) -> None:
    wanted = meta(index)
    if (found.version, found.digest) == (wanted["version"], wanted["digest"]):
        return
    if found.version > wanted["version"]:
        hint = "this program is older than the data: run the newer one"
    elif found.version < wanted["version"]:
        hint = "the data is older than this program: run `story migrate`"
    else:
        hint = "it was made from another draft of this version: the mapping needs a new number"
    raise Unavailable(
        "The store's data is of another version than this program.",
        f"{found.name} is version {found.version}, this program's is {wanted['version']}: {hint}",
        code="store_version",
        retry_after=60,
    )


def _ambiguous(alias: str, one: str, other: str) -> Unavailable:
    return Unavailable(
        "The store is not in order.",
        f"the alias {alias} stands for both {one} and {other}",
        code="store_not_ready",
        retry_after=60,
    )


async def drop(store: Store) -> None:
    """Remove every index of this store's prefix, with all data: for tests and rehearsals."""
    names = [found.name for found in (await behind(store)).values()]
    for name in [*names, store.name(generation_name(LOCK, 1))]:
        try:
            await store.administer("DELETE", f"/{name}")
        except Failure as failure:
            if failure.kind is not Kind.NOT_READY:
                raise failure.error() from failure
