"""What can be wrong with a request to change an order, each error with its data and a message.

Nothing here knows HTTP: the services translate `UnknownRefs` to "not found" and the other requests'
errors to "bad input". `BrokenOrder` is different: stored data contradicts itself.
"""

from __future__ import annotations

from collections.abc import Iterable

_SHOWN = 20  # items named in a message; the attributes hold all of them


def _named(items: Iterable[object]) -> str:
    known = [str(item) for item in items]
    rest = len(known) - _SHOWN
    return ", ".join(known[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


class OrderError(ValueError):
    """Base of all errors of the order; nothing has been changed when one is raised."""


class UnknownRefs(OrderError):
    """Elements that are not in this space, or deleted; `refs` holds all of them as asked."""

    def __init__(self, refs: Iterable[str]) -> None:
        self.refs = tuple(refs)
        super().__init__(f"not in this order: {_named(self.refs)}")


class BadRefs(OrderError):
    """Names that cannot stand in a slot: empty, or with the sign of a deletion in front."""

    def __init__(self, refs: Iterable[str]) -> None:
        self.refs = tuple(refs)
        super().__init__(f"not a name an order can hold: {_named(map(repr, self.refs))}")


class DuplicateNumbers(OrderError):
    """Numbers that were asked for by more than one element, ascending in `numbers`."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self.numbers = tuple(numbers)
        super().__init__(f"asked for more than once: {_named(self.numbers)}")


class NumberOutOfRange(OrderError):
    """Numbers outside 1 to `n`, where n is how many elements the space has."""

    def __init__(self, numbers: Iterable[int], n: int) -> None:
        self.numbers = tuple(numbers)
        self.n = n
        super().__init__(f"outside 1 to {n}: {_named(self.numbers)}")


class BehindItself(OrderError):
    """A move that names one of the moved elements as the place to move to."""

    def __init__(self, ref: str) -> None:
        self.ref = ref
        super().__init__(f"{ref} cannot be moved behind itself")


class BrokenOrder(OrderError):
    """A stored order that cannot be: an element twice, a page of another size, an unknown form."""


class MissingPages(BrokenOrder):
    """Pages that a root document names and that were not given; `ids` holds all of them."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = tuple(ids)
        super().__init__(f"pages missing: {_named(self.ids)}")
