"""Findings as the reason of a failure: all of them, one per line, and nothing around them.

pytest would print the variables of the test as well; they hold the image's files, and so what has
leaked.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def none_of(findings: Iterable[str]) -> None:
    """Fail when there are any."""
    if found := sorted(findings):
        pytest.fail("Found:\n" + "\n".join(found), pytrace=False)
