"""What was measured, as medians, ratios and bars. Pure apart from printing the table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass
class Results:
    """Seconds by round trip (ms) and variant, one per round; SSH channels per host likewise."""

    seconds: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    channels: dict[int, dict[str, float]] = field(default_factory=dict)

    def add(self, rtt_ms: int, variant: str, seconds: float) -> None:
        self.seconds.setdefault(rtt_ms, {}).setdefault(variant, []).append(seconds)

    def median(self, rtt_ms: int, variant: str) -> float | None:
        found = self.seconds.get(rtt_ms, {}).get(variant)
        return median(found) if found else None

    def ratio(self, rtt_ms: int, other: str, ours: str) -> float | None:
        """How many times as long `other` takes; the median over rounds of each round's ratio,
        because whatever else the machine was doing touched both runs of a round."""
        found = self.seconds.get(rtt_ms, {})
        pairs = list(zip(found.get(other, ()), found.get(ours, ()), strict=False))
        return median(theirs / mine for theirs, mine in pairs) if pairs else None


@dataclass(frozen=True)
class Bar:
    """`other` takes at least `least` times as long as `ours` at this round trip."""

    rtt_ms: int
    ours: str
    other: str
    least: float

    @property
    def text(self) -> str:
        return f"{self.ours} against {self.other}, {self.rtt_ms} ms: at least {self.least:g}x"


BARS = (
    Bar(0, "ours dry", "stock dry", 2.5),
    Bar(40, "ours dry", "stock dry", 6),
    Bar(40, "ours interactive", "stock interactive", 10),
    Bar(40, "ours -y", "ansible run", 30),
)
CHANNELS = 4  # per host, in a run of ours that changes nothing


def verdicts(results: Results) -> Iterable[tuple[str, str, bool]]:
    """(bar, what was measured, met) for every bar that this run measured."""
    for bar in BARS:
        ratio = results.ratio(bar.rtt_ms, bar.other, bar.ours)
        if ratio is not None:
            yield bar.text, f"{ratio:.1f}x", ratio >= bar.least
    counted = [n for of in results.channels.values() for v, n in of.items() if v[:4] == "ours"]
    if counted:
        most = max(counted)
        yield f"ours, SSH channels per host: at most {CHANNELS}", f"{most:g}", most <= CHANNELS


def rival(variant: str) -> str:
    """The variant of ours that a contender's run stands beside."""
    mode = variant.split(" ", 1)[1]
    return f"ours { {'run': '-y', 'check': 'dry'}.get(mode, mode) }"


def as_json(results: Results, **about: Any) -> dict[str, Any]:
    return {
        **about,
        "seconds": results.seconds,
        "medians": {
            rtt: {v: results.median(rtt, v) for v in of} for rtt, of in results.seconds.items()
        },
        "channels_per_host": results.channels,
        "bars": [{"bar": b, "measured": m, "met": ok} for b, m, ok in verdicts(results)],
    }


def show(results: Results, console: Console) -> None:
    for rtt in sorted(results.seconds):
        table = Table(title=f"No-change converge, {rtt} ms added round trip", title_justify="left")
        table.add_column("variant", no_wrap=True)
        for head in ("median s", "min", "max", "runs", "channels", "ours faster"):
            table.add_column(head, justify="right")
        for variant, taken in results.seconds[rtt].items():
            counted = results.channels.get(rtt, {}).get(variant)
            apart = variant == "empty" or variant.startswith("ours")
            ratio = None if apart else results.ratio(rtt, variant, rival(variant))
            table.add_row(
                variant, f"{median(taken):.2f}", f"{min(taken):.2f}", f"{max(taken):.2f}",
                str(len(taken)), "" if counted is None else f"{counted:g}",
                "" if ratio is None else f"{ratio:.1f}x",
            )  # fmt: skip
        console.print(table)
    for bar, measured, met in verdicts(results):
        console.print(
            f"{'met   ' if met else 'MISSED'}  {bar}; measured {measured}", highlight=False
        )
