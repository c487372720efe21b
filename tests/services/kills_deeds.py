"""Everything that a caller can do to a story, as deeds that can be cut off at any write.

A deed prepares what it works on, acts on it, and can be pictured: what callers see, without ids,
so that two runs of the same deed can be compared.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from story_services.central_sequence.numbers import Ask, Numbers
from story_services.central_sequence.reorder import Reordering
from story_services.central_sequence.versions import Versions
from story_services.common import kinds
from story_services.common.context import Context
from story_services.common.entities import New
from story_services.common.queries import term
from story_services.common.records import Why
from story_services.core_script.scripts.service import Scripts
from story_services.core_script.sections.reorder import SectionOrder
from story_services.editors import editors
from story_services.performers.service import Castings
from story_services.session_context.sessions.service import Sessions
from tests.services.core import words
from tests.services.store_support import fresh


@dataclass
class Ground:
    """What a deed works on: two scripts with sections, five lines in the first one, the third
    of which is deleted, and more by name."""

    scripts: list[int]
    sections: list[int]
    lines: list[int]
    more: dict[str, int]


Act = Callable[[Context, Ground, Why], Awaitable[Any]]
Prepare = Callable[[Context, Ground], Awaitable[Any]]


@dataclass(frozen=True)
class Deed:
    """`keyed`: it is repeated under its key, else simply done again. `partly`: while it is cut
    off, callers may see a part of it."""

    name: str
    act: Act
    prepare: Prepare | None = None
    keyed: bool = True
    partly: bool = False
    undoable: bool = True


def reason(**more: Any) -> Why:
    return Why("tester", **more)


async def ground(c: Context) -> Ground:
    """A new one."""
    scripts = Scripts(c)
    fields = {"title": "A play", "author": None, "description": None}
    one = await scripts.create(fields, ["One", "Two"], reason())
    two = await scripts.create(fields, ["Three"], reason())
    play = one.entity.id
    sections = [s.id for s in (*one.sections, *two.sections)]
    news = [
        New("spokenWord", words(f"line {n}", play, sectionId=sections[0 if n < 3 else 1]))
        for n in range(5)
    ]
    lines = [e.id for e in await c.entities.create_many(news, reason())]
    await c.entities.delete("spokenWord", lines[2], reason())
    return Ground([play, two.entity.id], sections, lines, {})


async def picture(c: Context, g: Ground) -> list[Any]:
    """All that callers see of it."""
    seen: list[Any] = []
    for script in g.scripts:
        records = await c.records.get_many([("script", script)])
        for entity in await c.entities.visible(records.values()):
            seen.append(("script", entity.content["title"]))
        space = (await c.orders.read(kinds.script_root(script))).space("story")
        entries = sorted(
            (number, "entry") for number, ref in space.live() if ref.startswith("musicSound-")
        )
        for names, field in (
            (("section",), "content.scriptId"),
            (("spokenWord", "action"), "content.scriptId"),
            (("character",), "content.scriptIds"),
            (("casting",), "content.scriptId"),
        ):
            found = await c.listing.all(names, [term(field, script)])
            shown = [(e.number, e.record.kind, _said(e.content)) for e in found]
            seen.append((names[0], shown))
        seen.append(("entries", entries))
    for name, session in sorted(g.more.items()):
        if name == "session":
            entity = await c.entities.get("session", session)
            seen.append(("session", entity.content["context"], entity.content["data"]))
    return seen


def _said(content: Any) -> Any:
    return next((content[f] for f in ("text", "title", "name") if f in content), None)


# What is done -----------------------------------------------------------------------------------


async def _create(c: Context, g: Ground, why: Why) -> None:
    await c.entities.create("spokenWord", words("new", g.scripts[0]), why)


async def _create_many(c: Context, g: Ground, why: Why) -> None:
    news = [
        New(kind, words(f"new {n}", g.scripts[0]))
        for n, kind in enumerate(("action", "spokenWord", "spokenWord"))
    ]
    await c.entities.create_many(news, why)


async def _create_page(c: Context, g: Ground, why: Why) -> None:
    news = [New("spokenWord", words(f"new {n}", g.scripts[1])) for n in range(600)]
    await c.entities.create_many(news, why)


async def _create_character(c: Context, g: Ground, why: Why) -> None:
    content = {"name": "Puck", "description": "?", "scriptIds": list(g.scripts)}
    await c.entities.create("character", content, why)


async def _create_section(c: Context, g: Ground, why: Why) -> None:
    content = {"scriptId": g.scripts[0], "title": "Between"}
    await c.entities.create_many([New("section", content, after=f"section-{g.sections[0]}")], why)


async def _create_script(c: Context, g: Ground, why: Why) -> None:
    fields = {"title": "Another", "author": None, "description": None}
    made = await Scripts(c).create(fields, ["Four", "Five"], why)
    if made.entity.id not in g.scripts:
        g.scripts.append(made.entity.id)


async def _cast_and_performer(c: Context, g: Ground) -> None:
    content = {"name": "Puck", "description": "?", "scriptIds": g.scripts[:1]}
    g.more["character"] = (await c.entities.create("character", content, reason())).id
    g.more["performer"] = (await c.entities.create("performer", {"name": "Ann"}, reason())).id


async def _create_casting(c: Context, g: Ground, why: Why) -> None:
    fields = {
        "scriptId": g.scripts[0],
        "characterId": g.more["character"],
        "performerId": g.more["performer"],
    }
    await Castings(c).create(fields, why)


async def _session(c: Context, g: Ground) -> None:
    g.more["session"] = (await Sessions(c).create({"context": ["first"]}, reason())).id


async def _append(c: Context, g: Ground, why: Why) -> None:
    await Sessions(c).append(g.more["session"], "second", why, None)


async def _update(c: Context, g: Ground, why: Why) -> None:
    await c.entities.update("spokenWord", g.lines[0], {"text": "changed"}, why)


async def _move(c: Context, g: Ground, why: Why) -> None:
    changes = {"scriptId": g.scripts[1], "sectionId": None}
    await c.entities.update("spokenWord", g.lines[1], changes, why)


async def _recast(c: Context, g: Ground, why: Why) -> None:
    await c.entities.update("character", g.more["character"], {"scriptIds": g.scripts[1:2]}, why)


async def _delete(c: Context, g: Ground, why: Why) -> None:
    await c.entities.delete("spokenWord", g.lines[3], why)


async def _delete_script(c: Context, g: Ground, why: Why) -> None:
    await c.entities.delete("script", g.scripts[0], why)


async def _restore(c: Context, g: Ground, why: Why) -> None:
    await c.entities.restore("spokenWord", g.lines[2], 1, why)


async def _restore_elsewhere(c: Context, g: Ground, why: Why) -> None:
    await c.entities.restore("spokenWord", g.lines[1], 1, why)


async def _version(c: Context, g: Ground, why: Why) -> None:
    versions = Versions(c, Numbers(c), editors(c))
    await versions.add("spokenWord", g.lines[0], {"text": "changed"}, why, None)


async def _entry(c: Context, g: Ground, why: Why) -> None:
    number = g.more.setdefault("entry", 5_000_000 + fresh())
    await Numbers(c).allocate(Ask("musicSound", number, g.scripts[0], why))


async def _entry_version(c: Context, g: Ground, why: Why) -> None:
    versions = Versions(c, Numbers(c), editors(c))
    await versions.add("musicSound", g.more["entry"], {"a": 1}, why, None)


async def _reorder(c: Context, g: Ground, why: Why) -> None:
    wanted = [("spokenWord", g.lines[4], 1)]
    await Reordering(Numbers(c), c.orders).reorder(wanted, g.scripts[0], why)


async def _reorder_sections(c: Context, g: Ground, why: Why) -> None:
    await SectionOrder(c).reorder(g.scripts[0], [(g.sections[1], 1)], why)


def _after(act: Act) -> Prepare:
    async def prepare(c: Context, g: Ground) -> None:
        await act(c, g, reason())

    return prepare


def _then_undone(act: Act) -> Prepare:
    async def prepare(c: Context, g: Ground) -> None:
        await act(c, g, reason())
        await _undo(c, g, reason())

    return prepare


async def _undo(c: Context, g: Ground, why: Why) -> None:
    await c.history.undo(g.scripts[0], why)


async def _redo(c: Context, g: Ground, why: Why) -> None:
    await c.history.redo(g.scripts[0], why)


_UNDONE = {
    "a line": _create,
    "a batch": _create_many,
    "a change": _update,
    "a move": _move,
    "a deletion": _delete,
    "a deleted script": _delete_script,
    "a restore": _restore,
    "a reorder": _reorder,
    "a reorder of sections": _reorder_sections,
}
DEEDS = [
    Deed("create a line", _create),
    Deed("create a batch", _create_many),
    Deed("create a character of two scripts", _create_character),
    Deed("create a section between two", _create_section),
    Deed("create a script with sections", _create_script, undoable=False),
    Deed("create a casting", _create_casting, _cast_and_performer),
    Deed("append to a context", _append, _session, undoable=False),
    Deed("change a line", _update, keyed=False),
    Deed("move a line to another script", _move, keyed=False),
    Deed("move a character to another script", _recast, _cast_and_performer, keyed=False),
    Deed("delete a line", _delete, keyed=False),
    Deed("delete a script", _delete_script, keyed=False),
    Deed("restore a deleted line", _restore),
    Deed("restore a line into its old script", _restore_elsewhere, _after(_move)),
    Deed("make a version", _version),
    Deed("number an id", _entry, undoable=False),
    Deed("make a version of an id", _entry_version, _after(_entry), undoable=False),
    Deed("reorder lines", _reorder),
    Deed("reorder sections", _reorder_sections),
    *(Deed(f"undo {name}", _undo, _after(act), undoable=False) for name, act in _UNDONE.items()),
    *(
        Deed(f"redo {name}", _redo, _then_undone(act), undoable=False)
        for name, act in _UNDONE.items()
    ),
]
#: Those that write pages of an order; they take longer.
LARGE = [Deed("create so many that the order gets pages", _create_page, undoable=False)]
