"""Host keys are pinned through the API: none closes, changed alarms, another instance is new."""

from __future__ import annotations

import base64
import json
import shutil
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from inventories import wire
from inventories.errors import ProvisionError
from inventories.lab.lightsail import PLANTED_SECRETS
from inventories.lab.lightsail.account import KeyPair
from inventories.lab.lightsail.keys import read_public_key
from inventories.sshkey import ensure_key
from tests.provision.conftest import Site
from tests.provision.test_faults import failed, settled


def files(site: Site) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in site.generated.iterdir()}


def test_keys_that_never_come_fail_closed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_HOST_KEYS_S", "0.3")
    site.fail("GetInstanceAccessDetails", "no_host_keys", times=-1, name="app-1")
    failed(
        site.run("apply", "--yes"),
        "app-1: the API gave no SSH host keys within 0.3 s",
        billed="$17.00 a month",
    )
    assert not site.generated.exists()
    monkeypatch.setenv("PROVISION_HOST_KEYS_S", "2")
    settled(site)


def test_changed_key_of_the_same_instance_is_an_alarm_and_accepts_nothing(applied: Site) -> None:
    before = files(applied)
    applied.fail("GetInstanceAccessDetails", "change_host_keys", times=-1, name="search-1")
    result = applied.run("apply", "--yes")
    failed(result, "ALARM: search-1 is the same instance", billed="$17.00 a month")
    assert result.err.count("SHA256:") >= 2, "old and new fingerprint"
    assert files(applied) == before
    assert applied.run("apply", "--yes").code == 1, "it stays an alarm"
    settled(applied)
    assert files(applied) == before


def test_key_of_another_instance_of_that_name_is_pinned_anew(applied: Site) -> None:
    """Destroyed and bought again elsewhere: another birth, other keys, and no alarm."""
    copy = applied.root / "copy"
    shutil.copytree(applied.generated, copy)
    before = applied.hosts()["search-1"]
    applied.run("destroy", "search-1", "--yes")
    shutil.rmtree(applied.generated)
    shutil.copytree(copy, applied.generated)
    result = applied.run("apply", "--yes")
    assert result.code == 0, result.all
    after = applied.hosts()["search-1"]
    assert after["host_keys"] != before["host_keys"]
    text = (applied.generated / "known_hosts").read_text()
    assert before["host_keys"][0]["key"] not in text
    assert after["host_keys"][0]["key"] in text


def test_temporary_login_key_of_the_api_is_nowhere(applied: Site) -> None:
    """GetInstanceAccessDetails returns a key that logs in; it must not outlive the reply."""
    applied.run("status")
    applied.fail("GetInstanceAccessDetails", "change_host_keys", times=-1)
    applied.run("apply", "--yes")
    written = [
        p.read_bytes().decode(errors="replace") for p in applied.root.rglob("*") if p.is_file()
    ]
    for secret in PLANTED_SECRETS:
        assert secret not in "".join(applied.everything)
        assert not any(secret in text for text in written)


def test_private_key_is_in_no_output_and_no_other_file(applied: Site) -> None:
    key = applied.secrets / "ssh" / "id_rsa"
    line = key.read_text().splitlines()[5]
    assert line not in "".join(applied.everything)
    assert line not in json.dumps(applied.api.calls, default=str)
    others = [p for p in applied.root.rglob("*") if p.is_file() and p != key]
    assert others
    assert not any(line.encode() in p.read_bytes() for p in others)


def test_key_readable_by_others_is_refused(applied: Site) -> None:
    (applied.secrets / "ssh" / "id_rsa").chmod(0o644)
    result = applied.run("apply", "--yes")
    assert result.code == 1
    assert "chmod 600" in result.err


def test_missing_private_key_stops_before_anything_is_made_useless(applied: Site) -> None:
    (applied.secrets / "ssh" / "id_rsa").unlink()
    result = applied.run("apply", "--yes")
    assert result.code == 1
    assert "the private key of app-1, gateway-1, search-1 is not on this machine" in result.err
    assert applied.changing() == []


def test_key_pair_left_without_hosts_and_without_its_private_half_is_replaced(site: Site) -> None:
    site.run("apply", "--yes")
    site.api.service.account.instances.clear()
    site.api.service.account.static_ips.clear()
    for host in [h.name for h in site.driver.list()]:
        site.driver.delete(host)
    old = next(iter(site.api.service.account.key_pairs.values())).fingerprint
    (site.secrets / "ssh" / "id_rsa").unlink()
    assert site.run("apply", "--yes").code == 0
    assert next(iter(site.api.service.account.key_pairs.values())).fingerprint != old


def test_foreign_key_pair_of_our_name_is_left_alone(site: Site) -> None:
    site.run("apply", "--yes")
    site.run("destroy", "--yes")
    other = site.root / "other" / "ssh" / "id_rsa"
    mine = site.secrets / "ssh" / "id_rsa"
    public = ensure_key(other)
    account = site.api.service.account
    line, fingerprint = read_public_key(public)
    account.key_pairs["fountainai-lab-key"] = KeyPair("fountainai-lab-key", line, fingerprint)
    result = site.run("apply", "--yes")
    assert result.code == 1
    assert "key pair fountainai-lab-key exists and is not ours" in result.err
    assert account.key_pairs["fountainai-lab-key"].fingerprint == fingerprint
    assert mine.exists()


def test_new_key_is_private_from_its_first_byte_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / ".secrets" / "lab" / "ssh" / "id_rsa"
    path.parent.mkdir(parents=True)
    (path.parent / ".id_rsa.new").write_text("what a killed run left")
    public = ensure_key(path)
    assert public.startswith("ssh-rsa ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [stat.S_IMODE(p.stat().st_mode) for p in list(path.parents)[:3]] == [0o700] * 3
    assert [p.name for p in path.parent.iterdir()] == ["id_rsa"]
    before = path.read_bytes()
    assert ensure_key(path) == public
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["", "not a key", "-----BEGIN OPENSSH PRIVATE KEY-----\n"])
def test_damaged_private_key_is_told_and_kept(applied: Site, content: str) -> None:
    key = applied.secrets / "ssh" / "id_rsa"
    key.write_text(content)
    result = applied.run("apply", "--yes")
    assert result.code == 1
    assert "no usable OpenSSH private key" in result.err
    assert "Traceback" not in result.err
    assert key.read_text() == content


def _public(form: serialization.PublicFormat = serialization.PublicFormat.OpenSSH) -> str:
    key = Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(serialization.Encoding.OpenSSH, form).decode()


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ssh-rsa", _public().split()[1]),  # labelled as another algorithm
        ("", _public().split()[1]),
        ("ssh-ed25519", "not base64!"),
        ("ssh-ed25519", ""),
        ("ssh-ed25519", base64.b64encode(b"\xff\xff\xff\xff").decode()),
        ("ssh-ed25519", _public().split()[1] + "\nevil ssh-rsa AAAA"),  # a second known_hosts line
    ],
    ids=["other-algorithm", "no-algorithm", "no-base64", "empty", "short", "two-lines"],
)
def test_malformed_host_key_is_refused(algorithm: str, key: str) -> None:
    with pytest.raises(ProvisionError, match="malformed"):
        wire.host_key("search-1", algorithm, key)


def test_host_key_with_and_without_its_label_is_the_same() -> None:
    line = _public()
    assert wire.host_key("x", "ssh-ed25519", line) == wire.host_key(
        "x", "ssh-ed25519", line.split()[1]
    )
