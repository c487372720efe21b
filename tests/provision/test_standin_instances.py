"""Creating instances: states, late addresses, late host keys, what is refused, names, quota."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import pytest
from standin_support import Cloud, refused, rsa_key, running_cloud, until

from inventories.lab.lightsail import PLANTED_SECRETS, Delays
from inventories.lab.lightsail.instances import USER_DATA_LIMIT


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        yield running


def test_an_instance_comes_up_step_by_step() -> None:
    with running_cloud(delays=Delays(pending_s=0.1, address_polls=2)) as cloud:
        (operation,) = cloud.create("web-1")
        assert (operation["status"], operation["isTerminal"]) == ("NotStarted", False)
        fresh = cloud.instance("web-1")
        assert fresh["state"] == {"code": 0, "name": "pending"}
        assert "publicIpAddress" not in fresh
        assert "privateIpAddress" not in fresh
        until(lambda: cloud.client.get_operation(operationId=operation["id"])["operation"]
              ["status"] == "Started")  # fmt: skip
        assert cloud.ended(operation)["status"] == "Succeeded"
        readings = [cloud.instance("web-1") for _ in range(3)]
        assert [r["state"]["code"] for r in readings] == [16, 16, 16]
        # running, and still without an address: the trap of the real service
        assert ["publicIpAddress" in r for r in readings] == [False, False, True]
        assert readings[-1]["publicIpAddress"] == cloud.null.hosts["web-1"].address


def test_what_an_instance_shows(cloud: Cloud) -> None:
    tags = [{"key": "project", "value": "x"}, {"key": "bare"}]
    cloud.running("web-1", bundleId="small_3_0", tags=tags)
    cloud.address("web-1")
    shown = cloud.instance("web-1")
    assert shown["tags"] == tags
    assert shown["username"] == "ubuntu"
    assert shown["arn"].startswith("arn:aws:lightsail:eu-central-1:111122223333:Instance/")
    assert shown["hardware"]["ramSizeInGb"] == 2.0
    assert shown["isStaticIp"] is False
    assert shown["sshKeyName"] == "LightsailDefaultKeyPair"
    assert len(shown["ipv6Addresses"]) == 1
    assert (cloud.null.hosts["web-1"].memory_mb, cloud.null.hosts["web-1"].disk_gb) == (2048, 60)


@pytest.mark.parametrize(
    ("bundle", "memory"), [("nano_3_0", 512), ("micro_3_0", 1024), ("medium_3_0", 4096)]
)
def test_the_bundle_decides_the_memory_of_the_host(cloud: Cloud, bundle: str, memory: int) -> None:
    cloud.running("web-1", bundleId=bundle)
    assert cloud.null.hosts["web-1"].memory_mb == memory


def test_public_keys_reach_the_host_and_user_data_is_not_kept(cloud: Cloud) -> None:
    line, other = rsa_key(), rsa_key().rsplit(" ", 1)[0]
    cloud.client.import_key_pair(keyPairName="site-key", publicKeyBase64=line)
    script = f"#!/bin/sh\necho '{other}' >> k\nexport TOKEN=sesame\n"
    cloud.running("web-1", keyPairName="site-key", userData=script, blueprintId="debian_13")
    host = cloud.null.hosts["web-1"]
    assert host.authorized_keys == (line, other)
    assert host.user == "admin"
    assert cloud.instance("web-1")["sshKeyName"] == "site-key"
    assert "sesame" not in repr(cloud.stand_in.calls)
    assert "sesame" not in repr(cloud.stand_in.service.account)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"availabilityZone": "us-east-1a"}, "availability zone"),
        ({"blueprintId": "ubuntu_99_04"}, "ubuntu_99_04"),
        ({"blueprintId": "ubuntu_20_04"}, "not available"),
        ({"blueprintId": "windows_server_2022"}, "does not run on"),
        ({"bundleId": "nano_2_0"}, "not available"),
        ({"bundleId": "nano_9_9"}, "nano_9_9"),
        ({"bundleId": "nano_win_3_0"}, "does not run on"),
        ({"bundleId": "nano_ipv6_3_0"}, "ipAddressType"),
        ({"ipAddressType": "ipv6"}, "ipAddressType"),
        ({"instanceNames": []}, "at least one name"),
        ({"instanceNames": ["a-1", "a-1"]}, "each once"),
        ({"instanceNames": ["a-1", "-rf"]}, "-rf is not a valid resource name"),
        ({"instanceNames": ["a-1", "a b"]}, "a b is not a valid resource name"),
        ({"userData": "#" * (USER_DATA_LIMIT + 1)}, "User data"),
        ({"tags": [{"key": "aws:x", "value": "y"}]}, "aws:"),
        ({"tags": [{"key": "x"}, {"key": "x"}]}, "twice"),
        ({"tags": [{"value": "y"}]}, "key of 1 to 128"),
        ({"addOns": [{"addOnType": "AutoSnapshot"}]}, "addOns cannot be had here"),
    ],
)
def test_a_create_that_cannot_be_is_refused_whole(
    cloud: Cloud, change: dict[str, object], said: str
) -> None:
    with refused("InvalidInputException", text=said):
        cloud.create("a-1", **change)
    assert cloud.client.get_instances()["instances"] == []
    assert cloud.null.hosts == {}


def test_an_unknown_key_pair_is_not_found(cloud: Cloud) -> None:
    with refused("NotFoundException", text="no-key"):
        cloud.create("a-1", keyPairName="no-key")


def test_one_name_space_for_all_kinds(cloud: Cloud) -> None:
    line = rsa_key()
    makers = [
        cloud.create,
        lambda name: cloud.client.allocate_static_ip(staticIpName=name),
        lambda name: cloud.client.import_key_pair(keyPairName=name, publicKeyBase64=line),
    ]
    for index, make in enumerate(makers):
        make(f"name-{index}")
        for again in makers:
            with refused("InvalidInputException", "NameExists", f"already in use: name-{index}"):
                again(f"name-{index}")
    assert [*cloud.stand_in.service.account.instances] == ["name-0"]


def test_a_name_taken_among_several_makes_none(cloud: Cloud) -> None:
    cloud.create("a-1")
    with refused("InvalidInputException", "NameExists", "a-1"):
        cloud.create("a-0", "a-1", "a-2")
    assert [*cloud.stand_in.service.account.instances] == ["a-1"]


def test_the_quota_counts_instances() -> None:
    with running_cloud(quota=2) as cloud:
        cloud.create("a-1")
        with refused("InvalidInputException", text="maximum number of instances"):
            cloud.create("a-2", "a-3")
        cloud.running("a-2")
        cloud.client.delete_instance(instanceName="a-2")
        until(lambda: "a-2" not in cloud.stand_in.service.account.instances)
        cloud.create("a-3")


def test_instances_are_listed_in_pages(cloud: Cloud) -> None:
    names = [f"a-{n:02}" for n in range(12)]
    cloud.create(*names)
    first = cloud.client.get_instances()
    assert len(first["instances"]) == 5
    assert first["nextPageToken"]
    pages = cloud.client.get_paginator("get_instances").paginate()
    assert [i["name"] for page in pages for i in page["instances"]] == names


def test_host_keys_come_late_and_are_the_hosts_own() -> None:
    with running_cloud(delays=Delays(pending_s=0, host_key_polls=3)) as cloud:
        cloud.create("web-1")
        cloud.wait_state("web-1", "running")
        cloud.address("web-1")
        assert [len(cloud.host_keys("web-1")) for _ in range(4)] == [0, 0, 0, 2]
        for shown, (algorithm, key) in zip(
            cloud.host_keys("web-1"), cloud.null.hosts["web-1"].host_keys, strict=True
        ):
            assert (shown["algorithm"], shown["publicKey"]) == (algorithm, key)
            digest = base64.b64encode(hashlib.sha256(base64.b64decode(key)).digest()).decode()
            assert shown["fingerprintSHA256"] == "SHA256:" + digest.rstrip("=")


def test_access_details_alone_lead_to_the_address(cloud: Cloud) -> None:
    """A client that asks nothing else must not wait for ever."""
    cloud.running("web-1")
    details = [
        cloud.client.get_instance_access_details(instanceName="web-1")["accessDetails"]
        for _ in range(4)
    ]
    assert ["ipAddress" in d for d in details] == [False, True, True, True]
    assert [bool(d["hostKeys"]) for d in details] == [False, False, False, True]


def test_access_details_carry_a_key_that_must_not_be_kept(cloud: Cloud) -> None:
    cloud.running("web-1")
    reply = cloud.client.get_instance_access_details(instanceName="web-1")
    details = reply["accessDetails"]
    assert details["username"] == "ubuntu"
    assert details["privateKey"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert PLANTED_SECRETS[0] in details["privateKey"]
    assert PLANTED_SECRETS[1] in details["certKey"]
    assert "privateKey" not in repr(cloud.stand_in.calls)


def test_access_to_an_instance_that_is_not_running_is_refused() -> None:
    with running_cloud(delays=Delays(pending_s=30)) as cloud:
        cloud.create("web-1")
        with refused("OperationFailureException", text="pending"):
            cloud.host_keys("web-1")
