"""The commands of README.md as two scripts: one for a lab of the tests' own, one for stories."""

from __future__ import annotations

import re
import shlex

from tests.labs import ROOT

#: Commands that are run elsewhere, and where.
ELSEWHERE = {
    "make rehearse": "by the fixture of test_rehearse.py",
    "make test": "it is what runs this",
    "make verify": "by make rehearse and by tests of test_rehearse.py",
    "make check": "make test begins with it",
    "make test-long": "it is the long form of this run",
    "make bench": "by test_bench.py, in the long run",
    "make bench-stories": "by test_bench.py, in the long run",
    "make rollback ROLE=app": "by test_site.py, after another image",
    "story serve": "by test_readme_stories.py, at a place of its own",
    "make test-image IMAGE=story:tested": "by test_image_suite.py, for an image that it builds",
    **{
        f"provision {command}": "by tests/provision/test_readme_github.py, at a GitHub of its own"
        for command in (
            "github plan",
            "github apply --yes",
            "github dispatch",
            "images",
            "images use sha256:7292cf336064",
        )
    },
}
SECOND = "t-second"
ENDS = ("provision destroy", "rehearse down --name lab")
STORIES = ("story ", "curl ")
URL = "127.0.0.1:8000"  # where the README's services are


def commands() -> list[str]:
    """Every `$ command` of the README's console blocks, in order."""
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def script(lab: str) -> str:
    """What is about hosts, for `lab` instead of the README's names."""
    own = []
    # What takes the lab away comes last, wherever the README tells of it.
    for command in sorted(_of_this(stories=False), key=lambda each: each.startswith(ENDS)):
        named = re.sub(r"(--env |--name |DEPLOY_ENV=)lab\b", rf"\g<1>{lab}", command)
        own.append(re.sub(r"--name second\b", f"--name {SECOND}", named))
    return _bash(own)


def stories(address: str, folder: str) -> str:
    """What is about stories, for services at `address` (host:port), files going to `folder`."""
    named = (command.replace(URL, address) for command in _of_this(stories=True))
    return _bash([command.replace("/tmp/", f"{folder}/") for command in named])


def _of_this(*, stories: bool) -> list[str]:
    return [
        command
        for command in commands()
        if command not in ELSEWHERE
        and (command.startswith(STORIES) and " --env " not in command) == stories
    ]


def _bash(own: list[str]) -> str:
    """A script that shows each command and stops at the first that fails."""
    lines = ["set -eu", "export NO_COLOR=1 PYINFRA_PROGRESS=off"]
    for command in own:
        lines += [f"echo {shlex.quote(f'$ {command}')}", command, "echo"]
    return "\n".join(lines) + "\n"
