"""What goes wrong at the API: each ends with what happened, what is billed, and the next command;
a rerun goes on to the end and nothing is made twice."""

from __future__ import annotations

import pytest

from tests.provision.conftest import HOSTS, Result, Site

CALLS = ["ImportKeyPair", "TagResource", "CreateInstances", "PutInstancePublicPorts"]
CALLS += ["AllocateStaticIp", "AttachStaticIp"]


def failed(result: Result, *says: str, billed: str, run: str = "provision apply --env lab") -> None:
    """The three parts of every failure report, and no traceback."""
    assert result.code == 1, result.all
    for text in says:
        assert text in result.err
    assert billed in result.err
    assert "a month" in result.err or "nothing is billed" in result.err
    assert f"{run}" in result.err.splitlines()[-1]
    assert "Traceback" not in result.err


def settled(site: Site, *, rerun: bool = True) -> None:
    """A rerun goes on to the end, nothing is there twice, and the next one changes nothing."""
    site.api.clear_faults()
    if rerun:
        result = site.run("apply", "--yes")
        assert result.code == 0, result.all
    account = site.api.service.account
    assert set(account.instances) == HOSTS == set(site.hosts())
    assert len(account.static_ips) == 1
    assert len(account.key_pairs) == 1
    site.api.calls.clear()
    assert site.run("apply", "--yes").code == 0
    assert site.changing() == []


@pytest.mark.parametrize("kind", ["throttle", "error500"])
def test_passing_trouble_is_not_even_noticed(site: Site, kind: str) -> None:
    for operation in ("GetInstances", "CreateInstances", "GetInstanceAccessDetails"):
        site.fail(operation, kind)
    assert site.run("apply", "--yes").code == 0
    assert site.changing().count("CreateInstances") == len(HOSTS) + 1


@pytest.mark.parametrize(
    ("kind", "says"),
    [("throttle", "too many requests"), ("error500", "the Lightsail API failed in CreateInst")],
)
def test_lasting_trouble_ends_with_a_report(
    site: Site, kind: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_ATTEMPTS", "1")
    site.fail("CreateInstances", kind, times=-1)
    failed(site.run("apply", "--yes"), says, billed="Nothing of ours exists")
    settled(site)


@pytest.mark.parametrize(
    ("operation", "attempts"),
    [*((call, "1") for call in CALLS), ("CreateInstances", "3"), ("AllocateStaticIp", "3")],
)
def test_lost_reply_is_found_again_and_not_doubled(
    site: Site, operation: str, attempts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without the SDK's own repeat, which makes a success look like NameExists."""
    monkeypatch.setenv("PROVISION_ATTEMPTS", attempts)
    site.fail(operation, "drop_reply")
    first = site.run("apply", "--yes")
    assert first.code == 0, first.all
    assert "the reply was lost; found again" in first.err
    settled(site, rerun=False)


@pytest.mark.parametrize("operation", ["DeleteInstance", "ReleaseStaticIp", "DeleteKeyPair"])
def test_lost_reply_of_destroy_is_found_again(
    applied: Site, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_ATTEMPTS", "1")
    applied.fail(operation, "drop_reply")
    result = applied.run("destroy", "--yes")
    assert result.code == 0, result.all
    assert not applied.api.service.account.names()


def test_second_of_three_creates_refused_by_quota(site: Site) -> None:
    site.fail("CreateInstances", "quota", name=None, after=1, times=1)
    result = site.run("apply", "--yes")
    failed(
        result,
        "gateway-1: AWS refused CreateInstances",
        "maximum number of instances",
        billed="app-1 (running) $5.00, search-1 (running) $7.00: $12.00 a month",
    )
    assert not site.generated.exists(), "a part of the inventory is worse than none"
    for instance in site.api.service.account.instances.values():
        assert [p["fromPort"] for p in instance.ports] == [22], "what runs is closed down already"
    settled(site)


def test_operation_that_ends_failed(site: Site) -> None:
    site.fail("CreateInstances", "operation_fails")
    failed(
        site.run("apply", "--yes"),
        "app-1: AWS accepted the call but its operation ended as Failed",
        billed="gateway-1 (running) $5.00, search-1 (running) $7.00",
    )
    settled(site)


def test_instance_stuck_in_pending(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_READY_S", "1")
    site.fail("CreateInstances", "stuck_pending")
    failed(
        site.run("apply", "--yes"),
        "app-1: is still pending after 1 s",
        billed="app-1 (pending) $5.00",
    )
    monkeypatch.setenv("PROVISION_READY_S", "4")
    settled(site)


def test_stuck_instance_can_be_destroyed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_READY_S", "1")
    site.fail("CreateInstances", "stuck_pending")
    assert site.run("apply", "--yes").code == 1
    assert site.run("destroy", "--yes").code == 0
    assert not site.api.service.account.instances


def test_server_that_never_answers_on_ssh(applied: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_PORT_S", "0.1")
    applied.driver.close()
    failed(
        applied.run("apply", "--yes"),
        "no SSH server answered",
        "operator_networks",
        billed="$17.00 a month",
    )


def test_foreign_instance_of_that_name_is_left_alone(applied: Site) -> None:
    applied.api.service.account.instances["search-1"].tags = {"owner": "somebody-else"}
    for command in (["apply", "--yes"], ["destroy", "search-1", "--yes"]):
        result = applied.run(*command)
        assert result.code == 1
        assert "search-1" in result.err
        assert applied.changing() == []
    assert "is not ours (owner=somebody-else" in applied.run("plan").err
    applied.run("destroy", "--yes")
    assert set(applied.api.service.account.instances) == {"search-1"}


def test_other_size_of_an_existing_host_stops(applied: Site) -> None:
    text = applied.file.read_text()
    applied.file.write_text(text.replace('size = "micro"', 'size = "small"'))
    failed(
        applied.run("apply", "--yes"),
        "search-1: exists as micro, site.toml says small",
        billed="$17.00 a month",
    )
    assert applied.changing() == []


def test_names_that_are_not_on_offer_are_refused_with_what_is(site: Site) -> None:
    overlay = site.root / "inventories" / "lab" / "site.toml"
    overlay.write_text('[site]\nblueprint = "debian_12_9"\nzone = "f"\n')
    result = site.run("plan")
    assert result.code == 1
    assert (
        "debian_12_9 is not on offer; valid: amazon_linux_2023, debian_12, debian_13" in result.err
    )
    assert "eu-central-1f does not exist; there are eu-central-1a" in result.err
    assert "windows" not in result.err
    assert site.changing() == []


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("access_denied", "may not call lightsail:CreateInstances"),
        ("expired_credentials", "credentials are expired"),
    ],
)
def test_refused_credentials_stop_at_once(site: Site, kind: str, says: str) -> None:
    site.fail("CreateInstances", kind, times=-1)
    failed(site.run("apply", "--yes"), says, billed="Nothing of ours exists")
    assert site.changing().count("CreateInstances") == 1
    settled(site)


def test_no_credentials(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LIGHTSAIL", site.api.url)
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(site.root / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    site.file.write_text(site.file.read_text().replace("203.0.113.7", "9.9.9.9"))
    result = site.run("apply", "--yes", "--env", "production")
    assert result.code == 1
    assert "no AWS credentials" in result.err
    assert "set AWS_PROFILE" in result.err
    assert site.api.calls == []


def test_no_network(site: Site) -> None:
    site.api.stop()
    result = site.run("apply", "--yes")
    assert result.code == 1
    assert "the Lightsail API cannot be reached" in result.err
    assert "provision status --env lab" in result.err
    assert "Traceback" not in result.err


def test_trouble_of_this_machine_is_a_sentence_with_what_is_billed(site: Site) -> None:
    """A folder that is a file stands for a full disk: the hosts exist, their files do not."""
    site.generated.parent.mkdir()
    site.generated.write_text("in the way")
    failed(site.run("apply", "--yes"), str(site.generated), billed="$17.00 a month")
    site.generated.unlink()
    settled(site)
