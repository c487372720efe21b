"""Archives on the host: complete or absent, and never outside their folder."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from deploys.agent import system


def archive(path: Path, names: dict[str, tuple[str, int]]) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        for name, (text, mode) in names.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            out.writestr(info, text)
    return path


def request(path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(system, "STAGING", str(path.parent / "%s.zip"))
    path.rename(path.parent / f"{digest}.zip")
    return {
        "artefacts": [{"name": "thing", "version": "1", "sha256": digest, "directory": str(target)}]
    }


def test_an_archive_is_unpacked_without_its_top_folder_and_with_its_modes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "a", {"t-1/bin/run": ("#!", 0o755), "t-1/conf": ("c", 0o664)})
    target = tmp_path / "opt"
    monkeypatch.setattr(system, "write_json", lambda p, v: Path(p).write_text(str(v)))
    system.do_artefacts(request(path, target, monkeypatch))
    assert (target / "bin/run").stat().st_mode & 0o777 == 0o755
    assert (target / "conf").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "names",
    [
        {"t/../../evil": ("x", 0o644)},
        {"one/a": ("x", 0o644), "two/b": ("x", 0o644)},
        {"t//etc/evil": ("x", 0o644)},
    ],
)
def test_an_archive_that_leaves_its_folder_is_refused_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: dict[str, tuple[str, int]]
) -> None:
    target = tmp_path / "deep/opt"
    target.parent.mkdir()
    with pytest.raises(system.Stop, match="could not be unpacked"):
        system.do_artefacts(request(archive(tmp_path / "a", names), target, monkeypatch))
    assert not target.exists()
    assert not list(tmp_path.rglob("evil"))


def test_a_damaged_upload_is_dropped_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = request(archive(tmp_path / "a", {"t/x": ("x", 0o644)}), tmp_path / "o", monkeypatch)
    (staged,) = tmp_path.glob("*.zip")
    staged.write_bytes(staged.read_bytes()[:-3])
    with pytest.raises(system.Stop, match="damaged and was dropped; run again"):
        system.do_artefacts(wanted)
    assert not staged.exists()
