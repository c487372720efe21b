"""Reading what a person hands over: by name or path, good or bad."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from story_services.corpora import FORMATS, CorpusError, read, write
from story_services.corpora.fountain import read_fountain
from story_services.corpora.iambic import names, read_iambic
from story_services.corpora.json_format import read_json
from story_services.corpora.markdown import read_markdown

GOOD = {
    "format": "play 1",
    "title": "Small",
    "cast": [{"name": "A"}],
    "sections": [{"title": "ACT I"}],
    "elements": [{"kind": "spokenWord", "text": "Ho!", "section": 0, "role": 0, "speech": 1}],
}


def test_a_play_is_read_by_its_name_or_from_any_of_its_files(tmp_path: Path) -> None:
    play = read("macbeth")
    assert play == read_iambic("macbeth")
    for form in ("json", "fountain"):
        path = tmp_path / f"macbeth.{form.upper()}"
        path.write_text("".join(write(play, form)), encoding="utf-8", newline="")
        assert read(path) == read(str(path)) == play
    path = tmp_path / "much-ado.md"
    path.write_text("**A**\nHo!\n")
    assert (read(path).title, read(path).elements[0].text) == ("Much Ado", "Ho!")


@pytest.mark.parametrize("form", FORMATS)
def test_writing_is_repeatable_and_comes_in_parts(form: str) -> None:
    play = read("hamlet")
    parts = list(write(play, form))
    assert len(parts) > 2
    assert all(len(part) < 80_000 for part in parts)
    assert parts == list(write(play, form))


def test_all_plays_are_read_in_seconds() -> None:
    begin = time.process_time()
    for name in names():
        read(name)
    assert time.process_time() - begin < 8


@pytest.mark.parametrize(
    ("name", "raw", "problem"),
    [
        ("a.fountain", b"a\n\xff\xfe\n", r"a.fountain: line 2: not a text in UTF-8"),
        ("a.md", b"# A\n\x00", r"a.md: line 2: not a text: holds a NUL"),
        ("a.json", b"\x89PNG\r\n\x1a\n", r"a.json: line 1: not a text in UTF-8"),
        ("a.json", b'{\n"title": }', r"a.json: line 2: not JSON: Expecting value"),
        ("a.json", b"", r"a.json: line 1: not JSON"),
        ("a.json", b"[" * 100_000, r"a.json: not a play: nested too deep"),
        ("a.json", b"9" * 5000, r"a.json: not a play: a number is too long"),
        ("a.json", b"[]", r"a.json: input should be a valid dictionary"),
        ("a.json", b'{"a": 1, "a": 2}', r"a.json: the key 'a' is there twice"),
        ("a.fountain", b"Hm.\n/* never\n", r"a.fountain: line 2: the boneyard"),
        ("a.md", b"# A\n\n**" + b"x" * 101 + b"**\nHo\n", r"a.md: line 3: .* 100 characters"),
        ("a.md", b"# A\n\n**A**\n" + b"x" * 10_001, r"a.md: line 4: .* 10,000 characters"),
        ("a.md", b"# A\x1b[1m\n", r"a.md: line 1: must not contain the control character U\+001B"),
        ("a.docx", b"PK", r"a.docx: not a kind of file that holds plays; those are .fountain,"),
    ],
)
def test_bad_files_are_refused_by_file_and_place(
    tmp_path: Path, name: str, raw: bytes, problem: str
) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(CorpusError, match=problem):
        read(tmp_path / name)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"none.json: cannot be read: No such file"):
        read(tmp_path / "none.json")
    (tmp_path / "dir.md").mkdir()
    with pytest.raises(CorpusError, match=r"cannot be read: Is a directory"):
        read(tmp_path / "dir.md")
    with pytest.raises(CorpusError, match=r"no play 'cats'; it has: .*hamlet"):
        read("cats")
    with pytest.raises(CorpusError, match="unknown format 'pdf'; there are json, txt, fountain"):
        write(read("macbeth"), "pdf")


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "large.fountain"
    with path.open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    with pytest.raises(CorpusError, match="larger than 64 MB"):
        read(path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": "play 2"}, "^format: input should be 'play 1'"),
        ({"titel": "x"}, "^titel: extra inputs are not permitted"),
        ({"title": ""}, "^title: must not be empty"),
        ({"title": 3}, "^title: input should be a valid string"),
        ({"title": "\ud800"}, "^title: "),
        ({"cast": {}}, "^cast: input should be a valid list"),
        ({"cast": []}, r"^elements\[0\]: there is no role 0; there are 0"),
        ({"elements": [{"kind": "song", "text": "a"}]}, r"^elements\[0\].kind: input should be "),
        ({"elements": [{"kind": "note"}]}, r"^elements\[0\].text: field required"),
        ({"elements": [{"kind": "note", "text": "a", "section": "0"}]}, r"^elements\[0\].section"),
        ({"elements": [{"kind": "note", "text": "a", "section": -1}]}, r"^elements\[0\].section"),
        ({"elements": [{"kind": "note", "text": "a", "section": True}]}, r"^elements\[0\].sec"),
        ({"elements": [{"kind": "spokenWord", "text": "a", "speech": 2}]}, "speech 2 cannot foll"),
    ],
)
def test_wrong_json_is_refused_by_path(change: dict[str, object], problem: str) -> None:
    assert read_json(json.dumps(GOOD)).elements[0].text == "Ho!"
    with pytest.raises(CorpusError, match=problem):
        read_json(json.dumps({**GOOD, **change}))


MARKS = [
    "# ACT I", "### SCENE I. A", "**A**", "_Exit", "_Exit_", "*a", "BOB", "@BOB ^", "[[", "]]",
    "/*", "*/", "Title: a", "Cast:", "    - A: b", "Story format: 1", "/*section 1*/", "/*@A*/",
    "===", "\\", "(a)", "> a", ">a<", "BOB (CONT'D)", "~a", "= a", "  ", "CUT TO:", "INT. A #1#",
]  # fmt: skip
lines = st.one_of(
    st.sampled_from(MARKS),
    st.sampled_from(MARKS),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20),
    st.text("#@>~=!.()[]{}*_/\\^|:&<\t aA1'", max_size=10),
)
anything = st.lists(lines, max_size=14).flatmap(
    lambda some: st.sampled_from(["\n", "\n\n", "\r\n", " "]).map(lambda end: end.join(some))
)


@given(anything)
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_play_or_refused(content: str) -> None:
    """Nothing but a CorpusError ever comes out, and what is read as a play can be kept."""
    for reader in (read_fountain, lambda text, _: read_json(text), read_markdown):
        try:
            play = reader(content, "t")
        except CorpusError:
            continue
        assert read_fountain("".join(write(play, "fountain")), "") == play
        assert read_json("".join(write(play, "json"))) == play
