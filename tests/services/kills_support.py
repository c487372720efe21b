"""A crowd of clients that writes while processes are killed, and what must be true afterwards.

Every client keeps a ledger of what was acknowledged to it. It repeats a request that got no
answer, under the same `Idempotency-Key` where the contract has one, until there is an answer.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

#: Scripts by what is done in them: A grows and is reordered, B only grows, in C things are
#: deleted and restored.
SCRIPTS = ("A", "B", "C")
SEED_VARIABLE = "FOUNTAINAI_KILL_SEED"  # what a failure printed, to do it the same way again
_ENTRY_BASE = 10_000_000  # ids that no entity ever has


class Failed(AssertionError):
    """A client met what it must never meet."""


@dataclass
class Progress:
    """What all clients together have done."""

    target: int
    acknowledged: int = 0
    repeated: int = 0
    refusals: list[tuple[float, float]] = field(default_factory=list)
    problem: BaseException | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def done(self) -> None:
        with self._lock:
            self.acknowledged += 1

    def again(self, refused: tuple[float, float] | None) -> None:
        with self._lock:
            self.repeated += 1
            self.refusals += [refused] if refused else []

    @property
    def over(self) -> bool:
        return self.acknowledged >= self.target or self.problem is not None


class Caller:
    """Sends requests to one of several processes, and to another one when that is gone."""

    def __init__(self, urls: Sequence[str], chance: random.Random, progress: Progress) -> None:
        self.clients = [httpx.Client(base_url=url, timeout=60, trust_env=False) for url in urls]
        self.chance, self.progress = chance, progress

    def insist(
        self, method: str, path: str, body: Any = None, key: str | None = None, limit: float = 240
    ) -> httpx.Response:
        """The answer, whatever it takes; Failed when there is none in time, or a defect."""
        headers = {"Idempotency-Key": key} if key else {}
        deadline = time.monotonic() + limit
        pause = 0.02
        last: object = None
        while time.monotonic() < deadline:
            client = self.chance.choice(self.clients)
            began, refused = time.monotonic(), None
            try:
                answer = client.request(method, path, json=body, headers=headers)
            except httpx.TransportError as error:
                last = error
            else:
                refused = began, time.monotonic()
                last = f"{answer.status_code} {answer.text}"
                if answer.status_code == 500:
                    raise Failed(f"{method} {path}: {last}")
                if not _worth_repeating(answer):
                    return answer
            self.progress.again(refused)
            time.sleep(pause * self.chance.uniform(0.5, 1))
            pause = min(pause * 2, 0.5)
        raise Failed(f"{method} {path}: no answer in {limit} s; last: {last}")

    def close(self) -> None:
        for client in self.clients:
            client.close()


def _worth_repeating(answer: httpx.Response) -> bool:
    if answer.status_code == 503:
        return True
    return answer.status_code == 409 and answer.json()["errorCode"] == "idempotency_key_in_use"


@dataclass
class Line:
    """A spoken word or an action as it was acknowledged."""

    kind: str
    id: int
    script: str
    texts: list[str]
    version: int
    number: int
    deleted: bool = False


@dataclass
class Ledger:
    """What was acknowledged to one client."""

    lines: list[Line] = field(default_factory=list)
    entries: dict[int, tuple[str, int]] = field(default_factory=dict)
    moves: dict[str, bool] = field(default_factory=dict)
    appended: list[str] = field(default_factory=list)
    sessions: list[tuple[int, str]] = field(default_factory=list)
    states: list[tuple[int, str]] = field(default_factory=list)
    shared: dict[int, str] = field(default_factory=dict)  # by the version that it made


@dataclass
class Stage:
    """What all clients share: scripts by letter, a session, a line that all of them change."""

    scripts: dict[str, int]
    session: int
    line: int


def set_up(caller: Caller) -> Stage:
    """Make what the clients work on."""

    def make(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = caller.insist("POST", path, body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    scripts = {letter: make("/scripts", {"title": letter})["scriptId"] for letter in SCRIPTS}
    session = make("/sessions", {"name": "shared", "context": []})["sessionId"]
    extra = make("/scripts", {"title": "shared"})["scriptId"]
    line = make("/spokenWords", {"text": "shared", "scriptId": extra})["dialogueId"]
    return Stage(scripts, session, line)


class Writer:
    """One client."""

    def __init__(self, number: int, seed: str, caller: Caller, stage: Stage) -> None:
        self.number, self.caller, self.stage = number, caller, stage
        self.chance = random.Random(f"{seed}/{number}")
        self.progress = caller.progress
        self.ledger = Ledger()
        self._marks = itertools.count(1)
        self._ids = itertools.count(_ENTRY_BASE * (number + 1))
        self._deeds: list[tuple[int, Callable[[], None]]] = [
            (24, self.word), (16, self.batch), (18, self.patch), (12, self.entry),
            (6, self.reorder), (8, self.append), (3, self.session), (3, self.state),
            (5, self.contend), (4, self.drop), (3, self.version),
        ]  # fmt: skip

    def run(self) -> None:
        """Write until enough was written."""
        weights = [weight for weight, _ in self._deeds]
        try:
            while not self.progress.over:
                self.chance.choices(self._deeds, weights)[0][1]()
        except BaseException as error:
            self.progress.problem = self.progress.problem or error
        finally:
            self.caller.close()

    def _mark(self) -> str:
        return f"m{self.number}x{next(self._marks)}"

    def _post(self, path: str, body: dict[str, Any], mark: str, status: int = 201) -> Any:
        answer = self.caller.insist("POST", path, body, key=f"key-{mark}")
        self._expect(answer, status)
        return answer.json()

    def _expect(self, answer: httpx.Response, status: int) -> None:
        if answer.status_code != status:
            raise Failed(
                f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
            )
        self.progress.done()

    def _script(self) -> str:
        return self.chance.choice(SCRIPTS)

    def word(self) -> None:
        mark, script = self._mark(), self._script()
        made = self._post(
            "/spokenWords", {"text": mark, "scriptId": self.stage.scripts[script]}, mark
        )
        self.ledger.lines.append(
            Line("spokenWord", made["dialogueId"], script, [mark], 1, made["sequenceNumber"])
        )

    def batch(self) -> None:
        key, script = self._mark(), self._script()
        kinds = self.chance.choices(("spokenWord", "action"), k=self.chance.randint(2, 5))
        marks = [self._mark() for _ in kinds]
        elements = [
            {"elementType": kind, "text": mark} for kind, mark in zip(kinds, marks, strict=True)
        ]
        path = f"/scripts/{self.stage.scripts[script]}/elements"
        made = self._post(path, {"elements": elements}, key)["elements"]
        assert [m["elementType"] for m in made] == kinds
        for mark, one in zip(marks, made, strict=True):
            self.ledger.lines.append(
                Line(one["elementType"], one["elementId"], script, [mark], 1, one["sequence"])
            )

    def _some_line(self, kind: str = "spokenWord", script: str | None = None) -> Line | None:
        lines = [
            line
            for line in self.ledger.lines
            if line.kind == kind and not line.deleted and script in (None, line.script)
        ]
        return self.chance.choice(lines) if lines else None

    def patch(self) -> None:
        line = self._some_line()
        if line is None:
            return
        mark = self._mark()
        body: dict[str, Any] = {"text": mark, "comment": mark}
        if self.chance.random() < 0.5:
            body["versionNumber"] = line.version
        answer = self.caller.insist("PATCH", f"/spokenWords/{line.id}", body)
        if answer.status_code == 409:  # ours was done, and only its answer lost?
            answer = self.caller.insist("GET", f"/spokenWords/{line.id}")
        self._expect(answer, 200)
        now = answer.json()
        if now["text"] != mark or now["versionNumber"] != line.version + 1:
            raise Failed(f"after version {line.version}, {mark}: {now}")
        line.texts.append(mark)
        line.version += 1

    def version(self) -> None:
        line = self._some_line()
        if line is None:
            return
        mark = self._mark()
        body = {
            "elementType": "spokenWord",
            "elementId": line.id,
            "newVersionData": {"text": mark},
        }
        made = self._post("/sequence/version", body, mark)
        line.version += 1
        if made["versionNumber"] != line.version:
            raise Failed(f"not version {line.version}: {made}")
        line.texts.append(mark)

    def entry(self) -> None:
        mark, script, number = self._mark(), self._script(), next(self._ids)
        body = {
            "elementType": "musicSound",
            "elementId": number,
            "scriptId": self.stage.scripts[script],
        }
        made = self._post("/sequence", body, mark)
        self.ledger.entries[number] = script, made["sequenceNumber"]

    def reorder(self) -> None:
        line = self._some_line(script="A")
        if line is None:
            return
        mark = self._mark()
        mine = sum(1 for each in self.ledger.lines if each.script == "A")
        body = {
            "elementType": "spokenWord",
            "scriptId": self.stage.scripts["A"],
            "elements": [{"elementId": line.id, "newSequence": self.chance.randint(1, mine)}],
            "comment": mark,
        }
        answer = self.caller.insist("POST", "/sequence/reorder", body, key=f"key-{mark}")
        if answer.status_code == 409:
            return  # somebody else was first
        self._expect(answer, 200)
        (moved,) = answer.json()["updatedElements"]
        self.ledger.moves[mark] = moved["oldSequence"] != moved["newSequence"]

    def append(self) -> None:
        mark = self._mark()
        path = f"/sessions/{self.stage.session}/context"
        if len(self.ledger.appended) < 100:  # a context has 1,000 entries at most
            self._post(path, {"entry": mark}, mark, 200)
            self.ledger.appended.append(mark)

    def session(self) -> None:
        mark = self._mark()
        made = self._post("/sessions", {"name": mark}, mark)
        self.ledger.sessions.append((made["sessionId"], mark))

    def state(self) -> None:
        mark = self._mark()
        made = self._post("/worldStates", {"kind": mark}, mark)
        self.ledger.states.append((made["worldStateId"], mark))

    def contend(self) -> None:
        line, mark = self.stage.line, self._mark()
        path = f"/spokenWords/{line}"
        seen = self.caller.insist("GET", path).json()["versionNumber"]
        body = {"text": mark, "versionNumber": seen}
        answer = self.caller.insist("PATCH", path, body)
        if answer.status_code == 409:  # of another client, or ours was done and its answer lost?
            answer = self.caller.insist("GET", f"/sequence/version/spokenWord/{line}/{seen + 1}")
            if answer.json()["data"]["text"] != mark:
                return
        self._expect(answer, 200)
        self.ledger.shared[seen + 1] = mark

    def drop(self) -> None:
        """Delete a line, and most times bring it back."""
        line = self._some_line(script="C")
        if line is None:
            return
        answer = self.caller.insist("DELETE", f"/spokenWords/{line.id}")
        if answer.status_code != 404:  # it is what a repetition gets
            self._expect(answer, 204)
        line.deleted = True
        line.version += 1
        if self.chance.random() < 0.7:
            mark = self._mark()
            path = f"/sequence/version/spokenWord/{line.id}/{line.version - 1}/restore"
            made = self._post(path, {}, mark)
            line.deleted = False
            line.version += 1
            if made["versionNumber"] != line.version or made["sequenceNumber"] is None:
                raise Failed(f"not version {line.version} with a number: {made}")


def wait_for(progress: Progress, acknowledged: int, writers: list[threading.Thread]) -> None:
    """Until so much was written, or nobody writes any more."""
    while progress.acknowledged < acknowledged and any(w.is_alive() for w in writers):
        time.sleep(0.005)
