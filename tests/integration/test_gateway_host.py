"""The gateway's step on a real host: live and proven, or as it was before, whatever happens."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway_fake import build
from tests.labs import Site, site

pytestmark = pytest.mark.lab
ENTRY = "tests/integration/entries/gateway.py"
KEY, NEXT_KEY = "fai_planted_first_key", "fai_planted_second_key"
GOOD: dict[str, Any] = {"plugins": ["key-auth"], "keys": [KEY], "routes": {"/sequence": 200}}
DOCUMENTS = {"plays": {"paths": {"/sequence": {"get": {"responses": {}}}}}}


@dataclass
class World:
    """A gateway host and the configurations it is given."""

    lab: Site
    folder: Path
    deb: Path

    def converge(
        self, document: Any = GOOD, *flags: str, probed: tuple[str, ...] = ("/sequence",),
        keys: tuple[str, ...] = (KEY, NEXT_KEY), documents: Any = DOCUMENTS, wrapped: str = "",
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        case = self.folder / f"case-{time.monotonic_ns()}.json"
        case.write_text(
            json.dumps(
                {
                    "document": document, "probed": probed, "keys": keys, "deb": str(self.deb),
                    "documents": documents,
                }
            )
        )  # fmt: skip
        return self.lab.pyinfra(ENTRY, *(flags or ("-y",)), GATEWAY_CASE=str(case))

    def good(self, document: Any = GOOD, **more: Any) -> str:
        done = self.converge(document, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ssh(self, command: str, *, check: bool = True) -> str:
        return self.lab.ssh("gateway-1", command, check=check)

    def ask(self, path: str, key: str = KEY) -> str:
        return self.ssh(
            f"curl -sk -o /dev/null -w '%{{http_code}}' -H 'X-API-KEY: {key}' "
            f"https://127.0.0.1{path}"
        )

    def state(self) -> str:
        """File, running hash, process and answers: what a refused configuration must not change."""
        return self.ssh(
            "sha256sum /etc/kong/kong.yml /etc/kong/applied/*; "
            "stat -c '%U %G %a' /etc/kong/kong.yml; curl -s http://127.0.0.1:8007/status; "
            "curl -s -o /dev/null -w ' %{http_code} ' http://127.0.0.1:8007/status/ready; "
            "systemctl show -p MainPID,ExecMainStartTimestampMonotonic,UnitFileState kong.service"
        ) + self.ask("/sequence")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("gateway")
    with site("t-g1", {"gateway-1": ("kong", 512)}) as lab:
        yield World(lab, folder, build(folder))


def test_a_first_configuration_that_reaches_nobody_leaves_nothing_behind(world: World) -> None:
    done = world.converge({**GOOD, "routes": {"/sequence": 502}})
    assert done.returncode == 1
    text = done.stdout + done.stderr
    assert "GET /sequence answered 502: nobody answers behind it" in text
    assert "never went live" in text
    assert world.ssh("ls /etc/kong/kong.yml", check=False) == ""
    assert world.ssh("systemctl is-active kong.service", check=False) == "inactive\n"


def test_a_fresh_host_is_planned_and_then_serves(world: World) -> None:
    dry = world.converge(GOOD, "--dry", "--diff")
    assert dry.returncode == 0, dry.stderr
    assert "gateway /etc/kong/kong.yml: " in dry.stderr
    world.good()
    assert world.ask("/sequence") == "200"
    assert world.ask("/sequence", "wrong") == "401"
    wanted = hashlib.md5(json.dumps(GOOD, indent=1).encode()).hexdigest()
    state = world.state()
    assert wanted in state
    assert "root kong 640" in state
    assert "UnitFileState=enabled" in state


def test_a_second_run_changes_nothing_and_keeps_the_process(world: World) -> None:
    world.good()
    before = world.state()
    again = world.good()
    assert "no changes" in again
    assert world.state() == before


def refused(world: World, document: Any, told: str) -> None:
    """It never stays live, whatever is wrong with it; the one before goes on."""
    world.good()
    before = world.state()
    done = world.converge(document)
    assert done.returncode == 1
    text = done.stdout + done.stderr
    assert told in text
    assert "Traceback" not in text
    assert KEY not in text
    assert world.state() == before
    assert "no changes" not in world.good()  # the record of the run that failed is closed
    assert world.state() == before


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("{not json", "refused"),
        ({**GOOD, "plugins": ["key-auth", "openid-connect"]}, "openid-connect is not installed"),
        ({**GOOD, "routes": {"/sequence": 503}}, "answered 503: nobody answers behind it"),
    ],
    ids=["no parse", "unknown plugin", "to nobody"],
)
def test_a_bad_configuration_never_stays_live(world: World, document: Any, told: str) -> None:
    refused(world, document, told)


@pytest.mark.long
@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({**GOOD, "routes": {}}, "reaches no route"),
        ({**GOOD, "keys": ["someone-elses"]}, "the key is refused"),
        ({**GOOD, "routes": {"/sequence": 200, "/nowhere": 200}}, "where no route may be"),
    ],
    ids=["no route", "key refused", "too much"],
)
def test_other_bad_configurations_never_stay_live(world: World, document: Any, told: str) -> None:
    refused(world, document, told)


def test_a_reload_that_nobody_hears_is_found_out_and_taken_back(world: World) -> None:
    """nginx reports a reload as done and keeps the old workers when the new ones cannot start."""
    world.good()
    before = world.state()
    done = world.converge({**GOOD, "deaf": True})
    assert done.returncode == 1
    assert "did not take the configuration" in done.stdout + done.stderr
    assert "is back in its place and serves" in done.stdout + done.stderr
    assert world.state() == before


def test_a_service_that_was_down_before_is_no_fault_of_a_new_key(world: World) -> None:
    """A key can be rotated while an app host is away."""
    world.good()
    world.ssh("touch /etc/kong/services-are-down")
    try:
        world.good({**GOOD, "keys": [KEY, NEXT_KEY]})
        assert world.ask("/sequence", NEXT_KEY) == "503"
    finally:
        world.ssh("rm /etc/kong/services-are-down")
    world.good()


def test_what_a_hand_made_live_is_no_measure_for_what_follows(world: World) -> None:
    """Only a proven configuration tells that a service was away before."""
    world.good()
    world.ssh("sed -i 's/: 200/: 503/' /etc/kong/kong.yml && systemctl reload kong.service")
    done = world.converge({**GOOD, "routes": {"/sequence": 503}, "keys": [KEY, NEXT_KEY]})
    assert done.returncode == 1
    assert "CHANGED ON BOTH SIDES" in done.stderr
    assert world.ask("/sequence") == "200"
    world.good()


def test_a_file_edited_on_the_host_is_told_and_replaced(world: World) -> None:
    world.good()
    world.ssh("sed -i 's/sequence/elsewhere/' /etc/kong/kong.yml")
    dry = world.converge(GOOD, "--dry", "--diff")
    assert "CHANGED ON THE HOST since run" in dry.stderr
    before = world.ssh("systemctl show -p MainPID kong.service")
    world.good()
    assert world.ask("/sequence") == "200"
    assert world.ssh("systemctl show -p MainPID kong.service") == before


def test_what_runs_and_is_not_the_file_is_told_and_repaired(world: World) -> None:
    world.good()
    world.ssh(
        "cp -p /etc/kong/kong.yml /root/x; sed -i 's/sequence/elsewhere/' /etc/kong/kong.yml; "
        "systemctl reload kong.service; sleep 1; cp -p /root/x /etc/kong/kong.yml"
    )
    assert world.ask("/sequence") == "404"
    assert "is not the file" in world.good()
    assert world.ask("/sequence") == "200"


def test_a_stopped_gateway_starts_with_what_was_proven(world: World) -> None:
    world.good()
    world.ssh("systemctl stop kong.service")
    assert "start kong.service" in world.good()
    assert world.ask("/sequence") == "200"


def test_a_key_is_rotated_without_a_failed_request(world: World) -> None:
    world.good()
    address = world.lab.hosts[0].address
    answers: list[str] = []
    ends = threading.Event()
    key = {"now": KEY}

    def load() -> None:
        while not ends.is_set():
            done = subprocess.run(
                ["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "-m", "5",
                 "-H", f"X-API-KEY: {key['now']}", f"https://{address}/sequence"],
                capture_output=True, text=True,
            )  # fmt: skip
            answers.append(done.stdout)
            time.sleep(0.02)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        pid = world.ssh("systemctl show -p MainPID kong.service")
        world.good({**GOOD, "keys": [KEY, NEXT_KEY]})  # both
        key["now"] = NEXT_KEY
        world.good({**GOOD, "keys": [NEXT_KEY]}, keys=(NEXT_KEY, KEY))  # the old one retired
        assert world.ssh("systemctl show -p MainPID kong.service") == pid
    finally:
        ends.set()
        thread.join()
    assert len(answers) > 20
    assert set(answers) == {"200"}
    assert world.ask("/sequence", KEY) == "401"
    world.good()


def test_documents_that_break_callers_stop_before_any_change(world: World) -> None:
    world.good()
    before = world.state()
    fewer = {"plays": {"paths": {}}}
    done = world.converge({**GOOD, "routes": {"/other": 200}}, probed=("/other",), documents=fewer)
    assert done.returncode == 1
    assert "GET /sequence" in done.stdout + done.stderr
    assert "Nothing was changed" in done.stdout + done.stderr
    assert world.state() == before
    done = world.converge(
        {**GOOD, "routes": {"/other": 200}}, "-y", "--data", "allow_breaking=yes",
        probed=("/other",), documents=fewer,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.ask("/other") == "200"
    world.good()


def test_another_package_is_installed_and_held_with_all_owners_as_they_were(world: World) -> None:
    world.good()
    owners = "find /etc/kong -printf '%p %m %u %g\\n' | sort"
    before = world.ssh(owners)
    old = world.deb
    world.deb = build(world.folder, "3.9.3+fake2")
    text = world.good()
    assert "artefact fountainai-kong-standin 3.9.3+fake2" in text
    assert "restart kong.service" in text
    assert world.ssh(owners) == before
    assert "fountainai-kong-standin" in world.ssh("apt-mark showhold")
    assert world.ask("/sequence") == "200"
    assert "no changes" in world.good()
    world.deb = old
    world.good()


def test_no_key_was_ever_printed_and_none_stands_where_others_read(world: World) -> None:
    said = "".join(world.lab.output)
    logged = world.ssh("journalctl --no-pager; cat /var/lib/fountainai/*.json*")
    readable = world.ssh(
        f"grep -rlE '{KEY}|{NEXT_KEY}' /etc /run /var /tmp /usr/local 2>/dev/null | sort",
        check=False,
    )
    assert readable.split() == ["/etc/kong/applied/kong.yml", "/etc/kong/kong.yml"]
    for key in (KEY, NEXT_KEY):
        assert key not in said
        assert key not in logged
