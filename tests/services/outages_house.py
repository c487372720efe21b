"""Services behind a wire, with a little story in their store, and requests of every kind."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.services.cli_support import Services
from tests.services.node_support import delete_indices
from tests.services.outages_support import LIMIT_S, MARGIN_S, Wire, wire

CODES = {"store_unavailable", "store_busy", "store_read_only", "store_not_ready", "busy"}
AT_ONCE = 8


@dataclass
class House:
    """Services behind a wire, with a little story in their store."""

    services: Services
    wire: Wire
    node_url: str
    script: int = 0
    session: int = 0
    lines: list[int] = field(default_factory=list)

    def make(self, path: str, body: Any) -> Any:
        answer = self.services.client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def furnish(self) -> None:
        self.script = self.make("/scripts", {"title": "A play"})["scriptId"]
        self.session = self.make("/sessions", {"context": []})["sessionId"]
        elements = [{"elementType": "spokenWord", "text": f"line {n}"} for n in range(6)]
        made = self.make(f"/scripts/{self.script}/elements", {"elements": elements})
        self.lines = [one["elementId"] for one in made["elements"]]

    def story(self) -> list[tuple[int, str]]:
        """What callers see, by number."""
        answer = self.services.client.get("/spokenWords", params={"scriptId": self.script})
        assert answer.status_code == 200, answer.text
        return [(one["sequenceNumber"], one["text"]) for one in answer.json()]


@contextmanager
def house(node_url: str) -> Iterator[House]:
    prefix = f"story-t{secrets.token_hex(4)}-"
    with wire(node_url) as between:
        services = Services(between.url, prefix)
        try:
            services.start()
            yield House(services, between, node_url)
        finally:
            if services.process is not None and services.process.poll() is None:
                services.kill()
            services.client.close()
            delete_indices(node_url, prefix)


@dataclass(frozen=True)
class Ask:
    """One request of whatever kind."""

    method: str
    path: str
    body: Any = None
    key: str | None = None

    def send(self, client: httpx.Client) -> tuple[httpx.Response, float]:
        headers = {"Idempotency-Key": self.key} if self.key else {}
        began = time.monotonic()
        answer = client.request(self.method, self.path, json=self.body, headers=headers)
        return answer, time.monotonic() - began


def reads(home: House) -> list[Ask]:
    line = home.lines[0]
    return [
        Ask("GET", path)
        for path in (
            "/scripts",
            f"/scripts/{home.script}",
            f"/scripts/{home.script}/changes",
            f"/spokenWords/{line}",
            f"/spokenWords?scriptId={home.script}",
            f"/sequence/spokenWord/{line}",
            f"/sequence/version?elementType=spokenWord&elementId={line}",
            f"/stories?scriptId={home.script}",
            f"/stories/export?scriptId={home.script}&format=json",
            f"/search?scriptId={home.script}&q=line",
            f"/sessions/{home.session}/context",
            "/characters",
            "/performers",
            "/worldStates",
        )
    ]


def writes(home: House, mark: str) -> list[Ask]:
    """Those under a key can be repeated as they are."""
    script, line = home.script, home.lines[1]
    elements = [{"elementType": "action", "text": f"{mark} {n}"} for n in range(3)]
    move = {"elementId": line, "newSequence": 2}
    order = {"elementType": "spokenWord", "elements": [move], "scriptId": script}
    number = {"elementType": "musicSound", "elementId": 9_000_000 + hash(mark) % 100_000}
    keyed: list[tuple[str, Any]] = [
        ("/spokenWords", {"text": mark, "scriptId": script}),
        (f"/scripts/{script}/elements", {"elements": elements}),
        ("/scripts", {"title": mark, "sections": [{"title": mark}]}),
        ("/sequence", {**number, "scriptId": script}),
        ("/sequence/reorder", order),
        (f"/sessions/{home.session}/context", {"entry": mark}),
        ("/sessions", {"name": mark}),
        ("/worldStates", {"kind": mark}),
    ]
    return [
        *(Ask("POST", path, body, f"{mark}-{n}") for n, (path, body) in enumerate(keyed)),
        Ask("PATCH", f"/spokenWords/{home.lines[2]}", {"text": mark}),
        Ask("DELETE", f"/spokenWords/{home.lines[3]}"),
        Ask("POST", "/performers", {"name": mark}),
    ]


def all_at_once(home: House, asks: Sequence[Ask]) -> list[tuple[Ask, httpx.Response, float]]:
    """Some at a time, as callers come."""
    answers: list[tuple[Ask, httpx.Response, float]] = []
    left = list(asks)

    def work() -> None:
        with httpx.Client(base_url=home.services.url, timeout=60, trust_env=False) as client:
            while left:
                try:
                    ask = left.pop()
                except IndexError:
                    return
                answers.append((ask, *ask.send(client)))

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(asks)
    return answers


def require_refused(
    answers: Sequence[tuple[Ask, httpx.Response, float]], limit: float = LIMIT_S
) -> None:
    for ask, answer, seconds in answers:
        told = (
            f"{ask.method} {ask.path}: {answer.status_code} {answer.text[:300]} in {seconds:.1f} s"
        )
        assert answer.status_code == 503, told
        body = answer.json()
        assert body["errorCode"] in CODES, told
        assert body["message"], told
        assert int(answer.headers["Retry-After"]) >= 1, told
        assert seconds < limit + MARGIN_S, told


def require_health_down(home: House, words: str = "") -> None:
    began = time.monotonic()
    answer = home.services.client.get("/health")
    assert time.monotonic() - began < LIMIT_S + MARGIN_S
    body = answer.json()
    assert (answer.status_code, body["status"]) == (503, "down"), body
    assert body["errorCode"], body
    assert body["store"] != "ok", body
    assert words in body["store"], body


def repeat(home: House, asks: Sequence[Ask]) -> None:
    """What callers do when all is well again; twice, as the first answer may have got lost."""
    for _ in range(2):
        for ask in asks:
            answer, _ = ask.send(home.services.client)
            gone = ask.method == "DELETE" and answer.status_code == 404
            assert gone or answer.status_code < 300, f"{ask}: {answer.status_code} {answer.text}"


def require_whole(home: House, before: list[tuple[int, str]], mark: str) -> None:
    """Exactly what the requests say, once."""
    client = home.services.client
    texts = [text for _, text in before]
    wanted = [t for t in texts if t != texts[3]]
    wanted[wanted.index(texts[2])] = mark
    moved = wanted.pop(1)
    wanted.insert(1, moved)
    assert [text for _, text in home.story()] == [*wanted, mark]
    actions = client.get("/actions", params={"scriptId": home.script, "keyword": mark}).json()
    assert [a["description"] for a in actions] == [f"{mark} {n}" for n in range(3)]
    scripts = client.get("/scripts", params={"title": mark}).json()
    assert [[s["title"] for s in script["sections"]] for script in scripts] == [[mark]]
    entries = client.get(f"/sessions/{home.session}/context").json()["contextEntries"]
    assert entries.count(mark) == 1
    names = [s["name"] for s in client.get("/sessions").json()]
    assert names.count(mark) == 1
    kinds = [s["kind"] for s in client.get("/worldStates").json()]
    assert kinds.count(mark) == 1
