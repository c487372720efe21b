"""Makes generated requests speak of what there is, so that they get beyond "no such thing".

Pure but for entities that are made to be deleted. Only valid values are replaced, by other valid
ones: an invalid request stays exactly as invalid as it was generated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from story_services.common.kinds import canonical
from tests.services.contract_world import KINDS, WORDING, World

MAX_ID = 2**53 - 1
_UNDO = ("undoChange", "redoChange")
_SEEN = ("versionNumber", "ifRevision", "revision")
_WORDINGS = ("text", "description", "content")
_FOREIGN = {
    "action": ("actionId", "targetType", "targetId"),
    "spokenWord": ("targetType", "targetId"),
    "transition": ("characterId", "speechId", "actionId", "targetType", "targetId"),
    "note": ("characterId", "speechId", "actionId"),
}


def _is_id(value: object) -> bool:
    """As JSON Schema has it: 1.0 is an integer, true is none."""
    if isinstance(value, float):
        return value.is_integer() and 1 <= value <= MAX_ID
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_ID


class Adapter:
    """Rewrites the parts of requests for one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def path(self, operation: str, method: str, values: dict[str, Any]) -> dict[str, Any]:
        """Path parameters that name something."""
        made = dict(values)
        for name in values:
            if name == "scriptId" and operation in _UNDO:
                made[name] = self.world.undone
            elif name in KINDS:
                made[name] = self._named(KINDS[name], name, operation, method, values)
        if "elementType" in values:
            kind = canonical(str(values["elementType"]))
            if kind in self.world.targets:
                made["elementId"] = self.world.targets[kind]
                if "versionNumber" in values:
                    made["versionNumber"] = 1
        return made

    def spared(self, operation: str, method: str, values: dict[str, Any]) -> dict[str, Any]:
        """Path parameters as they are, unless they would delete what others speak of."""
        if method != "DELETE":
            return values
        name = list(values)[-1]
        kind = KINDS[name]
        kept = {*self.world.anchors[kind], self.world.targets[kind], self.world.undone}
        if values[name] not in kept and values.get("scriptId") != self.world.script:
            return values
        return self.path(operation, method, values)

    def _named(
        self, kind: str, name: str, operation: str, method: str, values: dict[str, Any]
    ) -> int:
        last = list(values)[-1] == name
        if kind == "script" and not (len(values) == 1 and operation in _SCRIPT_ITSELF):
            return self.world.script
        if method == "DELETE" and last:
            return self.world.make(kind)
        return self.world.targets[kind]

    def query(self, values: dict[str, Any]) -> dict[str, Any]:
        """Query parameters that name something or are ranges."""
        made = dict(values)
        for name, value in values.items():
            if isinstance(value, float) and value.is_integer():
                made[name] = int(value)  # on the wire, whole numbers are digits
            if name in KINDS and _is_id(made[name]):
                made[name] = self.world.anchor(KINDS[name])
        _order(made, "startSequence", "endSequence")
        if "diff" in made and _is_id(made["diff"]):
            made["diff"] = 1
        return made

    def body(self, operation: str, value: Any, path: dict[str, Any]) -> Any:
        """A body whose references are of the world's script."""
        if not isinstance(value, dict):
            return value
        made = self._references(value)
        if special := _SPECIAL.get(operation):
            special(self, made, path)
        return made

    def _references(self, value: dict[str, Any]) -> dict[str, Any]:
        made = {name: item for name, item in value.items() if name not in _SEEN}
        for n, (name, item) in enumerate(list(made.items())):
            if name == "afterHeadingId" and _is_id(item):
                made[name] = self.world.anchor("section", n)
            elif name in KINDS and _is_id(item):
                made[name] = self.world.anchor(KINDS[name])
            elif name == "scriptIds" and isinstance(item, list):
                made[name] = [self.world.script] * min(len(item), 1)
        if isinstance(made.get("targetType"), str) and _is_id(made.get("targetId")):
            kind = canonical(made["targetType"])
            made["targetId"] = self.world.anchor(kind if kind in self.world.anchors else "script")
            made["targetType"] = kind if kind in self.world.anchors else "script"
        elif ("targetType" in made) or ("targetId" in made):
            made["targetType"] = made["targetId"] = None
        _order(made, "fromSequence", "toSequence")
        return made

    def character(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        if body.get("scriptId") is not None:
            body.pop("scriptIds", None)

    def nested_paraphrase(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        body.pop("originalType", None)
        body.pop("originalId", None)

    def paraphrase(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        kind = body.get("originalType")
        if isinstance(kind, str):
            body["originalId"] = self.world.anchor(canonical(kind))

    def paraphrase_change(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        if "originalType" in body:
            body["originalType"] = "spokenWord"
        if "originalId" in body:
            body["originalId"] = self.world.anchor("spokenWord")

    def casting(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        body["performerId"] = self.world.make("performer")

    def script_change(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        sections = body.get("sections")
        if isinstance(sections, list):  # new ones: the target's own are not known here
            body["sections"] = [{"title": s["title"]} for s in sections if "title" in s]

    def batch(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        body["elements"] = [self._batch_element(e) for e in body["elements"]]

    def _batch_element(self, element: dict[str, Any]) -> dict[str, Any]:
        made = self._references(element)
        told = [made.pop(name, None) for name in _WORDINGS]
        made["text"] = next((text for text in told if text), "Words")
        for name in _FOREIGN[canonical(made["elementType"])]:
            made.pop(name, None)
        return made

    def section_order(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        known = self.world.anchors["section"]
        body["elements"] = [
            {**element, "headingId": section, "newSequence": n}
            for n, (element, section) in enumerate(
                zip(body["elements"], reversed(known), strict=False), 1
            )
        ]

    def element_order(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        known = [("spokenWord", i) for i in self.world.anchors["spokenWord"]]
        known += [("action", i) for i in self.world.anchors["action"]]
        if "elementType" in body:
            body["elementType"] = "action"
            body["scriptId"] = self.world.script
        body["elements"] = [
            {"elementType": kind, "elementId": i, "newSequence": n}
            for n, (_, (kind, i)) in enumerate(zip(body["elements"], known, strict=False), 1)
        ]

    def numbering(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        kind = canonical(str(body["elementType"]))
        if kind in self.world.anchors:
            body["elementId"] = self.world.anchor(kind)

    def version(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        kind = canonical(str(body["elementType"]))
        if kind in self.world.targets:
            body["elementId"] = self.world.targets[kind]
            field = WORDING.get(kind)
            body["newVersionData"] = {field: f"Changed {len(body)}"} if field else {}

    def step(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        body.pop("changeId", None)

    def redo(self, body: dict[str, Any], path: dict[str, Any]) -> None:
        body.pop("changeId", None)
        self.world.undo()


def _order(values: dict[str, Any], low: str, high: str) -> None:
    if _is_id(values.get(low)) and _is_id(values.get(high)):
        values[low], values[high] = sorted((values[low], values[high]))


_SCRIPT_ITSELF = ("getScriptById", "updateScript", "patchScript", "deleteScript")
Special = Callable[[Adapter, dict[str, Any], dict[str, Any]], None]
_SPECIAL: dict[str, Special] = {
    "createCharacter": Adapter.character,
    "createActionParaphrase": Adapter.nested_paraphrase,
    "createCharacterParaphrase": Adapter.nested_paraphrase,
    "createSpokenWordParaphrase": Adapter.nested_paraphrase,
    "createParaphrase": Adapter.paraphrase,
    "updateParaphrase": Adapter.paraphrase_change,
    "patchParaphrase": Adapter.paraphrase_change,
    "createCasting": Adapter.casting,
    "updateScript": Adapter.script_change,
    "patchScript": Adapter.script_change,
    "createElements": Adapter.batch,
    "reorderSectionHeadings": Adapter.section_order,
    "updateSectionHeadingOrder": Adapter.section_order,
    "reorderElements": Adapter.element_order,
    "updateElementOrder": Adapter.element_order,
    "reorderStory": Adapter.element_order,
    "generateSequenceNumber": Adapter.numbering,
    "createVersion": Adapter.version,
    "undoChange": Adapter.step,
    "redoChange": Adapter.redo,
}
