"""The stand-in's package: the same bytes each time, and named so that nobody mistakes it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploys.debs import STANDIN, control_of, standin
from inventories.lab.standin import deb
from inventories.lab.standin.deb import build


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    one, two = (build(folder) for folder in folders)
    assert one.name == two.name
    assert re.fullmatch(
        r"fountainai-kong-standin_3\.9\.3\+standin1\.[0-9a-f]{12}_all\.deb", one.name
    )
    assert one.read_bytes() == two.read_bytes()
    assert [p.name for p in folders[0].iterdir()] == [one.name]


def test_it_says_what_it_is(tmp_path: Path) -> None:
    path = build(tmp_path)
    control = control_of(path)
    assert control["Package"] == STANDIN
    assert control["Version"] == path.name.split("_")[1]
    assert control["Description"].endswith("not Kong, not for production")
    assert standin(path.name, tmp_path).version == control["Version"]


@pytest.mark.parametrize("changed", ["program/limits.py", "files/kong.service", "files/control"])
def test_other_sources_are_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """A host's package list tells which stand-in it has."""
    before = build(tmp_path)
    shutil.copytree(Path(deb.__file__).parent, sources := tmp_path / "sources")
    monkeypatch.setattr(deb, "_HERE", sources)
    with (sources / changed).open("a") as file:
        file.write(" .\n" if changed == "files/control" else "# changed\n")
    after = build(tmp_path)
    assert after.name != before.name
    assert control_of(after)["Version"] == after.name.split("_")[1]


def test_it_holds_what_the_deploy_uses_owned_by_root(tmp_path: Path) -> None:
    argv = ["dpkg-deb", "--contents", str(build(tmp_path))]
    listed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    modes = {line.split()[-1]: line.split()[0] for line in listed}
    assert {line.split()[1] for line in listed} == {"root/root"}
    assert modes["./usr/local/bin/kong"] == "-rwxr-xr-x"
    assert modes["./usr/local/openresty/nginx/sbin/nginx"] == "-rwxr-xr-x"
    assert "./lib/systemd/system/kong.service" in modes
    assert "./usr/lib/fountainai-kong-standin/kong_standin/cli.py" in modes
    assert not any("__pycache__" in name for name in modes)
