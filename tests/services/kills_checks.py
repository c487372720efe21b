"""What must be true after any number of kills: compares ledgers with what is served and stored."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import httpx

from story_services.common.context import Context
from story_services.common.kinds import key
from story_services.common.records import Record, from_document
from story_services.common.settings import Settings
from tests.services.kills_support import Ledger, Line, Stage

_MATCH_ALL: dict[str, Any] = {"match_all": {}}


def check_all(
    client: httpx.Client, store_url: str, prefix: str, stage: Stage, ledgers: Sequence[Ledger]
) -> None:
    """Everything that was acknowledged is there once, and nothing else is."""
    problems = [
        *check_lines(client, stage, ledgers),
        *check_shared(client, stage, ledgers),
        *check_numbers(client, stage, ledgers),
        *check_moves(client, stage, ledgers),
        *check_sessions(client, stage, ledgers),
    ]
    settings = Settings(store_url=store_url, index_prefix=prefix, store_deadline=20)
    problems += asyncio.run(_look_inside(settings, stage, ledgers))
    assert not problems, "\n".join(problems[:40])


def _get(client: httpx.Client, path: str, **params: Any) -> Any:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


def _lines(ledgers: Iterable[Ledger]) -> list[Line]:
    return [line for ledger in ledgers for line in ledger.lines]


def check_lines(client: httpx.Client, stage: Stage, ledgers: Sequence[Ledger]) -> list[str]:
    """Exactly the acknowledged lines, each with what was acknowledged last."""
    problems = []
    for letter, script in stage.scripts.items():
        served = {
            (kind, one[field]): (one[words], one["versionNumber"])
            for kind, path, field, words in (
                ("spokenWord", "/spokenWords", "dialogueId", "text"),
                ("action", "/actions", "actionId", "description"),
            )
            for one in _get(client, path, scriptId=script)
        }
        wanted = {
            (line.kind, line.id): (line.texts[-1], line.version)
            for line in _lines(ledgers)
            if line.script == letter and not line.deleted
        }
        lost = wanted.keys() - served.keys()
        extra = served.keys() - wanted.keys()
        other = {k for k in wanted.keys() & served.keys() if wanted[k] != served[k]}
        problems += [f"{letter}: acknowledged and lost: {k} {wanted[k]}" for k in sorted(lost)]
        problems += [f"{letter}: never acknowledged: {k} {served[k]}" for k in sorted(extra)]
        problems += [f"{letter}: {k} is {served[k]}, not {wanted[k]}" for k in sorted(other)]
    return problems


def check_shared(client: httpx.Client, stage: Stage, ledgers: Sequence[Ledger]) -> list[str]:
    """The line that all clients change has exactly the versions that were acknowledged, and each
    of them to one client only."""
    told = Counter(version for ledger in ledgers for version in ledger.shared)
    problems = [f"shared version {v} acknowledged {n} times" for v, n in told.items() if n > 1]
    wanted = {1: "shared"} | {v: m for ledger in ledgers for v, m in ledger.shared.items()}
    listed = _get(client, "/sequence/version", elementType="spokenWord", elementId=stage.line)
    path = f"/sequence/version/spokenWord/{stage.line}"
    found = {
        v: _get(client, f"{path}/{v}")["data"]["text"] for v in (e["versionNumber"] for e in listed)
    }
    if found != wanted:
        differ = sorted(found.items() ^ wanted.items())
        problems.append(f"the shared line was changed otherwise than told: {differ}")
    now = _get(client, f"/spokenWords/{stage.line}")["text"]
    if now != wanted[max(wanted)]:
        problems.append(f"the shared line says {now}, not {wanted[max(wanted)]}")
    return problems


def check_numbers(client: httpx.Client, stage: Stage, ledgers: Sequence[Ledger]) -> list[str]:
    """Numbers are unique, in A and B exactly 1 to n; in B, which is never reordered, they are the
    very ones that were acknowledged."""
    problems = []
    for letter, script in stage.scripts.items():
        rows = _get(client, "/sequence", scriptId=script)
        served = {(row["elementType"], row["elementId"]): row["sequenceNumber"] for row in rows}
        wanted: dict[tuple[str, int], int] = {
            (line.kind, line.id): line.number
            for line in _lines(ledgers)
            if line.script == letter and not line.deleted
        }
        wanted |= {
            ("musicSound", number): given
            for ledger in ledgers
            for number, (where, given) in ledger.entries.items()
            if where == letter
        }
        if served.keys() != wanted.keys():
            problems.append(f"{letter}: numbered otherwise: {served.keys() ^ wanted.keys()}")
        numbers = sorted(served.values())
        if len(set(numbers)) != len(rows):
            problems.append(f"{letter}: twice: {Counter(numbers).most_common(3)}")
        if letter != "C" and numbers != list(range(1, len(rows) + 1)):
            problems.append(f"{letter}: not 1 to {len(rows)}")
        if letter == "B" and served != wanted:
            changed = {k: (wanted[k], n) for k, n in served.items() if wanted.get(k) != n}
            problems.append(f"B: acknowledged with another number: {changed}")
    return problems


def check_moves(client: httpx.Client, stage: Stage, ledgers: Sequence[Ledger]) -> list[str]:
    """Every acknowledged reorder is in the change log once, no reorder is there twice."""
    log = _get(client, f"/scripts/{stage.scripts['A']}/changes")
    seen = Counter(change["comment"] for change in log if change["action"] == "reorder")
    problems = [f"reorder {mark} logged {n} times" for mark, n in seen.items() if n > 1]
    for ledger in ledgers:
        problems += [
            f"reorder {mark} acknowledged and not logged"
            for mark, moved in ledger.moves.items()
            if moved and mark not in seen
        ]
    return problems


def check_sessions(client: httpx.Client, stage: Stage, ledgers: Sequence[Ledger]) -> list[str]:
    """Sessions, world states and the entries of the shared context: each once, in order."""
    problems = []
    names = [s["name"] for s in _get(client, "/sessions") if s["sessionId"] != stage.session]
    kinds = [s["kind"] for s in _get(client, "/worldStates")]
    entries = _get(client, f"/sessions/{stage.session}/context")["contextEntries"]
    for what, found, wanted in (
        ("session", names, [mark for ledger in ledgers for _, mark in ledger.sessions]),
        ("world state", kinds, [mark for ledger in ledgers for _, mark in ledger.states]),
        ("entry", entries, [mark for ledger in ledgers for mark in ledger.appended]),
    ):
        difference = Counter(found)
        difference.subtract(wanted)
        problems += [f"{what} {m}: {n:+} times" for m, n in difference.items() if n]
    for ledger in ledgers:
        mine = [entry for entry in entries if entry in set(ledger.appended)]
        if mine != ledger.appended:
            problems.append(f"entries in another order: {mine} {ledger.appended}")
    return problems


async def _look_inside(settings: Settings, stage: Stage, ledgers: Sequence[Ledger]) -> list[str]:
    context = Context(settings)
    try:
        problems = []
        for letter, script in stage.scripts.items():
            problems += await _order(context, letter, script, ledgers)
        return problems + await _versions(context, ledgers)
    finally:
        await context.close()


async def _order(
    context: Context, letter: str, script: int, ledgers: Sequence[Ledger]
) -> list[str]:
    """Nothing stands in an order that is not there, and no slot is empty without a reason."""
    space = (await context.orders.read(f"script-{script}")).space("story")
    space.check()
    wanted = {
        key(line.kind, line.id)
        for line in _lines(ledgers)
        if line.script == letter and not line.deleted
    } | {
        key("musicSound", n)
        for ledger in ledgers
        for n, (where, _) in ledger.entries.items()
        if where == letter
    }
    found = {ref for _, ref in space.live()}
    problems = [f"{letter}: ghosts in the order: {found - wanted}"] if found - wanted else []
    dead = [slot for slot in space.slots if not slot or slot.startswith("-")]
    if letter != "C" and dead:
        problems.append(f"{letter}: slots without an element: {dead[:10]}")
    return problems


async def _versions(context: Context, ledgers: Sequence[Ledger]) -> list[str]:
    """Versions of every line are consecutive, and say what was acknowledged in that order."""
    store = context.store
    versions: dict[str, dict[int, Record]] = {}
    for index in ("element", "version"):
        await store.refresh(index)
        async for document in store.search_all(index, _MATCH_ALL, sort=[]):
            if document.source.get("kind") in ("spokenWord", "action"):
                record = from_document(document)
                versions.setdefault(record.key, {})[record.version] = record
    problems = []
    for line in _lines(ledgers):
        found = versions[key(line.kind, line.id)]
        if sorted(found) != list(range(1, line.version + 1)):
            problems.append(f"{line} has versions {sorted(found)}")
        texts = [found[n].content["text"] for n in sorted(found) if found[n].action != "restore"]
        said = [text for n, text in enumerate(texts) if n == 0 or texts[n - 1] != text]
        if said != line.texts:
            problems.append(f"{line} said {said}")
    return problems
