"""A small play in every service, for generated requests to speak of."""

from __future__ import annotations

import itertools
import threading
from typing import Any

import httpx

#: Where entities of a kind are made; {scriptId} is the world's script.
COLLECTIONS = {
    "script": "/scripts",
    "section": "/scripts/{scriptId}/sections",
    "transition": "/scripts/{scriptId}/transitions",
    "note": "/scripts/{scriptId}/notes",
    "character": "/characters",
    "action": "/actions",
    "spokenWord": "/spokenWords",
    "paraphrase": "/paraphrases",
    "performer": "/performers",
    "casting": "/castings",
    "session": "/sessions",
    "context": "/contexts",
    "worldState": "/worldStates",
}
#: What the id of a kind is called in its answers.
ID_FIELDS = {kind: f"{kind}Id" for kind in COLLECTIONS}
ID_FIELDS |= {"section": "headingId", "spokenWord": "dialogueId"}
#: Path parameters, by the kind they name.
KINDS = {field: kind for kind, field in ID_FIELDS.items()}
KINDS |= {"sectionId": "section", "spokenWordId": "spokenWord", "lineId": "spokenWord"}
#: A field that every version of a kind may change.
WORDING = {
    "script": "title", "section": "title", "transition": "description", "note": "text",
    "character": "name", "action": "description", "spokenWord": "text", "paraphrase": "text",
    "performer": "name", "session": "name", "worldState": "description",
}  # fmt: skip


class World:
    """Anchors are referred to and never written to through their address; targets are read and
    changed; what is deleted is made for it."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self._lock = threading.Lock()
        self._count = itertools.count(1)
        self.anchors: dict[str, list[int]] = {}
        self.script = self._post("/scripts", {"title": "Anchor", "sections": []})["scriptId"]
        for kind in ("section", "character", "action", "spokenWord"):
            self.anchors[kind] = [self.make(kind) for _ in range(3)]
        self.anchors["script"] = [self.script]
        for kind in ("performer", "session", "transition", "note", "paraphrase"):
            self.anchors[kind] = [self.make(kind)]
        for kind in ("casting", "context", "worldState"):
            self.anchors[kind] = [self.make(kind)]
        self.targets = {kind: self.make(kind) for kind in COLLECTIONS}
        self.undone = self.make("script")
        for title in ("One", "Two", "Three"):
            self._post(f"/scripts/{self.undone}/sections", {"title": title})

    def make(self, kind: str) -> int:
        """A new entity of this kind, connected with the anchors."""
        n = next(self._count)
        body = {key: value for key, value in self._content(kind, n).items() if value is not None}
        made = self._post(COLLECTIONS[kind].format(scriptId=getattr(self, "script", 0)), body)
        return int(made[ID_FIELDS[kind]])

    def undo(self) -> None:
        """Something for a redo to bring back, if there is anything left."""
        with self._lock:
            self.client.post(f"/scripts/{self.undone}/undo")

    def anchor(self, kind: str, n: int = 0) -> int:
        """Something of this kind to refer to."""
        known = self.anchors[kind]
        return known[n % len(known)]

    def _content(self, kind: str, n: int) -> dict[str, Any]:
        of = {k: ids[0] for k, ids in self.anchors.items() if ids}
        script = getattr(self, "script", None)
        place = {"scriptId": script, "sectionId": of.get("section")}
        person = {"characterId": of.get("character")}
        return {
            "script": {"title": f"Play {n}", "sections": [{"title": "Act"}]},
            "section": {"title": f"Scene {n}"},
            "transition": {"description": f"Cut {n}", "sectionId": of.get("section")},
            "note": {"text": f"Note {n}"},
            "character": {"name": f"Person {n}", "description": "One.", "scriptIds": [script]},
            "action": {"description": f"Action {n}", **place, **person},
            "spokenWord": {"text": f"Words {n}", **place, **person, "actionId": of.get("action")},
            "paraphrase": {
                "text": f"Wording {n}",
                "commentary": "Why not.",
                "originalType": "spokenWord",
                "originalId": of.get("spokenWord"),
            },
            "performer": {"name": f"Player {n}"},
            "casting": {"scriptId": script, **person, "performerId": self._fresh_performer(kind)},
            "session": {"name": f"Session {n}", "scriptId": script, "context": "Cold."},
            "context": {**person, "scriptId": script, "data": {"mood": "calm"}},
            "worldState": {"kind": "weather", "scriptId": script, "data": {"sky": "clear"}},
        }[kind]

    def _fresh_performer(self, kind: str) -> int | None:
        """Nobody is cast twice in the same part."""
        return self.make("performer") if kind == "casting" else None

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            answer = self.client.post(path, json=body)
        assert answer.status_code == 201, f"{path}: {answer.status_code} {answer.text}"
        made: dict[str, Any] = answer.json()
        return made
