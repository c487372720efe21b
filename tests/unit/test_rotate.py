"""The command `secrets`: each secret is replaced by one command, and no value is ever shown."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from deploys import keys, rotate
from deploys import x509 as certificates
from deploys.pki import Pki, PkiError
from deploys.secret_settings import SecretsSettings
from deploys.secrets import Secret, SecretError, record_key
from deploys.trust import gateway_pair, pki_for, registry_token
from tests.secrets_support import ROOT, Project

TOKEN, KEY = "planted-token-0123456789", "planted.key." * 4


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A site that was converged once."""
    monkeypatch.setenv("FOUNTAINAI_PROJECT", str(tmp_path))
    made = Project(tmp_path)
    keys.consumers(made.where, made.site)
    pki = pki_for(made.where, made.site)
    pki.ensure()
    for name in ("gateway-1", "app-1", "search-1"):
        pki.host(name, ["10.0.0.1"])
    record_key(made.secrets)
    made.gone_through()
    return made


def values(project: Project) -> set[bytes]:
    """Every secret on this machine, whole and as its longest lines."""
    found = {TOKEN.encode(), KEY.encode()}
    for path in project.secrets.rglob("*"):
        if path.is_file() and path.suffix in (".key", ".json", "") and path.name != "applied.json":
            content = path.read_bytes()
            found |= {content} | set(re.findall(rb"[A-Za-z0-9+/=._-]{40,}", content))
    return {value for value in found if len(value) >= 20}


@pytest.fixture(autouse=True)
def _nothing_shown(project: Project) -> object:
    """Whatever a test did: search all that was shown for every value there is or was."""
    before = values(project)
    yield
    shown = "".join(project.shown).encode()
    assert [value[:8] for value in before | values(project) if value in shown] == []


def test_list_shows_names_ages_and_ends(project: Project) -> None:
    rows = project.json()
    assert list(rows) == [
        *("api-key/storyteller", "registry-token", "gateway-certificate", "ca"),
        *(f"client/{leaf}" for leaf in Pki(project.secrets, "production").leafs()[:-3]),
        *("host/app-1", "host/gateway-1", "host/search-1", "record-key"),
    ]
    assert rows["api-key/storyteller"]["state"] == "in use"
    assert rows["api-key/storyteller"]["age"] == 0
    assert rows["client/story"]["days_left"] == 364
    assert rows["ca"]["days_left"] == 3649
    told = project.start("list")
    assert (told.code, told.err) == (0, "")
    table = told.out
    assert project.start("retire", "ca").code == 1
    assert re.search(r"^client/story +issued +0 d +364 +in use$", table, re.MULTILINE)


def test_list_of_a_new_project_makes_nothing(tmp_path: Path) -> None:
    fresh = Project(tmp_path / "fresh")
    rows = fresh.json()
    assert rows["ca"]["state"] == "made by the next converge"
    assert rows["api-key/storyteller"]["state"] == "made by the next converge"
    assert not [p for p in fresh.secrets.rglob("*") if p.is_file()]


def test_api_key_is_rotated_and_retired(project: Project) -> None:
    (old,) = keys.consumers(project.where, project.site)["storyteller"]
    done = project.run("rotate", "api-key/storyteller")
    assert done.code == 0
    assert "Next: pyinfra inventory.py deploys/site.py\n" in done.out
    assert "then secrets retire api-key/storyteller --env production" in done.out
    assert project.json()["api-key/storyteller"]["state"] == "2 keys are valid"
    early = project.run("retire", "api-key/storyteller")
    assert early.code == 1
    assert "no run has brought the new one to gateway-1 yet" in early.err
    project.gone_through("gateway-1")
    assert project.run("retire", "api-key/storyteller").code == 0
    (new,) = keys.consumers(project.where, project.site)["storyteller"]
    assert new != old
    again = project.run("retire", "api-key/storyteller")
    assert again.code == 1
    assert "nothing to retire" in again.err


def test_person_may_say_that_all_converged(project: Project) -> None:
    project.run("rotate", "api-key/storyteller")
    assert project.run("retire", "api-key/storyteller", "--converged").code == 0


def test_given_api_key_is_left_to_the_person(project: Project) -> None:
    project.write('[secrets.api_keys]\nstoryteller = { env = "APP_KEY" }\n')
    told = project.run("rotate", "api-key/storyteller", APP_KEY=KEY)
    assert told.code == 2
    assert "secrets.api_keys.storyteller.previous" in told.out
    assert "set the variable APP_KEY" in told.out
    moved = project.run("retire", "api-key/storyteller", APP_KEY=KEY)
    assert moved.code == 1  # the generated one is all that the gateway has
    assert "gateway-1" in moved.err
    assert project.run("retire", "api-key/storyteller", "--converged", APP_KEY=KEY).code == 0
    assert not (project.secrets / "keys" / "storyteller.json").exists()
    unset = project.json()["api-key/storyteller"]
    assert "is not set; run: export APP_KEY" in str(unset["state"])


def test_previous_given_key_is_left_to_the_person(project: Project) -> None:
    line = 'storyteller = { env = "APP_KEY", previous = { env = "APP_OLD" } }'
    project.write(f"[secrets.api_keys]\n{line}\n")
    (project.secrets / "keys" / "storyteller.json").unlink()
    env = {"APP_KEY": KEY, "APP_OLD": KEY[::-1]}
    assert project.run("retire", "api-key/storyteller", **env).code == 1
    told = project.run("retire", "api-key/storyteller", "--converged", **env)
    assert told.code == 2
    assert "Take secrets.api_keys.storyteller.previous out of site.toml" in told.out


def test_consumer_that_left_can_be_forgotten(project: Project) -> None:
    """Named again one day, its old key would be valid again."""
    project.write('[[kong.consumers]]\nname = "editor"\n')
    assert project.json()["api-key/storyteller"]["state"] == "no consumer any more"
    assert project.run("rotate", "api-key/storyteller").code == 1
    assert project.run("retire", "api-key/storyteller").code == 0
    assert "api-key/storyteller" not in project.json()


def test_registry_token_of_a_file_is_replaced(project: Project) -> None:
    file = project.folder / "token"
    file.touch(mode=0o600)
    file.write_text("old-token\n")
    project.write('[secrets]\nregistry_token = { file = "token" }\n')
    done = project.run("rotate", "registry-token", stdin=TOKEN.encode() + b"\n")
    assert done.code == 0
    assert "then end the old token at the registry" in done.out
    found = registry_token(project.site)
    assert found == Secret(TOKEN.encode())
    assert file.stat().st_mode & 0o777 == 0o600
    for wrong in (b"", b"two words", b"line\nline"):
        assert project.run("rotate", "registry-token", stdin=wrong).code == 1
    assert registry_token(project.site) == found


def test_registry_token_is_typed_unseen(project: Project) -> None:
    file = project.folder / "token"
    file.touch(mode=0o600)
    project.write('[secrets]\nregistry_token = { file = "token" }\n')
    assert project.at_terminal("rotate", "registry-token", prompt="token", typed=TOKEN) == 0
    assert registry_token(project.site) == Secret(TOKEN.encode())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('{ env = "REG" }', "set the variable REG"),
        ('{ command = ["op", "read", "op://planted-vault"] }', "where the command op finds it"),
    ],
)
def test_other_registry_tokens_are_left_to_the_person(
    project: Project, source: str, says: str
) -> None:
    project.write(f"[secrets]\nregistry_token = {source}\n")
    told = project.run("rotate", "registry-token")
    assert told.code == 2
    assert says in told.out
    assert "planted-vault" not in told.all + project.run("list").all


def test_registry_token_without_a_place_is_said(project: Project) -> None:
    assert registry_token(project.site) is None
    told = project.run("rotate", "registry-token")
    assert told.code == 1
    assert "secrets.registry_token" in told.err


@pytest.mark.parametrize(
    ("name", "host"), [("client/story", "app-1"), ("host/search-1", "search-1")]
)
def test_certificate_is_rotated_and_retired(project: Project, name: str, host: str) -> None:
    assert project.run("retire", name).code == 1
    assert project.run("rotate", name).code == 0
    assert project.run("rotate", name).code == 1
    assert project.json()[name]["state"] == "the old one passes too"
    early = project.run("retire", name)
    assert (early.code, host in early.err) == (1, True)
    project.gone_through(host)
    done = project.run("retire", name)
    assert done.code == 0
    assert "brings the list to the doors" in done.out
    crl = x509.load_pem_x509_crl((project.secrets / "pki" / "crl.pem").read_bytes())
    assert len(list(crl)) == 1


def test_operators_own_certificate_needs_no_converge_before(project: Project) -> None:
    assert "Next: secrets retire client/operator" in project.run("rotate", "client/operator").out
    assert project.run("retire", "client/operator").code == 0


def test_authority_is_changed_in_three_steps(project: Project) -> None:
    pki = Pki(project.secrets, "production")
    old = pki.certificate("ca")
    for verb, says, phase in (
        ("rotate", "step 1 of 3", "trust"),
        ("rotate", "step 2 of 3", "issue"),
        ("retire", "step 3 of 3", "steady"),
    ):
        done = project.run(verb, "ca")
        assert (done.code, pki.phase()) == (0, phase), done.err
        assert says in done.out
        if phase != "steady":
            refused = project.run("rotate" if phase == "trust" else "retire", "ca")
            assert refused.code == 1
            assert "to app-1, gateway-1, search-1 yet" in refused.err
            assert project.run("rotate", "client/story").code == 1
        other = "retire" if phase == "trust" else "rotate"
        assert phase == "steady" or project.run(other, "ca").code == 1
        for name in ("gateway-1", "app-1", "search-1"):
            pki.host(name, ["10.0.0.1"])
        project.gone_through()
    assert pki.certificate("ca") != old
    assert project.run("retire", "ca").code == 1


def test_rotation_after_the_snapshot_is_not_taken_for_brought(project: Project) -> None:
    """A converge that began before the rotation gave the host the old certificate."""
    from deploys.given import note, snapshot

    host = project.host("app-1")
    seen = snapshot(project.where, project.site, host)
    project.run("rotate", "client/story")
    note(project.where, project.site, host, seen)
    assert project.run("retire", "client/story").code == 1


@pytest.mark.parametrize("name", ["api-key/storyteller", "client/story", "host/app-1", "ca"])
def test_of_many_rotations_at_once_one_is_done(project: Project, name: str) -> None:
    """Two steps at once would skip the converge between them."""
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: project.start("rotate", name), range(4)))
    assert sorted(s.code for s in said) == [0, 1, 1, 1]
    assert Pki(project.secrets, "production").phase() == ("trust" if name == "ca" else "steady")


def test_the_document_names_what_there_is(project: Project) -> None:
    """Every command in it acts on something that exists, and its example is a site."""
    text = (ROOT / "docs" / "secrets.md").read_text()
    context = rotate.context_of("production")
    names = re.findall(r"`secrets (?:rotate|retire) ([a-z0-9/-]+)`", text)
    assert {rotate.chosen(name, context).name for name in names} == set(names)
    kinds = {item.name.partition("/")[0] for item in rotate.items(context)}
    assert {name.partition("/")[0] for name in names} == kinds
    project.write(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0])
    assert [c.name for c in project.site.kong.consumers] == ["storyteller", "editor"]
    assert all(f"secrets.{key}" in text for key in SecretsSettings.model_fields)


def pem_pair(days: int = 90) -> tuple[bytes, bytes]:
    now = datetime.now(UTC)
    ca = certificates.new_ca("acme", now - timedelta(days=200))
    start = now - timedelta(days=365 - days)
    leaf = certificates.new_leaf(
        ca, certificates.subject("acme", "gw"), start, server=True, alternatives=["gw.example"]
    )
    return leaf.pem + ca.pem, leaf.key_pem


def give_pair(project: Project, chain: bytes, key: bytes) -> None:
    for name, content in (("chain.pem", chain), ("gateway.key", key)):
        file = project.folder / name
        file.touch(mode=0o600)
        file.write_bytes(content)
    project.write(
        '[secrets]\ngateway_certificate = { file = "chain.pem" }\n'
        'gateway_key = { file = "gateway.key" }\n'
    )


def test_own_pair_of_the_gateway_is_checked(project: Project) -> None:
    assert gateway_pair(project.site) is None
    chain, key = pem_pair()
    give_pair(project, chain, key)
    pair = gateway_pair(project.site)
    assert pair is not None
    assert (pair.chain, pair.key.reveal(), pair.days_left) == (chain.strip(), key.strip(), 89)
    assert project.json()["gateway-certificate"]["days_left"] == 89
    told = project.run("rotate", "gateway-certificate")
    assert told.code == 2
    assert "write the new value into chain.pem" in told.out


@pytest.mark.parametrize(
    ("chain", "key", "says"),
    [
        (b"nothing", pem_pair()[1], "no certificate in PEM"),
        (pem_pair()[0], b"nothing", "no unencrypted key"),
        (pem_pair()[0], pem_pair()[1], "not the key of the first certificate"),
        (pem_pair(days=-3)[0], None, "ended 3 days ago"),
    ],
)
def test_own_pair_that_cannot_serve_is_refused(
    project: Project, chain: bytes, key: bytes | None, says: str
) -> None:
    if key is None:
        chain, key = pem_pair(days=-3)
    give_pair(project, chain, key)
    with pytest.raises(SecretError, match=says):
        gateway_pair(project.site)
    assert says in str(project.json()["gateway-certificate"]["state"])


def test_chain_out_of_order_is_refused(project: Project) -> None:
    chain, key = pem_pair()
    stranger = certificates.new_ca("stranger", datetime.now(UTC)).pem
    first = x509.load_pem_x509_certificates(chain)[0]
    give_pair(project, first.public_bytes(serialization.Encoding.PEM) + stranger, key)
    with pytest.raises(SecretError, match="followed by its issuer"):
        gateway_pair(project.site)


def test_own_authority_from_the_first_converge_and_by_rotation(project: Project) -> None:
    pair = certificates.new_ca("acme", datetime.now(UTC))
    file = project.folder / "authority.pem"
    file.touch(mode=0o600)
    file.write_bytes(pair.pem + pair.key_pem)
    project.write('[secrets]\nca = { file = "authority.pem" }\n')
    with pytest.raises(PkiError, match="secrets rotate ca"):
        pki_for(project.where, project.site)
    assert project.run("rotate", "ca").code == 0
    pki_for(project.where, project.site).ensure()
    assert project.run("rotate", "ca", "--converged").code == 0
    assert project.run("retire", "ca", "--converged").code == 0
    assert pki_for(project.where, project.site).certificate("ca") == pair.certificate
    assert "acme" not in project.run("list").all  # a place is shown, not what it holds


def test_record_key_is_replaced(project: Project) -> None:
    before = record_key(project.secrets)
    assert project.run("rotate", "record-key").code == 0
    assert record_key(project.secrets) != before
    assert (project.secrets / "record.key").stat().st_mode & 0o777 == 0o600


def test_unknown_name_shows_the_near_ones(project: Project) -> None:
    told = project.run("rotate", "storyteller")
    assert told.code == 1
    assert "api-key/storyteller" in told.err
    assert project.run("rotate", "client/none").code == 1
    assert project.run("nothing").code == 1


def test_bad_site_and_world_are_one_sentence(project: Project) -> None:
    project.write("[secrets]\nunknown = 1\n")
    told = project.run("list")
    assert told.code == 1
    assert "secrets.unknown" in told.err
    assert project.run("list", "--env", "Nowhere").code == 1


def test_json_is_nothing_but_json(project: Project) -> None:
    said = project.run("list", "--json")
    assert said.err == ""
    assert {"name", "source", "age", "days_left", "state", "next"} == set(json.loads(said.out)[0])
