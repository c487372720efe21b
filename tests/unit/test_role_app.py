"""The app role as data: what it lets in, what it hides, what decides about a container."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from deploys.door.rules import decide
from deploys.model import Role, RoleError
from deploys.placement import AppHost
from deploys.roles.app import AppCredentials, app_role, registry_of
from deploys.roles.base import base_role
from deploys.secrets import Secret
from deploys.settings import SERVICES, AppSettings, BaseSettings, RegistrySettings
from tests.role_support import (
    APP,
    CREDENTIALS,
    PLANTED,
    SEARCH,
    SEARCH_2,
    Host,
    file_of,
    machine,
)

IMAGE = "registry.example:5000/story@sha256:" + "a" * 64
TOKEN = b"planted-registry-token"
GATEWAY = Host("gateway-1", "kong", "172.26.3.30")
HOSTS = [SEARCH, APP, GATEWAY]
ME = AppHost(APP.name, APP.private_address)
GIVEN = AppCredentials(CREDENTIALS, b"story certificate", Secret(PLANTED), b"ca", Secret(TOKEN))


def role(hosts: list[Host] = HOSTS, me: AppHost = ME, **settings: Any) -> Role:
    settings = {"image": IMAGE, "registry": RegistrySettings(user="app"), **settings}
    return app_role(
        AppSettings(**settings), me, hosts, machine(450), GIVEN, env="lab",
        public_url="https://203.0.113.9",
    )  # fmt: skip


def test_one_container_with_every_service_behind_one_name_each() -> None:
    (item,) = role().containers
    assert item.command == ()
    assert item.ports == (18000, 18001)
    config = file_of(role(), "nginx.conf").decode()
    assert "listen 172.26.3.20:8443 ssl default_server;" in config
    assert "story-factory.app.fountainai.internal" in config
    assert "server 127.0.0.1:18001 max_fails=0;" in config


def test_split_services_have_containers_that_name_them() -> None:
    made = role(containers=(("characters",), ("core-script", "story-factory")))
    assert [c.name for c in made.containers] == ["characters", "core-script", "story"]
    assert made.containers[1].command == ("core-script", "story-factory")
    config = file_of(made, "nginx.conf").decode()
    assert config.count("listen 172.26.3.20:8443 ssl") == 4  # the fourth answers unknown names
    assert config.count("default_server") == 1
    assert "return 421" in config


def test_only_gateway_and_operator_pass() -> None:
    config = file_of(role(), "nginx.conf").decode()
    patterns = re.findall(r'"~(\^CN=[^"]*)" (\w+);', config)
    assert dict(patterns) == {
        "^CN=gateway,O=fountainai-lab$": "gateway", "^CN=operator,O=fountainai-lab$": "operator",
    }  # fmt: skip
    assert "ssl_verify_client on;" in config
    assert "TLSv1.3" in config
    assert decide("gateway", "GET", "/") == "refuse"  # the search door knows it, and says no


def test_logs_hold_neither_arguments_nor_bodies() -> None:
    config = file_of(role(), "nginx.conf").decode()
    assert "$request_uri" not in config
    assert "$args" not in config
    assert re.search(r"error_log .* crit;", config)


def test_secrets_are_files_of_the_containers_user_and_nowhere_else() -> None:
    made = role()
    key = next(f for f in made.files if f.path.endswith("story.key"))
    assert (key.owner, key.mode, key.secret) == ("story", 0o400, True)
    (item,) = made.containers
    assert item.secrets == ("/etc/fountainai/story", "/run/secrets/story")
    shown = f"{made!r} {item.environment}"
    for planted in (PLANTED, TOKEN):
        assert planted.decode() not in shown
    assert all(TOKEN not in f.content for f in made.files)
    assert item.login is not None
    assert item.login.token == TOKEN


def test_all_search_hosts_are_given_to_the_services() -> None:
    (item,) = role([*HOSTS, SEARCH_2]).containers
    values = dict(item.environment)
    assert values["STORY_STORE_URL"] == "https://172.26.3.11:9200,https://172.26.3.12:9200"
    assert values["STORY_PUBLIC_URL"] == "https://203.0.113.9"


def test_engine_is_hardened() -> None:
    daemon = json.loads(file_of(role(), "daemon.json"))
    assert daemon["live-restore"] is daemon["no-new-privileges"] is True
    assert daemon["icc"] is daemon["userland-proxy"] is False
    assert (daemon["ip"], daemon["log-driver"]) == ("127.0.0.1", "local")
    assert daemon["bip"] == "172.17.0.1/16"


def test_registry_authority_lies_where_the_engine_looks() -> None:
    assert file_of(role(), "ca.crt", "certs.d/registry.example:5000") == b"ca"


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("registry.example:5000/story@sha256:0", "registry.example:5000"),
        ("ghcr.io/someone/story@sha256:0", "ghcr.io"),
        ("localhost/story@sha256:0", "localhost"),
        ("someone/story@sha256:0", ""),
    ],
)
def test_registry_is_read_as_docker_reads_it(image: str, registry: str) -> None:
    assert registry_of(image) == registry


def test_firewall_lets_only_gateways_and_operators_to_the_app_port() -> None:
    settings = BaseSettings(operator_networks=("203.0.113.7/32",))
    rules = file_of(base_role(settings, APP, HOSTS, machine()), "host.nft").decode()
    accepted = re.findall(r"ip saddr (\S+) tcp dport 8443 accept", rules)
    assert set(accepted) == {"172.26.3.30", "203.0.113.7"}
    assert "tcp dport 8443 drop" in rules
    assert 'iifname != "docker0" ip daddr 172.17.0.0/16 drop' in rules
    assert "ip daddr 172.17.0.0/16 tcp dport 8000 ct state new reject with tcp reset" in rules


def test_default_fits_a_nano_and_six_containers_do_not() -> None:
    assert role().memory_mb + 150 <= 450
    split = tuple((name,) for name in SERVICES)
    assert role(containers=split).memory_mb + 150 > 450


def test_what_is_missing_is_said() -> None:
    with pytest.raises(RoleError, match="names no image"):
        role(image=None)
    with pytest.raises(RoleError, match="no search host"):
        role([APP, GATEWAY])
    bare = replace(GIVEN, registry_token=None)
    with pytest.raises(RoleError, match="registry_token"):
        app_role(
            AppSettings(image=IMAGE, registry=RegistrySettings(user="app")),
            ME, HOSTS, machine(), bare, env="lab",
        )  # fmt: skip
