"""The planner's laws, on hosts that exist only as data."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploys.model import (
    Artefact,
    Check,
    Directory,
    File,
    Link,
    Machine,
    Package,
    Role,
    RoleError,
    Sysctl,
    Unit,
)
from deploys.observation import Observation
from deploys.plan import Plan, changes
from deploys.report import report

KEY = b"record key"
MACHINE = Machine(1024, 2, "amd64", "debian", "13", "trixie", False)


def fresh(**given: Any) -> Observation:
    """A host on which nothing of ours is."""
    empty: dict[str, Any] = {
        "machine": MACHINE, "clock": 0.0, "disk_free_mb": 9999, "dpkg_broken": False, "paths": {},
        "packages": {}, "users": {}, "groups": (), "units": {}, "sysctls": {}, "artefacts": {},
        "listeners": {}, "firewall": None, "applied": None, "pending": None,
    }  # fmt: skip
    return Observation(**{**empty, **given})


def plan_of(roles: list[Role], seen: Observation, **more: Any) -> Plan:
    return changes(roles, seen, key=KEY, commit="abc", **more)


def applied(roles: list[Role], plan: Plan, seen: Observation) -> Observation:
    """What a host looks like once `plan` was carried out: an independent model of the agent."""
    paths = dict(seen.paths)
    for change in plan.changes:
        if "remove" in change.payload:
            paths[change.payload["remove"][0]] = None
    for role in roles:
        for f in role.files:
            if f.path in plan.kept:
                continue
            paths[f.path] = {
                "kind": "file", "digest": hashlib.sha256(f.content).hexdigest(),
                "mode": f.mode, "owner": f.owner, "group": f.group,
            }  # fmt: skip
        for d in role.directories:
            paths[d.path] = {
                "kind": "directory", "mode": d.mode, "owner": d.owner, "group": d.group,
            }  # fmt: skip
        for x in role.links:
            paths[x.path] = {"kind": "link", "target": x.target}
    entries = dict((seen.applied or {}).get("entries", {}))
    entries = {k: v for k, v in entries.items() if v["role"] not in plan.roles}
    entries.update(plan.entries)
    return replace(
        seen,
        paths=paths,
        packages={p.name: "1" for r in roles for p in r.packages},
        users={
            u.name: {"group": u.group, "home": u.home, "shell": u.shell}
            for r in roles
            for u in r.users
        },
        groups=tuple(g.name for r in roles for g in r.groups),
        units={
            u.name: {
                "active": u.running, "state": "", "enabled": "enabled" if u.enabled else "disabled",
                "newer": "", "newer_reload": "", "need_reload": False,
            }
            for r in roles
            for u in r.units
        },
        sysctls={s.key: s.value for r in roles for s in r.sysctls},
        artefacts={a.directory: {"sha256": a.sha256} for r in roles for a in r.artefacts},
        applied={"run": plan.run + 1, "at": "then", "commit": "abc", "entries": entries},
        pending=None,
    )  # fmt: skip


NAMES = st.sampled_from("abcdefgh")
FILES = st.builds(
    File,
    path=NAMES.map(lambda n: f"/etc/f-{n}"),
    content=st.binary(max_size=20),
    mode=st.sampled_from([0o600, 0o644]),
    secret=st.booleans(),
)
ROLES = st.builds(
    Role,
    name=st.just("web"),
    packages=st.lists(NAMES.map(Package), max_size=3, unique=True).map(tuple),
    directories=st.lists(
        NAMES.map(lambda n: Directory(f"/srv/d-{n}")), max_size=3, unique=True
    ).map(tuple),
    files=st.lists(FILES, max_size=4, unique_by=lambda f: f.path).map(tuple),
    links=st.lists(NAMES.map(lambda n: Link(f"/opt/l-{n}", "/opt/x")), max_size=2, unique=True).map(
        tuple
    ),
    sysctls=st.lists(NAMES.map(lambda n: Sysctl(f"vm.{n}", 7)), max_size=2, unique=True).map(tuple),
    units=st.lists(NAMES.map(lambda n: Unit(f"{n}.service")), max_size=2, unique=True).map(tuple),
)


@given(ROLES)
def test_a_plan_applied_to_its_own_result_is_empty(role: Role) -> None:
    seen = fresh()
    after = applied([role], plan_of([role], seen), seen)
    assert plan_of([role], after).empty


@given(ROLES, ROLES)
def test_any_role_can_follow_any_other_and_then_rests(first: Role, second: Role) -> None:
    """Removals included: what only the first role wanted is gone after the second."""
    host = fresh()
    host = applied([first], plan_of([first], host), host)
    plan = plan_of([second], host)
    host = applied([second], plan, host)
    left = {p for p, now in host.paths.items() if now}
    wanted = {x.path for x in (*second.files, *second.directories, *second.links)}
    assert left == wanted
    assert plan_of([second], host).empty


@given(ROLES)
def test_a_killed_run_is_never_taken_for_a_hand_edit(role: Role) -> None:
    """Files written by a run that died are known from its pending record."""
    seen = fresh()
    plan = plan_of([role], seen)
    half = applied([role], plan, seen)
    half = replace(half, applied=None, pending={"run": 1, "entries": plan.entries})
    changed = [File(f.path, f.content + b"new", mode=f.mode, secret=f.secret) for f in role.files]
    after = plan_of([replace(role, files=tuple(changed))], half)
    assert not [c for c in after.changes if c.drift]
    assert after.stale_record == "run 1 began and did not finish"


@given(ROLES, st.text(alphabet="abc", min_size=30, max_size=40))
def test_a_secret_is_in_no_line_difference_or_record(role: Role, text: str) -> None:
    secret = File("/etc/secret", text.encode(), mode=0o600, secret=True)
    role = replace(role, files=(*role.files, secret))
    seen = fresh()
    plan = plan_of([role], seen)
    edited = dict(applied([role], plan, seen).paths)
    edited["/etc/secret"] = {**edited["/etc/secret"], "digest": "0" * 64}  # type: ignore[dict-item]
    drifted = plan_of([role], replace(applied([role], plan, seen), paths=edited))
    dropped = plan_of([Role("web")], applied([role], plan, seen))
    for some in (plan, drifted, dropped):
        shown = report("h", some, diff=True) + repr(some) + str(some.entries)
        assert text not in shown
        assert secret.digest not in str(some.entries)


def edited_host() -> tuple[list[Role], Observation]:
    role = Role("web", files=(File("/etc/a", b"one\n"), File("/etc/b", b"b\n")),
                units=(Unit("a.service", restart_on=("/etc/a",)),))  # fmt: skip
    seen = fresh()
    seen = applied([role], plan_of([role], seen), seen)
    paths = dict(seen.paths)
    paths["/etc/a"] = {**paths["/etc/a"], "digest": "f" * 64}  # type: ignore[dict-item]
    return [role], replace(seen, paths=paths)


def test_a_hand_edit_is_named_with_its_run_and_what_restarts() -> None:
    roles, seen = edited_host()
    plan = plan_of(roles, seen)
    assert [c.target for c in plan.changes] == ["/etc/a", "a.service"]
    text = report("h", plan, diff=True)
    assert "CHANGED ON THE HOST since run 1 (then)" in text
    assert "--data keep=/etc/a" in text
    assert "restart a.service: /etc/a changes" in text


def test_a_kept_file_stays_and_is_named_again_next_time() -> None:
    roles, seen = edited_host()
    plan = plan_of(roles, seen, keep={"/etc/a"})
    assert plan.changes == ()
    assert plan.kept == ("/etc/a",)
    assert "CHANGED ON THE HOST" in report("h", plan_of(roles, seen), diff=False)


def test_both_sides_changed_is_told_apart() -> None:
    roles, seen = edited_host()
    role = replace(roles[0], files=(File("/etc/a", b"two\n"), File("/etc/b", b"b\n")))
    assert "CHANGED ON BOTH SIDES" in report("h", plan_of([role], seen), diff=False)


def test_a_link_that_belongs_to_a_unit_is_switched_in_the_step_that_restarts_it() -> None:
    """Between switch and restart the old process would load classes from the new version."""
    link = Link("/opt/x/current", "/opt/x/2", unit="x.service")
    role = Role("x", links=(link,), units=(Unit("x.service", rolling=True),))
    seen = fresh()
    host = applied([role], plan_of([role], seen), seen)
    new = replace(role, links=(replace(link, target="/opt/x/3"),))
    plan = plan_of([new], host)
    assert [c.step for c in plan.changes] == ["rolling", "rolling"]
    (unit,) = [c for c in plan.changes if c.target == "x.service"]
    assert unit.payload["links"][0]["target"] == "/opt/x/3"
    assert unit.payload["action"] == "restart"


@pytest.mark.parametrize(("down", "step"), [(True, "units"), (False, "rolling")])
def test_a_member_that_is_down_restarts_before_the_others_take_turns(down: bool, step: str) -> None:
    """Whoever has its turn before it would wait for it: systemd calls a process that dies again
    and again active while it starts."""
    unit = Unit("x.service", rolling=True, check=Check(("true",)))
    role = Role("x", units=(unit,))
    host = applied([role], plan_of([role], fresh()), fresh())
    now = {**host.units["x.service"], "need_reload": True, "healthy": False, "down": down}
    (change,) = plan_of([role], replace(host, units={"x.service": now})).changes
    assert (change.step, change.payload["action"]) == (step, "restart")


def test_new_firewall_rules_are_written_in_the_step_that_can_take_them_back() -> None:
    rules = File("/etc/fw.nft", b"rules\n")
    unit = Unit("fw.service", reload_on=("/etc/fw.nft",), firewall=True)
    plan = plan_of([Role("base", files=(rules,), units=(unit,))], fresh())
    assert {c.step for c in plan.changes} == {"firewall"}
    (payload,) = [c.payload for c in plan.changes if c.payload]
    assert payload["file"]["path"] == "/etc/fw.nft"


def test_loaded_rules_that_differ_from_the_record_are_loaded_again() -> None:
    unit = Unit("fw.service", reload_on=("/etc/fw.nft",), firewall=True)
    role = Role("base", files=(File("/etc/fw.nft", b"rules\n"),), units=(unit,))
    host = applied([role], plan_of([role], fresh()), fresh())
    host = replace(host, applied={**host.applied, "firewall": "aa"}, firewall="bb")  # type: ignore[dict-item]
    (change,) = plan_of([role], host).changes
    assert "CHANGED ON THE HOST" in change.line


def test_an_artefact_with_another_digest_is_unpacked_again() -> None:
    artefact = Artefact("search", "1", "ab" * 32, "/opt/search/1")
    role = Role("x", artefacts=(artefact,))
    host = applied([role], plan_of([role], fresh()), fresh())
    host = replace(host, artefacts={"/opt/search/1": {"sha256": "cd" * 32}})
    (change,) = plan_of([role], host).changes
    assert change.step == "artefacts"


def test_two_roles_cannot_claim_one_path() -> None:
    one, two = Role("a", files=(File("/etc/x", b""),)), Role("b", files=(File("/etc/x", b"y"),))
    with pytest.raises(RoleError, match="/etc/x belongs to role a and role b"):
        plan_of([one, two], fresh())


def test_another_role_s_record_is_left_alone() -> None:
    """`deploys/base.py` after `deploys/opensearch.py` must not remove the node's files."""
    base, node = Role("base", files=(File("/etc/x", b"x"),)), Role("node", files=(File("/y", b""),))
    host = applied([base, node], plan_of([base, node], fresh()), fresh())
    assert plan_of([base], host).empty
