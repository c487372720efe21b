"""The project's own rules, read from its tracked files; each has a reason a reader can check."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import urlparse

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Files that may be longer than 300 lines, with the reason.
LONG: dict[str, str] = {}
#: The only modules that may import each edge library; everything else stays pure of it.
EDGES = {
    "boto3": {"inventories/lightsail.py"},
    "botocore": {"inventories/lightsail.py", "inventories/api_errors.py", "inventories/wire.py"},
    "pyinfra": {
        "inventory.py", "config.py", "deploys/run.py", "deploys/converge.py", "deploys/locking.py",
        "deploys/app.py", "deploys/kong.py", "deploys/opensearch.py", "deploys/ssh_check.py",
        "deploys/ops/steps.py", "deploys/ops/waits.py", "deploys/departure.py",
        "deploys/facts/observed.py", "deploys/rollback.py",
    },
    "opensearchpy": {"story_services/common/store/client.py"},
    "screenplay_tools": {"story_services/corpora/fountain/lines.py"},
    "yaml": {"deploys/gateway/reading.py"},
    "httpx": {
        "inventories/images/http.py", "story_services/client/api.py",
        "story_services/client/retrying.py",
    },
    "tomlkit": {"inventories/images/site_image.py"},
    "github": {"inventories/github.py"},
}  # fmt: skip


@cache
def tracked() -> list[str]:
    """What git would commit: tracked and new files, without ignored ones."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted({n for n in names.splitlines() if (ROOT / n).is_file()})


def sources(*below: str) -> list[str]:
    return [n for n in tracked() if n.endswith(".py") and n.startswith(below or ("",))]


@cache
def tree(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text())


def imports(name: str) -> set[str]:
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_edge_libraries_are_imported_by_their_own_modules_only() -> None:
    """A pure core decides: it can be tested and read without a network or a framework."""
    ours = [n for n in sources() if not n.startswith(("tests/", "benchmarks/"))]
    lab = "inventories/lab/lightsail/"  # the stand-in speaks the API from botocore's own model
    wrong = {
        name: library
        for library, allowed in EDGES.items()
        for name in ours
        if library in imports(name) and name not in allowed
        and not (library == "botocore" and name.startswith(lab))
    }  # fmt: skip
    assert wrong == {}


def test_the_web_framework_stays_at_the_edge() -> None:
    """Services decide without HTTP: only their routes and the common HTTP layer know of it."""
    framework = {"fastapi", "starlette", "uvicorn"}
    users = {n for n in sources("story_services/") if imports(n) & framework}
    assert {
        n for n in users
        if not n.startswith("story_services/common/http/") and not n.endswith("routes.py")
    } == set()  # fmt: skip


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        n for n in sources() if (ROOT / n).read_text().strip() and not ast.get_docstring(tree(n))
    ]
    assert silent == []


def test_files_stay_small() -> None:
    """Over 300 lines needs a reason; half of all files stay below 100."""
    code = [n for n in sources() if not n.startswith("tests/")]
    sizes = {n: len((ROOT / n).read_text().splitlines()) for n in code}
    assert [n for n, size in sizes.items() if size > 300 and n not in LONG] == []
    assert statistics.median(s for s in sizes.values() if s) < 100


def operation_modules(name: str) -> set[str]:
    """Names in a file that stand for modules of operations, ours or pyinfra's."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree(name))
        if isinstance(node, ast.ImportFrom) and node.module in ("deploys.ops", "pyinfra.operations")
        for alias in node.names
    }


def test_every_operation_call_has_a_name_without_values() -> None:
    """pyinfra prints all arguments of an unnamed operation, secrets included."""
    calls = [
        (name, node)
        for name in sources("deploys/")
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in operation_modules(name)
    ]
    assert len(calls) > 10
    assert [
        f"{name}:{node.lineno}"
        for name, node in calls
        if not any(keyword.arg == "name" for keyword in node.keywords)
    ] == []


def test_no_role_runs_a_shell_command_of_its_own() -> None:
    text = "".join((ROOT / n).read_text() for n in sources("deploys/"))
    assert "server.shell" not in text
    assert "shell=True" not in text


def test_no_document_pairs_dry_with_yes() -> None:
    """`-y` means no question; someone who copies it loses the plan they wanted to read."""
    for name in (n for n in tracked() if n.endswith(".md")):
        for line in (ROOT / name).read_text().splitlines():
            assert not ("--dry" in line and re.search(r"(^|\s)-y(\s|$)", line)), f"{name}: {line}"


def test_the_lock_has_hashes_and_no_address() -> None:
    """Anyone's own registry serves it, and only the very files that were tried."""
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    pinned = re.findall(r"^([a-zA-Z0-9._-]+)==", text, re.MULTILINE)
    assert len(pinned) > 50
    for block in re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE):
        assert not block.strip() or "--hash=sha256:" in block or block.startswith("#")


@cache
def configured_hosts() -> set[str]:
    """Names of package sources in this machine's own configuration."""
    texts = [p.read_text(errors="replace") for p in Path("/etc/apt").rglob("*.list")]
    texts += [p.read_text(errors="replace") for p in Path("/etc/apt").rglob("*.sources")]
    pip = subprocess.run(["python3", "-m", "pip", "config", "list"], capture_output=True, text=True)
    urls = re.findall(r"https?://[^\s'\"]+", "\n".join([*texts, pip.stdout]))
    return {host for url in urls if (host := urlparse(url).hostname)}


def test_no_file_names_a_machine_or_a_package_source() -> None:
    """Sources come from the machine's own configuration; paths from where the clone is."""
    for name in tracked():
        raw = (ROOT / name).read_bytes()
        text = raw.decode(errors="replace")
        assert str(ROOT) not in text, name
        for host in configured_hosts():
            assert host not in text, f"{name} names {host}"


@pytest.mark.parametrize("path", ["config.py", "inventory.py"])
def test_entry_points_stay_entry_points(path: str) -> None:
    """pyinfra executes them; every list in an inventory file would become a group."""
    assert len((ROOT / path).read_text().splitlines()) < 15


def test_private_keys_and_credentials_are_not_committed() -> None:
    for name in tracked():
        text = (ROOT / name).read_text(errors="replace")
        assert not re.search(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=]{40}", text), name
        assert not re.search(r"AKIA[0-9A-Z]{16}", text), name
