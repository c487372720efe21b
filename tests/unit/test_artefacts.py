"""The artefact fetch: never a file that does not match, never half a file, always a way out."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deploys import artefacts
from deploys.artefacts import FOLDER_VARIABLE, ArtefactError
from deploys.versions import Pinned

CONTENT = b"a zip, as far as a checksum is concerned"
PINNED = Pinned("opensearch", "3.8.0", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network and no cache of the user: a proxy that nobody answers."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy", FOLDER_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def test_own_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / PINNED.filename
    mine.write_bytes(CONTENT)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert artefacts.fetch(PINNED) == mine


def test_wrong_file_in_own_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    """It is the operator's: we say what is wrong and touch nothing."""
    mine = tmp_path / PINNED.filename
    mine.write_bytes(b"something else")
    with pytest.raises(ArtefactError, match=f"wanted {PINNED.sha256}"):
        artefacts.fetch(PINNED, folder=tmp_path)
    assert mine.read_bytes() == b"something else"


def test_folder_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "missing"))
    with pytest.raises(ArtefactError, match="is not a folder"):
        artefacts.fetch(PINNED)


def test_cache_is_used_without_a_network(tmp_path: Path) -> None:
    kept = artefacts.cache_folder() / PINNED.filename
    kept.parent.mkdir(parents=True)
    kept.write_bytes(CONTENT)
    assert artefacts.fetch(PINNED, folder=tmp_path) == kept


def test_damaged_cache_is_never_returned(tmp_path: Path) -> None:
    (tmp_path / PINNED.filename).write_bytes(CONTENT[:-1])
    with pytest.raises(ArtefactError, match="could not be downloaded"):
        artefacts.fetch(PINNED, cache=tmp_path)
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "home"])


def test_no_network_says_the_way_out_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(ArtefactError) as caught:
        artefacts.fetch(PINNED, cache=cache)
    assert "opensearch-3.8.0.zip" in str(caught.value)
    assert FOLDER_VARIABLE in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == []
