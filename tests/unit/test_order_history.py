"""Undo: exactly the old order when nothing happened since, and nothing of what did is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from story_services.common.order import Root, Space, reordered, revert


def root(text: str) -> Root:
    """A story line; slots separated by blanks, a dot is a gap."""
    return Root({"story": Space(tuple("" if s == "." else s for s in text.split()))})


def undone(before: str, after: str, current: str) -> str:
    slots = revert(root(before), root(after), root(current)).space("story").slots
    return " ".join(slot or "." for slot in slots)


def test_a_change_is_taken_back_exactly() -> None:
    for before, after in (
        ("a . -b c", "c a"),  # reorder: gaps and the deleted slot return
        ("a b", "a b c"),  # append
        ("a b", "a -b"),  # delete
        ("a -b", "a b"),  # restore
        ("a b", "a ."),  # gone to another script
    ):
        assert undone(before, after, after) == before
        assert undone(after, before, before) == after


def test_what_was_added_since_stays_at_the_end_in_its_order() -> None:
    assert undone("a b c", "c b a", "c x b a y") == "a b c x y"
    assert undone("a b", "b a", "b a -x y") == "a b -x y"


def test_what_was_deleted_since_stays_deleted_at_its_old_place() -> None:
    assert undone("a b c", "c b a", "c -b a") == "a -b c"
    assert undone("a b c", "c b a", "c . a") == "a . c"
    assert undone("a b", "a b c", "a b -c") == "a b -c"


def test_what_was_restored_since_stays() -> None:
    assert undone("a -b c", "c a", "c a b") == "a b c"
    assert undone("a b c", "a -b c", "a b c") == "a b c"


def test_a_deletion_is_taken_back_after_a_reorder_dropped_the_slot() -> None:
    assert undone("a b c", "a -b c", "c a") == "a b c"


def test_other_spaces_are_left_alone() -> None:
    before, after = root("a b"), root("b a")
    cast = Space(("x", "y"))
    now = after.with_space("cast", Space(("y", "x")))
    result = revert(before.with_space("cast", cast), after.with_space("cast", cast), now)
    assert result == before.with_space("cast", Space(("y", "x")))


def test_a_later_reorder_is_told() -> None:
    assert reordered(root("c b a"), root("c x -b a")) == []
    assert reordered(root("c b a"), root("a c")) == ["story"]


STATES = st.dictionaries(st.sampled_from("abcdefghij"), st.booleans())


@st.composite
def roots(draw: st.DrawFn) -> Root:
    """Any order of some refs, some of them deleted, with gaps."""
    states = draw(STATES)
    slots = [ref if live else "-" + ref for ref, live in states.items()] + [""] * draw(
        st.integers(0, 2)
    )
    return Root({"story": Space(tuple(draw(st.permutations(slots))))})


@given(roots(), roots(), roots())
def test_any_change_in_any_present(before: Root, after: Root, current: Root) -> None:
    """Three unrelated orders: the result is an order, and each element's state has one reason."""
    assert revert(before, after, after) == before
    was, left, now = (r.space("story") for r in (before, after, current))
    result = revert(before, after, current).space("story")
    result.check()
    if was == left:
        assert result == now
        return
    for ref in "abcdefghij":
        lives = [space.number_of(ref) is not None for space in (was, left, now)]
        expected = lives[0] if lives[1] == lives[2] else lives[2]
        assert (result.number_of(ref) is not None) == expected
        if lives[0] and expected:
            assert result.number_of(ref) == was.number_of(ref)
    added = [ref for _, ref in now.live() if was.number_of(ref) is None and not was.is_deleted(ref)]
    at_the_end = [slot for slot in result.slots[was.last :] if not slot.startswith("-")]
    assert at_the_end == [ref for ref in added if left.number_of(ref) is None]
