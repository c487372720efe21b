"""What decides about the services' image in a lab, and an image as a folder. Nothing is built."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from inventories.lab import image, oci


def test_pip_is_told_where_the_machine_fetches_from_and_nothing_else() -> None:
    listing = (
        "global.index-url='https://one.example/simple'\n"
        ":env:.index-url='https://user:pass@two.example/simple'\n"
        "global.cert='/etc/own.crt'\n"
        "global.find-links='/opt/wheels'\n"
        "install.trusted-host='a.example\\nb.example'\n"
        "freeze.timeout='9'\n"
        "a warning of pip\n"
    )
    assert image.pip_conf(listing) == (
        "[global]\n"
        "index-url = https://user:pass@two.example/simple\n"
        "trusted-host = a.example b.example\n"
    )
    assert image.pip_conf(listing.splitlines()[2]) == ""


def test_sources_are_what_the_image_can_have(tmp_path: Path) -> None:
    for name in ("a.py", "b/c.py", "b/__pycache__/c.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert image.sources(tmp_path) == [tmp_path / "a.py", tmp_path / "b/c.py"]


def made(folder: Path, hostname: str) -> Path:
    """An image as buildah leaves it, with a layer and random names."""
    folder.mkdir()
    config = {
        "container": hostname * 5,
        "container_config": {"Hostname": hostname},
        "config": {"Hostname": hostname, "Cmd": ["x"], "Labels": {}},
        "parent": "sha256:" + hostname,
    }
    names = {}
    for what, raw in {"config": json.dumps(config).encode(), "layer": b"bytes"}.items():
        names[what] = hashlib.sha256(raw).hexdigest()
        (folder / names[what]).write_bytes(raw)
    manifest = {
        "config": {"size": 1, "digest": f"sha256:{names['config']}"},
        "layers": [{"size": 5, "digest": f"sha256:{names['layer']}"}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def consistent(folder: Path) -> dict[str, object]:
    manifest = json.loads((folder / "manifest.json").read_text())
    for entry in (manifest["config"], *manifest["layers"]):
        raw = (folder / entry["digest"].removeprefix("sha256:")).read_bytes()
        assert entry == {"size": len(raw), "digest": f"sha256:{hashlib.sha256(raw).hexdigest()}"}
    assert len(list(folder.iterdir())) == 3
    return manifest


def test_equal_content_is_an_equal_image(tmp_path: Path) -> None:
    one, two = made(tmp_path / "1", "aaa"), made(tmp_path / "2", "bbb")
    assert oci.digest(one) != oci.digest(two)
    oci.settled(one)
    oci.settled(two)
    assert oci.digest(one) == oci.digest(two)
    consistent(one)
    assert oci.config(one)["config"]["Cmd"] == ["x"]


def test_a_variant_is_another_image_and_leaves_the_first_alone(tmp_path: Path) -> None:
    one = made(tmp_path / "1", "aaa")
    oci.settled(one)
    before = {path.name: path.read_bytes() for path in one.iterdir()}

    def change(found: oci.Json) -> None:
        found["config"]["Cmd"] = ["y"]

    oci.variant(one, tmp_path / "2", change)
    assert {path.name: path.read_bytes() for path in one.iterdir()} == before
    assert oci.digest(tmp_path / "2") != oci.digest(one)
    assert consistent(tmp_path / "2")["layers"] == consistent(one)["layers"]
    assert oci.config(tmp_path / "2")["config"]["Cmd"] == ["y"]


@pytest.mark.parametrize("change", ["requirements.lock", "story_services/x.py", "new", "mode"])
def test_whatever_goes_into_the_image_decides_about_it(tmp_path: Path, change: str) -> None:
    (tmp_path / "story_services").mkdir()
    base = tmp_path / "base.tar"
    for path in (base, tmp_path / "requirements.lock", tmp_path / "story_services/x.py"):
        path.write_text("x")
    before = image._key(tmp_path, base)
    (tmp_path / "story_services/__pycache__").mkdir()
    (tmp_path / "story_services/__pycache__/x.pyc").write_text("x")
    assert image._key(tmp_path, base) == before
    if change == "new":
        (tmp_path / "story_services/y.py").write_text("")
    elif change == "mode":
        (tmp_path / "story_services/x.py").chmod(0o755)
    else:
        (tmp_path / change).write_text("y")
    assert image._key(tmp_path, base) != before
