"""A lab of one app host, bought by the project's own commands, for tests of what they wrote."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
_REHEARSE = [sys.executable, "-c", "from inventories.lab.cli import main; main()"]
_SITE = """
[site]
blueprint = "debian_13"
[[hosts]]
name = "gateway-1"
absent = true
[[hosts]]
name = "search-1"
absent = true
"""


def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A program beside the project, with these variables on top."""
    return subprocess.run(
        args, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        env=os.environ | env,
    )  # fmt: skip


def provision(env: str, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`provision` for an environment."""
    return run(sys.executable, "-m", "inventories.provision", *args, "--env", env, **more)


@contextmanager
def one_host(folder: Path, more: str = "") -> Iterator[str]:
    """The name of its environment; `more` is added to its site file, which is kept in `folder`."""
    name = f"t-{secrets.token_hex(4)}"
    overlay = folder / "site.toml"
    overlay.write_text(_SITE + more)
    try:
        up = run(*_REHEARSE, "up", "--name", name, "--site", str(overlay))
        assert up.returncode == 0, up.stderr
        yield name
    finally:
        down = run(*_REHEARSE, "down", "--name", name)
        assert down.returncode == 0, down.stderr
