"""The workflows keep to their rules, audited by other people's tools and by our own.

Nothing here needs a network. Damage is tried on copies in memory: a rule that nothing would miss is
no rule, so what no rule misses has to be named, with its reason.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.lints import workflow_rules as rules
from tests.lints.workflow_mutants import mutants
from tests.lints.workflow_table import WORKFLOWS

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
NAMES = sorted(WORKFLOWS)
TOOLS = Path(sys.executable).parent
#: What may go without a rule missing it: how things are kept, shown or explained, not what happens.
NO_GUARD = re.compile(
    r"retention-days|compression-level|show-summary|create-storage-record|cache-binary"
    r"|DOCKER_BUILD_(RECORD|SUMMARY)|python-version"
    r"|uncommented (shell|run)"
    r"|uncommented - package-ecosystem|uncommented versioning-strategy"
    r"|lost (printf '`\[app\]`|printf 'To write|\{$)"
)


def text(name: str) -> str:
    return (GITHUB / name).read_text()


def parses(workflow: str) -> bool:
    """Whether bash can read every script of a workflow; what is no document has none."""
    try:
        jobs = rules.document(workflow)["jobs"].values()
    except Exception:
        return False
    scripts = [step.get("run", "") for job in jobs for step in job["steps"]]
    return all(
        subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True).returncode == 0
        for script in scripts
    )


def test_every_workflow_keeps_to_the_rules() -> None:
    files = sorted(path.stem for path in (GITHUB / "workflows").iterdir())
    assert files == NAMES  # one that is not in the table may do nothing
    assert [
        found for name in NAMES for found in rules.broken(name, text(f"workflows/{name}.yml"))
    ] == []
    assert rules.dependabot(text("dependabot.yml")) == []
    assert rules.pins(text("pins/Dockerfile")) == []


def test_every_script_is_one_that_bash_can_read() -> None:
    assert [name for name in NAMES if not parses(text(f"workflows/{name}.yml"))] == []
    for script in GITHUB.glob("*.sh"):
        assert subprocess.run(["bash", "-n", script]).returncode == 0, script
        assert list(rules.reaches(script.read_text())) == []
        assert os.access(script, os.X_OK), script


def test_auditors_find_nothing() -> None:
    """zizmor's strictest persona, without a network, a token, or settings that hide something."""
    environment = {k: v for k, v in os.environ.items() if k not in ("GH_TOKEN", "GITHUB_TOKEN")}
    found = subprocess.run(
        [
            *(TOOLS / "zizmor", "--offline", "--persona=auditor", "--no-config"),
            *("--strict-collection", "--format=json", GITHUB),
        ],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == []
    assert not list(GITHUB.rglob("zizmor.y*ml"))
    assert "zizmor: ignore" not in "".join(text(f"workflows/{name}.yml") for name in NAMES)


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", [f"workflows/{name}.yml" for name in NAMES]),
        ("vendor.dependabot", ["dependabot.yml"]),
    ],
)
def test_files_have_the_form_that_github_reads(schema: str, files: list[str]) -> None:
    done = subprocess.run(
        [TOOLS / "check-jsonschema", "--builtin-schema", schema, *(GITHUB / f for f in files)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_no_guard_can_be_lost_unnoticed(name: str) -> None:
    """Each key, item, script line, comment, SHA and switch is one, unless NO_GUARD says why not."""
    tried = list(mutants(text(f"workflows/{name}.yml")))
    missed = [label for label, mutant in tried if not rules.broken(name, mutant) and parses(mutant)]
    assert [label for label in missed if not NO_GUARD.search(label)] == []
    assert len(tried) > (300 if name == "images" else 90)


def test_dependabot_and_pins_are_guarded_as_well() -> None:
    for file, check in (("dependabot.yml", rules.dependabot), ("pins/Dockerfile", rules.pins)):
        if file.endswith("yml"):
            tried = list(mutants(text(file)))
        else:
            lines = [line for line in text(file).splitlines() if not line.startswith("#")]
            tried = [(line, text(file).replace(line[:-30], line[:-31])) for line in lines]
            tried += [(line, text(file).replace(line + "\n", "")) for line in lines]
        missed = [label for label, mutant in tried if not check(mutant)]
        assert [label for label in missed if not NO_GUARD.search(label)] == []
        assert tried


@pytest.mark.parametrize(
    "line",
    [
        "ssh -i key admin@192.0.2.1 true",
        "scp story.tar admin@host:x",
        ".venv/bin/pyinfra inventory.py deploys/app.py -y",
        "provision apply --yes",
        "make rehearse",
        "make rollback ROLE=app",
        'AWS_ACCESS_KEY_ID="$KEY" true',
        "aws lightsail get-instances",
        "python -m deploys.run; DEPLOY_ENV=production make check",
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_no_step_can_be_made_to_reach_a_host(name: str, line: str) -> None:
    """One more step, or one more line in a step that is there: both are seen."""
    whole = text(f"workflows/{name}.yml")
    step = f"\n      - name: Deploy\n        run: {line}\n"
    assert any("may reach a host" in said for said in rules.broken(name, whole + step))
    longer = whole.replace("        run: |\n", f"        run: |\n          {line}\n", 1)
    longer = longer if longer != whole else whole.replace("run: make", f"run: {line}; make", 1)
    assert any("may reach a host" in said for said in rules.broken(name, longer))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("password: ${{ secrets.GITHUB_TOKEN }}", "password: ${{ secrets.REGISTRY_TOKEN }}"),
        ("show-summary: false", "github-token: ${{ secrets.ADMIN }}"),
        ('echo "$name=$image"', 'echo "${{ github.head_ref }}=$image"'),
        ("context: .", "context: https://example.com/x.git"),
        ("no-cache: true", "no-cache: true\n          cache-from: type=gha"),
        ("no-cache: true", "no-cache: true\n          push: true"),
        ("timeout-minutes: 15", "timeout-minutes: 15\n    container: debian"),
        ("workflow_dispatch: {}", "workflow_dispatch:\n    inputs:\n      x: {type: string}"),
        ("workflow_dispatch: {}", "workflow_dispatch: {}\n  schedule:\n    - cron: '0 0 * * *'"),
        ("environment: publish", "environment: publish\n    environment: other"),
        ("docker/login-action@", "example/login-action@"),
        ("IMAGE: ${{ steps.name.outputs.image }}", "IMAGE: ${{ github.event.comment.body }}"),
    ],
)  # fmt: skip
def test_nothing_foreign_can_be_added_unnoticed(before: str, after: str) -> None:
    whole = text("workflows/images.yml")
    assert before in whole
    assert rules.broken("images", whole.replace(before, after))


def test_a_workflow_that_nobody_listed_may_do_nothing() -> None:
    assert rules.broken("deploy", text("workflows/checks.yml"))


def test_the_lock_holds_what_the_project_asks_for() -> None:
    """A proposal that raises a version in pyproject.toml alone would otherwise test the old one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    pinned = re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "requirements.lock").read_text(), re.M)
    locked = {canonicalize_name(name): version for name, version in pinned}
    wrong = {
        line: locked.get(canonicalize_name(requirement.name))
        for line in asked
        if not (requirement := Requirement(line)).specifier.contains(
            locked.get(canonicalize_name(requirement.name), "0"), prereleases=True
        )
    }
    assert wrong == {}
