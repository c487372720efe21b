"""How much memory the search node gets. Pure: MiB in, a plan or a refusal out.

The amounts are measured, not guessed: 150 MiB for the OS, 230 MiB of native memory for the node
with the C1 compiler only (310 with C2), and a tenth of the machine, at least 48 MiB, for the
page cache. Of the 230, 194 were in use with 24 of compiled code; its cache may take 58 before it
is collected (templates/opensearch/jvm.options.j2). The machine's memory is always what
/proc/meminfo says, never a size's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OS_MB = 150
NATIVE_C1_MB = 230
NATIVE_C2_MB = 310
SMALL_BELOW_MB = 1536  # below: C1 only and, for a node alone, the Serial collector
LEAST_MB = 128  # a smaller heap serves nobody
UNDERSIZED_MB = 112  # held 149,581 short documents inside a 512 MiB limit
UNDERSIZED_MACHINE_MB = 400  # below this not even the undersized node starts
COMFORTABLE_MB = 512
MOST_MB = 31 * 1024  # above, the JVM loses compressed object pointers
HEAP_MB_SHARE = 0.75  # the most an operator may ask for

Collector = Literal["serial", "g1"]


class HeapError(ValueError):
    """The machine cannot hold the node; the message says what would."""


@dataclass(frozen=True)
class HeapPlan:
    """The node's memory. All amounts in MiB."""

    heap_mb: int
    c1_only: bool
    collector: Collector
    undersized: bool  # below LEAST_MB by the rule: zram and a swap file are part of the plan
    zram: bool
    swap_mb: int
    warning: str = ""

    @property
    def small(self) -> bool:
        """Whether the node's caches and pools are cut down too."""
        return self.c1_only

    @property
    def resident_mb(self) -> int:
        """What the node's process may grow to: heap and native memory."""
        return self.heap_mb + (NATIVE_C1_MB if self.c1_only else NATIVE_C2_MB)


def expected_memory_mb(bundle_mb: int) -> int:
    """MemTotal to expect on a bundle sold with `bundle_mb` (the kernel keeps some for itself).

    For plans made before the machine exists; 450 MiB were seen on 512, 914 on 1024.
    """
    return int(bundle_mb * 0.88)


def rule_mb(memory_mb: int) -> int:
    """The heap the rule gives a machine, rounded down to 16 MiB; may be below LEAST_MB or 0."""
    small = memory_mb < SMALL_BELOW_MB
    native = NATIVE_C1_MB if small else NATIVE_C2_MB
    share = memory_mb * (4 if small else 5) // 10
    room = memory_mb - OS_MB - native - max(48, memory_mb // 10)
    return max(0, min(share, room, MOST_MB)) // 16 * 16


def heap_plan(
    memory_mb: int,
    *,
    heap_mb: int | None = None,
    allow_undersized: bool = False,
    zram: bool = False,
    swap_mb: int | None = None,
) -> HeapPlan:
    """The plan for a machine with `memory_mb` of memory; HeapError when nothing honest fits.

    `heap_mb` and `swap_mb` override the rule, `zram` adds it where the rule does not ask.
    The Serial collector is legal although OpenSearch's bootstrap checks forbid it: they are
    enforced only off loopback, which the node never leaves.
    """
    small = memory_mb < SMALL_BELOW_MB
    heap = rule_mb(memory_mb)
    undersized = heap < LEAST_MB
    if heap_mb is not None:
        most = int(memory_mb * HEAP_MB_SHARE)
        if heap_mb > most:
            raise HeapError(
                f"heap_mb = {heap_mb} is more than 75 % of this machine's {memory_mb} MiB; "
                f"the most is {most}, the rule gives {heap}"
            )
        heap = heap_mb
    if undersized and not allow_undersized:
        raise HeapError(
            f"{memory_mb} MiB of memory leave {rule_mb(memory_mb)} MiB of heap for OpenSearch, and "
            f"below {LEAST_MB} it cannot serve; choose a larger size (micro or more), or set "
            "allow_undersized = true under [opensearch] for a demonstration on zram and swap"
        )
    if undersized and memory_mb < UNDERSIZED_MACHINE_MB:
        raise HeapError(
            f"{memory_mb} MiB of memory cannot even start an undersized OpenSearch; "
            f"it needs {UNDERSIZED_MACHINE_MB}"
        )
    if undersized and heap_mb is None:
        heap = UNDERSIZED_MB
    if undersized and swap_mb is not None and swap_mb < 1024:
        raise HeapError(f"swap_mb = {swap_mb} is too little for an undersized node; 1024 at least")
    return HeapPlan(
        heap_mb=heap,
        c1_only=small,
        collector="serial" if small else "g1",
        undersized=undersized,
        zram=bool(zram) or undersized,
        swap_mb=(1024 if undersized else 0) if swap_mb is None else swap_mb,
        warning=_warning(heap, undersized),
    )


def _warning(heap: int, undersized: bool) -> str:
    if undersized:
        return (
            f"undersized: a heap of {heap} MiB on zram and swap is a demonstration, not a service; "
            "sustained load will stall it"
        )
    if heap < COMFORTABLE_MB:
        return f"a heap of {heap} MiB holds a few small indices; avoid heavy aggregations"
    return ""
