"""What an import asks for and how it judges what is there, for plays of any kind. Pure."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from story_services.client import wanted
from story_services.client.compare import difference
from story_services.client.wanted import Had, next_step, storable
from story_services.corpora import Play, read
from story_services.corpora.model import Element, Role, Section, number_speeches

TEXTS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=200)


@st.composite
def plays(draw: st.DrawFn) -> Play:
    cast = draw(st.lists(st.sampled_from(["ANN", "BOB"]), max_size=4))
    sections = draw(st.lists(st.just("ACT"), max_size=4))
    element = st.builds(
        Element,
        st.sampled_from(["spokenWord", "action", "transition", "note"]),
        TEXTS,
        st.sampled_from([None, *range(len(sections))]),
        st.sampled_from([None, *range(len(cast))]),
        st.sampled_from([None, 1, 2]),
    )
    elements = draw(st.lists(element, max_size=40))
    return Play(
        "A play",
        cast=tuple(Role(name, draw(st.sampled_from(["", "Somebody."]))) for name in cast),
        sections=tuple(map(Section, sections)),
        elements=tuple(number_speeches(elements)),
    )


def beginning(play: Play, had: Had) -> Play:
    return replace(
        play,
        sections=play.sections[: len(had.sections)],
        cast=play.cast[: len(had.cast)],
        elements=play.elements[: had.elements],
    )


def done(had: Had, step: wanted.Step) -> Had:
    """What the services would have after a step: ids that are no positions."""
    said = json.loads(step.body)
    if step.part == "sections":
        return replace(had, sections=(*had.sections, 100 + len(had.sections)))
    if step.part == "cast":
        first = 200 + len(had.cast)
        return replace(had, cast=(*had.cast, *range(first, first + len(said["characters"]))))
    return replace(had, elements=had.elements + len(said["elements"]))


def all_steps(play: Play, had: Had) -> list[wanted.Step]:
    steps = []
    while (step := next_step(play, 7, had)) is not None:
        steps.append(step)
        had = done(had, step)
    assert had.is_whole(play)
    return steps


@given(plays())
def test_steps_bring_every_element_once_and_in_order(play: Play) -> None:
    play = storable(play)
    sections = tuple(range(100, 100 + len(play.sections)))
    cast = {200 + n: n for n in range(len(play.cast))}
    rows = [
        row
        for step in all_steps(play, Had(sections))
        if step.part == "elements"
        for row in json.loads(step.body)["elements"]
    ]
    told = [
        Element(
            row["elementType"],
            row["text"],
            None if "sectionId" not in row else row["sectionId"] - 100,
            None if "characterId" not in row else cast[row["characterId"]],
            row.get("speechId"),
        )
        for row in rows
    ]
    assert tuple(told) == play.elements


@given(plays(), st.data())
def test_every_beginning_is_one_and_nothing_else_is(play: Play, data: st.DataObject) -> None:
    had = Had((1,) * len(play.sections), (1,) * len(play.cast), len(play.elements))
    assert difference(play, play) is None
    cut = data.draw(st.integers(0, len(play.elements)))
    begun = beginning(play, replace(had, elements=cut))
    assert difference(begun, play) is None
    if cut < len(play.elements):
        more = difference(play, begun)
        assert more is not None
        assert more.place == f"element {cut + 1}"
        assert more.wanted == "no more"
        changed = list(play.elements)
        changed[cut] = replace(changed[cut], text=f"{changed[cut].text}!")
        other = difference(replace(play, elements=tuple(changed)), play)
        assert other is not None
        assert other.place == f"element {cut + 1}"
        assert other.stored != other.wanted


def test_a_difference_far_inside_a_long_text_is_shown() -> None:
    long = "x" * 500
    one, other = (
        Play("P", elements=(Element("note", f"{long}{word}{long}"),)) for word in ("this", "that")
    )
    found = difference(one, other)
    assert found is not None
    assert "thisx" in found.stored
    assert "thatx" in found.wanted


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"title": "Macbeth"}, "its title"),
        ({"author": "Bacon"}, "its author"),
        ({"description": "Gloomy."}, "its description"),
        ({"sections": (Section("ACT 1"),), "elements": ()}, "section 1"),
        ({"cast": (Role("ANN", "Another."),), "elements": ()}, "character 1"),
    ],
)
def test_a_difference_is_named_by_its_place(change: dict[str, object], place: str) -> None:
    play = Play("Hamlet", "Me", "Sad.", (Role("ANN", "One."),), (Section("ACT I"),))
    found = difference(replace(play, **change), play)  # type: ignore[arg-type]
    assert found is not None
    assert found.place == place


def test_requests_stay_within_what_the_services_take() -> None:
    """However long the texts are: a body is at most 2 MB, of at most 500 elements."""
    widest = "\U0001f3ad" * 10_000
    play = Play(
        "Long",
        cast=tuple(Role(f"R{n}", "d" * 2000) for n in range(700)),
        elements=tuple(Element("note", widest if n % 3 else "short") for n in range(600)),
    )
    steps = all_steps(play, Had())
    assert max(len(step.body) for step in steps) <= wanted.BYTES + 50_000
    assert next(step.count for step in steps if step.part == "cast") < 500
    short = Play("Short", elements=(Element("note", "n"),) * 1201)
    assert [step.count for step in all_steps(short, Had())] == [500, 500, 201]


def test_sections_that_do_not_fit_with_their_script_follow_one_by_one() -> None:
    play = Play("Many", sections=(Section("S"),) * 1003)
    assert len(json.loads(wanted.script_body(play, "why"))["sections"]) == 1000
    steps = all_steps(play, Had(tuple(range(1000))))
    assert [step.part for step in steps] == ["sections"] * 3
    assert len({step.path for step in steps}) == 1


def test_keys_are_the_same_in_every_run_and_differ_between_requests() -> None:
    play = storable(read("hamlet"))
    had = Had(tuple(range(1, 26)))
    keys = [step.key() for step in all_steps(play, had)]
    assert keys == [step.key() for step in all_steps(play, had)]
    assert len(set(keys)) == len(keys)
    again = next_step(play, 7, had)
    elsewhere = next_step(play, 8, had)
    assert again is not None
    assert elsewhere is not None
    assert again.key() != elsewhere.key()
    assert again.key(1) != again.key()


def test_equal_sections_that_follow_one_by_one_have_keys_of_their_own() -> None:
    """Two sections of one title are two requests, though they say the same."""
    play = Play("Twins", sections=(Section("S"),) * 3)
    keys = [step.key() for step in all_steps(play, Had())]
    assert len(set(keys)) == 3
