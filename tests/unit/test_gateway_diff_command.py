"""`python -m deploys.gateway.command` against gateways behind a stand-in of `ssh`: what it prints,
its exit codes, and that no secret is in any of it."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from deploys.gateway.command import main
from deploys.gateway.fetch import read
from deploys.gateway.render import render
from deploys.gateway_inputs import Made, made
from deploys.run import Run
from deploys.secrets import record_key
from inventories.loader import Host, HostKey, as_json, env_paths, load_hosts
from inventories.spec import load_site
from inventories.worlds import world

ROOT = Path(__file__).resolve().parents[2]
#: Runs on "the host" what is sent, with its folder below FAKE_HOSTS; a host without one is away.
SSH = """#!/bin/sh
while [ $# -gt 2 ]; do shift; done
[ -d "$FAKE_HOSTS/$1" ] || { echo "ssh: connect to host $1 port 22: No route to host" >&2; exit 255; }
[ -z "$FAKE_NOISE" ] || echo "Welcome!"
sed "s#/etc/kong/applied#$FAKE_HOSTS/$1#g" | python3 -IS -
"""  # noqa: E501


class Bench:
    """A project of its own, with hosts that have what was written for them."""

    def __init__(self, folder: Path) -> None:
        self.hosts = folder / "hosts"
        self.where = world("production")

    def run(self) -> Run:
        return Run(
            world=self.where, inventory=load_hosts("production"), site=load_site(self.where),
            dry=True, keep=frozenset(), rollback=False, allow_breaking=False, who="tester",
            at="2026-01-31T12:00:00Z", commit="tested",
            record_key=record_key(self.where.secrets).reveal(),
        )  # fmt: skip

    def wanted(self) -> Made:
        return made(self.run())

    def apply(self, host: str, twin: Any, documents: Any) -> None:
        """As a converge leaves a host."""
        folder = self.hosts / host
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "gateway.yml").write_bytes(render(twin))
        (folder / "openapi.json").write_text(json.dumps(documents, sort_keys=True, indent=1))


def _host(name: str, role: str, number: int) -> Host:
    return Host(
        name=name, role=role, address=f"192.0.2.{number}", private_address=f"10.0.0.{number}",
        port=22, user="admin", size="nano", bundle_id="nano_3_0", memory_mb=512, created_at="now",
        arn=f"arn:{name}", state="running", host_keys=(HostKey(algorithm="a", key="k"),),
    )  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("FOUNTAINAI_PROJECT", str(tmp_path / "project"))
    monkeypatch.setenv("FAKE_HOSTS", str(tmp_path / "hosts"))
    monkeypatch.setenv("DEPLOY_ENV", "production")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ssh").write_text(SSH)
    (tmp_path / "bin/ssh").chmod(0o755)
    here = Bench(tmp_path)
    here.hosts.mkdir()
    here.where.generated.mkdir(parents=True)
    shutil.copy(ROOT / "inventories/site.toml", here.where.spec_files[0])
    hosts = [_host("gateway-1", "kong", 1), _host("app-1", "app", 2), _host("s-1", "opensearch", 3)]
    write(here, hosts)
    return here


def write(bench: Bench, hosts: list[Host]) -> None:
    text = as_json(hosts, env="production", site="fountainai", region="eu-central-1")
    (bench.where.generated / "hosts.json").write_text(text)
    paths = env_paths(bench.where)
    for path in (paths.known_hosts, paths.ssh_config, paths.private_key):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch()


def test_host_that_has_what_is_wanted_exits_0(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    it = bench.wanted()
    bench.apply("gateway-1", it.twin, it.documents)
    assert main([]) == 0
    assert capsys.readouterr().out == "gateway-1: no difference\n"


def test_host_that_was_never_converged_has_everything_to_come(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    (bench.hosts / "gateway-1").mkdir()
    assert main([]) == 2
    out = capsys.readouterr().out
    assert "gateway-1: nothing is applied yet" in out
    assert "first configuration" in out
    assert "BREAKING" not in out


def test_changes_and_breaks_are_told_with_exit_2(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    it = bench.wanted()
    twin, documents = json.loads(json.dumps([it.twin, it.documents]))
    service = next(s for s in twin["services"] if s["name"] == "characters")
    route = next(r for r in service["routes"] if r["name"] == "listCharacters")
    limits = next(p for p in route["plugins"] if p["name"] == "rate-limiting")
    limits["config"]["minute"] = 10
    document = documents["characters"]
    document["paths"]["/gone"] = {"get": {"operationId": "getGone", "responses": {}}}
    service["routes"].append({"name": "getGone", "paths": ["/gone"]})
    shown = document["components"]["schemas"]["Character"]
    shown["properties"]["born"] = {"type": "integer"}
    bench.apply("gateway-1", twin, documents)
    assert main([]) == 2
    out = capsys.readouterr().out
    assert "gateway-1: would change, BREAKING its clients" in out
    assert " weaker  listCharacters: rate limit per minute 10 -> 3000" in out
    assert "GET /gone: is gone (characters #/paths/~1gone/get)" in out
    assert "field born is gone" in out
    assert " more: answer 200: field born is gone" in out
    assert main(["--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["pending"] is True
    assert told["breaking"] is True
    (host,) = told["hosts"]
    assert host["differences"][0]["severity"] == "weaker"
    assert {"operation-removed", "response-field-removed"} == {
        f["rule"] for f in host["documents"] if f["breaking"]
    }


def test_clients_are_asked_about_what_they_could_reach(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Health has no route, so it may change; an operation that loses its route is gone."""
    it = bench.wanted()
    twin, documents = json.loads(json.dumps([it.twin, it.documents]))
    health = documents["characters"]["paths"]["/health"]["get"]
    health["responses"] = {"299": {}}
    documents["characters"]["paths"]["/shown"] = {"get": {"operationId": "getShown"}}
    documents["characters"]["paths"]["/hidden"] = {"get": {"operationId": "getHidden"}}
    twin["services"][0]["routes"].append({"name": "getShown", "paths": ["/shown"]})
    bench.apply("gateway-1", twin, documents)
    assert main(["--json"]) == 2
    (host,) = json.loads(capsys.readouterr().out)["hosts"]
    assert [f["operation"] for f in host["documents"]] == ["GET /shown"]


def test_each_gateway_is_asked_and_one_that_is_away_fails_alone(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    it = bench.wanted()
    write(bench, [_host("gateway-1", "kong", 1), _host("gateway-2", "kong", 4),
                  _host("app-1", "app", 2)])  # fmt: skip
    bench.apply("gateway-2", it.twin, it.documents)
    assert main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "gateway-1: FAILED: gateway-1 cannot be asked what is applied: ssh: connect to host "
        "gateway-1 port 22: No route to host; run: provision status --env production",
        "gateway-2: no difference",
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gateway.yml", "a: [", "cannot be read (line 1"),
        ("gateway.yml", "services: 7", "has not the form of a configuration"),
        ("openapi.json", "{", "breaking changes are not known"),
        ("openapi.json", "[]", "breaking changes are not known"),
        ("openapi.json", '{"characters": {"paths": {"/a": {"get": []}}}}', "changed by hand"),
    ],
)
def test_file_ruined_on_the_host_is_told_without_a_traceback(
    bench: Bench, capsys: pytest.CaptureFixture[str], name: str, content: str, said: str
) -> None:
    it = bench.wanted()
    bench.apply("gateway-1", it.twin, it.documents)
    (bench.hosts / "gateway-1" / name).write_text(content)
    assert main([]) == 2
    out = capsys.readouterr().out
    assert said in out
    assert out.count("changed by hand") == (said == "changed by hand")


def test_missing_documents_are_named() -> None:
    assert "is missing" in read("a: 1", None).notes[0]
    assert read(None, None) == read(None, None)
    assert read(None, None).notes == ()


def test_expected_failures_are_one_sentence(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NOISE", "1")
    (bench.hosts / "gateway-1").mkdir()
    assert main([]) == 1
    assert "does its login shell print?" in capsys.readouterr().out
    write(bench, [_host("gateway-1", "kong", 1)])
    assert main([]) == 1
    assert capsys.readouterr().err.startswith("gateway-diff: no app host runs ")
    write(bench, [_host("app-1", "app", 2)])
    assert main([]) == 1
    assert "has no gateway host. Next: " in capsys.readouterr().err
    (bench.where.generated / "hosts.json").unlink()
    assert main([]) == 1
    assert "Next: provision apply" in capsys.readouterr().err
    assert main(["--env", "No Name"]) == 1
    assert "is no environment name" in capsys.readouterr().err


def test_no_secret_leaves_the_machine_or_is_printed(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    it = bench.wanted()
    bench.apply("gateway-1", {**it.twin, "consumers": [], "certificates": []}, it.documents)
    assert main([]) == 2
    assert main(["--json"]) == 2
    said = "".join(capsys.readouterr())
    secrets = [*it.keys, *(c["key"] for c in it.kong["certificates"])]
    assert len(secrets) > 1
    for secret in secrets:
        assert secret not in said
        assert base64.b64encode(secret.encode()).decode() not in said
    assert "new consumer with 1 key" in said
