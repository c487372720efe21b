"""Versions by the contract's names: the same checks as for any other change."""

from __future__ import annotations

from typing import Any

import pytest

from story_services.common.errors import BadInput, Conflict
from story_services.common.records import Why
from story_services.editors import editors
from tests.services import characters_support
from tests.services.characters_support import Api

prefix = characters_support.prefix
api = characters_support.api

#: Kind, path, body of one, a change, and names that no version shows.
KINDS = [
    ("character", "/characters", {"name": "A", "description": "d"}, {"name": "B"}, ()),
    ("action", "/actions", {"description": "Exit."}, {"description": "Exit slowly."}, ("text",)),
    ("spokenWord", "/spokenWords", {"text": "Hark!"}, {"text": "Hear!"}, ("targetId",)),
]


@pytest.mark.parametrize(("kind", "path", "body", "change", "hidden"), KINDS)
def test_an_entity_is_shown_and_changed_by_the_names_of_the_contract(
    api: Api,
    kind: str,
    path: str,
    body: dict[str, Any],
    change: dict[str, Any],
    hidden: tuple[str, ...],
) -> None:
    editor = editors(api.context)[kind]
    made = api.post(path, body)
    entity_id = next(iter(made.values()))
    api.run(editor.edit(entity_id, change, Why(comment="why"), 1))
    after = api.get(f"{path}/{entity_id}")
    assert after == {
        **made, **change, "versionNumber": 2, "comment": "why", "updatedAt": after["updatedAt"]
    }  # fmt: skip
    shown = editor.show(api.run(api.context.entities.get(kind, entity_id)).content)
    assert {name: after[name] for name in shown} == shown
    assert not set(hidden) & set(shown)
    api.run(editor.edit(entity_id, shown, Why(), None))  # what was shown can be given back
    assert api.get(f"{path}/{entity_id}")["versionNumber"] == 2


@pytest.mark.parametrize(("kind", "path", "body", "change", "hidden"), KINDS)
def test_what_cannot_be_is_refused(
    api: Api,
    kind: str,
    path: str,
    body: dict[str, Any],
    change: dict[str, Any],
    hidden: tuple[str, ...],
) -> None:
    editor = editors(api.context)[kind]
    entity_id = next(iter(api.post(path, body).values()))
    (field,) = change
    for data in ({field: 7}, {field: None}, {"unknown": 1}, {"scriptIds": [999_999]}):
        with pytest.raises(BadInput, match="not valid") as error:
            api.run(editor.edit(entity_id, data, Why(), None))
        assert error.value.details
    with pytest.raises(Conflict):
        api.run(editor.edit(entity_id, change, Why(), 5))
    assert api.get(f"{path}/{entity_id}")["versionNumber"] == 1


def test_a_paraphrase_keeps_its_original(api: Api) -> None:
    line = api.post("/spokenWords", {"text": "Hark!"})["dialogueId"]
    body = {"text": "Listen!", "commentary": "Plainer."}
    made = api.post(f"/spokenWords/{line}/paraphrases", body)["paraphraseId"]
    editor = editors(api.context)["paraphrase"]
    api.run(editor.edit(made, {"style": "plain", "originalType": "line"}, Why(), None))
    assert api.get(f"/paraphrases/{made}")["style"] == "plain"
    with pytest.raises(BadInput) as error:
        api.run(editor.edit(made, {"originalId": line + 1}, Why(), None))
    assert "originalId" in (error.value.details or "")
