"""The gateway's step killed at every call that changes something, and done again.

The agent's own program runs on the host with a hook in front that ends it, as `kill -9` would,
just before its n-th rename, removal or command. What is found then is what a dead run leaves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploys.model import Role
from deploys.observation import Observation, query
from deploys.plan import Plan, changes
from deploys.requests import begin, finish, script, step
from inventories.worlds import world as world_named
from tests.integration.gateway_fake import build
from tests.integration.gateway_role import role_of
from tests.labs import Site, site

pytestmark = pytest.mark.lab
KEY = "fai_planted_first_key"
A: dict[str, Any] = {"plugins": ["key-auth"], "keys": [KEY], "routes": {"/sequence": 200}}
B = {**A, "routes": {"/sequence": 200, "/scripts": 200}}
BAD = {**A, "routes": {"/sequence": 502}}
DIES = """
import os, sys
def _count(event, arguments, met=[0]):
    if event in ("os.rename", "os.remove", "os.chmod", "subprocess.Popen", "shutil.rmtree"):
        met[0] += 1
        if met[0] == %d:
            os.kill(os.getpid(), 9)
sys.addaudithook(_count)
"""


@dataclass
class Gateway:
    """One host, and its agent as an operation would call it."""

    lab: Site
    deb: Path

    def role(self, document: Any) -> Role:
        case = {
            "document": document, "keys": [KEY], "probed": ["/sequence"], "deb": str(self.deb),
            "probe_s": 1,
        }  # fmt: skip
        where = world_named(self.lab.env)
        return role_of(case, where, self.lab.hosts[0], self.seen_machine)

    @property
    def seen_machine(self) -> Any:
        if not hasattr(self, "_machine"):
            raw = self.agent(script(query([])))
            self._machine = Observation.from_json(json.loads(raw)).machine
        return self._machine

    def agent(self, program: str, *, check: bool = True) -> str:
        return self.lab.ssh(
            "gateway-1", f"python3 -IS - <<'ENDS' 2>&1\n{program}\nENDS\n", check=check
        )

    def plan(self, document: Any) -> Plan:
        """What a run would do now."""
        role = self.role(document)
        seen = Observation.from_json(json.loads(self.agent(script(query([role])))))
        return changes([role], seen, key=b"k", commit="x")

    def begun(self, plan: Plan) -> str:
        """Begin the run of this plan; the program of its gateway's step, "" without one."""
        self.agent(script(begin(plan, "test", "now")))
        found = plan.step("gateway")
        return script(step("gateway", found)) if found else ""

    def killed(self, document: Any, number: int) -> bool:
        """Begin a run and die at the n-th call of its step; whether it got that far."""
        program = DIES % number + self.begun(self.plan(document))
        done = self.lab.ssh(
            "gateway-1",
            f"cat > /root/step.py <<'ENDS'\n{program}\nENDS\n"
            "python3 -IS /root/step.py > /root/said 2>&1; echo $?; rm /root/step.py",
        )
        return done.split()[-1] == "137"

    def apply(self, document: Any) -> str:
        """A run to its end, whatever was there; what its step said."""
        plan = self.plan(document)
        program = "" if plan.empty else self.begun(plan)
        said = self.agent(program, check=False) if program else ""
        if not plan.empty and not said:
            self.agent(script(finish(plan, "test", "now", "x", "")))
        return said

    def live(self, document: Any) -> bool:
        """Whether this is the file, runs, is ready and proven, with nothing left to do."""
        digest = hashlib.md5(json.dumps(document, indent=1).encode()).hexdigest()
        said = self.lab.ssh("gateway-1", "curl -s http://127.0.0.1:8007/status; ls -AR /etc/kong")
        left = self.plan(document).step("gateway")
        return digest in said and ".fountainai-new" not in said and not left


#: A sample in `make test`, all of them in `make test-long`.
POINTS = [
    pytest.param(5, id="sampled"),
    pytest.param(1, id="all", marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
]
each = pytest.mark.parametrize("every", POINTS)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    deb = build(folder)
    case = folder / "case.json"
    case.write_text(
        json.dumps({"document": A, "keys": [KEY], "probed": ["/sequence"], "deb": str(deb)})
    )
    with site("t-g2", {"gateway-1": ("kong", 512)}) as lab:
        entry = "tests/integration/entries/gateway.py"
        done = lab.pyinfra(entry, "-y", GATEWAY_CASE=str(case))
        assert done.returncode == 0, done.stdout + done.stderr
        yield Gateway(lab, deb)


@each
def test_a_change_killed_anywhere_is_finished_by_the_next_run(gateway: Gateway, every: int) -> None:
    gateway.apply(A)
    assert gateway.live(A)
    old, new = A, B
    number = 2
    while gateway.killed(new, number):
        assert gateway.apply(new) == ""
        assert gateway.live(new), number
        old, new, number = new, old, number + every
    assert number > 8, number


@pytest.mark.long
@each
def test_a_change_killed_anywhere_can_be_given_up(gateway: Gateway, every: int) -> None:
    gateway.apply(A)
    number = 2
    while gateway.killed(B, number):
        assert gateway.apply(A) == ""
        assert gateway.live(A), number
        number += every
    assert number > 8, number


@pytest.mark.long
@each
def test_a_refused_change_killed_anywhere_ends_with_what_was_proven(
    gateway: Gateway, every: int
) -> None:
    """Also in the middle of going back: the copy of the proven configuration is never touched."""
    gateway.apply(A)
    assert gateway.live(A)
    number = 2
    while gateway.killed(BAD, number):
        said = gateway.apply(BAD)
        assert "nobody answers behind it" in said, (number, said)
        assert gateway.live(A), number
        number += every
    assert gateway.live(A)
    assert number > 10, number


def test_a_host_that_restarts_after_a_kill_is_finished_too(gateway: Gateway) -> None:
    """After the swap and before the proof: what starts with the host is not proven yet."""
    gateway.apply(A)
    for number in (6, 9):
        assert gateway.killed(B, number)
        gateway.lab.ssh("gateway-1", "systemctl restart kong.service", check=False)
        assert gateway.apply(B) == ""
        assert gateway.live(B)
        gateway.apply(A)
    assert gateway.live(A)
