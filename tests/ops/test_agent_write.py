"""The agent's writes: compare-and-swap, and whole or not at all wherever the process dies."""

from __future__ import annotations

import getpass
import grp
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploys.agent import write
from deploys.agent.look import look

ME = getpass.getuser()
MINE = grp.getgrgid(os.getgid()).gr_name
KILLER = """
import os, shutil, signal, sys
sys.path.insert(0, sys.argv[1])
from deploys.agent import write
calls = 0
def deadly(real):
    def call(*args, **kwargs):
        global calls
        calls += 1
        if calls == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    return call
for name in ("open", "rename", "fsync", "fchmod", "unlink", "close", "makedirs"):
    setattr(os, name, deadly(getattr(os, name)))
shutil.chown = deadly(shutil.chown)
write.write_whole(sys.argv[2], b"new" * 5000, 0o600, sys.argv[4], sys.argv[5])
"""


def put(path: Path, content: bytes, **more: object) -> None:
    write.write_whole(str(path), content, owner=ME, group=MINE, **more)


def test_a_process_killed_at_any_call_leaves_the_old_or_the_new_file(tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parents[2])
    deaths = 0
    for call in range(1, 60):
        target = tmp_path / str(call) / "file"
        target.parent.mkdir()
        target.write_bytes(b"old")
        argv = [sys.executable, "-c", KILLER, root, str(target), str(call), ME, MINE]
        code = subprocess.run(argv, capture_output=True, timeout=30).returncode
        assert target.read_bytes() in (b"old", b"new" * 5000)
        if target.read_bytes() != b"old":
            assert target.stat().st_mode & 0o777 == 0o600
        if code == 0:
            break
        assert code == -signal.SIGKILL
        deaths += 1
        put(target, b"again")  # what was left lying about does not hinder the next run
        assert [p.name for p in target.parent.iterdir()] == ["file"]
    assert deaths >= 6


def test_what_a_dead_run_had_staged_goes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the next run writes nothing: what the dead one wanted was given up. A key must
    not lie about for ever, and `make verify` fails on it."""
    state, etc, made = (tmp_path / name for name in ("state", "etc", "made"))
    for folder in (state, etc, made):
        folder.mkdir()
    monkeypatch.setattr(write, "STATE", str(state))
    root = str(Path(__file__).resolve().parents[2])
    for target in (etc / "kong.yml", made / "twin.yml", state / "containers.json"):
        call = 0
        while not list(target.parent.glob(".*")):  # dies a little later each time
            call += 1
            argv = [sys.executable, "-c", KILLER, root, str(target), str(call), ME, MINE]
            assert subprocess.run(argv, capture_output=True, timeout=30).returncode < 0
    others = etc / ".someone-elses.new"
    others.write_text("stays")
    write.forget_staged()
    assert set(etc.glob(".*new")) == {etc / ".kong.yml.fountainai-new", others}
    entries = {
        f"gateway:{etc}/kong.yml": {}, f"directory:{made}": {}, f"file:{tmp_path}/never/made": {},
    }  # fmt: skip
    (state / "pending.json").write_text(json.dumps({"run": 3, "entries": entries}))
    write.forget_staged()
    assert sorted(tmp_path.glob("*/.*")) == [others]


def test_a_file_that_is_not_what_the_plan_saw_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"seen")
    seen = look(str(target), secret=True)
    target.write_bytes(b"edited")
    with pytest.raises(write.Stop, match="changed on the host after the plan was made"):
        put(target, b"new", expect={"kind": "file", "digest": seen["digest"]})
    assert target.read_bytes() == b"edited"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_appeared_since_the_plan_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"someone else's")
    with pytest.raises(write.Stop):
        put(target, b"new", expect={})
    assert target.read_bytes() == b"someone else's"


def test_content_that_its_own_program_refuses_is_not_installed(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with pytest.raises(write.Stop, match="refused, the old file is untouched"):
        put(target, b"new", validate=("/bin/grep", "-q", "other", "{}"))
    assert target.read_bytes() == b"old"
    put(target, b"the other", validate=("/bin/grep", "-q", "other", "{}"))
    assert target.read_bytes() == b"the other"


def test_a_secret_is_never_readable_wider_than_it_ends_up(tmp_path: Path) -> None:
    """The staged file exists before its mode is set; it must start at 0600."""
    seen: list[int] = []
    real = os.fsync

    def watch(descriptor: int) -> None:
        seen.extend(p.stat().st_mode & 0o777 for p in tmp_path.iterdir())
        real(descriptor)

    os.fsync = watch
    try:
        put(tmp_path / "key", b"secret", mode=0o400)
    finally:
        os.fsync = real
    assert seen
    assert all(mode & 0o077 == 0 for mode in seen)


def test_a_full_disk_is_one_sentence_and_the_old_file_stays(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    target = tmp_path / "file"
    target.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # the nearest to a full disk
    try:
        with pytest.raises(write.Stop, match="the old file is untouched"):
            put(target, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
