"""Who is measured, and how each is called: the commands a person would type.

All reach the same hosts with the same key, strict host keys and sudo; none runs with settings
that slow it down: stock pyinfra has our TCP_NODELAY transport, Ansible has pipelining, one shared
connection per host and no fact gathering.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.items import OPERATIONS
from benchmarks.outcome import ansible_unchanged, ours_unchanged, stock_unchanged

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmarks"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Variant:
    """One contender in one mode. `prompt`: a text that is answered with the enter key."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    unchanged: Callable[[str], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    prompt: str = ""


ASKS = "Press enter to execute"
MODES = (("dry", ("--dry",), ""), ("-y", ("-y",), ""), ("interactive", (), ASKS))


def environment(env: str, commit: str) -> dict[str, str]:
    """Of every run. The commit is given, so that an edit of the tree is no change of the hosts."""
    fixed = {"NO_COLOR": "1", "PYINFRA_PROGRESS": "off", "LC_ALL": "C.UTF-8"}
    named = {"DEPLOY_ENV": env, "FOUNTAINAI_COMMIT": commit, "PYTHONPATH": str(ROOT)}
    return {**os.environ, **fixed, **named}


def pyinfra(hosts: int) -> list[Variant]:
    """Ours and stock pyinfra in all three modes, and a run that only connects."""
    ours = partial(ours_unchanged, hosts=hosts)
    stock = partial(stock_unchanged, hosts=hosts, operations=OPERATIONS)
    run, folder = str(BIN / "pyinfra"), HERE / "stock"
    ours_argv = (run, "inventory.py", "benchmarks/ours/deploy.py")
    found = [Variant("empty", (run, "inventory.py", "empty.py", "-y"), folder, lambda _: True)]
    for mode, flags, prompt in MODES:
        found += [
            Variant(f"ours {mode}", (*ours_argv, *flags), ROOT, ours, prompt=prompt),
            Variant(
                f"stock {mode}", (run, "inventory.py", "deploy.py", *flags), folder, stock,
                prompt=prompt,
            ),
        ]  # fmt: skip
    return found


def ansible(names: list[str], ssh_config: Path, scratch: Path) -> list[Variant]:
    """ansible-core, a run and a check. `scratch` takes its sockets and temporary files."""
    argv = (str(BIN / "ansible-playbook"), "-i", ",".join([*names, ""]), "playbook.yml")
    shared = f"-F '{ssh_config}' -o ControlMaster=auto -o ControlPersist=60s"
    env = {
        "ANSIBLE_HOME": str(scratch / "home"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(scratch),
        "ANSIBLE_SSH_ARGS": shared,
        "ANSIBLE_NOCOLOR": "1",
    }
    unchanged = partial(ansible_unchanged, hosts=len(names))
    return [
        Variant("ansible run", argv, HERE / "ansible", unchanged, env),
        Variant("ansible check", (*argv, "--check"), HERE / "ansible", unchanged, env),
    ]
