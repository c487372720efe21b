"""No-change converge, side by side: ours, stock pyinfra operations, ansible-core with pipelining.

Makes rehearsal hosts of its own (root), lets every contender apply the same 24 things once, and
then times runs that change nothing, interleaved so that noise of the machine meets all of them.
Exits 0 when it measured, also when a bar was missed; removes its hosts whatever happens.
Run as `python -m benchmarks.converge --help`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import contenders, measure
from benchmarks.contenders import Variant
from benchmarks.results import Results, as_json, show
from deploys import stamp
from inventories.lab import machine, state
from inventories.lab.errors import LabError
from inventories.worlds import world
from tests.labs import site

HOSTS = {f"bench-{n}": ("app", 512) for n in (1, 2, 3)}
console = Console(stderr=False)


@dataclass(frozen=True)
class Bench:
    """One lab and everything that is run against it."""

    rtt_ms: int
    env: dict[str, str]
    pyinfra: list[Variant]
    ansible: list[Variant]
    scratch: Path


@contextlib.contextmanager
def bench(rtt_ms: int, commit: str) -> Iterator[Bench]:
    name = f"bench-rtt{rtt_ms}"
    with (
        tempfile.TemporaryDirectory(prefix="fab-") as short,  # sockets have a length limit
        site(name, HOSTS, rtt_ms=rtt_ms),
    ):
        config, scratch = world(name).generated / "ssh_config", Path(short)
        made = contenders.ansible(list(HOSTS), config, scratch)
        env = contenders.environment(name, commit)
        try:
            yield Bench(rtt_ms, env, contenders.pyinfra(len(HOSTS)), made, scratch)
        finally:
            measure.hang_up(scratch)


def prepare(lab: Bench, results: Results, *, ansible: bool) -> None:
    """Every contender's state once; then each run of pyinfra with its channels counted."""
    applies = [v for v in lab.pyinfra if v.name in ("ours -y", "stock -y")]
    for variant in [*applies, *(lab.ansible[:1] if ansible else [])]:
        measure.execute(variant, lab.env)
    measure.hang_up(lab.scratch)
    for variant in lab.pyinfra:
        counted = measure.channels(variant, lab.env, len(HOSTS))
        results.channels.setdefault(lab.rtt_ms, {})[variant.name] = counted


def one_round(labs: list[Bench], results: Results, number: int, *, ansible: bool) -> None:
    for lab in labs:
        wanted = [*lab.pyinfra, *(lab.ansible if ansible else [])]
        # Every second round backwards: nobody always comes after the same neighbour.
        for variant in wanted[:: -1 if number % 2 else 1]:
            took = measure.timed(variant, lab.env)
            measure.hang_up(lab.scratch)
            results.add(lab.rtt_ms, variant.name, took)
            console.log(f"round {number + 1}, {lab.rtt_ms} ms, {variant.name}: {took:.2f} s")


def measured(results: Results, rtts: list[int], rounds: int, ansible_rounds: int) -> None:
    """All of it; `results` holds what was measured so far, whatever ends it."""
    commit = stamp.commit()
    with contextlib.ExitStack() as stack:
        stack.enter_context(state.locked(state.ROOT / ".bench", what="the benchmark's lock"))
        stack.callback(lambda: (state.ROOT / ".bench").rmdir())
        console.log(f"making {len(HOSTS)} hosts for each of {rtts} ms")
        labs = [stack.enter_context(bench(rtt, commit)) for rtt in rtts]
        # Clearing up must not be cut short by an impatient second Ctrl-C.
        stack.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
        console.log("applying every contender's state once")
        with ThreadPoolExecutor(len(labs)) as pool:
            list(pool.map(lambda x: prepare(x, results, ansible=ansible_rounds > 0), labs))
        for number in range(rounds):
            one_round(labs, results, number, ansible=number < ansible_rounds)


def _terminated(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.converge", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ansible-rounds", type=int, default=1, help="slow; 0: leave out")
    parser.add_argument("--rtt", type=int, nargs="+", default=[0, 40], help="ms, a lab each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure there")
    given = parser.parse_args()
    if given.rounds < 1 or given.ansible_rounds < 0 or any(not 0 <= r <= 1000 for r in given.rtt):
        parser.error("--rounds from 1, --ansible-rounds from 0, --rtt from 0 to 1000")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminated)
    began, load, results = time.monotonic(), os.getloadavg()[0], Results()
    code = 0
    try:
        machine.check()
        machine.install(console.log)
        machine.probe()
        measured(results, sorted(set(given.rtt)), given.rounds, given.ansible_rounds)
    except (LabError, measure.BenchError) as problem:
        console.print(str(problem), style="red", markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; the benchmark's hosts are removed. Measured until then:")
        code = 130
    show(results, console)
    loads = f"load average {load:.1f} before, {os.getloadavg()[0]:.1f} after"
    console.print(f"{os.cpu_count()} processors, {loads}; {time.monotonic() - began:.0f} s in all")
    if given.json:
        about = {"command": shlex.join(sys.argv), "cpus": os.cpu_count(), "load_before": load}
        given.json.write_text(json.dumps(as_json(results, **about), indent=2) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
