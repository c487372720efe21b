"""Each operation: a command when there are changes, none and a word when not; no secret outside
standard input; a script that the host's Python understands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from pyinfra.api import FileUploadCommand, FunctionCommand, Inventory, State, StringCommand
from pyinfra.context import ctx_host, ctx_state

from deploys.change import Change
from deploys.ops import steps
from deploys.requests import script

FILE = Change("files", "/etc/x", "+ file /etc/x", {
    "path": "/etc/x", "mode": 0o600, "owner": "root", "group": "root", "content": "UExBTlRFRA==",
    "validate": [], "expect": {},
}, path="/etc/x")  # fmt: skip
RULES = Change("firewall", "fw", "> reload fw", {
    "table": "inet host", "path": "/etc/fw", "seconds": 30, "file": None, "unit": {"name": "fw"},
})  # fmt: skip
ZIP = Change("artefacts", "/opt/x", "+ artefact", {
    "name": "x", "version": "1", "sha256": "ab" * 32, "directory": "/opt/x", "staged": False,
})  # fmt: skip


@pytest.fixture
def noops() -> Iterator[list[str]]:
    """A host in pyinfra's context; what it says on no change."""
    inventory = Inventory((["@fake/one"], {}))
    state = State(inventory)
    host = inventory.get_host("@fake/one")
    said: list[str] = []
    host.noop = said.append  # type: ignore[method-assign]
    with ctx_state.use(state), ctx_host.use(host):
        yield said


def commands(operation: Any, **arguments: Any) -> list[Any]:
    return list(operation._inner(**arguments))


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        (steps.carry_out, {"label": "files", "changes": []}),
        (steps.artefacts, {"changes": [], "archives": {}}),
        (steps.firewall, {"changes": []}),
    ],
)
def test_no_change_means_no_command_and_one_word(
    noops: list[str], operation: Any, arguments: dict[str, Any]
) -> None:
    assert commands(operation, **arguments) == []
    assert len(noops) == 1


def test_changes_are_one_command_with_everything_on_standard_input(noops: list[str]) -> None:
    (command,) = commands(steps.carry_out, label="files", changes=[FILE])
    assert isinstance(command, StringCommand)
    assert command.get_raw_value() == "python3 -IS -"
    assert "UExBTlRFRA==" in command.connector_arguments["_stdin"]
    assert "UExBTlRFRA==" not in repr(command)
    assert noops == []


def test_an_archive_is_uploaded_as_the_login_user_then_unpacked(noops: list[str]) -> None:
    upload, unpack = commands(steps.artefacts, changes=[ZIP], archives={"ab" * 32: "/cache/x"})
    assert isinstance(upload, FileUploadCommand)
    assert upload.src == "/cache/x"
    assert upload.connector_arguments["_sudo"] is False
    assert isinstance(unpack, StringCommand)


def test_firewall_rules_are_confirmed_over_a_new_connection(noops: list[str]) -> None:
    load, confirm = commands(steps.firewall, changes=[RULES])
    assert '\\"seconds\\": 30' in load.connector_arguments["_stdin"]
    assert isinstance(confirm, FunctionCommand)


@pytest.mark.parametrize("do", ["observe", "files", "confirm"])
def test_the_joined_script_is_python_that_imports_nothing_of_ours(do: str) -> None:
    """It runs alone on the host, under its own Python, with the standard library only."""
    tree = ast.parse(script({"do": do, "paths": {}}), feature_version=(3, 12))
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert not [name for name in imported if name.startswith(("deploys", "pyinfra"))]
