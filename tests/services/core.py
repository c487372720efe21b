"""A context on the shared node for tests of the common core, and short ways to use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from story_services.common.context import Context
from story_services.common.records import Why
from story_services.common.settings import Settings

ME = Why("tester", "because")


@asynccontextmanager
async def core(url: str, prefix: str, **settings: Any) -> AsyncIterator[Context]:
    """A started context; several of one prefix are several processes to the store."""
    context = Context(Settings(store_url=url, index_prefix=prefix, **settings))
    await context.start()
    assert (await context.health())["store"] is None
    try:
        yield context
    finally:
        await context.close()


def why(comment: str | None = None, **more: Any) -> Why:
    """A reason of its own for each call."""
    return Why("tester", comment, **more)


def words(text: str, script: int | None, **more: Any) -> dict[str, Any]:
    """The content of a spoken word."""
    names = ("sectionId", "characterId", "speechId", "actionId", "targetType", "targetId")
    return {"text": text, "scriptId": script, **dict.fromkeys(names), **more}


async def script(context: Context, title: str = "A play") -> int:
    """A new script's id."""
    content = {"title": title, "author": None, "description": None}
    return (await context.entities.create("script", content, why())).id


async def story(context: Context, script_id: int) -> list[str]:
    """The references of a script's story line in order."""
    root = await context.orders.read(f"script-{script_id}")
    return [ref for _, ref in root.space("story").live()]
