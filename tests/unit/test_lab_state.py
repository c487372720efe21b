"""Names, records and locks of labs, without any host."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventories.lab import state
from inventories.lab.errors import LabError
from inventories.lab.state import Lab


@given(st.text())
def test_a_lab_name_is_safe_in_paths_tables_and_units_or_refused(name: str) -> None:
    try:
        checked = state.checked_name(name)
    except LabError:
        return
    assert checked == name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert name[0].isalpha()
    assert name[-1] != "-"
    assert 2 <= len(name) <= 24


@given(st.text())
def test_a_host_name_is_safe_in_paths_or_refused(name: str) -> None:
    try:
        state.checked_host(name)
    except LabError:
        return
    assert name.isascii()
    assert name.replace("-", "").isalnum()
    assert not name.startswith("-")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(state, "ROOT", tmp_path)
    return tmp_path


def test_a_lab_is_read_back_as_it_was_saved(root: Path) -> None:
    (root / "one").mkdir()
    lab = Lab("one", "10.83.9.0/24", "10.83.9.1", "flab9", rtt_ms=40, pids={"api": 7}).save()
    assert state.find("one") == lab
    assert state.load("one").table == "lab-one"
    changed = lab.changed(api="http://127.0.0.1:1", ready=True)
    assert state.find("one") == changed
    assert [p.name for p in (root / "one").iterdir()] == ["lab.json"], "no temporary file stays"


def test_an_unknown_lab_says_which_there_are(root: Path) -> None:
    (root / "one").mkdir()
    (root / ".hidden").mkdir()
    assert state.names() == ["one"]
    with pytest.raises(LabError, match=r"no lab 'two' \(labs on this machine: one\)"):
        state.load("two")


def test_a_held_lock_refuses_and_a_released_one_is_had(root: Path) -> None:
    place = root / "one"
    with (
        state.locked(place, what="the lab 'one'"),
        pytest.raises(LabError, match="Another command is working on the lab 'one'"),
        state.locked(place, what="the lab 'one'"),
    ):
        pass
    with state.locked(place, what="the lab 'one'"):
        pass


def test_who_waited_for_a_removed_directory_locks_the_new_one(root: Path) -> None:
    # `down` removes what it locks: a waiting `up` must not hold a lock on a directory that is gone
    place = root / "one"
    inside = threading.Event()
    had: list[bool] = []

    def wait() -> None:
        inside.set()
        with state.locked(place, what="x", wait_s=10):
            had.append(place.exists())

    with state.locked(place, what="x"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert inside.wait(5)
        place.rmdir()
    waiting.join(10)
    assert had == [True]


def test_a_lock_inside_a_removed_lab_does_not_bring_it_back(root: Path) -> None:
    with (
        pytest.raises(LabError, match="its lab was removed"),
        state.locked(root / "one" / "locks" / "host", what="host 'a'"),
    ):
        pass
    assert list(root.iterdir()) == []
