"""A story of one's own through the whole site: written, read back, there after every reboot, and
nowhere but in the store. It has a word that nothing else has, and is deleted at the end.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

import pytest

from inventories.loader import Host
from tests.hosts import gates
from tests.hosts.gates import Gate
from tests.hosts.sent import look
from tests.hosts.support import Site, until

BACK_S = 300  # a search node on a tenth of a core starts in minutes
SEEN_S = 30  # until the search knows an element that lists show at once


@dataclass(frozen=True)
class Story:
    gate: Gate
    word: str
    script: dict[str, Any]
    action: dict[str, Any]

    def ask(self, path: str) -> Any:
        reply = self.gate.ask("GET", path)
        assert reply.status == 200, (path, reply.status, reply.body[:300])
        return reply.json

    def as_written(self) -> bool:
        """Whether all of it can be read; an answer with something else in it fails at once."""
        try:
            reply = self.gate.ask("GET", f"/scripts/{self.script['scriptId']}")
            if reply.status in (500, 502, 503, 504):
                return False
        except (OSError, HTTPException):
            return False
        assert reply.json == self.script
        assert self.ask(f"/actions/{self.action['actionId']}") == self.action
        return True


@pytest.fixture(scope="module")
def story(site: Site) -> Iterator[Story]:
    """Its word is in the title, a heading, an action, a comment, and a query."""
    if not site.by_role("kong"):
        pytest.skip("this site has no gateway")
    gate = gates.gate(site, site.by_role("kong")[0])
    word = f"verify{secrets.token_hex(8)}"
    made = gate.ask("POST", "/scripts", {
        "title": f"The Tragedie of {word}", "description": f"Enter {word}.", "author": word,
        "sections": [{"title": f"Act {word}"}], "comment": f"for {word}",
    })  # fmt: skip
    assert made.status == 201, made.body[:300]
    number = made.json["scriptId"]
    try:
        said = gate.ask("POST", "/actions", {
            "scriptId": number, "description": f"A bell strikes {word}.", "comment": f"for {word}",
        })  # fmt: skip
        assert said.status == 201, said.body[:300]
        yield Story(gate, word, made.json, said.json)
    finally:
        gone = gate.ask("DELETE", f"/scripts/{number}")
    assert gone.status == 204, gone.body[:300]
    assert gate.ask("GET", f"/scripts/{number}").status == 404


def test_a_story_is_read_back_as_it_was_written(story: Story) -> None:
    """By its id, as a whole, and by a word that somebody looks for."""
    assert story.as_written()
    number = story.script["scriptId"]
    whole = story.ask(f"/stories?scriptId={number}")
    (element,) = whole["story"]
    assert story.action["description"] in str(element)
    until(lambda: len(story.ask(f"/search?scriptId={number}&q={story.word}")) == 1, SEEN_S)


def test_a_story_is_there_after_a_reboot_of_each_host_in_turn(
    site: Site, story: Story, disruptive: None
) -> None:
    """Every host comes back by itself, with its firewall, and the site with it."""
    for host in (h for role in ("kong", "app", "opensearch") for h in site.by_role(role)):
        site.reboot(host)
        until(story.as_written, BACK_S, pause_s=0.3)
        state = site.shell(host)
        assert state.run("nft list table inet host").rc == 0, host.name
        failed = "systemctl list-units --failed --no-legend --plain"
        assert state.check_output(failed) == "", host.name


def test_no_log_has_a_key_or_a_word_of_a_story(site: Site, story: Story) -> None:
    """Journals, log files and containers' output of every host, and what its programs show in
    arguments and environment. Wrong keys and queries are no log's business either."""
    wrong = f"fai_{secrets.token_hex(20)}"
    for path in ("/scripts", f"/{story.word}", f"/scripts?q={story.word}"):
        assert story.gate.ask("GET", path, key=wrong).status in (401, 404)
    tried = story.gate.ask("POST", "/scripts", {"title": story.word, "colour": story.word})
    assert tried.status == 400
    known = site.words() | {"a wrong key": wrong.encode(), "text": story.word.encode()}
    control = f"verify-control-{secrets.token_hex(8)}"  # shows that what is there is found
    names = [*known, "control"]
    task = {"words": [w.decode() for w in known.values()] + [control], "since": int(site.began)}

    def found(host: Host) -> dict[str, Any]:
        site.shell(host).check_output(f"logger -t verify {control}; journalctl --sync")
        return dict(site.on(host, look, task))

    with ThreadPoolExecutor(len(site.hosts)) as pool:
        answers = {
            h.name: seen for h, seen in zip(site.hosts, pool.map(found, site.hosts), strict=True)
        }
    last, told = len(names) - 1, []
    for host, seen in answers.items():
        assert last in seen["journal"], host
        assert any(path.startswith("/var/log/journal/") for path in seen["files"]), host
        for place, numbers in {**seen["files"], "the journal": seen["journal"]}.items():
            told += [f"{host}: {place}: {names[n]}" for n in numbers if n != last]
        told += [f"{host}: {place}" for place in seen["processes"]]
    assert not told, "\n".join(["found where it must not be:", *told])
