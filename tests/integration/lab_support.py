"""What the tests of the lab share: labs with names of their own, strict ssh, and what is left.

Everything a lab makes carries its name or its subnet's number, so looking for these finds what was
left behind, also while other labs run on the same machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inventories.lab import state
from inventories.lab.driver import LabDriver
from inventories.lab.hosts import LabHost

REHEARSE = [sys.executable, "-c", "from inventories.lab.cli import main; main()"]


def rehearse(*arguments: str, wrapper: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, optionally below another one."""
    return subprocess.run(
        [*wrapper, *REHEARSE, *arguments], capture_output=True, text=True, timeout=300, check=False
    )


def fresh_name() -> str:
    return f"t-{secrets.token_hex(5)}"


@contextlib.contextmanager
def lab(*options: str, name: str | None = None) -> Iterator[LabDriver]:
    """A bare lab, removed at the end whatever happened."""
    name = name or fresh_name()
    try:
        made = rehearse("up", "--bare", "--name", name, *options)
        assert made.returncode == 0, made.stderr
        yield LabDriver(name)
    finally:
        gone = rehearse("down", "--name", name)
        assert gone.returncode == 0, gone.stderr


@dataclass(frozen=True)
class Login:
    """A key pair, and ssh by it with the host's keys checked strictly."""

    directory: Path

    @classmethod
    def make(cls, directory: Path) -> Login:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / "key")],
            check=True,
        )
        return cls(directory)

    @property
    def public(self) -> str:
        return (self.directory / "key.pub").read_text().strip()

    def ssh(
        self, host: LabHost, command: str, *, user: str = "admin", keys_of: LabHost | None = None
    ) -> subprocess.CompletedProcess[str]:
        known = self.directory / "known_hosts"
        at = host.address if host.port == 22 else f"[{host.address}]:{host.port}"
        keys = (keys_of or host).host_keys
        known.write_text("".join(f"{at} {kind} {key}\n" for kind, key in keys))
        options = (
            f"UserKnownHostsFile={known}",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=yes",
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "ConnectTimeout=10",
        )
        flags = [flag for option in options for flag in ("-o", option)]
        target = ["-i", str(self.directory / "key"), "-p", str(host.port), f"{user}@{host.address}"]
        return subprocess.run(
            ["ssh", "-F", "/dev/null", *flags, *target, command],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, host: LabHost, command: str) -> str:
        done = self.ssh(host, command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()


def marks(name: str) -> list[str]:
    """Texts that name what belongs to the lab: call it while the lab is there."""
    found = state.find(name)
    if found is None:
        return [name]
    number = found.bridge.removeprefix("flab")
    return [name, found.bridge, f"vb-{number}h", found.subnet.removesuffix("0/24")]


def left_behind(texts: list[str]) -> list[str]:
    """Processes, links, rules, mounts, devices, groups and files that carry one of the texts.

    A lab that is gone gives its number back, and a test beside this one may make a lab with it at
    any moment: what such a lab shows under that number is its own.
    """
    name, *numbered = texts
    taken = _held_by_others(name)
    lines = _everything()
    taken |= _held_by_others(name)
    wanted = [re.escape(text) for text in numbered if text not in taken]
    # flab7 is not flab70, which another lab may have.
    wanted = [rf"{text}(?!\d)" if text[-1].isdigit() else text for text in wanted]
    pattern = re.compile("|".join([re.escape(name), *wanted]))
    return [line for line in lines if pattern.search(line) and "pytest" not in line]


def _held_by_others(name: str) -> set[str]:
    return {text for other in state.names() if other != name for text in marks(other)[1:]}


def _everything() -> list[str]:
    lines: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid() or _ended(process):
            continue
        for what in ("cmdline", "cgroup", "mountinfo", "comm"):
            with contextlib.suppress(OSError):
                text = (process / what).read_bytes().replace(b"\0", b" ").decode(errors="replace")
                lines += [f"process {process.name} {what}: {line}" for line in text.splitlines()]
    for command in (
        ["ip", "-o", "address"],
        ["ip", "-o", "link"],
        ["ip", "route"],
        ["nft", "list", "ruleset"],
        ["losetup", "--all"],
        ["find", "/sys/fs/cgroup", "-type", "d"],
        [
            "find",
            "/var/lib/fountainai-lab",
            "/run",
            "/tmp",
            "/dev/shm",
            "/var/cache/fountainai-lab",
        ],
        ["find", "inventories/generated", ".secrets"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines += [f"{command[0]}: {line}" for line in done.stdout.splitlines()]
    return lines


def _ended(process: Path) -> bool:
    """Whether only the exit status is left, which process 1 has not fetched yet."""
    try:
        return (process / "stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return True


def status(name: str) -> dict[str, object]:
    shown = rehearse("status", "--name", name, "--json")
    assert shown.returncode == 0, shown.stderr
    found: dict[str, object] = json.loads(shown.stdout)
    return found
