"""The generated part of a lab's overlay: exact, repeatable, and nothing else is touched."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventories.lab import overlay, state
from inventories.lab.errors import LabError

VALUES = {
    "app": {"image": "10.83.9.1:5000/story@sha256:" + "a" * 64},
    "app.registry": {"ca": "/var/lib/x/ca.crt", "user": "app"},
    "secrets": {"registry_token": {"file": "/var/lib/x/app.token"}},
}
TEXTS = {
    "empty": "",
    "comments only": "# All that differs.\n\n[site]\nblueprint = \"debian_13\"   # why\n",
    "its own table": '[app]\n# mine\nmemory_mb = 200\n\n[[hosts]]\nname = "a"\n\n[kong]\n',
    "its own image": '[app]\nmemory_mb = 1\nimage = "x@sha256:b" # old\n[app.registry]\nuser="u"\n',
    "table below only": '[app.registry]\nuser = "me"\n',
    "spaced header": '[ app . registry ] # here\nuser = "me"\n',
    "no newline at the end": "[site]\nx = 1",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_says_what_was_said_and_the_new_values(text: str) -> None:
    once = overlay.merged(text, VALUES)
    found = tomllib.loads(once)
    assert found["app"]["image"] == VALUES["app"]["image"]
    assert found["app"]["registry"] == VALUES["app.registry"]
    assert found["secrets"] == VALUES["secrets"]
    before = tomllib.loads(text)
    for key in set(before) - {"app", "secrets"}:
        assert found[key] == before[key]
    for line in text.splitlines():
        assert line in once.splitlines() or line.split("=")[0].strip() in ("image", "user")
    assert overlay.merged(once, VALUES) == once


@pytest.mark.parametrize(
    "text",
    ['app.image = "x"\n', 'app = { image = "x" }\n', "app = 3\n", "[app]\nimage = '''\nx'''\n"],
)
def test_what_cannot_be_added_to_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="table"):
        overlay.merged(text, VALUES)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(), max_size=4))
def test_any_string_is_kept(values: dict[str, str]) -> None:
    text = overlay.merged("[a]\nzz = 1\n", {"b": values, "a": values})
    assert tomllib.loads(text).get("b", {}) == values
    assert tomllib.loads(text)["a"] == {"zz": 1, **values}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> state.Lab:
    monkeypatch.setattr(state, "ROOT", tmp_path / "labs")
    (tmp_path / "labs/t-i0").mkdir(parents=True)
    mine = tmp_path / "mine.toml"
    mine.write_text("# mine\n[site]\nzone = 'b'\n")
    return state.Lab("t-i0", "10.83.9.0/24", "10.83.9.1", "flab9", overlay=str(mine)).save()


def test_the_persons_file_is_never_written(lab: state.Lab, tmp_path: Path) -> None:
    before = (tmp_path / "mine.toml").read_bytes()
    changed = overlay.write(lab, VALUES)
    assert (tmp_path / "mine.toml").read_bytes() == before
    assert changed.overlay == str(lab.directory / "site.toml")
    assert state.load("t-i0").overlay == changed.overlay
    copy = Path(changed.overlay).read_text()
    assert copy.startswith("# mine\n[site]\nzone = 'b'\n")
    stamp = Path(changed.overlay).stat()
    overlay.write(changed, VALUES)
    assert Path(changed.overlay).stat().st_mtime_ns == stamp.st_mtime_ns
    assert Path(changed.overlay).stat().st_ino == stamp.st_ino


def test_refusals_are_sentences(lab: state.Lab, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("app = 3\n")
    with pytest.raises(LabError, match=r"mine\.toml cannot be completed .* app is no table"):
        overlay.write(lab, VALUES)
    (tmp_path / "mine.toml").unlink()
    with pytest.raises(
        LabError,
        match=r"overlay .* cannot be read \(No such .* 'rehearse up --name t-i0 --site FILE",
    ):
        overlay.write(lab, VALUES)
