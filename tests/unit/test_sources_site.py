"""The tables [secrets] and [[kong.consumers]]: refused in words that never repeat a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventories.errors import SpecError
from inventories.spec import SiteSpec, load_site
from inventories.worlds import World

PLANTED = "fai_planted0planted0planted0planted0planted0pl"
BASE = """[site]
name = "x1"
region = "eu-central-1"
operator_networks = ["9.9.9.9/32"]
[[hosts]]
name = "search-1"
role = "opensearch"
size = "micro"
"""


def loaded(folder: Path, text: str) -> SiteSpec:
    file = folder / "site.toml"
    file.write_text(BASE + text)
    return load_site(World("production", False, [file], None, {}, folder / "g", folder / "s"))


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(SpecError) as refused:
        loaded(folder, text)
    return refused.value.what


def test_nothing_said_is_one_generated_key(tmp_path: Path) -> None:
    spec = loaded(tmp_path, "")
    assert [c.name for c in spec.kong.consumers] == ["storyteller"]
    assert spec.secrets.api_keys == {}


def test_every_place_can_be_named(tmp_path: Path) -> None:
    spec = loaded(
        tmp_path,
        """[secrets]
registry_token = { env = "REGISTRY_TOKEN" }
gateway_certificate = { file = "tls/chain.pem" }
gateway_key = { command = ["op", "read", "op://vault/gateway/key"] }
ca = { file = "tls/authority.pem" }
[secrets.api_keys]
app = { command = ["pass", "show", "app"], previous = { env = "OLD" } }
editor = { previous = { file = "editor.key" } }
[[kong.consumers]]
name = "app"
[[kong.consumers]]
name = "editor"
""",
    )
    assert [c.name for c in spec.kong.consumers] == ["app", "editor"]
    assert spec.secrets.gateway_key is not None
    assert spec.secrets.gateway_key.told == "command op"
    previous = spec.secrets.api_keys["app"].previous
    assert previous is not None
    assert previous.told == "env OLD"
    assert not spec.secrets.api_keys["editor"].given


@pytest.mark.parametrize(
    ("text", "path", "says"),
    [
        ('[secrets]\ntoken = { env = "A" }', "secrets.token", "registry_token, api_keys"),
        ("[secrets]\nregistry_token = {}", "secrets.registry_token", "exactly one of env, file"),
        (
            '[secrets]\nregistry_token = { env = "A", file = "b" }',
            "secrets.registry_token",
            "names 2 places",
        ),
        ('[secrets]\nregistry_token = { env = "A", vault = "b" }', "vault", "env, file, command"),
        ('[secrets]\nregistry_token = { env = "A B" }', "secrets.registry_token.env", "variable"),
        ("[secrets]\nregistry_token = { command = [] }", "registry_token.command", "program"),
        ('[secrets]\nregistry_token = { command = "op read" }', "command", "program"),
        ('[secrets]\ngateway_key = { env = "A" }', "secrets", "given together"),
        ('[secrets.api_keys]\nnobody = { env = "A" }', "api_keys.nobody", "are storyteller"),
        ("[secrets.api_keys]\nstoryteller = {}", "api_keys.storyteller", "exactly one"),
        (
            '[secrets.api_keys]\nstoryteller = { previous = { env = "A", x = 1 } }',
            "api_keys.storyteller.previous.x",
            "valid here: env, file, command",
        ),
        ("[kong]\nconsumers = []", "kong.consumers", "API key"),
        ('[[kong.consumers]]\nname = "a b"', "kong.consumers.a b.name", "name in Kong"),
        (
            '[[kong.consumers]]\nname = "app"\n[[kong.consumers]]\nname = "app"',
            "kong.consumers",
            "used twice: app",
        ),
        ('[[kong.consumers]]\nname = "app"\nkey = "x"', "kong.consumers.app.key", "here: name"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, text: str, path: str, says: str) -> None:
    told = refusal(tmp_path, text)
    assert path in told
    assert says in told


@pytest.mark.parametrize(
    "text",
    [
        f'[secrets]\nregistry_token = "{PLANTED}"',
        f'[secrets]\nregistry_token = {{ env = "{PLANTED}!" }}',
        f'[secrets]\nregistry_token = ["{PLANTED}"]',
        f'[secrets]\nregistry_token = {{ command = "{PLANTED}" }}',
        f'[secrets]\nregistry_token = {{ value = "{PLANTED}" }}',
        f'[secrets]\napi_keys = "{PLANTED}"',
        f'[secrets.api_keys]\nstoryteller = "{PLANTED}"',
        f'[secrets.api_keys]\nstoryteller = {{ previous = "{PLANTED}" }}',
        f'[[kong.consumers]]\nname = "app"\nkey = "{PLANTED}"',
    ],
)
def test_value_in_the_file_is_never_repeated(tmp_path: Path, text: str) -> None:
    """Someone will write the token itself; the refusal must not carry it into a log."""
    assert PLANTED not in refusal(tmp_path, text)


def test_value_instead_of_the_table_is_never_repeated(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(f'secrets = "{PLANTED}"\n{BASE}')
    with pytest.raises(SpecError, match=r"site\.toml line 1: secrets: ") as refused:
        load_site(World("production", False, [file], None, {}, tmp_path, tmp_path))
    assert PLANTED not in refused.value.what


def test_place_of_a_consumer_is_its_line(tmp_path: Path) -> None:
    told = refusal(tmp_path, '[[kong.consumers]]\nname = "app"\n[[kong.consumers]]\nname = "B"\n')
    assert "site.toml line 12: kong.consumers.B.name" in told
