"""The one line of a site file that names the image: set, and nothing else is touched."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inventories.errors import ProvisionError
from inventories.images import site_image
from inventories.images.site_image import set_image

NEW = "ghcr.io/owner/story@sha256:" + "a" * 64
OLD = "ghcr.io/owner/story@sha256:" + "b" * 64
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f'[app]\nimage = "{OLD}"\n', f'[app]\nimage = "{NEW}"\n'),
        (f'[app]\n  image="{OLD}"  # mine\n#x\n', f'[app]\n  image="{NEW}"  # mine\n#x\n'),
        (f"[app]\nimage = '{OLD}'", f'[app]\nimage = "{NEW}"'),
        (f'app.image = "{OLD}"\n[site]\n', f'app.image = "{NEW}"\n[site]\n'),
        (f'app = {{ pids = 64, image = "{OLD}" }}\n', f'app = {{ pids = 64, image = "{NEW}" }}\n'),
        ('[app]\n# image = "x@y"\n[kong]\n', f'[app]\nimage = "{NEW}"\n[kong]\n'),
        ('[app]\n# one\n#image="x"  # ex\npids = 64\n',
         f'[app]\n# one\nimage = "{NEW}"  # ex\npids = 64\n'),
        ("[app]\npids = 64\n", f'[app]\nimage = "{NEW}"\npids = 64\n'),
        ("[app] # here\n", f'[app] # here\nimage = "{NEW}"\n'),
        ("[app]", f'[app]\nimage = "{NEW}"'),
        ("[site]\n", f'[site]\n\n[app]\nimage = "{NEW}"\n'),
        ("[site]", f'[site]\n\n[app]\nimage = "{NEW}"'),
        ("", f'[app]\nimage = "{NEW}"\n'),
        ('[app.registry]\nuser = "x"\n', f'[app.registry]\nuser = "x"\n\n[app]\nimage = "{NEW}"\n'),
        ('[kong]\n# image = "x"\n[app]\n', f'[kong]\n# image = "x"\n[app]\nimage = "{NEW}"\n'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_is_written_where_a_person_would(before: str, after: str, end: str) -> None:
    """With either end of line; a file of no line has none yet."""
    if not before and end == "\r\n":
        return
    if "\n" not in before:
        assert set_image(before, NEW) == after
        return
    assert set_image(before.replace("\n", end), NEW) == after.replace("\n", end)


def test_the_projects_own_example_becomes_the_line() -> None:
    text = (ROOT / "inventories" / "site.toml").read_text()
    changed = set_image(text, NEW)
    pairs = zip(text.splitlines(), changed.splitlines(), strict=True)
    assert [(old, new) for old, new in pairs if old != new] == [
        ('# image = "ghcr.io/OWNER/story@sha256:..."', f'image = "{NEW}"')
    ]
    assert set_image(changed, NEW) == changed
    assert set_image(set_image(changed, OLD), NEW) == changed


def test_a_line_that_only_looks_like_one_is_left_alone() -> None:
    """Inside a string of several lines, tables and comments are text."""
    text = '[site]\nx = """\n[app]\n# image = "y"\n"""\n'
    try:
        changed = set_image(text, NEW)
    except ValueError:
        return
    assert changed.startswith(text)


@pytest.mark.parametrize("text", ["app = 1\n", "[[app]]\nx = 1\n", '[app]\nimage = """\nx"""\n'])
def test_what_cannot_be_had_by_one_line_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="app"):
        set_image(text, NEW)


KEYS = st.sampled_from(["pids", "memory_mb", "size", "a", '"quoted key"', "x.y"])
SCALARS = st.sampled_from(
    ["1", "true", '"text # no comment"', "'single'", "[1, 2]", "{ a = 1 }", "1979-05-27T07:32:00Z",
     '["a", # in a list\n "b"]', '"""\nlong\n"""', "0x1F", "nan", "-0.0", "[]"]
)  # fmt: skip
COMMENTS = st.sampled_from(
    ["", "  # note", "\t#", "# image = 1", ' # image = "x"', "  # ünï", "   "]
)
BLANKS = st.sampled_from(["", "", "# a line", "   ", '# image = "old@sha256"', "#[app]", "\t"])


@st.composite
def tables(draw: st.DrawFn, name: str) -> list[str]:
    """One table, keys once each, with comments and blank lines anywhere."""
    keys = draw(st.lists(KEYS, unique=True, max_size=3))
    lines = draw(st.lists(BLANKS, max_size=2))
    lines.append(f"[{name}]" + draw(COMMENTS).replace("# image", ""))
    for key in keys:
        lines += draw(st.lists(BLANKS, max_size=2))
        lines.append(f"{key} = {draw(SCALARS)}" + draw(COMMENTS))
    return lines


@st.composite
def files(draw: st.DrawFn) -> str:
    """A site file of some tables in any order, `[app]` with, without, or with an image alone."""
    names = draw(st.permutations(["site", "app", "kong", "app.registry", "other.deep"]))
    lines: list[str] = []
    for name in names[: draw(st.integers(0, 5))]:
        table = draw(tables(name))
        if name == "app" and draw(st.booleans()):
            at = draw(st.integers(1 + next(i for i, x in enumerate(table) if x.startswith("[")),
                                  len(table)))  # fmt: skip
            table.insert(at, f'image = "{OLD}"' + draw(COMMENTS))
        lines += table
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = "\n".join(lines + draw(st.lists(BLANKS, max_size=2)))
    return (text + draw(st.sampled_from(["", "\n"]))).replace("\n", end)


def parsed(text: str) -> dict | None:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None


@given(files())
def test_only_the_image_changes_and_every_other_line_stays(text: str) -> None:
    """The law: parsed, nothing else differs; as lines, at most one is replaced or some are added;
    setting it again changes nothing, and setting the old one again gives the file back."""
    before = parsed(text)
    assume(before is not None)
    changed = set_image(text, NEW)
    after = tomllib.loads(changed)
    assert after["app"].pop("image") == NEW
    had = before.get("app", {}).pop("image", None)
    before.setdefault("app", {})
    # As text: nan is not equal to itself, and true is equal to 1.
    assert {k: repr(v) for k, v in after.items()} == {k: repr(v) for k, v in before.items()}
    old, new = text.splitlines(keepends=True), changed.splitlines(keepends=True)
    gone = [line for line in old if line not in new]
    assert len(gone) <= 1 or not text.endswith(("\n", "\r"))
    if had is not None:
        assert len(old) == len(new)
        assert set_image(changed, had) == text
    assert set_image(changed, NEW) == changed
    assert ("\r\n" in changed) >= ("\r\n" in text)
    assert changed.endswith("\n") == (text.endswith("\n") or not text)


def test_the_file_is_replaced_whole_with_its_own_mode(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "site.toml"
    real.write_bytes(b"[app]\r\n")
    real.chmod(0o640)
    link.symlink_to(real)
    before = site_image.read_text(link)
    site_image.write(link, before, before + "x")
    assert real.read_bytes() == b"[app]\r\nx"
    assert real.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["real.toml", "site.toml"]


def test_a_file_that_somebody_edits_meanwhile_is_left_to_them(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[app]\n")
    before = site_image.read_text(file)
    file.write_text("[app]\n# saved in an editor\n")
    with pytest.raises(ProvisionError, match="somebody else"):
        site_image.write(file, before, set_image(before, NEW))
    assert file.read_text() == "[app]\n# saved in an editor\n"
    assert os.listdir(tmp_path) == ["site.toml"]


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="cannot be written"):
        site_image.write(tmp_path / "missing.toml", "", "x")
    with pytest.raises(ProvisionError, match="cannot be read"):
        site_image.read_text(tmp_path)
