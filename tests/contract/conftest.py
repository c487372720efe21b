"""A GitHub of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.github_standin import Hub, standin


@pytest.fixture
def hub() -> Iterator[Hub]:
    with standin() as running:
        yield running
