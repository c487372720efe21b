"""The rehearsal's judgement of an imported Hamlet: the play passes, anything else is told."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from inventories.lab import hamlet
from inventories.lab.errors import LabError
from story_services.corpora import Play, read

Story = dict[str, Any]


@pytest.fixture(scope="module")
def play() -> Play:
    return read(hamlet.NAME)


@pytest.fixture(scope="module")
def told(play: Play) -> Story:
    """The play as the services put it together, as far as it is judged."""
    story = [
        {
            "sequence": n,
            "elementType": element.kind,
            "elementId": n,
            "sectionId": (element.section or 0) + 1,
            "spokenWord": {"text": element.text, "speechId": element.speech}
            if element.kind == "spokenWord"
            else None,
        }
        for n, element in enumerate(play.elements, 1)
    ]
    sections = [{"headingId": n, "title": s.title} for n, s in enumerate(play.sections, 1)]
    return {"sections": sections, "story": story}


def test_the_play_itself_passes_and_is_told_in_words(told: Story) -> None:
    words = "20 scenes, 1,138 speeches, 4,004 spoken lines, 243 stage directions"
    assert hamlet.checked(told) == words


def without_a_line(story: Story) -> None:
    del story["story"][100]


def a_line_twice(story: Story) -> None:
    story["story"].append({**story["story"][-1], "sequence": 9999})


def another_element(story: Story) -> None:
    story["story"].append({"sequence": 9999, "elementType": "note", "elementId": 1})


def out_of_order(story: Story) -> None:
    story["story"][7]["sequence"] = 7


def one_scene_less(story: Story) -> None:
    del story["sections"][1]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without_a_line, r"have 20 scenes, 1,138 speeches, 4,003 .*; Hamlet has .* 4,004 spoken"),
        (a_line_twice, "tell 4,248 elements: some twice"),
        (another_element, "tell 4,248 elements"),
        (out_of_order, "do not ascend"),
        (one_scene_less, "have 19 scenes"),
    ],
)
def test_anything_else_is_refused_with_both_sides(told: Story, damage: Any, said: str) -> None:
    damaged = copy.deepcopy(told)
    damage(damaged)
    with pytest.raises(LabError, match=said):
        hamlet.checked(damaged)


def test_a_scene_is_told_with_its_act(told: Story) -> None:
    titles = list(hamlet.places(told["sections"]).values())
    assert titles[:2] == ["ACT I", "ACT I, SCENE I. Elsinore. A platform before the castle."]
    assert len(set(titles)) == len(titles) == 25
    assert hamlet.places([{"headingId": 4, "title": "SCENE I"}]) == {4: "SCENE I"}


def test_a_search_must_give_all_lines_and_no_other(play: Play, told: Story) -> None:
    hits = [
        element
        for element in told["story"]
        if element["spokenWord"] and "poison'd" in element["spokenWord"]["text"]
    ]
    assert len(hits) == 3
    hamlet.checked_hits(hits, play)
    for wrong in (hits[1:], hits[::-1], [*hits, told["story"][0]], []):
        with pytest.raises(LabError, match="the search for 'poisoned' gave"):
            hamlet.checked_hits(wrong, play)
