"""What the hosts say of the runs that made them, and whether that is still what stands there."""

from __future__ import annotations

import hashlib
import json
import shlex
from typing import Any

import pytest
from testinfra.host import Host as Shell

from deploys import secrets, stamp
from deploys.change import keyed
from deploys.roles.app import SECRETS
from deploys.roles.kong import TLS
from inventories.loader import Host
from tests.hosts.support import Site

STATE = "/var/lib/fountainai"
CONVERGE = "converge this host, then verify again"


@pytest.fixture(scope="session")
def record(host: Shell) -> dict[str, Any]:
    shown = host.run(f"cat {STATE}/applied.json")
    assert shown.rc == 0, f"this host was never converged; {CONVERGE}"
    found: dict[str, Any] = json.loads(shown.stdout)
    return found


def standing(host: Shell, paths: list[str]) -> dict[str, tuple[str, int, str, str]]:
    """Path -> kind, mode, owner and group of what is there."""
    names = " ".join(map(shlex.quote, paths))
    lines = host.run(f"stat -c '%F|%a|%U|%G|%n' {names}").stdout.splitlines()
    parts = [line.split("|", 4) for line in lines]
    return {name: (kind, int(mode, 8), user, group) for kind, mode, user, group, name in parts}


def of_kind(record: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    entries = record["entries"].items()
    return {key.split(":", 1)[1]: e for key, e in entries if key.startswith(f"{kind}:")}


def test_stamp_is_this_commit(record: dict[str, Any]) -> None:
    """Otherwise the tests of this checkout judge a host that another one made."""
    assert record["commit"] == stamp.commit(), CONVERGE


def test_no_run_is_left_half_done(record: dict[str, Any], host: Shell) -> None:
    assert not host.file(f"{STATE}/pending.json").exists, CONVERGE


def test_log_is_an_unbroken_chain(record: dict[str, Any], host: Shell) -> None:
    """Each line holds the digest of the one before it: none was changed or taken out."""
    lines = host.file(f"{STATE}/log.jsonl").content.splitlines()
    before = b""
    for number, line in enumerate(lines, 1):
        entry = json.loads(line)
        assert entry["chain"] == hashlib.sha256(before).hexdigest(), f"line {number}"
        before = line
    assert json.loads(lines[-1])["run"] == record["run"]


def test_record_is_for_root_alone(host: Shell) -> None:
    found = standing(host, [STATE, f"{STATE}/applied.json", f"{STATE}/log.jsonl"])
    assert set(found.values()) == {
        ("directory", 0o700, "root", "root"),
        ("regular file", 0o600, "root", "root"),
    }


def test_managed_files_are_as_they_were_written(
    site: Site, me: Host, host: Shell, record: dict[str, Any]
) -> None:
    """Content, rights and owner of every file, so that an edit by hand is named."""
    files = of_kind(record, "file")
    found = standing(host, list(files))
    names = " ".join(map(shlex.quote, files))
    sums = host.run(f"sha256sum {names}").stdout.splitlines()
    digests = {name: digest for digest, name in (line.split(None, 1) for line in sums)}
    key = secrets.record_key(site.where.secrets).reveal()
    wrong = []
    for path, want in files.items():
        digest = digests.get(path, "absent")
        if (keyed(key, digest) if want["secret"] else digest) != want["digest"]:
            wrong.append(f"{path}: another content")
        _, *rights = found.get(path, ("", 0, "", ""))
        if rights != [want["mode"], want["owner"], want["group"]]:
            wrong.append(f"{path}: {_rights(*rights)}, not {_rights(*map(want.get, _RIGHTS))}")
    run = record["run"]
    assert not wrong, "\n".join([f"changed on {me.name} since run {run}:", *wrong])


_RIGHTS = ("mode", "owner", "group")


def _rights(mode: int, owner: str, group: str) -> str:
    return f"{mode:04o} {owner}:{group}" if owner else "absent"


def test_managed_directories_and_links_are_as_they_were_made(
    host: Shell, record: dict[str, Any]
) -> None:
    directories = of_kind(record, "directory")
    found = standing(host, list(directories))
    for path, want in directories.items():
        expected = ("directory", want["mode"], want["owner"], want["group"])
        assert found.get(path) == expected, path
    for path, want in of_kind(record, "link").items():
        assert host.check_output("readlink %s", path) == want["target"]


def test_nothing_temporary_is_left(host: Shell) -> None:
    """Staged files of a killed run, and the switch that keeps packages from starting services."""
    folders = "/etc /opt /usr/local /usr/sbin /var/lib"
    assert host.check_output(f"find {folders} -xdev -name '*.fountainai-new*'") == ""
    assert not host.file("/usr/sbin/policy-rc.d").exists


def test_private_keys_are_the_known_ones_and_closed(me: Host, host: Shell) -> None:
    """The authority's key in particular never leaves the operator's machine, and no package's
    demonstration key is in the way. Public texts that speak of keys are not keys."""
    folders = "/etc /root /home /srv /opt /usr/local /tmp /var/tmp /var/lib/fountainai"
    look = f"grep -rlsE '^-----BEGIN .*PRIVATE KEY' {folders} | xargs -r stat -c '%a %U %n'"
    lines = host.run(look).stdout.splitlines()
    found = {path: (mode, owner) for mode, owner, path in (line.split(" ", 2) for line in lines)}
    kinds = ("rsa", "ecdsa", "ed25519")
    known = {f"/etc/ssh/ssh_host_{kind}_key": ("600", "root") for kind in kinds}
    assert found == known | KEYS.get(me.role, {})


#: By role: private keys as files of their own. The gateway reads its one by its group.
KEYS = {
    "opensearch": {"/etc/nginx/tls/door.key": ("600", "root")},
    "app": {"/etc/nginx/tls/app.key": ("600", "root"), f"{SECRETS}/story.key": ("400", "story")},
    "kong": {f"{TLS}/gateway.key": ("640", "root")},
}


def test_the_operators_own_keys_are_closed(site: Site) -> None:
    """The authority's key makes anybody anything; it stays here, for its owner alone."""
    folder = site.where.secrets
    assert folder.stat().st_mode & 0o777 == 0o700
    keys = [*folder.rglob("*.key"), folder / "ssh/id_rsa"]
    assert {
        str(path): path.stat().st_mode & 0o777 for path in keys if path.stat().st_mode & 0o77
    } == {}
    assert len(keys) >= 2
