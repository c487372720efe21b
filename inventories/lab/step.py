"""One command of a rehearsal as a process: started, read line by line, never outliving us."""

from __future__ import annotations

import os
import queue
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

STILL_S = 30.0  # a sign of life after so much silence


@dataclass
class Outcome:
    """What a command said. `data` is its stdout when that was asked for apart, else empty."""

    code: int
    lines: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    seconds: float = 0.0
    file: Path | None = None  # where the complete output is


def done(_: Outcome) -> str:
    return "done"


@dataclass(frozen=True)
class Step:
    """One command. `judge` turns its outcome into a few words or raises LabError with a reason;
    `show` chooses the lines for the screen, `keep` names a file for all of them, `data` reads
    stdout apart from the log on stderr."""

    name: str
    command: str  # as typed in the project's root: [VARIABLE=value ...] program argument ...
    codes: tuple[int, ...] = (0,)
    judge: Callable[[Outcome], str] = done
    show: Callable[[str], bool] = lambda _: True
    keep: str = ""
    data: bool = False


def start(step: Step, root: Path) -> subprocess.Popen[str]:
    """Start the command in `root` without input; plain output, whatever the terminal."""
    argv = ["env", "NO_COLOR=1", "PYINFRA_PROGRESS=off", *shlex.split(step.command)]
    if shutil.which("setpriv"):  # a killed rehearsal must not leave a converge at work
        argv = ["setpriv", "--pdeathsig", "TERM", *argv]
    return subprocess.Popen(
        argv,
        cwd=root,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if step.data else subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def output(
    process: subprocess.Popen[str], step: Step, still: Callable[[], None]
) -> Iterator[tuple[str, bool]]:
    """Lines as they come, each with whether it is data; `still` is called while there are none."""
    lines: queue.Queue[tuple[str, bool] | None] = queue.Queue()

    def read(stream: IO[str], is_data: bool) -> None:
        for line in stream:
            lines.put((line.rstrip("\n"), is_data))
        lines.put(None)

    open_streams = 0
    for stream, is_data in ((process.stdout, step.data), (process.stderr, False)):
        if stream is not None:
            threading.Thread(target=read, args=(stream, is_data), daemon=True).start()
            open_streams += 1
    while open_streams:
        try:
            line = lines.get(timeout=STILL_S)
        except queue.Empty:
            still()
            continue
        if line is None:
            open_streams -= 1
        else:
            yield line
