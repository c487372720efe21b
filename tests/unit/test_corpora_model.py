"""What a play may hold, and the words of directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from story_services.corpora.errors import CorpusError
from story_services.corpora.markdown import read_markdown, title_from
from story_services.corpora.model import Element, Kind, Play, Role, Section, number_speeches
from story_services.corpora.names import NameBook
from story_services.corpora.stage import entrances, exits, role_of

CAST = tuple(
    map(Role, ["HAMLET", "LORD POLONIUS", "Ghost", "KING CLAUDIUS", "First Player", "OPHELIA"])
)
HAMLET, POLONIUS, GHOST, KING, PLAYER, OPHELIA = range(6)


def line(text: str = "Words.", speech: int | None = 1, role: int | None = 0) -> Element:
    return Element("spokenWord", text, role=role, speech=speech)


@pytest.mark.parametrize(
    ("elements", "problem"),
    [
        ([line("")], r"elements\[0\].text: must not be empty"),
        ([line("a\x00b")], r"elements\[0\].text: must not contain the control character U\+0000"),
        ([line("a" * 10_001)], "at most 10,000 characters, has 10,001"),
        ([line(), line(speech=3)], r"elements\[1\]: speech 3 cannot follow speech 1"),
        ([line(speech=None)], "a spokenWord needs a speech"),
        ([line(speech=0)], "speech 0 cannot follow speech 0"),
        ([line(), line(role=1)], "speech 1 has another role already"),
        ([line(role=7)], "there is no role 7; there are 6"),
        ([Element("note", "n", section=0)], "there is no section 0; there are 0"),
        ([Element("note", "n", role=1)], "a note has neither role nor speech"),
    ],
)
def test_a_play_that_is_not_well_formed_does_not_exist(
    elements: list[Element], problem: str
) -> None:
    with pytest.raises(CorpusError, match=problem):
        Play("Hamlet", cast=CAST, elements=tuple(elements))


@pytest.mark.parametrize("title", ["", " ", "a\nb", "a\u202eb", "x" * 201])
def test_titles_are_one_line_that_shows_something(title: str) -> None:
    with pytest.raises(CorpusError, match=r"^title: "):
        Play(title)
    with pytest.raises(CorpusError, match=r"^sections\[0\].title: "):
        Play("Hamlet", sections=(Section(title),))


@given(
    st.lists(
        st.builds(
            Element,
            st.sampled_from(["spokenWord", "action", "note"]),
            st.just("text"),
            role=st.none() | st.integers(0, 2),
            speech=st.none() | st.integers(-5, 5),
        )
    )
)
def test_speeches_of_any_origin_can_be_numbered(elements: list[Element]) -> None:
    """Twice is the same as once, and no line changes its text or its speaker."""
    numbered = tuple(number_speeches(elements))
    play = Play("t", cast=CAST, elements=numbered)
    assert tuple(number_speeches(play.elements)) == numbered
    spoken = [e.role for e in elements if e.kind == "spokenWord"]
    assert [e.role for e in play.elements if e.kind == "spokenWord"] == spoken


@pytest.mark.parametrize(
    ("text", "enter", "leave", "owner"),
    [
        ("Enter Ghost", [GHOST], [], GHOST),
        ("Enter GHOST and HAMLET", [GHOST, HAMLET], [], None),
        ("Re-enter POLONIUS", [POLONIUS], [], POLONIUS),
        ("Flourish. Enter the KING, attended. Exit Hamlet", [], [HAMLET], None),
        ("Exit", [], [OPHELIA], OPHELIA),
        ("Exit Attendant", [], [], None),
        ("Exeunt", [], [HAMLET, KING, OPHELIA], None),
        ("Exeunt all but HAMLET", [], [KING, OPHELIA], None),
        ("Exeunt KING CLAUDIUS and POLONIUS", [], [KING, POLONIUS], None),
        ("Pointing to POLONIUS", [], [], None),
        ("Lying down at OPHELIA 's feet", [], [], None),
        ("HAMLET leaps into the grave", [], [], HAMLET),
        ("Enter to him OPHELIA; Ghost above", [OPHELIA, GHOST], [], None),
        ("The king enters", [], [], None),
    ],
)
def test_directions_tell_who_comes_and_goes(
    text: str, enter: list[int], leave: list[int], owner: int | None
) -> None:
    book = NameBook(CAST)
    on_stage = frozenset({HAMLET, KING, OPHELIA})
    assert list(entrances(text, book)) == enter
    assert list(exits(text, CAST, on_stage, speaker=OPHELIA)) == leave
    assert role_of(text, book, speaker=OPHELIA) == owner


def test_a_short_name_that_two_could_have_is_nobodys() -> None:
    two = [Role("KING EDWARD"), Role("PRINCE EDWARD")]
    assert entrances("Enter EDWARD", two) == ()
    assert entrances("Enter Prince Edward, KING EDWARD", two) == (1, 0)


SMALL = """# Small
## ACT I
### SCENE I. A hall in the castle, with
a stair.

Nobody said this.

**A**
_\\[Aside]_
One.

_Exit
slowly_
Two.
_Never ends

**B:**
Three.
"""


def test_small_markdown_keeps_what_it_does_not_understand() -> None:
    play = read_markdown(SMALL, "small")
    assert [s.title for s in play.sections] == [
        "ACT I",
        "SCENE I. A hall in the castle, with a stair.",
    ]
    rows: list[tuple[Kind, str, int | None, int | None]] = [
        (e.kind, e.text, e.role, e.speech) for e in play.elements
    ]
    assert rows == [
        ("note", "Nobody said this.", None, None),
        ("action", "[Aside]", 0, 1),
        ("spokenWord", "One.", 0, 1),
        ("action", "Exit slowly", None, None),
        ("spokenWord", "Two.", 0, 1),
        ("note", "Never ends", None, None),
        ("spokenWord", "Three.", 1, 2),
    ]
    assert [(g.line_number, g.reason) for g in play.gaps] == [
        (6, "nobody is said to speak this line"),
        (15, "a stage direction that does not end"),
    ]


def test_titles_from_file_names() -> None:
    assert title_from("measure-for-measure") == "Measure for Measure"
    assert title_from("the_tempest") == "The Tempest"
