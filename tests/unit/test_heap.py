"""The heap rule, at its edges and as laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploys.heap import (
    HEAP_MB_SHARE,
    LEAST_MB,
    MOST_MB,
    NATIVE_C1_MB,
    NATIVE_C2_MB,
    OS_MB,
    UNDERSIZED_MB,
    HeapError,
    expected_memory_mb,
    heap_plan,
    rule_mb,
)


@pytest.mark.parametrize(
    ("memory_mb", "heap_mb", "collector"),
    [
        (914, 352, "serial"),  # micro as its kernel reports it
        (1024, 400, "serial"),
        (1535, 608, "serial"),  # last machine with one compiler
        (1536, 768, "g1"),  # first with both: the share goes up to one half
        (1900, 944, "g1"),
        (3800, 1888, "g1"),
        (131072, MOST_MB, "g1"),  # above 31 GiB pointers lose their compression
    ],
)
def test_rule_gives_the_measured_sizes(memory_mb: int, heap_mb: int, collector: str) -> None:
    plan = heap_plan(memory_mb)
    assert (plan.heap_mb, plan.collector) == (heap_mb, collector)
    assert plan.c1_only == (collector == "serial")
    assert not plan.undersized


@given(st.integers(0, 300_000))
def test_rule_leaves_room_for_everything_else(memory_mb: int) -> None:
    """Whatever the machine: heap, native memory, OS and page cache fit, in steps of 16."""
    heap = rule_mb(memory_mb)
    native = NATIVE_C1_MB if memory_mb < 1536 else NATIVE_C2_MB
    assert heap % 16 == 0
    assert 0 <= heap <= MOST_MB
    if heap:
        assert heap + native + OS_MB + max(48, memory_mb // 10) <= memory_mb


@given(st.integers(0, 1535), st.integers(0, 1535))
def test_rule_never_shrinks_on_a_larger_small_machine(one: int, two: int) -> None:
    assert rule_mb(min(one, two)) <= rule_mb(max(one, two))


@given(st.integers(0, 300_000))
def test_plan_is_a_refusal_or_at_least_the_least(memory_mb: int) -> None:
    if rule_mb(memory_mb) >= LEAST_MB:
        assert heap_plan(memory_mb).heap_mb == rule_mb(memory_mb)
    else:
        with pytest.raises(HeapError, match="allow_undersized"):
            heap_plan(memory_mb)


def test_undersized_comes_with_zram_swap_and_a_warning() -> None:
    plan = heap_plan(512, allow_undersized=True)
    assert (plan.heap_mb, plan.zram, plan.swap_mb) == (UNDERSIZED_MB, True, 1024)
    assert "demonstration" in plan.warning
    assert plan.resident_mb < 400


def test_allowing_undersized_changes_nothing_where_it_fits() -> None:
    assert heap_plan(1024, allow_undersized=True) == heap_plan(1024)


def test_undersized_keeps_its_limits() -> None:
    with pytest.raises(HeapError, match="cannot even start"):
        heap_plan(256, allow_undersized=True)
    with pytest.raises(HeapError, match="1024 at least"):
        heap_plan(512, allow_undersized=True, swap_mb=0)


@given(st.integers(600, 64_000), st.integers(64, 64_000))
def test_own_heap_is_taken_up_to_three_quarters(memory_mb: int, heap_mb: int) -> None:
    most = int(memory_mb * HEAP_MB_SHARE)
    if heap_mb > most:
        with pytest.raises(HeapError, match="75 %"):
            heap_plan(memory_mb, heap_mb=heap_mb, allow_undersized=True)
    else:
        assert heap_plan(memory_mb, heap_mb=heap_mb, allow_undersized=True).heap_mb == heap_mb


def test_own_heap_does_not_hide_a_machine_that_is_too_small() -> None:
    """Otherwise heap_mb would be a second, silent allow_undersized."""
    with pytest.raises(HeapError, match="allow_undersized"):
        heap_plan(512, heap_mb=128)


def test_expected_memory_is_below_what_was_seen() -> None:
    """A plan made before the machine exists must not promise more than the machine has."""
    assert expected_memory_mb(512) <= 451
    assert expected_memory_mb(1024) <= 914
    assert heap_plan(expected_memory_mb(1024)).heap_mb >= LEAST_MB
