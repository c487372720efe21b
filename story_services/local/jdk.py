"""Which Java of this machine can run the node: each is asked what it is, never judged by its name.

Guarantees: a Java is returned only when it runs for the user that the node will run as, is new
enough and has the locale data without which no index can be created.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploys import versions
from story_services.local.errors import LocalNodeError

LEAST = 21  # what OpenSearch 3 is compiled for
JVM_FOLDER = Path("/usr/lib/jvm")
LOCALES = "jdk.localedata"  # small Javas lack it, and text analysis then fails (Thai)
ANSWER_LIMIT_S = 30.0


@dataclass(frozen=True)
class Jdk:
    """A Java that answered: its `java` command and its feature version, e.g. 21."""

    java: Path
    major: int


def find(as_user: Sequence[str] = (), *, folder: Path = JVM_FOLDER) -> Jdk | None:
    """The first fitting Java of JAVA_HOME, PATH and `folder`; None when there is none.

    `as_user` is a command prefix that drops to the node's user.
    """
    for home in _candidates(folder):
        try:
            return checked(home, as_user)
        except LocalNodeError:
            continue
    return None


def checked(home: Path, as_user: Sequence[str] = ()) -> Jdk:
    """The Java in `home`, or LocalNodeError with the reason why it cannot run the node."""
    java = home / "bin/java"
    told = _ask([*as_user, str(java), "-XshowSettings:properties", "-version"])
    found = re.search(r"java\.specification\.version = (?:1\.)?(\d+)", told)
    if found is None:
        raise LocalNodeError(f"There is no Java that runs in {home}; {_way_out()}.")
    major = int(found[1])
    if major < LEAST:
        raise LocalNodeError(
            f"The Java in {home} is {major}, OpenSearch {versions.OPENSEARCH_DEFAULT} needs "
            f"{LEAST} or newer; {_way_out()}."
        )
    if LOCALES not in _ask([*as_user, str(java), "--list-modules"]):
        raise LocalNodeError(
            f"The Java in {home} lacks the module {LOCALES}, without which no index can be "
            f"created; {_way_out()}."
        )
    return Jdk(java, major)


def none_found(reason: str, *, folder: Path = JVM_FOLDER) -> LocalNodeError:
    """The error when no Java fits, with what was there and what to do about it."""
    seen = ", ".join(str(home) for home in _candidates(folder)) or "none"
    return LocalNodeError(
        f"No Java {LEAST} or newer was found for a local OpenSearch (looked at: {seen}); "
        f"{_way_out()}. {reason}"
    )


def _way_out() -> str:
    return (
        f"install one ('sudo apt-get install {versions.JAVA_PACKAGE}' on Debian 13 and "
        "Ubuntu 24.04) or name its folder in JAVA_HOME"
    )


def _candidates(folder: Path) -> Iterator[Path]:
    """Homes in the order in which a person would expect them, each once."""
    named = os.environ.get("JAVA_HOME")
    homes = [Path(named)] if named else []
    if java := shutil.which("java"):
        homes.append(Path(java).resolve().parent.parent)
    if folder.is_dir():
        homes += sorted(folder.iterdir())
    seen: set[Path] = set()
    for home in homes:
        real = home.resolve()
        if real not in seen and (home / "bin/java").exists():
            seen.add(real)
            yield home


def _ask(argv: list[str]) -> str:
    """What the command printed; nothing when it cannot run or fails."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=ANSWER_LIMIT_S,
            cwd="/",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
