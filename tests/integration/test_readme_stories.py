"""What README.md says about stories, typed as it stands there: `story serve` and all that follows.

The services, their node and their data are of this test alone, at a place of their own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from story_services.local import ports
from tests.integration import readme
from tests.services import node_support
from tests.services.cli_support import ROOT, STORY, Running, clean_env, story

CURL_FAILS = "silent\nshow-error\nfail-with-body\n"  # an answer that is an error ends the script


def test_every_command_about_stories_works_in_its_order(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if not shutil.which("curl"):  # a fresh machine may lack it
        subprocess.run(["apt-get", "install", "--yes", "-q", "curl"], check=True)
    (tmp_path / ".curlrc").write_text(CURL_FAILS)
    address = f"127.0.0.1:{ports.free()}"
    url = f"http://{address}"
    env = clean_env(
        STORY_URL=url, CURL_HOME=str(tmp_path), PATH=f"{Path(STORY).parent}:/usr/bin:/bin"
    )
    with node_support.private_folder(node_support.the_run(request.config)) as folder:
        place = ("--data", str(folder / "stories"), "--port", address.rpartition(":")[2])
        serving = Running("serve", *place, "--memory", "256")
        try:
            assert serving.wait_for("Ready"), serving.said
            done = subprocess.run(
                ["bash", "-c", readme.stories(address, str(tmp_path))], cwd=ROOT, env=env,
                text=True, capture_output=True, timeout=300, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            # The last of the README's changes is taken back: the play is the play again.
            repeat = story("import", "hamlet", "--json", url=url).json
            serving.process.terminate()
            assert serving.end() == 0, serving.said
        finally:
            if serving.process.poll() is None:
                serving.kill()
    assert (repeat["added"], repeat["spokenLines"]) == (False, 4004)
    said = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", done.stdout, re.MULTILINE)
    assert len(said) == 10
    for command, words in (
        ("story import", ""),
        ("story read", "Who's there?"),
        ("story search", "The drink, the drink! I am poison'd."),
        ("story export", ""),
        ("curl", '"actionId":244'),
        ("curl", '"sequenceNumber":4248'),
        ("curl", '"oldSequence":4248,"newSequence":1'),
        ("curl", "reorder of order-1"),
        ("curl", "create of action-244"),
        ("story changes", "not before the watch"),
    ):
        typed, answer = said.pop(0)
        assert typed.startswith(command)
        assert words in answer, (typed, answer)
    assert (tmp_path / "hamlet.fountain").read_text().startswith("Title: Hamlet\n")


def test_the_readmes_address_is_where_services_listen_by_default() -> None:
    """Nobody who copies a command has to choose a port."""
    assert f"[default: {readme.URL.rpartition(':')[2]}]" in story("serve", "--help").out
