"""The commands of the stand-in and what it refuses to read: every refusal names its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inventories.lab.standin.program.cli import kong, nginx
from inventories.lab.standin.program.conf import ConfError, read
from inventories.lab.standin.program.declarative import DeclarativeError, parse
from inventories.lab.standin.program.nginx_text import parse as nginx_text
from inventories.lab.standin.program.settings import BUNDLED
from tests.gateway_example import example
from tests.unit.test_gateway_validate import KONG

CONF = "database = off\nadmin_listen = off\nadmin_gui_listen = off\nplugins = key-auth\n"
GOOD: dict[str, Any] = {
    "_format_version": "3.0",
    "services": [{"name": "a", "host": "a.example", "routes": [{"name": "r", "paths": ["/a"]}]}],
}


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "kong.conf"
    path.write_text(CONF)
    return path


def test_the_version_says_first_that_it_is_not_kong(capsys: pytest.CaptureFixture[str]) -> None:
    assert kong(["version"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("Kong stand-in for rehearsals 3.9.3+standin1 (this is not Kong)")
    assert nginx(["-v"]) == 0


def test_parse_says_what_kong_says(
    conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "kong.yml"
    file.write_text(json.dumps(GOOD))
    argv = ["config", "-c", str(conf), "-p", str(tmp_path), "parse", str(file)]
    assert kong(argv) == 0
    assert capsys.readouterr().out == "parse successful\n"
    file.write_text('_format_version: "3.0"\nservices:\n- name: a\n  hots: b\n')
    assert kong(argv) == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: Failed parsing:\nin 'services':\n  - in entry 1 of 'services':")
    assert "in 'hots': unknown field" in said
    assert "in 'host': required field missing" in said


def test_parse_reads_the_prefix_before_the_settings_it_was_given(
    conf: Path, tmp_path: Path
) -> None:
    """A trap of the real one: with a used prefix, `-c` counts for nothing."""
    file, plain, used = tmp_path / "kong.yml", tmp_path / "plain", tmp_path / "used"
    file.write_text('{"_format_version": "3.0", "plugins": [{"name": "key-auth"}]}')
    plain.mkdir()
    assert kong(["prepare", "-c", str(conf), "-p", str(used)]) == 0
    conf.write_text(CONF.replace("key-auth", "cors"))
    assert kong(["config", "-c", str(conf), "-p", str(plain), "parse", str(file)]) == 1
    assert kong(["config", "-c", str(conf), "-p", str(used), "parse", str(file)]) == 0


@pytest.mark.parametrize(("line", "named"), [
    ("database = postgres", "database"), ("proxy_listen = here", "proxy_listen"),
    ("log_level = loud", "log_level"), ("ssl_cert = /no/such/file", "ssl_cert"),
    ("admin_listen = 127.0.0.1:8001", "admin_listen"), ("no equals sign", "key = value"),
    ("nginx_http_client_max_body_size = much", "nginx_http_client_max_body_size"),
])  # fmt: skip
def test_check_refuses(
    conf: Path, line: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kong(["check", str(conf)]) == 0
    conf.write_text(CONF + line + "\n")
    assert kong(["check", str(conf)]) == 1
    assert named in capsys.readouterr().err


def test_the_environment_overrides_the_file(conf: Path) -> None:
    with pytest.raises(ConfError):
        read(conf, {"KONG_DATABASE": "postgres"})
    assert read(conf, {"KONG_PLUGINS": "cors"})["plugins"] == "cors"


def told(document: Any, plugins: frozenset[str] = BUNDLED) -> str:
    with pytest.raises(DeclarativeError) as refused:
        parse(document if isinstance(document, bytes) else json.dumps(document).encode(), plugins)
    return str(refused.value)


def part(kind: str, **fields: Any) -> dict[str, Any]:
    return {"_format_version": "3.0", kind: [fields]}


def plugin(name: str, **config: Any) -> dict[str, Any]:
    return part("plugins", name=name, config=config)


@pytest.mark.parametrize(("document", "reason"), [
    (b"services: [", "failed parsing"), (b"- 1", "expected an object"),
    ({"services": []}, "_format_version': required"), ({"_format_version": "2.1"}, "3.0"),
    (part("servicse"), "in 'servicse': unknown field"), (part("vaults"), "does not have"),
    (part("services", name="a"), "in 'host': required field missing"),
    (part("services", host="a", retries="5"), "in 'retries': expected an integer"),
    (part("services", host="a", connect_timeout=0), "between 1 and"),
    (part("services", host="a", tls_verify=True), "only with protocol https"),
    (part("services", host="a", name="b,c"), "invalid value"),
    (part("services", host="a", tags=["a/b"]), "invalid tag"),
    (part("routes", name="a"), "must set one of"),
    (part("routes", paths=["a"]), "should start with"),
    (part("routes", paths=["/a//b"]), "empty segments"),
    (part("routes", paths=["~/a(?=b)"]), "look-around"),
    (part("routes", paths=["~/(a)\\1"]), "back-reference"),
    (part("routes", paths=["~/a++"]), "possessive"),
    (part("routes", paths=["~/(?>a)"]), "atomic"),
    (part("routes", paths=["~/("]), "invalid regex"),
    (part("routes", paths=["/a"], methods=["get"]), "upper-case"),
    (part("routes", paths=["/a"], service={"id": "gone"}), "no such entry in 'services'"),
    (part("upstreams", name="10.0.0.1"), "Invalid name"),
    (part("upstreams", name="a", healthchecks={"pasive": {}}), "in 'pasive': unknown field"),
    (part("upstreams", name="a", algorithm="latency"), "stand-in has"),
    (plugin("openid-connect"), "plugin 'openid-connect' not enabled"),
    (plugin("jwt"), "this stand-in does not have the plugin 'jwt'"),
    (plugin("key-auth", key_name="a"), "in 'key_name': unknown field"),
    (plugin("rate-limiting"), "at least one of these fields"),
    (plugin("rate-limiting", hour=3, minute=5), "cannot be lower"),
    (plugin("rate-limiting", minute=5, policy="cluster"), "expected one of: local"),
    (plugin("proxy-cache"), "in 'strategy': required field missing"),
    (plugin("acl", allow=["a"], deny=["b"]), "only one of"),
    (plugin("file-log", path="/x", custom_fields_by_lua={"a": "os.exit()"}), "no Lua"),
    (part("consumers", username="a", keyauth_credentials=[{"key": "planted-secret"},
     {"key": "planted-secret"}]), "uniqueness violation of 'key'"),
])  # fmt: skip
def test_what_cannot_be_served_is_refused_with_its_place(document: Any, reason: str) -> None:
    said = told(document)
    assert reason in said
    assert "planted-secret" not in said


@pytest.mark.parametrize("case", sorted(KONG))
def test_what_the_deploy_says_of_kong_is_refused_here_too(case: str) -> None:
    """The validator on the operator's machine was written apart from this reading of the rules."""
    document = example()
    parse(json.dumps(document).encode(), BUNDLED)
    KONG[case][0](document)
    assert told(document)


def test_a_plugin_that_is_not_enabled_is_refused() -> None:
    assert "add it to the 'plugins'" in told(plugin("cors"), frozenset({"key-auth"}))


def test_nested_and_flat_are_the_same() -> None:
    flat = {
        "_format_version": "3.0",
        "services": [{"name": "a", "host": "a.example"}],
        "routes": [{"name": "r", "paths": ["/a"], "service": {"name": "a"}}],
    }
    nested = parse(json.dumps(GOOD).encode(), BUNDLED)
    assert parse(json.dumps(flat).encode(), BUNDLED) == nested


@pytest.mark.parametrize("text", ["server { listen 1; }", "map $a $b { default 1 }", "log_format"])
def test_nginx_text_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ConfError, match="nginx_http_include"):
        nginx_text(text)
