"""Where pages are cut, in small: which old ones are found again, and what becomes of the rest."""

from __future__ import annotations

import pytest

from story_services.common.order.chunks import cut


def pages(old: str, new: str, page: int) -> str:
    """The pages of `new` after those of `old`; one found again has a star. A dot is a gap."""
    parts = [part.split() for part in old.split("|")]
    before = tuple("" if slot == "." else slot for part in parts for slot in part)
    after = tuple("" if slot == "." else slot for slot in new.split())
    pieces = cut(before, [len(part) for part in parts], after, page)
    assert [at for piece in pieces for at in range(piece.start, piece.stop)] == [*range(len(after))]
    for piece in pieces:
        if piece.kept is not None:
            assert list(after[piece.start : piece.stop]) == [
                "" if slot == "." else slot for slot in parts[piece.kept]
            ]
    return " | ".join(
        " ".join(slot or "." for slot in after[piece.start : piece.stop])
        + ("" if piece.kept is None else " *")
        for piece in pieces
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "a b c d e", "a b c d | e"),
        ("a b c d | e", "a b c d e f", "a b c d * | e f"),
        ("a b c d | e f g h", "a b c d e f g h i", "a b c d * | e f g h * | i"),
        ("a b c d | e f g h | i", "a b x c d e f g h i", "a b | x c d | e f g h * | i *"),
        ("a b c d | e f g h | i", "a b c d e f -g h i", "a b c d * | e f -g h | i *"),
        ("a b c | d e f | g h i j", "g h i j d e f a b c", "g h i j * | d e f * | a b c *"),
    ],
)  # fmt: skip
def test_a_change_leaves_other_pages_alone(old: str, new: str, expected: str) -> None:
    assert pages(old, new, 4) == expected


def test_the_last_page_is_filled_first() -> None:
    assert pages("a b c d | e f", "a b c d e f g h i", 4) == "a b c d * | e f g h | i"
    assert pages("a b c | d e f | g", "a b c d e f g h", 4) == "a b c * | d e f * | g h"


def test_a_page_is_found_behind_the_gaps_it_begins_with() -> None:
    assert pages("a b | . c | d e", "d e X . c a b", 2) == "d e * | X | . c * | a b *"


def test_no_gap_is_in_two_pages() -> None:
    """Both pages could be found, but they would share the gap."""
    assert pages("x y | a . | . b | p q", "Y X a . b Q P", 2) == "Y X | a . * | b Q | P"
    assert pages("a . | . b", "a . b", 2) == "a . * | b"
    assert pages("a . | . b | c", "a . b C", 2) == "a . * | b C"


def test_a_small_rest_joins_the_smaller_neighbour() -> None:
    """Otherwise a full page would be written anew for a single slot."""
    old = "a b c d e f g h | i j k l m n o p | q r"
    assert pages(old, "a b c d e f g h X i j k l m n o p q r", 8) == (
        "a b c d | e f g h X | i j k l m n o p * | q r *"
    )
    old = "a b c d e f g h | i j k | l m n o p q r s | t"
    assert pages(old, "a b c d e f g h X i j k l m n o p q r s t", 8) == (
        "a b c d e f g h * | X i j k | l m n o p q r s * | t *"
    )
    old = "a b c | d e f g h i j k | l"
    assert pages(old, "a b c X d e f g h i j k l", 8) == "a b c X | d e f g h i j k * | l *"


def test_a_small_page_does_not_stay_in_the_middle() -> None:
    assert pages("a b c d e f g h | i", "i a b c d e f g h", 8) == "i a b c | d e f g h"
