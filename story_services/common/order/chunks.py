"""Where the pages of a long list of slots begin and end, when it has changed a little.

Pages whose slots still stand together are kept wherever they now are; only the stretches between
them are cut anew. Every page but the last has at least a quarter of the full size, so pages neither
crumble nor grow however long the list is edited, and each inserted, moved or marked slot costs a
bounded number of new pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

Slots = tuple[str, ...]


class Piece(NamedTuple):
    """Slots from `start` to before `stop`; `kept` says which of the old pages they are, if one."""

    start: int
    stop: int
    kept: int | None


def cut(old: Slots, counts: Sequence[int], new: Slots, page: int) -> list[Piece]:
    """The pages of `new`, given `old` and the sizes of its pages (none: everything is cut anew)."""
    least = page // 4
    pieces: list[Piece] = []
    start = 0
    for kept in _kept(old, counts, new):
        if _size(kept) < least and kept.stop < len(new):
            continue  # too small to stay: part of the stretch up to the next one
        if not 0 < kept.start - start < least:
            pieces += [*_even(start, kept.start, page), kept]
        elif pieces and _size(pieces[-1]) <= _size(kept):
            pieces += [*_even(pieces.pop().start, kept.start, page), kept]
        else:
            pieces += _even(start, kept.stop, page)
        start = kept.stop
    if start < len(new) and pieces and _size(pieces[-1]) < page:
        start = pieces.pop().start  # the last page is filled before another one begins
    pieces += [Piece(at, min(at + page, len(new)), None) for at in range(start, len(new), page)]
    return pieces


def _size(piece: Piece) -> int:
    return piece.stop - piece.start


def _even(start: int, stop: int, page: int) -> list[Piece]:
    """As few pieces as possible, of equal size: the next insert finds room in each."""
    size, n = stop - start, -(-(stop - start) // page)
    marks = [start + size * i // n for i in range(n + 1)] if n else []
    return [Piece(a, b, None) for a, b in pairwise(marks)]


def _kept(old: Slots, counts: Sequence[int], new: Slots) -> list[Piece]:
    """Old pages found unchanged in `new`, in the order they have there."""
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + count)
    first, last = 0, len(counts)  # old pages not yet found
    while first < last and _same(old, starts[first], new, starts[first], counts[first]):
        first += 1
    shift = len(new) - len(old)
    while (
        first < last
        and starts[last - 1] + shift >= starts[first]
        and _same(old, starts[last - 1], new, starts[last - 1] + shift, counts[last - 1])
    ):
        last -= 1
    middle = _moved(
        old, starts, range(first, last), new, range(starts[first], starts[last] + shift)
    )
    return [
        *(Piece(starts[i], starts[i + 1], i) for i in range(first)),
        *middle,
        *(Piece(starts[i] + shift, starts[i + 1] + shift, i) for i in range(last, len(counts))),
    ]


def _moved(
    old: Slots, starts: Sequence[int], pages: range, new: Slots, where: range
) -> list[Piece]:
    """Those of the old `pages` that stand somewhere in that part of `new`."""
    # An old page is looked for by its first slot that is no gap; one of gaps only is cut anew.
    leads = {i: _lead(old, starts[i], starts[i + 1]) for i in pages}
    wanted = {old[starts[i] + lead] for i, lead in leads.items()} - {""}
    places = {new[at]: at for at in where if new[at] in wanted} if wanted else {}
    found = []
    for i, lead in leads.items():
        begin, count = starts[i], starts[i + 1] - starts[i]
        at = places.get(old[begin + lead], -1) - lead
        if at >= where.start and at + count <= where.stop and _same(old, begin, new, at, count):
            found.append(Piece(at, at + count, i))
    apart: list[Piece] = []
    for piece in sorted(found):  # only gaps can be claimed by two pages
        if not apart or apart[-1].stop <= piece.start:
            apart.append(piece)
    return apart


def _lead(slots: Slots, start: int, stop: int) -> int:
    """How many gaps stand before the first slot that is none; 0 if all are gaps."""
    return next((at - start for at in range(start, stop) if slots[at]), 0)


def _same(old: Slots, at: int, new: Slots, there: int, count: int) -> bool:
    return old[at : at + count] == new[there : there + count]
