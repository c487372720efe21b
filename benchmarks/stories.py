"""The story services against the search node below them, as ratios of one run.

Two rivals, both raw OpenSearch asked by the same client over the same loopback: one search that
returns the same documents as GET /stories, and indexing single documents as POST /sequence makes
numbers. Reading is measured warm, right after a change, and without anything kept. One process
serves everything; its memory is read while it works. Run as `python -m benchmarks.stories --help`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import orjson
import psutil
from rich.console import Console
from rich.table import Table

from story_services.client.api import Api, Connection
from story_services.client.importing import Importer
from story_services.corpora import read
from story_services.local import LocalNode

PARALLEL = 40
console = Console()


@dataclass
class Figures:
    """What was measured. Times in milliseconds, rates per second, memory in MB."""

    import_s: float = 0.0
    elements: int = 0
    raw_ms: list[float] = field(default_factory=list)
    warm_ms: list[float] = field(default_factory=list)
    changed_ms: list[float] = field(default_factory=list)
    part_ms: list[float] = field(default_factory=list)
    raw_rates: list[float] = field(default_factory=list)
    sequence_rates: list[float] = field(default_factory=list)
    memory_mb: float = 0.0


@contextmanager
def serving(node: str) -> Iterator[tuple[str, psutil.Process]]:
    """All services in one process of their own."""
    env = {
        **os.environ,
        "STORY_STORE_URL": node,
        "STORY_PORT": "0",
        "STORY_LOG_LEVEL": "info",
        "STORY_INDEX_PREFIX": "story-bench-",
    }
    with tempfile.TemporaryFile("w+") as log:
        argv = [sys.executable, "-m", "story_services.main"]
        process = subprocess.Popen(argv, env=env, stderr=log)
        try:
            yield _address(process, log), psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def _address(process: subprocess.Popen[bytes], log: object) -> str:
    """Where a service says that it listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        own = psutil.Process(process.pid)
        ports = [c.laddr.port for c in own.net_connections("tcp") if c.status == "LISTEN"]
        if ports:
            return f"http://127.0.0.1:{ports[0]}"
        time.sleep(0.1)
    log.seek(0)  # type: ignore[attr-defined]
    raise SystemExit(f"the services did not start:\n{log.read()[-2000:]}")  # type: ignore[attr-defined]


async def _timed(act: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await act()
    return (time.perf_counter() - began) * 1000


async def reading(api: str, node: str, script: int, rounds: int, figures: Figures) -> None:
    """Interleaved, so that noise of the machine meets everyone."""
    async with httpx.AsyncClient(timeout=60) as client:
        query = {"bool": {"filter": [{"term": {"content.scriptId": script}},
                                     {"term": {"deleted": False}}]}}  # fmt: skip
        body = {"query": query, "size": 10_000, "sort": ["id"]}
        url = f"{node}/story-bench-element/_search"

        async def raw() -> int:
            answer = await client.post(url, json=body)
            return len(orjson.loads(answer.content)["hits"]["hits"])

        async def story() -> int:
            answer = await client.get(f"{api}/stories", params={"scriptId": script})
            return len(orjson.loads(answer.content)["story"])

        async def part() -> None:
            query = {"scriptId": script, "limit": 50, "offset": 2000}
            (await client.get(f"{api}/stories", params=query)).raise_for_status()

        figures.elements = await story()
        if await raw() != figures.elements:
            raise SystemExit("the rival does not return the same documents")
        first = await client.get(f"{api}/stories", params={"scriptId": script, "limit": 1})
        action = first.json()["story"][0]["action"]
        for n in range(rounds):
            change = {"description": f"{action['description']} {n}"}
            changed = await client.patch(f"{api}/actions/{action['actionId']}", json=change)
            changed.raise_for_status()
            figures.changed_ms.append(await _timed(story))
            figures.raw_ms.append(await _timed(raw))
            figures.warm_ms.append(await _timed(story))
            figures.part_ms.append(await _timed(part))


async def numbering(api: str, node: str, script: int, rounds: int, figures: Figures) -> None:
    """40 at a time: new numbers against new documents of the same size."""
    limits = httpx.Limits(max_connections=PARALLEL, max_keepalive_connections=PARALLEL)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        index = f"{node}/story-bench-raw"
        settings = {"settings": {"number_of_shards": 1, "number_of_replicas": 0}}
        (await client.put(index, json=settings)).raise_for_status()
        given: set[int] = set()
        ids = iter(range(5_000_000, 9_000_000))

        async def index_one() -> None:
            document = {"elementType": "note", "elementId": next(ids), "scriptId": script}
            answer = await client.put(f"{index}/_create/{uuid4().hex}", json=document)
            answer.raise_for_status()

        async def number_one() -> None:
            body = {"elementType": "note", "elementId": next(ids), "scriptId": script}
            answer = await client.post(f"{api}/sequence", json=body)
            answer.raise_for_status()
            given.add(answer.json()["sequenceNumber"])

        asked = 0
        for _ in range(rounds):
            figures.raw_rates.append(await _rate(index_one))
            figures.sequence_rates.append(await _rate(number_one))
            asked += PARALLEL * 5
            if len(given) != asked or max(given) - min(given) != asked - 1:
                raise SystemExit("numbers are missing or doubled")
        (await client.delete(index)).raise_for_status()


async def _rate(act: Callable[[], Awaitable[None]]) -> float:
    """Requests a second with 40 of them always on their way."""

    async def worker() -> None:
        for _ in range(5):
            await act()

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(PARALLEL)))
    return PARALLEL * 5 / (time.perf_counter() - began)


def p95(values: list[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]


def show(figures: Figures) -> None:
    """The ratios, with the bars of the design."""
    table = Table(
        title=f"Hamlet, {figures.elements} elements, imported in {figures.import_s:.1f} s"
    )
    for column in ("what", "median", "p95", "rival", "ratio", "bar"):
        table.add_column(column)
    raw = statistics.median(figures.raw_ms), p95(figures.raw_ms)
    for what, values in (
        ("whole story, warm", figures.warm_ms),
        ("whole story, just changed", figures.changed_ms),
        ("50 elements of it", figures.part_ms),
    ):
        median, high = statistics.median(values), p95(values)
        bar = "<= 1.5x, p95 <= 300 ms" if "warm" in what else "-"
        met = " met" if median <= 1.5 * raw[0] and high <= 300 else " missed"
        table.add_row(
            what, f"{median:.0f} ms", f"{high:.0f} ms", f"one search {raw[0]:.0f} ms",
            f"{median / raw[0]:.2f}x", bar + (met if bar != "-" else ""),
        )  # fmt: skip
    pairs = zip(figures.sequence_rates, figures.raw_rates, strict=True)
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    table.add_row(
        "POST /sequence, 40 parallel", f"{statistics.median(figures.sequence_rates):.0f}/s", "",
        f"one document {statistics.median(figures.raw_rates):.0f}/s", f"{ratio:.2f}x",
        f">= 0.5x {'met' if ratio >= 0.5 else 'missed'}",
    )  # fmt: skip
    met = "met" if figures.memory_mb <= 200 else "missed"
    table.add_row(
        "all services, resident", f"{figures.memory_mb:.0f} MB", "", "", "", f"<= 200 {met}"
    )
    console.print(table)


def main() -> int:
    """Measure and print; 0 when it measured."""
    parser = argparse.ArgumentParser(prog="benchmarks.stories", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=30, help="of reading; numbering takes a fifth"
    )
    parser.add_argument("--json", type=Path, help="write every single figure to this file")
    arguments = parser.parse_args()
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="fab-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)  # the node runs as a user of its own
        state = Path(folder, "node")
        with LocalNode(state) as node, serving(node.url) as (api, process):
            began = time.perf_counter()
            with Api(Connection(api)) as client:
                done = Importer(client).run(read("hamlet"), comment="Benchmark")
            figures.import_s = time.perf_counter() - began
            asyncio.run(reading(api, node.url, done.script_id, arguments.rounds, figures))
            few = max(2, arguments.rounds // 5)
            asyncio.run(numbering(api, node.url, done.script_id, few, figures))
            figures.memory_mb = process.memory_info().rss / 1e6
    show(figures)
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(figures), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
