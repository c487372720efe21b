"""Thousands of random edits of one order: each obeys its law, and all of them can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from story_services.common.order import (
    Encoded,
    Root,
    Space,
    arrange_blocks,
    decode,
    diff,
    encode,
    page_ids,
    revert,
)

PAGE = 16
SECTIONS = [f"section-{i}" for i in range(8)]


def section_of(ref: str) -> str | None:
    """Nearly every element carries a section, for good; neighbours in number tend to share it."""
    number = int(ref.removeprefix("element-"))
    return SECTIONS[number // 5 % 8] if number % 7 else None


def order(space: Space) -> list[str]:
    return [ref for _, ref in space.live()]


def deleted(space: Space) -> list[str]:
    return [slot[1:] for slot in space.slots if slot.startswith("-")]


def some(rng: Random, refs: Sequence[str], most: int = 4) -> list[str]:
    return rng.sample(refs, rng.randint(0, min(most, len(refs))))


def numbers_kept(before: Space, after: Space, but: Sequence[str] = ()) -> None:
    """Every live element keeps its number, except for those named."""
    kept = [pair for pair in before.live() if pair[1] not in but]
    assert [pair for pair in after.live() if pair[1] not in but] == kept


class Edits:
    """A root with all its changes so far; each method is a random edit that checks its own law."""

    def __init__(self) -> None:
        self.root = Root({"sections": Space(tuple(SECTIONS))})
        self.stored: Encoded = encode(self.root, "script-1", inline=8, page=PAGE)
        self.pages = dict(self.stored.pages)
        self.done: list[tuple[Root, Root]] = []
        self.undone: list[tuple[Root, Root]] = []
        self.given = 0

    @property
    def story(self) -> Space:
        return self.root.space("story")

    def fresh(self, n: int) -> list[str]:
        self.given += n
        return [f"element-{i}" for i in range(self.given - n, self.given)]

    def change(self, story: Space) -> None:
        self.to(self.root.with_space("story", story))

    def to(self, root: Root) -> None:
        root.space("story").check()
        self.done.append((self.root, root))
        self.undone.clear()
        self.root = root

    def append(self, rng: Random) -> None:
        new = self.fresh(rng.randint(1, 3))
        old, gone = some(rng, order(self.story)), some(rng, deleted(self.story))
        wanted = [*new, *old, *gone]
        rng.shuffle(wanted)
        after, numbers = self.story.append(wanted)
        assert numbers == {ref: after.number_of(ref) for ref in wanted}
        assert after.append(wanted) == (after, numbers)
        assert [ref for ref in wanted if numbers[ref] > self.story.last] == sorted(
            new, key=wanted.index
        )
        assert {self.story.slots[numbers[ref] - 1] for ref in gone} == {"-" + ref for ref in gone}
        numbers_kept(self.story, after, [*new, *gone])
        assert (after.last, len(after)) == (
            self.story.last + len(new), len(self.story) + len(new) + len(gone),
        )  # fmt: skip
        self.change(after)

    def insert(self, rng: Random) -> None:
        new, live = self.fresh(rng.randint(1, 3)), order(self.story)
        after = rng.choice([None, *live])
        place = 0 if after is None else live.index(after) + 1
        space = self.story.insert(new, after)
        assert order(space) == [*live[:place], *new, *live[place:]]
        assert space.insert(new, after) == space
        assert [n - old for _, old, n in diff(self.story, space)] == [len(new)] * (
            len(live) - place
        )
        self.change(space)

    def remove(self, rng: Random) -> None:
        gone = some(rng, order(self.story), 4 + len(self.story) // 30)  # so that it stays readable
        after = self.story.remove([*gone, *some(rng, deleted(self.story))])
        numbers_kept(self.story, after, gone)
        assert not {*gone} & {*order(after)}
        assert {*gone} <= {*deleted(after)}
        assert after.remove(gone) is after
        for ref in gone:
            assert self.story.number_of(ref) == after.restore(ref).number_of(ref)
        self.change(after)

    def restore(self, rng: Random) -> None:
        for ref in some(rng, deleted(self.story), 1):
            after = self.story.restore(ref)
            assert after.slots[(after.number_of(ref) or 0) - 1] == ref
            numbers_kept(self.story, after, [ref])
            self.change(after)

    def forget(self, rng: Random) -> None:
        gone = some(rng, [*order(self.story), *deleted(self.story)], 2)
        after = self.story.forget(gone)
        numbers_kept(self.story, after, gone)
        assert not {*gone} & {*order(after), *deleted(after)}
        assert after.last == self.story.last
        self.change(after)

    def reorder(self, rng: Random) -> None:
        live = order(self.story)
        refs = some(rng, live, rng.choice([2, 5, len(live)]))
        wanted = dict(zip(refs, rng.sample(range(1, len(live) + 1), len(refs)), strict=True))
        after = self.story.reorder(wanted)
        assert [number for number, _ in after.live()] == list(range(1, len(live) + 1))
        assert after.last == len(live)
        assert wanted.items() <= {ref: number for number, ref in after.live()}.items()
        assert [r for r in order(after) if r not in wanted] == [r for r in live if r not in wanted]
        assert after.reorder(wanted) is after
        self.change(after)

    def move(self, rng: Random) -> None:
        live = order(self.story)
        refs = some(rng, live)
        rest = [ref for ref in live if ref not in refs]
        after = rng.choice([None, *rest])
        place = 0 if after is None else rest.index(after) + 1
        space = self.story.move(refs, after)
        assert order(space) == [*rest[:place], *refs, *rest[place:]]
        assert sorted(space.slots) == sorted(self.story.slots)
        assert space.move(refs, after) is space
        self.change(space)

    def sections(self, rng: Random) -> None:
        """Two spaces in one change, as a reorder of sections with their contents does it."""
        sections = self.root.space("sections")
        before = order(sections)
        place = rng.randint(1, len(before))
        after = sections.reorder({rng.choice(before): place})
        carried = {ref: s for ref in order(self.story) if (s := section_of(ref))}
        story = arrange_blocks(self.story, carried, order(after), before)
        assert sorted(story.slots) == sorted(self.story.slots)
        tidy = arrange_blocks(story, carried, order(after))
        told = list(dict.fromkeys(carried[ref] for ref in order(tidy) if ref in carried))
        assert told == [s for s in order(after) if s in told]
        assert arrange_blocks(tidy, carried, order(after)) is tidy
        self.to(Root({**self.root.spaces, "sections": after, "story": story}))

    def undo(self, rng: Random) -> None:
        """Several steps back, each to the very slots it had, and sometimes some of them forward."""
        for _ in range(min(rng.randint(1, 5), len(self.done))):
            before, after = self.done.pop()
            assert self.root == after
            self.root = revert(before, after, self.root)
            assert self.root == before
            self.undone.append((before, after))
        for _ in range(rng.randint(0, len(self.undone))):
            before, after = self.undone.pop()
            self.root = revert(after, before, self.root)
            assert self.root == after
            self.done.append((before, after))

    def save(self) -> None:
        """What is stored reads back; pages stay within their size however the story was edited."""
        named = page_ids(self.stored.document)
        self.stored = encode(self.root, "script-1", self.stored, inline=8, page=PAGE)
        assert self.stored.pages.keys().isdisjoint(named)
        self.pages |= self.stored.pages
        assert decode(self.stored.document, self.pages) == self.root
        for stored in self.stored.document["spaces"].values():
            counts = [row["count"] for row in stored.get("pages", ())]
            assert all(PAGE // 4 <= count <= PAGE for count in counts[:-1])


KINDS: list[Callable[[Edits, Random], None]] = [
    Edits.append, Edits.insert, Edits.remove, Edits.restore, Edits.forget, Edits.reorder,
    Edits.move, Edits.sections, Edits.undo,
]  # fmt: skip


def run(seed: int, edits: int) -> None:
    """Random edits, each stored; then every one that stands is taken back, to the first."""
    rng, state = Random(seed), Edits()
    first = state.root
    for _ in range(edits):
        rng.choice(KINDS)(state, rng)
        state.save()
    assert len(state.story) > 50
    last, stack = state.root, list(state.done)
    for before, after in reversed(stack):
        state.root = revert(before, after, state.root)
        assert state.root == before
    assert state.root == first
    for before, after in stack:
        state.root = revert(after, before, state.root)
        assert state.root == after
    assert state.root == last


def test_ten_thousand_random_edits_keep_every_law_and_can_be_taken_back() -> None:
    run(seed=1, edits=10_000)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_ten_thousand_other_edits(seed: int) -> None:
    run(seed, edits=10_000)


class Machine(RuleBasedStateMachine):
    """The same edits chosen by hypothesis, which finds and shows the shortest that break a law."""

    def __init__(self) -> None:
        super().__init__()
        self.edits = Edits()

    @rule(kind=st.sampled_from(KINDS), rng=st.randoms())
    def edit(self, kind: Callable[[Edits, Random], None], rng: Random) -> None:
        kind(self.edits, rng)

    @precondition(lambda self: self.edits.done)
    @invariant()
    def is_stored(self) -> None:
        self.edits.save()


Machine.TestCase.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)
TestMachine = Machine.TestCase
