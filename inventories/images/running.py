"""Which digests the app hosts run, asked over their pinned SSH. Reads, changes no host.

A host that does not answer in time, or with something else, is "not reached", never a failure:
the list of images is of use without it. What a host says is checked before it is shown.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from deploys.agent.docker import ENGINE_SOCKET, LABEL
from inventories.images.names import is_digest

_TIMEOUT_S = 30  # connecting included
_AT_ONCE = 4  # hosts
_LONGEST = 100_000  # bytes of an answer
_GROUP = re.compile(r"[a-z0-9][a-z0-9_.-]{0,100}", re.ASCII)
_SCRIPT = """
import http.client, json, socket, sys, urllib.parse
engine, label, most = {settings}
found = []
try:
    call = http.client.HTTPConnection("engine", timeout=20)
    call.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    call.sock.settimeout(20)
    call.sock.connect(engine)
    query = urllib.parse.quote(json.dumps({{"label": [label + "group"]}}))
    call.request("GET", "/containers/json?filters=" + query)
    for item in json.loads(call.getresponse().read()):
        said = item["Labels"]
        found.append([said.get(label + "group", ""), said.get(label + "image", "")])
except (FileNotFoundError, ConnectionRefusedError):
    pass  # no engine: nothing runs
sys.stdout.write("\\n" + json.dumps(found)[:most] + "\\n")
"""


@dataclass(frozen=True)
class Running:
    """What one host runs: digest -> groups of services; `problem` when it could not be asked."""

    host: str
    digests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    problem: str = ""


def script(engine: str = ENGINE_SOCKET) -> str:
    """What runs on the host, with its standard library only: it lists the running containers of
    this project by group and image."""
    return _SCRIPT.format(settings=repr((engine, LABEL, _LONGEST // 2)))


def running(hosts: Sequence[str], ssh_config: Path) -> list[Running]:
    """Every host, asked side by side, each within half a minute."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda host: _ask(host, ssh_config), sorted(hosts)))


def _ask(host: str, ssh_config: Path) -> Running:
    argv = [
        "ssh", "-F", str(ssh_config), "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", host,
        "sudo -n python3 -IS -",
    ]  # fmt: skip
    try:
        code, out, said = _bounded(argv, script().encode())
    except OSError as problem:
        return Running(host, problem=f"ssh cannot be run: {problem.strerror}")
    if code == -signal.SIGKILL:
        return Running(
            host, problem=f"no answer within {_TIMEOUT_S} s, or one of more than {_LONGEST} bytes"
        )
    if code:
        return Running(host, problem=_plain(said) or f"exit {code}")
    return read(host, out)


def _bounded(argv: Sequence[str], text: bytes) -> tuple[int, bytes, bytes]:
    """Exit code, output and errors of a program that is ended when it takes or says too much."""
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        timer = threading.Timer(_TIMEOUT_S, process.kill)
        timer.start()
        try:
            with ThreadPoolExecutor(1) as pool:
                said = pool.submit(_some, process, process.stderr)
                if process.stdin is not None:
                    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
                        pipe.write(text)
                out = _some(process, process.stdout)
                return process.wait(), out, said.result()
        finally:
            timer.cancel()
            process.kill()


def _some(process: subprocess.Popen[bytes], pipe: IO[bytes] | None) -> bytes:
    found = pipe.read(_LONGEST + 1) if pipe is not None else b""
    if len(found) > _LONGEST:
        process.kill()
    return found[:_LONGEST]


def read(host: str, answer: bytes) -> Running:
    """What a host's answer says; its login shell may have spoken before."""
    try:
        found = json.loads(answer.splitlines()[-1])
        pairs = [(str(group), str(image).rpartition("@")[2]) for group, image in found]
    except (ValueError, IndexError, TypeError):
        return Running(host, problem="it answered with something else than was asked")
    out: dict[str, tuple[str, ...]] = {}
    for group, digest in sorted(set(pairs)):
        if is_digest(digest) and _GROUP.fullmatch(group):
            out[digest] = (*out.get(digest, ()), group)
    return Running(host, out)


def _plain(said: bytes) -> str:
    """The last line of what ssh said, without anything a terminal would act on."""
    lines = said.decode(errors="replace").strip().splitlines()
    return "".join(c for c in lines[-1] if c.isprintable())[:200] if lines else ""
