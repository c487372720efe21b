"""One number space by examples: each rule of allocation, deletion and reorder, and each refusal."""

from __future__ import annotations

import pytest

from story_services.common.order import (
    BadRefs,
    BehindItself,
    BrokenOrder,
    DuplicateNumbers,
    NumberOutOfRange,
    OrderError,
    Root,
    Space,
    UnknownRefs,
    diff,
)


def space(text: str) -> Space:
    """Slots separated by blanks; a dot is a gap."""
    return Space(tuple("" if slot == "." else slot for slot in text.split()))


def test_numbers_are_places_from_one() -> None:
    some = space("a . -b c")
    assert [some.number_of(ref) for ref in ("a", "b", "c", "d", "", "-b")] == [
        1, None, 4, None, None, None,
    ]  # fmt: skip
    assert some.live() == [(1, "a"), (4, "c")]
    assert (len(some), some.last) == (2, 4)
    assert [some.is_deleted(ref) for ref in ("a", "b", "", "c")] == [False, True, False, False]
    assert (len(Space()), Space().last, Space().live()) == (0, 0, [])


def test_append_gives_the_next_numbers_and_repeats_itself_harmlessly() -> None:
    """A caller who lost the answer asks again; the same number, not another one."""
    first, numbers = space("a . -b").append(["c", "a", "d", "c", "b"])
    assert numbers == {"c": 4, "a": 1, "d": 5, "b": 3}
    assert first == space("a . b c d")
    again, same = first.append(["d", "c", "b", "a"])
    assert again is first
    assert same == numbers


def test_the_highest_number_is_not_given_twice() -> None:
    """Even when its element went elsewhere: a client may have it on paper."""
    gone = space("a b").forget(["b"])
    assert gone == space("a .")
    assert gone.append(["c"]) == (space("a . c"), {"c": 3})


def test_a_deleted_element_comes_back_to_its_number_or_to_the_end() -> None:
    removed = space("a b c").remove(["b", "unknown"])
    assert removed == space("a -b c")
    assert removed.remove(["b"]) is removed
    assert removed.restore("b") == space("a b c")
    assert removed.reorder({}).restore("b") == space("a c b")


def test_insert_shifts_what_follows() -> None:
    assert space("a b").insert(["x", "y"], None) == space("x y a b")
    assert space("a b").insert(["x", "y"], "a") == space("a x y b")
    assert space("a -d b").insert(["x"], "a") == space("a x -d b")
    assert space("a b -d").insert(["d"], "a") == space("a d b .")
    kept = space("a b")
    assert kept.insert(["b"], None) is kept
    with pytest.raises(UnknownRefs) as error:
        space("a -b").insert(["x"], "b")
    assert error.value.refs == ("b",)


def test_forget_leaves_gaps() -> None:
    assert space("a -b c").forget(["b", "c", "x"]) == space("a . .")


def test_reorder_gives_the_asked_numbers_and_closes_gaps() -> None:
    some = space("a . b -x c d")
    assert some.reorder({"d": 1, "a": 3}) == space("d b a c")
    assert some.reorder({}) == space("a b c d")
    tidy = space("a b c")
    assert tidy.reorder({"b": 2}) is tidy


def test_reorder_is_refused_as_a_whole() -> None:
    some = space("a b -x c")
    with pytest.raises(UnknownRefs) as unknown:
        some.reorder({"x": 1, "a": 9, "y": 9})
    assert unknown.value.refs == ("x", "y")
    with pytest.raises(NumberOutOfRange) as outside:
        some.reorder({"a": 4, "b": 0, "c": 1})
    assert (outside.value.numbers, outside.value.n) == ((0, 4), 3)
    with pytest.raises(DuplicateNumbers) as twice:
        some.reorder({"a": 1, "b": 1, "c": 2})
    assert twice.value.numbers == (1,)


def test_move_keeps_everything_else_in_order() -> None:
    some = space("a . b -x c d")
    assert some.move(["d", "a"], "b") == space(". b d a -x c")
    assert some.move(["c"], None) == space("c a . b -x d")
    assert some.move(["a"], None) is some
    with pytest.raises(UnknownRefs) as unknown:
        some.move(["a", "x", "y"], "b")
    assert unknown.value.refs == ("x", "y")
    with pytest.raises(UnknownRefs):
        some.move(["a"], "x")
    with pytest.raises(BehindItself) as behind:
        some.move(["a", "b"], "b")
    assert behind.value.ref == "b"


def test_diff_tells_only_what_has_another_number() -> None:
    before, after = space("a b c -d e"), space("a c -b x e d")
    assert diff(before, after) == [("c", 3, 2)]
    assert diff(before, before) == []


@pytest.mark.parametrize("ref", ["", "-", "-a"])
def test_a_slot_cannot_hold_what_would_read_as_something_else(ref: str) -> None:
    for change in (Space().append, Space().remove, Space().forget):
        with pytest.raises(BadRefs) as error:
            change(["a", ref])
        assert error.value.refs == (ref,)
    with pytest.raises(BadRefs):
        Space().insert([ref], None)


@pytest.mark.parametrize("text", ["a b a", "-a -a", "a -a", "-", "--a"])
def test_stored_slots_that_contradict_themselves_are_refused(text: str) -> None:
    with pytest.raises(BrokenOrder):
        space(text).check()


def test_errors_name_what_is_wrong_without_growing_endlessly() -> None:
    assert str(UnknownRefs(["a", "b"])) == "not in this order: a, b"
    assert str(UnknownRefs(map(str, range(100)))).endswith("18, 19 and 80 more")
    assert issubclass(UnknownRefs, OrderError)


def test_a_root_is_its_slots() -> None:
    root = Root({"story": space("a -b c"), "cast": Space()})
    assert root == Root({"story": space("a -b c")})
    assert root.space("cast") == Space()
    assert root.where("c") == ("story", 3)
    assert root.where("b") is None
    assert root.with_space("story", space("a -b c")) is root
    changed = root.with_space("cast", space("h"))
    assert changed.where("h") == ("cast", 1)
    assert root.where("h") is None
    assert changed.with_space("cast", Space()) == root
