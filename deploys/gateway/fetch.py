"""What a gateway host says was last applied there: the redacted configuration and the documents.

Reads two files over the host's pinned SSH (the generated ssh_config) and changes nothing. A host
that was never converged has neither; an unreachable one, or a file that somebody ruined, is one
sentence.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploys.gateway.reading import Unreadable, parse

TWIN, DOCUMENTS = "/etc/kong/applied/gateway.yml", "/etc/kong/applied/openapi.json"
_TIMEOUT_S = 60  # connecting included
_LONGEST = 32_000_000  # bytes of a file
#: Files that are not there are null. Standard library only: it runs on the host.
_SCRIPT = f"""
import json, sys
found = []
for path in {TWIN!r}, {DOCUMENTS!r}:
    try:
        with open(path, "rb") as file:
            found.append(file.read({_LONGEST}).decode(errors="replace"))
    except FileNotFoundError:
        found.append(None)
json.dump(found, sys.stdout)
"""


class FetchError(Exception):
    """A host that cannot be asked; one sentence with what to run next."""


@dataclass(frozen=True)
class Applied:
    """The last apply of a host; None where it left nothing."""

    twin: dict[str, Any] | None = field(repr=False)
    documents: dict[str, Any] | None = field(repr=False)
    notes: tuple[str, ...] = ()  # what could not be used, and why


def fetch(host: str, ssh_config: Path, *, status: str) -> Applied:
    """Ask `host`. FetchError when it cannot be reached; `status` is the command to run then."""
    argv = [
        "ssh", "-F", str(ssh_config), "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", host,
        "sudo -n python3 -IS -",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            argv, input=_SCRIPT, capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"{host} did not answer within {_TIMEOUT_S} s; run: {status}") from None
    except OSError as problem:
        raise FetchError(f"ssh cannot be run: {problem.strerror}; install openssh-client") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        raise FetchError(f"{host} cannot be asked what is applied: {said}; run: {status}")
    try:
        twin, documents = json.loads(done.stdout)
    except ValueError:
        raise FetchError(
            f"{host} answered with something else than was asked; does its login shell print?"
        ) from None
    return read(twin, documents)


def read(twin: str | None, documents: str | None) -> Applied:
    """The two files as values; what is ruined counts as not there, with a note."""
    notes: list[str] = []
    configuration: dict[str, Any] | None = None
    if twin is not None:
        try:
            configuration = parse(twin.encode())
        except Unreadable as problem:
            notes.append(f"{TWIN} cannot be read ({problem}): differences are not known")
            configuration = {}
    known: dict[str, Any] | None = None
    if documents is not None:
        try:
            loaded = json.loads(documents)
            known = loaded if isinstance(loaded, dict) else None
        except ValueError:
            pass
        if known is None:
            notes.append(f"{DOCUMENTS} cannot be read: breaking changes are not known")
    elif twin is not None:
        notes.append(f"{DOCUMENTS} is missing: breaking changes are not known")
    return Applied(configuration, known, tuple(notes))
