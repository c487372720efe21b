"""The stored form: it reads back as it was, and a small change of a long list writes little."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from story_services.common.order import (
    BrokenOrder,
    Encoded,
    MissingPages,
    Root,
    Space,
    arrange_blocks,
    decode,
    encode,
    load,
    missing_pages,
    page_ids,
)
from story_services.common.order.pages import INLINE, PAGE

SLOTS = st.lists(
    st.tuples(st.sampled_from(["", "note-", "-note-", "é\n"]), st.integers(0, 10**6)),
    unique_by=lambda pair: pair[1],
    max_size=60,
).map(lambda pairs: tuple(kind and f"{kind}{i}" for kind, i in pairs))


def elements(n: int) -> tuple[str, ...]:
    return tuple(f"spokenWord-{i}" for i in range(1, n + 1))


def sizes(encoded: Encoded, name: str = "story") -> list[int]:
    return [row["count"] for row in encoded.document["spaces"][name]["pages"]]


@given(st.dictionaries(st.sampled_from(["sections", "story", "cast"]), SLOTS), st.integers(0, 30))
def test_what_is_read_is_what_was_written(spaces: dict[str, tuple[str, ...]], inline: int) -> None:
    """Through JSON, as the store gives it back."""
    root = Root({name: Space(slots) for name, slots in spaces.items()})
    encoded = encode(root, "script-1", inline=inline, page=8)
    document, pages = json.loads(json.dumps([encoded.document, encoded.pages]))
    assert decode(document, pages) == root
    assert missing_pages(document) == page_ids(document) == list(dict.fromkeys(pages))
    again = encode(root, "script-1", load(document, pages), inline=inline, page=8)
    assert (again.document, again.pages) == (document, {})


@given(SLOTS, SLOTS, st.randoms())
def test_any_list_can_follow_any_other(
    old: tuple[str, ...], new: tuple[str, ...], rng: Random
) -> None:
    """Also one that takes whole stretches of the old one, gaps included, to other places."""
    cuts = sorted(rng.choices(range(len(old) + 1), k=3))
    parts = [old[: cuts[0]], old[cuts[0] : cuts[1]], old[cuts[1] : cuts[2]], old[cuts[2] :]]
    rng.shuffle(parts)
    taken = {slot.lstrip("-") for slot in old} - {""}
    mixed = (*parts[0], *parts[1], *(s for s in new if s.lstrip("-") not in taken), *parts[2])
    first = encode(Root({"story": Space(old)}), "r", inline=4, page=8)
    second = encode(Root({"story": Space(mixed)}), "r", first, inline=4, page=8)
    assert decode(second.document, first.pages | second.pages) == second.root
    assert not set(second.pages) & set(page_ids(first.document))
    assert set(second.pages) <= set(page_ids(second.document))
    if len(mixed) > 4:
        assert max(sizes(second)) <= 8
        assert min([2, *sizes(second)[:-1]]) >= 2


def test_long_spaces_have_pages_and_short_ones_stand_in_the_document() -> None:
    root = Root({"story": Space(elements(INLINE + 1)), "cast": Space(elements(INLINE))})
    encoded = encode(root, "script-7")
    assert encoded.document["spaces"]["cast"] == {"inline": list(elements(INLINE))}
    assert sizes(encoded) == [PAGE, 1]
    assert all(len(pages) <= PAGE for pages in encoded.pages.values())


def test_the_form_does_not_change_unnoticed() -> None:
    """Data that is stored already must stay readable: this is what it looks like."""
    encoded = encode(Root({"story": Space(("a", "", "-b"))}), "script-7", inline=1, page=2)
    one, two = "58a281f64690131c92a2fdc5dde7b762", "2fff510891125232449d7715e5d4a9a8"
    assert encoded.document == {
        "spaces": {
            "story": {
                "pages": [
                    {"id": f"script-7-{one}", "count": 2},
                    {"id": f"script-7-{two}", "count": 1},
                ]
            }
        }
    }
    assert encoded.pages == {f"script-7-{one}": ["a", ""], f"script-7-{two}": ["-b"]}


def test_equal_roots_have_equal_documents() -> None:
    """Whatever came first: a document can be compared as text."""
    one, two = ("story", Space(("a",))), ("cast", Space(("b",)))
    documents = [encode(Root(dict(pairs)), "r").document for pairs in ([one, two], [two, one])]
    assert json.dumps(documents[0]) == json.dumps(documents[1])


def test_pages_belong_to_one_root() -> None:
    root = Root({"story": Space(elements(2000))})
    first = encode(root, "script-1")
    other = encode(root, "script-11", first)
    assert not set(page_ids(first.document)) & set(page_ids(other.document))
    assert len(other.pages) == len(page_ids(other.document)) == 4


def test_pages_of_equal_content_are_written_once() -> None:
    """Gaps only: such a page is not looked for, but it is not written again either."""
    first = encode(Root({"story": Space((*"abcd", *[""] * 4, *"ef"))}), "r", inline=1, page=4)
    moved = Root({"story": Space((*[""] * 4, *"abcd", *"ef"))})
    assert encode(moved, "r", first, inline=1, page=4).pages == {}


CHANGES: dict[str, Callable[[Space], Space]] = {
    "append": lambda s: s.append(["note-1"])[0],
    "append 40": lambda s: s.append([f"note-{i}" for i in range(40)])[0],
    "insert": lambda s: s.insert(["note-1"], "spokenWord-30000"),
    "insert first": lambda s: s.insert(["note-1"], None),
    "remove": lambda s: s.remove(["spokenWord-30000"]),
    "forget": lambda s: s.forget(["spokenWord-30000"]),
    "move up": lambda s: s.move(["spokenWord-99000"], "spokenWord-10"),
    "move down": lambda s: s.move(["spokenWord-10"], "spokenWord-99000"),
    "move many": lambda s: s.move(elements(9000)[3000:], "spokenWord-77777"),
    "reorder two": lambda s: s.reorder({"spokenWord-5": 77000, "spokenWord-77000": 5}),
    "arrange": lambda s: arrange_blocks(
        s, {r: str(n // 2000) for n, r in s.live()}, ["3", "9", "1"], ["1", "3", "9"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_of_100_000_elements_writes_a_handful_of_pages(name: str) -> None:
    before = Space(elements(100_000))
    stored = encode(Root({"story": before}), "script-1")
    after = CHANGES[name](before)
    assert after != before
    encoded = encode(Root({"story": after}), "script-1", stored)
    assert len(encoded.pages) <= (6 if name in ("move many", "arrange") else 4)
    assert decode(encoded.document, stored.pages | encoded.pages) == encoded.root


def test_pages_neither_crumble_nor_grow_by_thousands_of_inserts_and_moves() -> None:
    rng = Random(7)
    encoded, page = encode(Root({"story": Space(elements(600))}), "r", inline=8, page=32), 32
    for i in range(3000):
        space = encoded.root.space("story")
        refs = [ref for _, ref in space.live()]
        after = rng.choice([None, refs[300], rng.choice(refs)])
        if i % 3 == 0:
            space = space.insert([f"note-{i}"], after)
        elif i % 3 == 1:
            space = space.move([rng.choice([r for r in refs if r != after])], after)
        else:
            space = space.remove([rng.choice(refs)])
        encoded = encode(Root({"story": space}), "r", encoded, inline=8, page=page)
        assert len(encoded.pages) <= 5
        assert max(sizes(encoded)) <= page
        assert min(sizes(encoded)[:-1]) >= page // 4


def test_an_import_fills_its_pages() -> None:
    """Appended one by one, a long play has no more pages than written at once."""
    encoded, space = None, Space()
    for start in range(0, 4000, 7):
        space = space.append(elements(4000)[start : start + 7])[0]
        encoded = encode(Root({"story": space}), "script-1", encoded)
        assert len(encoded.pages) <= 2
    assert encoded is not None
    assert sizes(encoded) == sizes(encode(encoded.root, "script-1"))


def test_missing_and_foreign_pages_are_told() -> None:
    encoded = encode(Root({"story": Space(elements(2000))}), "script-1")
    ids = page_ids(encoded.document)
    some = {ids[1]: encoded.pages[ids[1]]}
    with pytest.raises(MissingPages) as error:
        decode(encoded.document, some)
    assert list(error.value.ids) == missing_pages(encoded.document, some) == [ids[0], *ids[2:]]
    with pytest.raises(BrokenOrder, match="512 slots"):
        decode(encoded.document, encoded.pages | {ids[0]: ["a"]})
    with pytest.raises(BrokenOrder, match="more than once"):
        decode(encoded.document, encoded.pages | {ids[0]: encoded.pages[ids[1]]})


@pytest.mark.parametrize(
    "document", [{}, {"spaces": []}, {"spaces": {"story": {}}}, {"spaces": {"story": ["a"]}}]
)
def test_a_document_of_another_form_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(BrokenOrder, match="stored form"):
        decode(document, {})
