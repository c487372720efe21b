"""Kill a function at each of its writes, the way a power cut or `kill -9` would.

The function runs in a child process that ends, without any cleaning up, just before its n-th
rename or removal of a file: what the parent then finds on disk is what a dead run leaves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

_DIED = 77


def dies_at(work: Callable[[], object], number: int) -> bool:
    """Whether `work` got as far as its `number`-th write (from 1), and died there."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(event: str, _: tuple[object, ...]) -> None:
            nonlocal seen
            if event in ("os.rename", "os.remove"):
                seen += 1
                if seen == number:
                    os._exit(_DIED)

        code = 1
        try:
            sys.addaudithook(count)
            work()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, _DIED), f"the work failed (exit code {code})"
    return code == _DIED


def every_death(prepare: Callable[[], Callable[[], object]]) -> Iterator[int]:
    """Die at the first write, the second and so on, each time after `prepare`, which returns the
    work; ends after the work has gone through."""
    number = 1
    while dies_at(prepare(), number):
        yield number
        number += 1
