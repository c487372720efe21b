"""Secrets from environment, file and command: whole, or refused in a sentence without the value."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploys import sources
from deploys.secret_settings import Source
from deploys.secrets import SecretError
from deploys.sources import LIMIT, read, read_token, replace_file

ROOT = Path(__file__).resolve().parents[2]
PLANTED = b"planted-\xff-value"
one_folder = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
few = settings(one_folder, max_examples=15)
values = st.binary(min_size=1, max_size=300).filter(lambda v: not v.endswith(b"\n"))


def private(path: Path, content: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def printing(folder: Path, program: str) -> Source:
    """A command of its own name: what a command printed is asked once per process."""
    script = folder / f"print-{time.monotonic_ns()}.py"
    script.write_text(program)
    return Source(command=(sys.executable, "-S", str(script)))


def refused(source: Source, base: Path) -> str:
    with pytest.raises(SecretError) as problem:
        read(source, what="registry_token", base=base)
    assert "registry_token" in str(problem.value)
    return str(problem.value)


@one_folder
@given(value=values)
def test_file_gives_back_any_bytes(tmp_path: Path, value: bytes) -> None:
    """With or without the newline that editors and `echo` add, and no more than that one."""
    for written, found in (
        (value, value),
        (value + b"\n", value),
        (value + b"\n\n", value + b"\n"),
    ):
        private(tmp_path / "s", written)
        if not written.endswith(b"\r\n"):
            assert read(Source(file="s"), what="x", base=tmp_path).reveal() == found


@one_folder
@given(value=values.filter(lambda v: b"\0" not in v))
def test_environment_gives_back_any_bytes(tmp_path: Path, value: bytes) -> None:
    os.environb[b"PLANTED_VALUE"] = value
    assert read(Source(env="PLANTED_VALUE"), what="x", base=tmp_path).reveal() == value


@few
@given(value=values.filter(lambda v: not v.endswith(b"\r")))
def test_command_gives_back_any_bytes(tmp_path: Path, value: bytes) -> None:
    program = f"import os; os.write(1, {value + chr(10).encode()!r})"
    assert read(printing(tmp_path, program), what="x", base=tmp_path).reveal() == value


def test_file_of_windows_loses_its_whole_line_end(tmp_path: Path) -> None:
    private(tmp_path / "s", b"token\r\n")
    assert read(Source(file="s"), what="x", base=tmp_path).reveal() == b"token"


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (None, 0, "No such file"),
        (b"", 0o600, "is empty"),
        (b"\n", 0o600, "is empty"),
        (b"x" * (LIMIT + 1), 0o600, "larger than 64 KiB"),
        (b"x", 0o640, "chmod 600"),
        (b"x", 0o604, "chmod 600"),
    ],
)
def test_file_is_refused(tmp_path: Path, content: bytes | None, mode: int, says: str) -> None:
    if content is not None:
        private(tmp_path / "s", content).chmod(mode)
    assert says in refused(Source(file="s"), tmp_path)


def test_largest_value_passes(tmp_path: Path) -> None:
    private(tmp_path / "s", b"x" * LIMIT + b"\n")
    assert len(read(Source(file="s"), what="x", base=tmp_path).reveal()) == LIMIT


def test_pipe_and_folder_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p", 0o600)
    (tmp_path / "d").mkdir(mode=0o700)
    assert "no ordinary file" in refused(Source(file="p"), tmp_path)
    assert "file d" in refused(Source(file="d"), tmp_path)


def test_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANTED_VALUE", raising=False)
    assert "export PLANTED_VALUE" in refused(Source(env="PLANTED_VALUE"), tmp_path)
    monkeypatch.setenv("PLANTED_VALUE", "")
    assert "is empty" in refused(Source(env="PLANTED_VALUE"), tmp_path)


def test_failing_command_says_why_and_nothing_it_printed(tmp_path: Path) -> None:
    program = (
        "import os, sys; os.write(1, b'the-planted-one\\n')\n"
        "os.write(2, b'noise ' * 2000 + b'vault \\x1b[31mis\\nlocked, not the-planted-one')\n"
        "sys.exit(3)"
    )
    told = refused(printing(tmp_path, program), tmp_path)
    assert "ended with code 3" in told
    assert "locked, not <secret>" in told
    assert "planted-one" not in told
    assert "\x1b" not in told
    assert "\n" not in told
    assert len(told) < 600


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("pass", "is empty"),
        ("import os\nwhile True: os.write(1, b'planted' * 999)", "prints more than 64 KiB"),
        ("import time; time.sleep(60)", "did not end within"),
        ("open('/dev/tty').read()", "ended with code 1"),
        ("import sys; print(input())", "EOF"),
    ],
)
def test_command_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, says: str
) -> None:
    monkeypatch.setattr(sources, "TIMEOUT_S", 5.0)
    started = time.monotonic()
    told = refused(printing(tmp_path, program), tmp_path)
    assert says in told
    assert "planted" not in told
    assert time.monotonic() - started < 15


def test_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    told = refused(Source(command=("no-such-manager", "planted")), tmp_path)
    assert "command no-such-manager" in told
    assert "planted" not in told


def test_command_that_leaves_children_is_ended_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child keeps the pipe open: waiting for the command alone would hang."""
    monkeypatch.setattr(sources, "TIMEOUT_S", 2.0)
    source = printing(tmp_path, "import subprocess; print(subprocess.Popen(['sleep', '300']).pid)")
    assert "did not end" in refused(source, tmp_path)
    assert source.command is not None
    left = subprocess.run(["pgrep", "-fx", "sleep 300"], capture_output=True, text=True).stdout
    assert not [pid for pid in left.split() if _in(Path(f"/proc/{pid}/cwd"), tmp_path)]


def _in(link: Path, folder: Path) -> bool:
    return link.exists() and link.resolve() == folder.resolve()


def test_command_is_asked_once_and_in_its_folder(tmp_path: Path) -> None:
    source = printing(tmp_path, "open('asked', 'a').write('x'); print('value')")
    for _ in range(3):
        assert read(source, what="x", base=tmp_path).reveal() == b"value"
    assert (tmp_path / "asked").read_text() == "x"


def test_arguments_are_no_shell_text(tmp_path: Path) -> None:
    source = Source(command=("printf", "%s", "$(touch made); `touch made` > made"))
    assert read(source, what="x", base=tmp_path).reveal().startswith(b"$(touch")
    assert not (tmp_path / "made").exists()


def test_command_works_inside_pyinfra(tmp_path: Path) -> None:
    """pyinfra replaces threads, pipes and processes by gevent's."""
    code = (
        "from gevent import monkey; monkey.patch_all()\n"
        "from pathlib import Path\n"
        "from deploys.secret_settings import Source\n"
        "from deploys import sources\n"
        "from deploys.secrets import SecretError\n"
        "base = Path('/')\n"
        "ask = lambda *argv: sources.read(Source(command=argv), what='x', base=base).reveal()\n"
        "assert ask('printf', 'value') == b'value'\n"
        "sources.TIMEOUT_S = 1.0\n"
        "for argv in (('sleep', '50'), ('yes',), ('false',)):\n"
        "    try: ask(*argv)\n"
        "    except SecretError as e: print(e)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ran.stderr == ""
    said = ran.stdout.splitlines()
    assert [("did not end", "prints more", "ended with")[n] in line for n, line in enumerate(said)]
    assert len(said) == 3


@pytest.mark.parametrize(
    "value", [b"two words", b"line\nline", b"t\xc3\xa4g", b"a\x00b", b"a" * 4097]
)
def test_token_is_one_word(tmp_path: Path, value: bytes) -> None:
    private(tmp_path / "s", value)
    with pytest.raises(SecretError, match="one word") as problem:
        read_token(Source(file="s"), what="registry_token", base=tmp_path)
    assert value.decode(errors="replace") not in str(problem.value)


def test_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    source = Source(file="s")
    private(tmp_path / "s", b"old").chmod(0o644)
    replace_file(source, PLANTED, base=tmp_path)
    assert read(source, what="x", base=tmp_path).reveal() == PLANTED
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["s"]
    with pytest.raises(SecretError, match="env A"):
        replace_file(Source(env="A"), PLANTED, base=tmp_path)
