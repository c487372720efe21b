"""Cuts the project's lock down to what the services need, for their image. Pure but for `main`.

Guarantees: the very same versions and hashes as in the lock, and whatever the needed packages
need in turn; of the tools for deploying and testing nothing. Runs by itself, on any Python 3.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

#: What the services import, and what makes their server fast. Their own needs follow.
ROOTS = (
    "aiohttp",
    "fastapi",
    "httptools",
    "opensearch-py",
    "orjson",
    "prometheus-client",
    "pydantic",
    "screenplay-tools",
    "uvicorn",
    "uvloop",
)

_BLOCK = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_VIA = re.compile(r"^    # +(?:via +)?([A-Za-z0-9._-]+)(?:\[[^]]*\])?(?: .*)?$", re.MULTILINE)


def cut(lock: str, roots: tuple[str, ...] = ROOTS) -> str:
    """The part of a lock that `roots` and their needs are. KeyError for a root it does not pin.

    The lock says of each package because of whom it is there (`# via`).
    """
    blocks = {_NAME.match(block)[0]: block for block in _BLOCK.split(lock)[1:]}  # type: ignore[index]
    needed_by = {name: set(_VIA.findall(block)) - {"via"} for name, block in blocks.items()}
    needed = set(roots)
    if missing := needed - blocks.keys():
        raise KeyError(f"not in the lock: {', '.join(sorted(missing))}")
    while more := {n for n, parents in needed_by.items() if parents & needed} - needed:
        needed |= more
    return "".join(block for name, block in blocks.items() if name in needed)


def main(file: str) -> None:
    """Print what is left of the lock in that file."""
    sys.stdout.write(cut(Path(file).read_text()))


if __name__ == "__main__":
    main(sys.argv[1])
