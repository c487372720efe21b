"""The commands of README.md, as one script for a lab of the tests' own."""

from __future__ import annotations

import re

from tests.labs import ROOT

#: Commands that are run elsewhere, and where.
ELSEWHERE = {
    "make rehearse": "by the fixture of test_rehearse.py",
    "make test": "it is what runs this",
    "make check": "make test begins with it",
    "make test-long": "it is the long form of this run",
    "make bench": "by test_bench.py, in the long run",
}
SECOND = "t-second"


def commands() -> list[str]:
    """Every `$ command` of the README's console blocks, in order."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def script(lab: str) -> str:
    """The commands for `lab` instead of the README's names; stops at the first that fails."""
    lines = ["set -eu", "export NO_COLOR=1 PYINFRA_PROGRESS=off"]
    for command in (c for c in commands() if c not in ELSEWHERE):
        own = re.sub(r"(--env |--name |DEPLOY_ENV=)lab\b", rf"\g<1>{lab}", command)
        own = re.sub(r"--name second\b", f"--name {SECOND}", own)
        lines += [f"echo '$ {own}'", own]
    return "\n".join(lines) + "\n"
