"""Answers of the services as a person likes to see them on a terminal. Pure.

What people wrote is shown as text, never read as markup; numbers are those of the story.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

Json = Mapping[str, Any]

_EM = re.compile(r"<em>(.*?)</em>", re.DOTALL)
_HIT = "bold yellow"
_NUMBER = 6  # columns


def scripts(found: Iterable[Json]) -> Table:
    """Scripts, a row each."""
    table = _table("script", "title", "author", "sections", "changed")
    for script in found:
        table.add_row(
            str(script["scriptId"]),
            Text(script["title"]),
            Text(script["author"] or ""),
            str(len(script["sections"])),
            _moment(script["updatedAt"]),
        )
    return table


def story(elements: Iterable[Json], titles: Mapping[int, str]) -> Iterator[Text]:
    """Elements of a story in order, with headings where a section begins."""
    section, speech = 0, None
    for element in elements:
        here = element["sectionId"] or 0
        if here != section:
            section, speech = here, None
            yield Text(f"\n{titles.get(here, '')}", style="bold")
        said = element.get("spokenWord")
        if said is None:
            yield _numbered(element, _direction(element))
            speech = None if element["elementType"] != "action" else speech
            continue
        who = _name(element)
        if (who, said["speechId"]) != speech:
            speech = (who, said["speechId"])
            yield Text(f"{' ' * _NUMBER}  {who}", style="cyan")
        yield _numbered(element, Text(f"  {said['text']}"))


def hits(found: Iterable[Json], titles: Mapping[int, str]) -> Iterator[Text]:
    """What a search found, two lines each: where and who, then the words."""
    for hit in found:
        place = titles.get(hit["sectionId"] or 0, "")
        who = _name(hit) if hit.get("character") else hit["elementType"]
        yield Text.assemble(
            (f"{hit['sequence']:>{_NUMBER}}", "dim"), "  ", (who, "cyan"), ("  " + place, "dim")
        )
        for words in hit["highlights"] or [html.escape(_words(hit))]:
            yield Text(" " * (_NUMBER + 4)).append_text(marked(words))


def marked(words: str) -> Text:
    """A highlight of the services: `<em>` is what was found, the rest is escaped for HTML."""
    text, at = Text(), 0
    for found in _EM.finditer(words):
        text.append(html.unescape(words[at : found.start()]))
        text.append(html.unescape(found[1]), style=_HIT)
        at = found.end()
    return text.append(html.unescape(words[at:]))


def changes(found: Iterable[Json]) -> Table:
    """What was done to a script, newest first."""
    table = _table("change", "when", "who", "what", "why")
    for change in found:
        table.add_row(
            str(change["changeId"]),
            _moment(change["createdAt"]),
            Text(change["actor"]),
            Text(described(change)),
            Text(change["comment"] or ""),
        )
    return table


def described(change: Json) -> str:
    """What one change did, in a few words."""
    elements: Sequence[Json] = change["elements"]
    if change["total"] == 1:
        what = f"{elements[0]['elementType']} {elements[0]['elementId']}"
    elif len(elements) == change["total"]:
        kinds = Counter(element["elementType"] for element in elements)
        what = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    else:
        what = f"{change['total']:,} elements"
    reverts = f" (of change {change['reverts']})" if change["reverts"] else ""
    return f"{change['action']} {what}{reverts}"


def _numbered(element: Json, text: Text) -> Text:
    return Text.assemble((f"{element['sequence']:>{_NUMBER}}", "dim"), "  ", text)


def _direction(element: Json) -> Text:
    kind, words = element["elementType"], _words(element)
    if kind == "transition":
        return Text(f"> {words}", style="magenta")
    return Text(f"[{words}]" if kind == "action" else f"({kind}: {words})", style="italic")


def _words(element: Json) -> str:
    if said := element.get("spokenWord"):
        return str(said["text"])
    kind = element["elementType"]
    part = element.get(kind) or {}
    return str(part.get("text") or part.get("description") or "")


def _name(element: Json) -> str:
    return str((element.get("character") or {}).get("name", "somebody"))


def _moment(instant: str) -> str:
    return instant[:16].replace("T", " ")


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
