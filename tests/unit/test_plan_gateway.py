"""The gateway's step as a plan: why it is applied, what people see of it, what stops it."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import zlib
from dataclasses import replace
from typing import Any

import pytest

from deploys import compare_gateway
from deploys.gateway.render import render
from deploys.model import Gateway, Probe, Role, Unit
from deploys.observation import Observation, covers, query
from deploys.plan import Plan, changes
from deploys.preflight import problems
from deploys.report import report
from deploys.requests import script, step
from tests.unit.test_plan import KEY, fresh

PLANTED = "fai_planted_key"


def twin_with(shown: str) -> bytes:
    """A redacted configuration whose only consumer has this key."""
    key = {"id": "11111111-1111-5111-8111-111111111111", "key": shown}
    consumer = {
        "id": "22222222-2222-5222-8222-222222222222", "username": "storyteller",
        "keyauth_credentials": [key],
    }  # fmt: skip
    return render({"_format_version": "3.0", "services": [], "consumers": [consumer]})


GATEWAY = Gateway(
    path="/etc/kong/kong.yml",
    content=f'services: []\n# {PLANTED}\n'.encode(),
    twin_path="/etc/kong/applied/gateway.yml",
    twin=twin_with("secret:1"),
    documents_path="/etc/kong/applied/openapi.json",
    documents=json.dumps({"plays": {"paths": {"/plays": {"get": {"responses": {}}}}}}).encode(),
    proven_path="/etc/kong/applied/kong.yml",
    parse=("/usr/local/bin/kong", "config", "parse", "{}"),
    scratch="/run/fountainai/kong-parse",
    owner="kong",
    unit="kong.service",
    status=("127.0.0.1", 8007),
    public=("127.0.0.1", 443),
    server_name="gateway-1",
    certificate=b"-----BEGIN CERTIFICATE-----\n",
    probes=(Probe("GET", "/plays", "upstream", keyed=True),),
    probe_key=PLANTED,
    hide=(PLANTED,),
)  # fmt: skip
UP = {
    "kong.service": {
        "active": True, "state": "active/running", "enabled": "enabled", "pid": 7, "started": 1.0,
        "need_reload": False, "newer": "", "newer_reload": "",
    }
}  # fmt: skip


def role(gateway: Gateway = GATEWAY) -> Role:
    return Role("kong", units=(Unit("kong.service"),), gateway=gateway)


def packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


def standing(
    there: Gateway, wanted: Gateway = GATEWAY, *, running: str | None = None, ready: bool = True
) -> dict[str, Any]:
    """What the agent reports of a host where `there` was applied, asked about `wanted`."""

    def shown(old: bytes, new: bytes) -> dict[str, Any]:
        out = {"kind": "file", "digest": hashlib.sha256(old).hexdigest()}
        return out if old == new else {**out, "content": packed(old)}

    file = {
        "kind": "file", "digest": there.digest, "md5": there.md5, "mode": 0o640, "owner": "root",
        "group": "kong",
    }  # fmt: skip
    return {
        "file": file,
        "proven": {"kind": "file", "digest": there.digest},
        "running": there.md5 if running is None else running,
        "ready": ready,
        "twin": shown(there.twin, wanted.twin),
        "documents": shown(there.documents, wanted.documents),
    }


def plan(seen: Observation, wanted: Gateway = GATEWAY) -> Plan:
    return changes([role(wanted)], seen, key=KEY, commit="abc")


def applied(there: Gateway, **more: Any) -> Observation:
    first = plan(fresh(), there)
    record = {"run": 1, "at": "then", "commit": "abc", "entries": dict(first.entries)}
    found = more.pop("gateway", None) or standing(there)
    return fresh(units=UP, applied=record, gateway=found, **more)


def only(found: Plan) -> Any:
    (change,) = [c for c in found.step("gateway") if c.payload]
    return change


def test_a_fresh_host_gets_configuration_and_unit_in_one_step() -> None:
    found = plan(fresh(gateway={"file": None, "proven": None, "running": "", "ready": False}))
    assert [c.step for c in found.changes] == ["gateway", "gateway"]
    assert only(found).line == "+ gateway /etc/kong/kong.yml: new"
    assert only(found).payload["unit"] == {
        "name": "kong.service", "action": "start", "enable": True,
    }  # fmt: skip
    request = step("gateway", found.step("gateway"))
    assert [g["path"] for g in request["gateway"]] == ["/etc/kong/kong.yml"]
    assert found.verify[GATEWAY.path] == found.verify[GATEWAY.proven_path] == GATEWAY.digest


def test_what_stands_runs_and_is_proven_is_no_change() -> None:
    assert plan(applied(GATEWAY)).empty


NEW = replace(GATEWAY, content=b"services: [1]\n", twin=twin_with("secret:2"))


def test_another_configuration_is_told_by_its_twin_without_any_secret() -> None:
    found = plan(applied(GATEWAY, gateway=standing(GATEWAY, NEW)), NEW)
    change = only(found)
    assert change.line.startswith("~ gateway /etc/kong/kong.yml: wanted changed: ")
    assert "form" not in change.line
    assert change.drift == ""
    assert '-        key: "secret:1"\n+        key: "secret:2"\n' in change.diff
    shown = report("gateway-1", found, diff=True) + repr(found) + json.dumps(dict(found.entries))
    assert PLANTED not in shown
    assert NEW.digest not in report("gateway-1", found, diff=True) + json.dumps(found.lines())
    assert change.payload["unit"]["action"] == ""


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"running": "0" * 32}, "CHANGED ON THE HOST since run 1 (then): what runs (000"),
        ({"running": ""}, "nothing answers at the Status API"),
        ({"ready": False}, "it runs but is not ready"),
    ],
)
def test_what_runs_and_is_not_the_file_is_repaired(state: dict[str, Any], told: str) -> None:
    found = plan(applied(GATEWAY, gateway=standing(GATEWAY, **state)))
    assert told in only(found).line
    assert bool(only(found).drift) == ("CHANGED" in told)


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ("file", {"digest": "ab" * 32}, "CHANGED ON THE HOST since run 1"),
        ("file", {"mode": 0o644}, "owner or mode CHANGED ON THE HOST"),
        ("proven", {"digest": "ab" * 32}, "it was written but never proven"),
        ("twin", {"content": packed(b"x"), "digest": "1"}, "gateway.yml does not say what is"),
        ("documents", {"content": packed(b"x"), "digest": "1"}, "openapi.json does not say"),
    ],
)
def test_each_part_that_differs_is_named(part: str, value: dict[str, Any], told: str) -> None:
    now = standing(GATEWAY)
    now[part] = {**now[part], **value}
    assert told in only(plan(applied(GATEWAY, gateway=now))).line


@pytest.mark.parametrize("part", ["file", "proven", "twin", "documents"])
def test_each_part_that_is_gone_is_made_again(part: str) -> None:
    now = {**standing(GATEWAY), part: None}
    assert only(plan(applied(GATEWAY, gateway=now))).payload["expect"] == (
        None if part == "file" else {"kind": "file", "digest": GATEWAY.digest}
    )


def test_a_file_of_a_run_that_died_is_not_called_a_hand_edit() -> None:
    begun = plan(applied(GATEWAY, gateway=standing(GATEWAY, NEW)), NEW)
    now = {**standing(GATEWAY, NEW), "file": standing(NEW)["file"]}
    seen = replace(
        applied(GATEWAY, gateway=now), pending={"run": 2, "entries": dict(begun.entries)}
    )
    assert "never proven" in only(plan(seen, NEW)).line
    back = replace(seen, gateway={**now, "twin": standing(GATEWAY)["twin"]})
    assert "wanted changed" in only(plan(back)).line


def test_a_reload_for_another_file_rides_in_the_step() -> None:
    units = {"kong.service": {**UP["kong.service"], "newer_reload": "/etc/kong/kong.conf"}}
    found = plan(replace(applied(GATEWAY), units=units))
    assert [c.step for c in found.changes] == ["gateway", "gateway"]
    assert only(found).payload["unit"]["action"] == "reload"
    assert only(found).line == "> prove /etc/kong/kong.yml again"


def test_documents_that_break_callers_stop_the_run_beforehand() -> None:
    new = replace(GATEWAY, documents=json.dumps({"plays": {"paths": {}}}).encode())
    seen = applied(GATEWAY, gateway=standing(GATEWAY, new))
    seen = replace(seen, machine=replace(seen.machine, os_id="debian", os_version="13"))
    (told,) = problems([role(new)], seen, 0.0)
    assert "GET /plays" in told
    assert "allow_breaking" in told
    assert problems([role(replace(new, allow_breaking=True))], seen, 0.0) == []
    assert problems([role()], applied(GATEWAY), 0.0) == []


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"plays": 3}'])
def test_documents_edited_on_the_host_are_no_ground_for_a_verdict(content: bytes) -> None:
    now = standing(GATEWAY)
    now["documents"] = {"kind": "file", "digest": "1", "content": packed(content)}
    seen = applied(GATEWAY, gateway=now)
    assert compare_gateway.problems([role()], seen) == []
    assert "openapi.json does not say" in only(plan(seen)).line


def test_the_look_asks_for_what_differs_only() -> None:
    asked = query([role()])
    assert asked["gateway"]["twin"][1] == hashlib.sha256(GATEWAY.twin).hexdigest()
    assert PLANTED not in json.dumps(asked)
    assert covers(asked, query([role()]), applied(GATEWAY))
    assert not covers(asked, query([role(NEW)]), applied(GATEWAY))


@pytest.mark.parametrize("do", ["observe", "gateway"])
def test_the_joined_script_is_python_for_the_host(do: str) -> None:
    ast.parse(script({"do": do}), feature_version=(3, 12))
