"""The gateway's role as data, and the package it installs: the pinned Kong, or in a lab its
stand-in, and never anything else."""

from __future__ import annotations

import hashlib
import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from deploys import debs, versions
from deploys.artefacts import ArtefactError
from deploys.debs import Deb
from deploys.gateway import access_log, generate, policy
from deploys.gateway.operations import operations
from deploys.gateway_probes import NOWHERE, probes, sample
from deploys.model import Role, RoleError
from deploys.observation import query
from deploys.preflight import problems
from deploys.roles.base import base_role
from deploys.roles.kong import PLUGINS, Configuration, kong_role
from deploys.secrets import Secret
from deploys.settings import BaseSettings, KongSettings
from inventories.errors import SpecError
from inventories.spec import load_site
from inventories.worlds import World
from story_services.main import services
from story_services.openapi import documents
from tests.role_support import APP, SEARCH, Host, file_of, machine
from tests.unit.test_plan import fresh
from tests.unit.test_sources_site import BASE

GATEWAY = Host("gateway-1", "kong", "172.26.3.30")
KONG = debs.kong("3.9.3", "ubuntu", "24.04", "amd64")
PLANTED = b"-----BEGIN PRIVATE KEY----- planted"
WANTED = Configuration(
    content=b"services: []\n", twin=b"services: []\n", documents=b"{}\n", plugins=("key-auth",),
    access_format=b"log_format story '';\n",
    access_log=access_log.directive("/var/log/kong/access.log"), authorities=b"authority",
    probes=(),
    probe_key="fai_planted", hide=("fai_planted",),
)  # fmt: skip


def made(memory_mb: int = 460, wanted: Configuration = WANTED, deb: Deb = KONG) -> Role:
    return kong_role(
        KongSettings(), machine(memory_mb, os_id="ubuntu", container=False), deb, wanted,
        b"certificate", Secret(PLANTED), server_name="gateway-1",
    )  # fmt: skip


def settings_of(role: Role) -> dict[str, str]:
    lines = file_of(role, "/kong.conf").decode().splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {key.strip(): value.strip() for key, value in pairs}


def test_nothing_of_the_gateway_is_administered_over_the_network() -> None:
    conf = settings_of(made())
    assert conf["database"] == "off"
    assert conf["admin_listen"] == conf["admin_gui_listen"] == conf["stream_listen"] == "off"
    assert conf["status_listen"] == "127.0.0.1:8007"
    assert conf["proxy_listen"] == "0.0.0.0:443 http2 ssl"
    assert conf["trusted_ips"] == ""
    assert conf["headers"] == conf["anonymous_reports"] == conf["request_debug"] == "off"


def test_probes_trust_the_environments_authority_and_nobody_else() -> None:
    role = made()
    assert settings_of(role)["lua_ssl_trusted_certificate"] == "/etc/kong/tls/ca.pem"
    assert file_of(role, "/tls/ca.pem") == b"authority"
    (kong,) = [unit for unit in role.units if unit.name == "kong.service"]
    # `kong prepare`, which a reload runs, is what reads it.
    assert "/etc/kong/tls/ca.pem" in kong.reload_on
    paths = [file.path for file in role.files]
    assert paths.index("/etc/kong/tls/ca.pem") < paths.index("/etc/kong/kong.conf")


def test_it_fits_a_small_host() -> None:
    conf = settings_of(made())
    assert (conf["nginx_worker_processes"], conf["mem_cache_size"]) == ("1", "16m")
    assert conf["lmdb_map_size"] == "64m"
    drop_in = file_of(made(460), "10-fountainai.conf", "kong.service.d").decode()
    assert "MemoryMax=345M" in drop_in
    assert "Restart=on-failure" in drop_in
    assert "User=kong" in drop_in
    assert any(u.name == "swapfile.swap" for u in made(460).units)
    assert not any(u.name == "swapfile.swap" for u in made(1900).units)


def test_every_plugin_the_generator_can_use_is_loaded_and_no_other() -> None:
    assert settings_of(made())["plugins"] == ",".join(PLUGINS)
    with pytest.raises(RoleError, match="openid-connect"):
        made(wanted=replace(WANTED, plugins=("key-auth", "openid-connect")))


def test_every_plugin_of_every_policy_is_loaded() -> None:
    found = documents(services())
    text = policy.SHIPPED.read_text().replace("cors = []", 'cors = ["https://desk.example.org"]')
    text += '[[rules]]\noperation = "listActions"\nauthentication = "none"\ncache_seconds = 60\n'
    kong = generate.gateway(
        operations(found), policy.parse(text), {name: ["10.0.0.1"] for name in found}, env="lab",
        ca_pem="x", client_pem="x", client_key="x", consumers={"storyteller": ["k" * 40]},
    )  # fmt: skip
    assert {"cors", "proxy-cache", "request-transformer"} <= set(generate.plugin_names(kong))
    assert set(generate.plugin_names(kong)) <= set(PLUGINS)


def test_secrets_are_marked_and_the_account_alone_reads_the_key() -> None:
    role = made()
    (key,) = [f for f in role.files if f.content == PLANTED]
    assert (key.secret, key.mode, key.owner, key.group) == (True, 0o640, "root", "kong")
    assert "planted" not in repr(role)
    assert role.gateway is not None
    assert role.gateway.path not in {f.path for f in role.files}


def test_commands_of_the_package_never_run_as_root() -> None:
    """Its programs belong to its account, which a gateway that was taken over could replace."""
    role = made()
    assert role.gateway is not None
    checks = [f.validate for f in role.files if f.validate] + [role.gateway.parse]
    assert len(checks) == 2
    assert all(c[:3] == ("/usr/bin/setpriv", "--reuid", "kong") for c in checks)


def test_the_gateway_host_opens_443_to_all_and_ssh_to_operators() -> None:
    settings = BaseSettings(operator_networks=("203.0.113.7/32",))
    role = base_role(settings, GATEWAY, [GATEWAY, APP, SEARCH], machine())
    text = file_of(role, "/etc/fountainai/host.nft").decode()
    received = text.split("chain input")[1].split("chain output")[0]
    accepts = [line.strip() for line in received.splitlines() if "tcp dport" in line]
    assert accepts == ["ip saddr 203.0.113.7 tcp dport 22 accept", "tcp dport 443 accept"]
    assert 'tcp dport 8007 meta skuid "root" accept' in text
    for other in (APP, SEARCH):
        rules = file_of(base_role(settings, other, [GATEWAY, APP, SEARCH], machine()), ".nft")
        assert b"dport 443" not in rules


def test_an_enterprise_package_on_the_host_stops_the_run() -> None:
    role = made()
    asked = query([role])
    assert "kong-enterprise-edition" in asked["packages"]
    seen = fresh(machine=machine(460, os_id="ubuntu"), packages={"kong-enterprise-edition": "3.10"})
    assert any("kong-enterprise-edition 3.10 is installed" in p for p in problems([role], seen, 0))


def test_the_probes_ask_each_service_with_and_without_a_key() -> None:
    found = documents(services())
    rules = policy.load()
    settings = policy.effective(rules, rules.operations(operations(found)))
    asked = probes(settings)
    assert asked[0].path == NOWHERE
    assert asked[0].expect == "no route"
    assert sum(p.keyed for p in asked) == len(found)
    assert {p.method for p in asked} == {"GET"}
    assert sum(p.expect == "no key" for p in asked) == len(found)
    for operation in settings:
        assert "{" not in sample(operation)


# The package


@pytest.mark.parametrize(
    ("system", "wrong"),
    [(("debian", "13", "amd64"), "libpcre3"), (("ubuntu", "26.04", "amd64"), "")],
)
def test_a_system_without_a_package_is_told_with_the_way_out(
    system: tuple[str, str, str], wrong: str
) -> None:
    with pytest.raises(ArtefactError, match=f"{wrong}.*ubuntu_24_04.*standin"):
        debs.kong("3.9.3", *system)


def test_pinned_sums_are_whole_and_names_are_of_oss() -> None:
    for known in versions.KONG_DEBS.values():
        for path, digest in known.values():
            assert len(bytes.fromhex(digest)) == 32
            assert path.rpartition("/")[2].startswith("kong_3.9.")


def deb_of(folder: Path, package: str, version: str) -> Path:
    tree = folder / package
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: {package}\nVersion: {version}\nArchitecture: all\nMaintainer: a <a@b.c>\n"
        "Description: x\n"
    )
    out = folder / f"{package}.deb"
    argv = ["dpkg-deb", "-Zxz", "--root-owner-group", "--build", str(tree), str(out)]
    subprocess.run(argv, check=True, capture_output=True)
    return out


def test_a_stand_in_is_taken_only_when_it_is_one(tmp_path: Path) -> None:
    standin = deb_of(tmp_path, debs.STANDIN, "3.9.3+standin1")
    found = debs.standin(str(standin), tmp_path)
    assert (found.package, found.version) == (debs.STANDIN, "3.9.3+standin1")
    assert debs.find(found) == standin
    with pytest.raises(ArtefactError, match=r"kong 3\.9\.3, not the stand-in"):
        debs.standin(str(deb_of(tmp_path, "kong", "3.9.3")), tmp_path)
    with pytest.raises(ArtefactError, match="rehearse image"):
        debs.standin(None, tmp_path)
    with pytest.raises(ArtefactError, match="No such file"):
        debs.standin("nowhere.deb", tmp_path)
    junk = tmp_path / "junk"
    junk.write_bytes(b"!<arch>\n" + b"x" * 100)
    with pytest.raises(ArtefactError, match="no readable Debian package"):
        debs.standin("junk", tmp_path)


@pytest.mark.parametrize(
    ("package", "version", "told"),
    [
        ("kong-enterprise-edition", "3.10.0.1", "Kong Enterprise, which is never used"),
        ("kong", "3.10.0.1", "Kong Enterprise, which is never used"),
        ("kong", "3.9.0", "is kong 3.9.0 and not the pinned kong 3.9.3"),
        (debs.STANDIN, "3.9.3", "is fountainai-kong-standin"),
    ],
)
def test_another_file_under_kongs_name_is_refused_by_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, version: str, told: str
) -> None:
    shutil.move(deb_of(tmp_path, package, version), tmp_path / KONG.filename)
    monkeypatch.setenv("FOUNTAINAI_ARTEFACTS", str(tmp_path))
    with pytest.raises(ArtefactError, match=told):
        debs.find(KONG, cache=tmp_path / "cache")


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server in the place of Kong's own, and the folder it shows."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given: object) -> None:
            super().__init__(*given, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", folder
        server.shutdown()
        thread.join()


def test_a_download_is_kept_when_it_is_the_pinned_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: tuple[str, Path]
) -> None:
    monkeypatch.delenv("FOUNTAINAI_ARTEFACTS", raising=False)
    url, folder = published
    content = deb_of(tmp_path, "kong", "3.9.3").read_bytes()
    (folder / KONG.filename).write_bytes(content)
    deb = replace(KONG, url=url + KONG.filename, sha256=hashlib.sha256(content).hexdigest())
    cache = tmp_path / "cache"
    assert debs.find(deb, cache=cache).read_bytes() == content
    (folder / KONG.filename).unlink()
    assert debs.find(deb, cache=cache).read_bytes() == content
    (cache / KONG.filename).write_bytes(b"damaged")
    with pytest.raises(ArtefactError, match=r"could not be downloaded.*FOUNTAINAI_ARTEFACTS"):
        debs.find(deb, cache=cache)
    (folder / KONG.filename).write_bytes(content + b"more")
    with pytest.raises(ArtefactError, match="not the pinned"):
        debs.find(deb, cache=cache)
    assert [p.name for p in cache.iterdir()] == []


def test_settings_refuse_what_is_no_package_and_no_name() -> None:
    with pytest.raises(ValidationError, match="package"):
        KongSettings(package="kong-enterprise-edition")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="names"):
        KongSettings(names=("https://x.example.org",))


def test_the_stand_in_is_refused_outside_a_lab(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(BASE + '[kong]\npackage = "standin"\nartefact = "x.deb"\n')

    def load(env: str) -> str:
        return load_site(
            World(env, env != "production", [file], None, {}, tmp_path, tmp_path)
        ).kong.package

    with pytest.raises(SpecError) as refused:
        load("production")
    assert 'kong.package: "standin" is not Kong' in refused.value.what
    assert load("lab") == "standin"
