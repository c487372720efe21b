"""The behaviour of pyinfra 3.10 that this project relies on or works around.

One small case each, against the real command; a new version is tried by running these first.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PYINFRA = Path(sys.executable).with_name("pyinfra")
INVENTORY = 'hosts = [("@local", {})]\n'
SHELL = 'from pyinfra.operations import server\nserver.shell(name="Say", commands=["true"])\n'


def pyinfra(
    folder: Path, deploy: str, *flags: str, inventory: str = INVENTORY, config: str = ""
) -> subprocess.CompletedProcess[str]:
    (folder / "inventory.py").write_text(inventory)
    (folder / "deploy.py").write_text(deploy)
    if config:
        (folder / "config.py").write_text(config)
    return subprocess.run(
        [str(PYINFRA), "inventory.py", "deploy.py", *flags], cwd=folder, capture_output=True,
        text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def changed(done: subprocess.CompletedProcess[str]) -> list[str]:
    (operation,) = json.loads(done.stdout.splitlines()[-1])["plan"]
    return operation["hosts_with_change"]


def test_yes_turns_change_detection_off(tmp_path: Path) -> None:
    """Why config.py turns it on again: a plan made with -y would look empty."""
    assert changed(pyinfra(tmp_path, SHELL, "--dry", "--json")) == ["@local"]
    assert changed(pyinfra(tmp_path, SHELL, "--dry", "--json", "-y")) == []


def test_config_can_turn_change_detection_on_again(tmp_path: Path) -> None:
    config = "from pyinfra.context import state\nstate.check_for_changes = True\n"
    assert changed(pyinfra(tmp_path, SHELL, "--dry", "--json", "-y", config=config)) == ["@local"]


@pytest.mark.parametrize(
    ("config", "refused"),
    [
        ('REQUIRE_PYINFRA_VERSION = ">=99"\n', False),
        ("from pyinfra.context import config\nconfig.REQUIRE_PYINFRA_VERSION = '>=99'\n", True),
    ],
)
def test_plain_names_in_config_are_ignored(tmp_path: Path, config: str, refused: bool) -> None:
    """Why config.py sets attributes: FAIL_PERCENT as a plain name would stop nothing."""
    done = pyinfra(tmp_path, SHELL, "--dry", config=config)
    assert (done.returncode != 0) is refused


def test_a_limit_that_matches_nothing_exits_zero(tmp_path: Path) -> None:
    """Why inventory.py refuses it itself."""
    assert pyinfra(tmp_path, SHELL, "--dry", "--limit", "nobody").returncode == 0


def test_an_error_in_deploy_code_stops_before_the_first_operation(tmp_path: Path) -> None:
    """What preflight and plan refusals stand on."""
    deploy = SHELL + "from pyinfra.api.exceptions import PyinfraError\nraise PyinfraError('no')\n"
    done = pyinfra(tmp_path, deploy, "-y")
    assert done.returncode == 1
    assert "Starting operation" not in done.stderr
    assert "Traceback" not in done.stderr


def test_the_failed_hosts_hook_can_be_replaced_by_the_inventory(tmp_path: Path) -> None:
    """Without a terminal the prompt "continue?" would end in EOFError and a debug file."""
    inventory = (
        "from pyinfra.context import state as _s\n_s.should_raise_failed_hosts = lambda _: True\n"
        'hosts = [("@local", {}), ("127.0.0.1", {"ssh_port": 9, "ssh_connect_retries": 0})]\n'
    )
    done = pyinfra(tmp_path, SHELL, "--dry", inventory=inventory)
    assert done.returncode == 1
    assert "continue?" not in done.stderr
    assert not (tmp_path / "pyinfra-debug.log").exists()


def test_standard_input_reaches_a_command_and_no_log(tmp_path: Path) -> None:
    """What keeps scripts, requests and secrets out of argv and of every output."""
    deploy = (
        "from pyinfra.api import StringCommand, operation\n"
        "@operation()\ndef say():\n"
        "    yield StringCommand('cat > got', _stdin='PLANTED')\n"
        'say(name="Say")\n'
    )
    done = pyinfra(tmp_path, deploy, "-y", "-vvv", "--debug")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "got").read_text() == "PLANTED\n"
    assert "PLANTED" not in done.stdout + done.stderr


def test_an_unnamed_operation_prints_its_arguments(tmp_path: Path) -> None:
    """Why every operation call has a name."""
    deploy = SHELL.replace('name="Say", ', "").replace("true", "true PLANTED")
    assert "PLANTED" in pyinfra(tmp_path, deploy, "--dry", "--json").stdout


def test_calls_in_a_loop_keep_their_order_for_all_hosts(tmp_path: Path) -> None:
    """What rolling restarts stand on: one operation per host, in order, each a barrier."""
    deploy = (
        "from pyinfra.operations import server\n"
        'for n in ("b", "a", "c"):\n    server.shell(name=f"Say {n}", commands=["true"])\n'
    )
    inventory = 'hosts = ["@fake/one", "@fake/two"]\n'
    done = pyinfra(tmp_path, deploy, "--dry", "--json", inventory=inventory)
    plan = json.loads(done.stdout.splitlines()[-1])["plan"]
    assert [operation["name"] for operation in plan] == ["Say b", "Say a", "Say c"]
    assert all(sorted(o["hosts_with_change"]) == ["@fake/one", "@fake/two"] for o in plan)
