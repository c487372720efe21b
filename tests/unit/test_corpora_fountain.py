"""Fountain files of other programs, and of people who wrote them by hand."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from story_services.corpora import write
from story_services.corpora.errors import CorpusError
from story_services.corpora.fountain import read_fountain, write_fountain
from story_services.corpora.model import Element, Play, Role, Section

SAMPLE = """\
Title:
    BRICK & STEEL
    FULL RETIRED
Credit: Written by
Author: Stu Maschwitz
Draft date: 1/20/2012
Contact:
\tNext Level Productions
\t1588 Mission Dr.

# Act One

= They retire.

EXT. BRICK'S PATIO - DAY #1#

A gorgeous day.  The sun is shining.
BRICK BRADDOCK, retired police detective, is sitting quietly.

The SCREEN DOOR slides open.

STEEL
Beer's ready!

BRICK
(skeptical)
(very)
Are they cold?
Est modus in rebus.

They drink.

BRICK (CONT'D)
To [[a note here]] retirement.

STEEL ^
To \\*retirement\\*. /* cut this */

@McAVOY (V.O.) (cont’d)
~La la

.SNIPER SCOPE POV

===

>THE END<

CUT TO:

> BURN TO PINK.

!SCANNING THE AISLES...

[[A note
over two lines]]

/*
All of this is away
*/
DICK
Cold.

Brick enters.

nobody
"""


def test_a_screenplay_of_another_program() -> None:
    play = read_fountain(SAMPLE, "sample")
    assert (play.title, play.author) == ("BRICK & STEEL FULL RETIRED", "Stu Maschwitz")
    assert [role.name for role in play.cast] == ["STEEL", "BRICK", "McAVOY", "DICK"]
    assert [section.title for section in play.sections] == [
        "Act One",
        "EXT. BRICK'S PATIO - DAY #1#",
        "SNIPER SCOPE POV",
    ]
    assert [(e.kind, e.text, e.section, e.role, e.speech) for e in play.elements] == [
        ("note", "They retire.", 0, None, None),
        (
            "action",
            "A gorgeous day.  The sun is shining.\n"
            "BRICK BRADDOCK, retired police detective, is sitting quietly.",
            1,
            1,
            None,
        ),
        ("action", "The SCREEN DOOR slides open.", 1, None, None),
        ("spokenWord", "Beer's ready!", 1, 0, 1),
        ("action", "skeptical", 1, 1, 2),
        ("action", "very", 1, 1, 2),
        ("spokenWord", "Are they cold?", 1, 1, 2),
        ("spokenWord", "Est modus in rebus.", 1, 1, 2),
        ("action", "They drink.", 1, None, None),
        ("spokenWord", "To retirement.", 1, 1, 2),
        ("note", "a note here", 1, None, None),
        ("spokenWord", "To *retirement*.", 1, 0, 3),
        ("action", "V.O.", 1, 2, 4),
        ("spokenWord", "La la", 1, 2, 4),
        ("action", "THE END", 2, None, None),
        ("transition", "CUT TO:", 2, None, None),
        ("transition", "BURN TO PINK.", 2, None, None),
        ("action", "SCANNING THE AISLES...", 2, None, None),
        ("note", "A note\nover two lines", 2, None, None),
        ("spokenWord", "Cold.", 2, 3, 5),
        ("action", "Brick enters.", 2, 1, None),
        ("action", "nobody", 2, None, None),
    ]


def test_what_a_play_has_no_place_for_is_listed() -> None:
    gaps = [(g.line_number, g.text, g.reason) for g in read_fountain(SAMPLE, "sample").gaps]
    assert gaps == [
        (4, "credit: Written by", "a play has no place for it"),
        (6, "draft date: 1/20/2012", "a play has no place for it"),
        (7, "contact: Next Level Productions 1588 Mission Dr.", "a play has no place for it"),
        (36, "STEEL", "dual dialogue is read one after the other"),
        (37, "cut this", "set aside in the file (boneyard)"),
        (44, "===", "a page break"),
        (57, "All of this is away", "set aside in the file (boneyard)"),
    ]


def test_it_becomes_ours_and_stays_the_same() -> None:
    play = read_fountain(SAMPLE, "sample")
    written = "".join(write_fountain(play))
    assert read_fountain(written, "") == play
    assert "".join(write_fountain(read_fountain(written, ""))) == written


def test_windows_line_ends_and_byte_order_marks_change_nothing() -> None:
    assert read_fountain("\ufeff" + SAMPLE.replace("\n", "\r\n"), "s") == read_fountain(SAMPLE, "s")


@pytest.mark.parametrize("first", ["FADE IN:", "INT. HOUSE - DAY", "CUT TO:", "BOB\nHello", "Hm."])
def test_a_file_without_a_title_page_keeps_its_first_line(first: str) -> None:
    play = read_fountain(f"{first}\n\nThen.\n", "my-play")
    assert play.title == "my-play"
    told = [s.title for s in play.sections] + [r.name for r in play.cast]
    told += [e.text for e in play.elements]
    assert set(first.split("\n")) < set(told)


EXAMPLE = """\
Title: Hamlet
Story format: 1
Cast:
    - HAMLET: a prince
    - Ghost

## SCENE I

!Enter Ghost/*@Ghost*/

@HAMLET
\\#1, to be
(aside)
Or not

> Fade out

[[why?]]

@HAMLET (CONT'D)
to be.
"""


def test_what_we_write_reads_as_a_screenplay() -> None:
    play = Play(
        "Hamlet",
        cast=(Role("HAMLET", "a prince"), Role("Ghost")),
        sections=(Section("SCENE I"),),
        elements=(
            Element("action", "Enter Ghost", 0, 1),
            Element("spokenWord", "#1, to be", 0, 0, 1),
            Element("action", "aside", 0, 0, 1),
            Element("spokenWord", "Or not", 0, 0, 1),
            Element("transition", "Fade out", 0),
            Element("note", "why?", 0),
            Element("spokenWord", "to be.", 0, 0, 1),
        ),
    )
    assert "".join(write(play, "fountain")) == EXAMPLE
    assert read_fountain(EXAMPLE, "") == play


FORMS = [
    "@{}", "@{} ^", "@{} ({})", "@{} ({} [[{}]])", "{}", "{} {}.", "# {}", "INT. {}", "> {}",
    "> {} <", "({})", "[[{}]]", "[[{}", "{}]]", "/* {} */", "/* {}", "{} */", "~{}", "= {}",
    "==={}", "===", "!{}", ".{}", "{} (CONT'D)", "{} TO:", "  ", "", "\\", "Title: {}", "Draft: {}",
    "Cast: {}", "    - {}: {}", "    {}: {}", "Author: {}", "Story format: 1", "/*section 1*/",
    "/*@{}*/", "!{}/*@{}*/", "{} [[{}]] {}", "# {} [[{}]]", "Title: {} [[{}]]", "FADE IN:", "{}^",
    "#{}#", ".{} #1#", "\t\t{}", "    - {} #2", "(", "()", "(){}", ")", "@", "!", ">", "#", ".",
]  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A file of anything in any order, and the words in it: each only once."""
    lines, words = [], []
    for form in draw(st.lists(st.sampled_from(FORMS), min_size=2, max_size=12)):
        while "{}" in form:
            word = f"w{len(words):03}q"
            words.append(word)
            form = form.replace("{}", word.upper() if draw(st.booleans()) else word, 1)
        lines.append(form)
    return draw(st.sampled_from(["\n", "\n", "\n\n"])).join(lines), words


@given(documents())
@settings(max_examples=300, deadline=None)
def test_not_a_word_of_any_file_is_lost(document: tuple[str, list[str]]) -> None:
    """What is not in the play is in its gaps, or the file is refused."""
    text, words = document
    try:
        play = read_fountain(text, "t")
    except CorpusError:
        return
    told = [play.title, play.author, *(section.title for section in play.sections)]
    told += [f"{role.name} {role.description}" for role in play.cast]
    told += [part.text for part in (*play.elements, *play.gaps)]
    for word in words:
        assert word in " ".join(told).lower(), text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Hm.\n\n[[never\nends", r"line 3: the note \(\[\[\) that begins here does not end"),
        ("[[a\n\nb]]", r"line 1: the note \(\[\[\) that begins here does not end"),
        ("a\nb /* never", r"line 2: the boneyard \(/\*\) that begins here does not end"),
        ("a\\\nb\n/*", "line 3: the boneyard"),
        ("a\nb\x00", r"line 2: must not contain the control character U\+0000"),
        ("a\x1b[31m", r"line 1: must not contain the control character U\+001B"),
        ("a\n" + "x" * 30_000, "line 2: more than 25,000 characters in a line"),
        ("a\n\n!" + "x" * 10_001, "line 3: must have at most 10,000 characters"),
        ("a\n\n# " + "x" * 201, "line 3: must have at most 200 characters"),
        ("a\n\n# " + "x" * 2000, "line 3: too long for a name or a heading"),
        ("a\n\n@" + "x" * 101 + "\nHo", "line 3: must have at most 100 characters"),
        ("a\n\n@a\u202eb\nHo", r"line 3: must not contain the invisible character U\+202E"),
        ("Title: a\nStory format: 9\n\nb", "line 2: written in story format 9; this program reads"),
        ("Title: a\nStory format: 1\n\n/*section 2*/", "line 4: there is no section 2 yet"),
        ("Title: " + "x" * 201, "title: must have at most 200 characters"),
    ],
)
def test_bad_files_are_refused_by_line(text: str, problem: str) -> None:
    with pytest.raises(CorpusError, match=problem):
        read_fountain(text, "bad")


@pytest.mark.parametrize(
    "text",
    [
        "A" + "(" * 20_000,
        "A" + " " * 20_000 + "x",
        " " * 20_000 + "x",
        "Title: a\n" + " " * 20_000 + "x",
        "Title: a\n" + "a " * 10_000,
        "a\n\n" + "A" + " \t" * 9_999 + "a",
        "a\n\n>" + " " * 20_000 + "x",
        "a\n\nINT. " + " #" * 9_000,
        "a\n\n@" + "a " * 400,
        "[[" * 10_000 + "]]",
        "/*" * 10_000 + "*/" * 10_000,
        "\\" * 20_001,
    ],
)
def test_no_line_takes_long(text: str) -> None:
    """Regular expressions of the parser are quadratic or worse on some of these."""
    begin = time.monotonic()
    with contextlib.suppress(CorpusError):
        read_fountain(text, "long")
    assert time.monotonic() - begin < 5
