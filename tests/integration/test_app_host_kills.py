"""The agent dies at each point of replacing a container; somebody always answers, and the next
run ends where the first one would have.

The very request of a run is sent, with a script that ends itself at the n-th call of the engine,
the n-th file it writes or the n-th switch: each time a little later, until it comes to its end.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from deploys import requests, secrets
from deploys.catalogue import assumed_machine, roles_for
from deploys.observation import Observation, query
from deploys.plan import Plan, changes
from deploys.run import Run
from inventories.loader import load_hosts
from inventories.spec import load_site
from inventories.worlds import world
from tests.integration.app_host_support import App, app_host

pytestmark = [pytest.mark.lab, pytest.mark.timeout(2400)]
DIES = """
_left = [{point}]
def _mortal(what):
    def call(*given, **more):
        _left[0] -= 1
        if _left[0] <= 0:
            os._exit(99)
        return what(*given, **more)
    return call
for _name in ("engine", "container_answer", "write_whole", "set_switch", "sync_directory"):
    globals()[_name] = _mortal(globals()[_name])
"""
DIED = 99


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with app_host("t-app-kill", tmp_path_factory.mktemp("app")) as made:
        made.converge()
        yield made


def sent(app: App, script: str) -> subprocess.CompletedProcess[str]:
    """The agent's script, run on the host as a run of pyinfra does it."""
    config = world(app.site.env).generated / "ssh_config"
    return subprocess.run(
        ["ssh", "-F", str(config), app.host.name, "sudo", "-n", "python3", "-IS", "-"],
        input=script, text=True, capture_output=True, timeout=120,
    )  # fmt: skip


def plan_now(app: App) -> Plan:
    """What a run would do at this moment."""
    where = world(app.site.env)
    inventory = load_hosts(where.env)
    run = Run(
        world=where, inventory=inventory, site=load_site(where), dry=False, keep=frozenset(),
        rollback=False, allow_breaking=False, who="test", at="now", commit="tested",
        record_key=secrets.record_key(where.secrets).reveal(),
    )  # fmt: skip
    host = inventory.hosts[app.host.name]
    roles = roles_for("app", run, host, assumed_machine(host))
    seen = Observation.from_json(json.loads(sent(app, requests.script(query(roles))).stdout))
    roles = roles_for("app", run, host, seen.machine)
    return changes(roles, seen, key=run.record_key, commit=run.commit)


def script_of(plan: Plan) -> str:
    return requests.script(requests.step("containers", plan.step("containers")))


def dies_at(app: App, point: int) -> bool:
    """Whether the replacement was killed at that point; False when it came to its end before."""
    body, call = script_of(plan_now(app)).rsplit("\nact(", 1)
    done = sent(app, f"{body}\n{DIES.format(point=point)}\nact({call}")
    assert done.returncode in (0, DIED), done.stderr
    return done.returncode == DIED


def sweep(app: App, step: int) -> int:
    """Kill at every `step`-th point; gives how many kills there were."""
    kills, point = 0, 1
    while True:
        kind = "two" if app.kind() == "one" else "one"
        app.settings(kind)
        if not dies_at(app, point):
            break
        kills += 1
        assert app.kind() in ("one", "two")  # somebody answers, whatever was half done
        plan = plan_now(app)
        if plan.step("containers"):
            done = sent(app, script_of(plan))
            assert done.returncode == 0, f"after a kill at {point}: {done.stderr}"
        assert app.kind() == kind, f"after a kill at {point}"
        assert len(app.containers()) == 1, f"after a kill at {point}"
        assert plan_now(app).step("containers") == []
        point += step
    assert app.kind() == kind
    return kills


@pytest.mark.long
def test_a_killed_replacement_is_finished_by_the_next_run(app: App) -> None:
    kills = sweep(app, 9)
    print(f"killed {kills} times")
    assert kills > 2


@pytest.mark.long
def test_a_replacement_may_be_killed_anywhere(app: App) -> None:
    kills = sweep(app, 1)
    print(f"killed {kills} times")
    assert kills > 20
