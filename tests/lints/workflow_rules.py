"""What every workflow of this project has to keep to, found in its text. Pure.

Guarantees: `broken` names each rule that a workflow breaks, and a workflow, job or action that
`workflow_table` does not list breaks one. Reads text only: nothing is run, no network is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.lints.workflow_table import ACTIONS, EXTRA, PERMISSIONS, TRIGGERS, WORKFLOWS, Job, Step

Doc = dict[str, Any]
LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # the one in C is 10 times as fast
TOP = {"name", "on", "permissions", "concurrency", "defaults", "jobs"}
JOB = {"name", "runs-on", "timeout-minutes", "permissions", "steps"}
STEP = {"name", "id", "if", "uses", "with", "env", "run"}
PINNED = re.compile(r"uses: ([\w.-]+/[\w.-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$")
IMAGE = re.compile(r"FROM [a-z0-9./-]+:[A-Za-z0-9.-]+@sha256:[0-9a-f]{64} AS (\w+)")
#: Anything that could go to a host, or that speaks for the person who does.
REACH = re.compile(
    r"\b(?:ssh|scp|sftp|rsync|pyinfra|ansible\S*|rehearse|aws|boto3|ncat?|telnet)\b"
    r"|\bmake (?:rehearse|rollback|verify|gateway|bench)|\bprovision (?!images use %s`)"
    r"|AWS_|LIGHTSAIL|DEPLOY_ENV|id_(?:rsa|ed25519)|inventory\.py|deploys/\w+\.py"
)
#: What others than the owner can choose, and what a run of another workflow left behind.
FOREIGN = re.compile(r"github\.(?:event\.(?!repository\.visibility)|head_ref)|inputs\.|vars\.")


def document(text: str) -> Any:
    """A YAML text with every scalar as text. ValueError for aliases and keys that stand twice."""
    return _plain(yaml.compose(text, Loader=LOADER))


def _plain(node: yaml.Node | None) -> Any:
    if isinstance(node, yaml.MappingNode):
        found = {key.value: _plain(value) for key, value in node.value}
        if len(found) != len(node.value):
            raise ValueError(f"line {node.start_mark.line + 1}: a key stands twice")
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    return node.value if isinstance(node, yaml.ScalarNode) else None


def broken(workflow: str, text: str) -> list[str]:
    """The rules that `text`, the file `<workflow>.yml`, breaks; each as `place: what is wrong`."""
    try:
        doc = document(text)
        if workflow not in WORKFLOWS:
            return [f"{workflow}: not in workflow_table: say there what it may do"]
        return [f"{workflow}: {said}" for said in [*_text(text), *_workflow(workflow, doc)]]
    except (yaml.YAMLError, ValueError, AttributeError, TypeError, KeyError) as error:
        return [f"{workflow}: not of the form of a workflow ({error})"]


def reaches(text: str) -> Iterator[str]:
    """Lines that could reach a host; comments are left out."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := REACH.search(re.sub(r"(^|\s)#.*", "", line)):
            yield f"line {number}: {found[0]!r} may reach a host"


def _text(text: str) -> Iterator[str]:
    """What only the lines tell: comments, and words that may stand nowhere."""
    yield from reaches(text)
    for number, line in enumerate(text.splitlines(), 1):
        where = f"line {number}: "
        if re.search(r"\buses:", line):
            found = PINNED.search(line)
            if not found:
                yield where + "an action needs its 40-digit SHA and `# vX.Y.Z`"
            elif found[1] not in ACTIONS:
                yield where + f"{found[1]} is no action that was looked at"
        if re.match(rf"\s+({PERMISSIONS}): (read|write)", line) and not re.search(r" # \S", line):
            yield where + "a permission needs its reason as a comment"
        if re.search(r"continue-on-error|self-hosted|always\(\)|failure\(\)", line):
            yield where + "a failure is never passed over, and runners are GitHub's own"
        if "::error" in line and text.splitlines()[number : number + 1] != [
            line[: len(line) - len(line.lstrip())] + "exit 1"
        ]:
            yield where + "an error is followed by `exit 1`"
        if FOREIGN.search(line):
            yield where + "takes what a stranger can choose"


def _workflow(workflow: str, doc: Doc) -> Iterator[str]:
    if set(doc) != TOP:
        yield f"the keys {sorted(set(doc) ^ TOP)} are missing or too many"
    if doc.get("name") != workflow:
        yield "the name is not the file's"
    if doc.get("on") != TRIGGERS[workflow]:
        yield f"the triggers are not {TRIGGERS[workflow]}"
    if doc.get("permissions") != {}:
        yield "`permissions: {}` is missing on top"
    if doc.get("concurrency") != {
        "group": workflow + "-${{ github.ref }}",
        "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
    }:
        yield "concurrency: one run per ref, and only pull requests are cut short"
    if doc.get("defaults") != {"run": {"shell": "bash"}}:
        yield "scripts need `shell: bash`, which fails with any part of a pipe"
    jobs = doc.get("jobs") or {}
    table = WORKFLOWS[workflow]
    if list(jobs) != list(table):
        yield f"the jobs are {list(jobs)}, not {list(table)}"
    for name in table.keys() & jobs.keys():
        yield from (f"{name}: {said}" for said in _job(jobs[name], table[name]))


def _job(job: Doc, wanted: Job) -> Iterator[str]:
    keys = JOB | wanted.other.keys()
    if set(job) != keys:
        yield f"the keys {sorted(set(job) ^ keys)} are missing or too many"
    if job.get("runs-on") != "ubuntu-24.04":
        yield "runs on GitHub's ubuntu-24.04"
    if not re.fullmatch(r"[1-9]\d?|1[0-7]\d", job.get("timeout-minutes") or ""):
        yield "timeout-minutes must be a number below 180"
    if not job.get("name"):
        yield "a job has a name"
    if job.get("permissions") != wanted.permissions:
        yield f"the permissions are not {wanted.permissions}"
    for key, value in wanted.other.items():
        if job.get(key) != value:
            yield f"{key} is not {value}"
    steps = job.get("steps") or []
    if [_does(step) for step in steps] != [step.does for step in wanted.steps]:
        yield f"the steps are not, in this order, {[step.does for step in wanted.steps]}"
        return
    for step, its in zip(steps, wanted.steps, strict=True):
        yield from (f"{step.get('name')}: {said}" for said in _step(step, its))


def _does(step: Doc) -> str:
    """What a step is in the table: its action, else the name of its script."""
    return str(step.get("uses", "").split("@")[0] or step.get("name"))


def _step(step: Doc, wanted: Step) -> Iterator[str]:
    if not set(step) <= STEP or not step.get("name") or ("uses" in step) == ("run" in step):
        yield "has a name, one of uses and run, and no keys but " + ", ".join(sorted(STEP))
    if step.get("if") != wanted.only_if:
        yield f"the condition is not {wanted.only_if}"
    if step.get("id") != wanted.id:
        yield f"the id is not {wanted.id}"
    for part, values in (("with", wanted.given), ("env", wanted.env)):
        have = step.get(part) or {}
        for key, value in values.items():
            if have.get(key) != value:
                yield f"{part}.{key} is not {value!r}"
        if more := have.keys() - values.keys() - EXTRA:
            yield f"{part}: {sorted(more)} are not in the table"
        if any("secrets." in v or "github.token" in v for k, v in have.items() if k != "password"):
            yield "a secret goes into the login only"
    script = step.get("run") or ""
    if "${{" in script:
        yield "an expression in a script; give it as env"
    lines = [line.strip() for line in script.splitlines()]
    for line in wanted.script:
        if not any(line in have for have in lines):
            yield f"the script lacks `{line}`"


def pins(text: str) -> list[str]:
    """What is wrong with the file of pinned images, which the workflows read by name."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = [match[1] for line in lines if (match := IMAGE.fullmatch(line))]
    good = len(found) == len(lines) and found == ["base", "buildkit", "scanner"]
    return [] if good else ["pins: three images, each with a tag and its digest, by their names"]


def dependabot(text: str) -> list[str]:
    """What is wrong with Dependabot's settings: weekly, a week old at least, one proposal each."""
    try:
        return [f"dependabot: {said}" for said in _dependabot(document(text))]
    except (yaml.YAMLError, ValueError, AttributeError, TypeError, KeyError) as error:
        return [f"dependabot: not of the form of its settings ({error})"]


def _dependabot(doc: Doc) -> Iterator[str]:
    if set(doc) != {"version", "updates"} or doc["version"] != "2":
        yield "version 2, updates, and nothing else"
    about = {"github-actions": "/", "docker": "/.github/pins", "pip": "/"}
    found = {entry["package-ecosystem"]: entry for entry in doc.get("updates") or []}
    if {name: entry["directory"] for name, entry in found.items()} != about:
        yield f"looks after {about}"
    for name, entry in found.items():
        more = {"versioning-strategy": "increase-if-necessary"} if name == "pip" else {}
        kept = {k: v for k, v in entry.items() if k not in ("package-ecosystem", "directory")}
        groups = list((kept.pop("groups", None) or {}).values())
        if kept != {"schedule": {"interval": "weekly"}, "cooldown": {"default-days": "7"}, **more}:
            yield f"{name}: weekly, after a week, and nothing else"
        if groups != [{"patterns": ["*"]}]:
            yield f"{name}: all in one group"
