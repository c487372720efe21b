"""Key pairs, tags, and what became of operations."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from standin_support import Cloud, refused, rsa_key, running_cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        yield running


def put(cloud: Cloud, *infos: dict[str, Any]) -> dict[str, Any]:
    reply = cloud.client.put_instance_public_ports(instanceName="web-1", portInfos=[*infos])
    return reply["operation"]


# -- key pairs
def test_a_key_pair_is_imported_once_listed_and_deleted(cloud: Cloud) -> None:
    client = cloud.client
    line = rsa_key()
    reply = client.import_key_pair(keyPairName="site-key", publicKeyBase64=line)
    assert reply["operation"]["status"] == "Succeeded"
    encoded = base64.b64encode(line.encode()).decode()
    client.import_key_pair(keyPairName="same-key", publicKeyBase64=encoded)
    shown = client.get_key_pair(keyPairName="site-key")["keyPair"]
    assert len(shown["fingerprint"].split(":")) == 16
    same = client.get_key_pair(keyPairName="same-key")["keyPair"]
    assert same["fingerprint"] == shown["fingerprint"]
    client.import_key_pair(keyPairName="third-key", publicKeyBase64=rsa_key())
    assert len(client.get_key_pairs()["keyPairs"]) == 2
    pages = client.get_paginator("get_key_pairs").paginate()
    assert len([k for page in pages for k in page["keyPairs"]]) == 3
    more = client.get_paginator("get_key_pairs").paginate(includeDefaultKeyPair=True)
    assert "LightsailDefaultKeyPair" in {k["name"] for page in more for k in page["keyPairs"]}
    with refused("InvalidInputException", text="another fingerprint"):
        client.delete_key_pair(keyPairName="site-key", expectedFingerprint="00:11")
    client.delete_key_pair(keyPairName="site-key", expectedFingerprint=shown["fingerprint"])
    with refused("NotFoundException", text="site-key"):
        client.get_key_pair(keyPairName="site-key")


def ed25519_key() -> str:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (ed25519_key(), "type ssh-rsa"),
        (rsa_key(bits=1024), "2048 bits"),
        ("ssh-rsa AAAAB3NzaC1yc2E= broken", "not valid"),
        ("hello", "not valid"),
        (f"{rsa_key()}\n{rsa_key()}", "type ssh-rsa"),
    ],
    ids=["ed25519", "short", "broken", "no-key", "two-keys"],
)
def test_only_rsa_keys_can_be_imported(cloud: Cloud, key: str, said: str) -> None:
    with refused("InvalidInputException", "InvalidKeyPair", said):
        cloud.client.import_key_pair(keyPairName="site-key", publicKeyBase64=key)


# -- tags
def test_tags_are_added_changed_and_removed(cloud: Cloud) -> None:
    client = cloud.client
    cloud.running("web-1", tags=[{"key": "a", "value": "1"}])
    arn = cloud.instance("web-1")["arn"]
    client.tag_resource(
        resourceName="web-1",
        resourceArn=arn,
        tags=[{"key": "a", "value": "2"}, {"key": "b", "value": "3"}],
    )
    assert {t["key"]: t["value"] for t in cloud.instance("web-1")["tags"]} == {"a": "2", "b": "3"}
    client.untag_resource(resourceName="web-1", tagKeys=["a", "never-there"])
    assert [t["key"] for t in cloud.instance("web-1")["tags"]] == ["b"]
    client.import_key_pair(keyPairName="site-key", publicKeyBase64=rsa_key())
    client.tag_resource(resourceName="site-key", tags=[{"key": "a", "value": "1"}])
    assert client.get_key_pair(keyPairName="site-key")["keyPair"]["tags"]


def test_what_cannot_be_tagged(cloud: Cloud) -> None:
    client = cloud.client
    cloud.create("web-1")
    client.allocate_static_ip(staticIpName="web-1-ip")
    with refused("InvalidInputException", text="cannot be tagged"):  # the model has no tags there
        client.tag_resource(resourceName="web-1-ip", tags=[{"key": "a"}])
    with refused("NotFoundException", text="web-9"):
        client.tag_resource(resourceName="web-9", tags=[{"key": "a"}])
    other = "arn:aws:lightsail:eu-central-1:111122223333:Instance/another"
    with refused("InvalidInputException", text="not the ARN of web-1"):
        client.tag_resource(resourceName="web-1", resourceArn=other, tags=[{"key": "a"}])
    with refused("InvalidInputException", text="At most 50"):
        client.tag_resource(resourceName="web-1", tags=[{"key": f"k{n}"} for n in range(51)])


# -- operations
def test_operations_can_be_read_again_newest_first(cloud: Cloud) -> None:
    (create,) = cloud.create("web-1")
    cloud.ended(create)
    for _ in range(6):
        put(cloud)
    first = cloud.client.get_operations_for_resource(resourceName="web-1")
    types = [o["operationType"] for o in first["operations"]]
    assert types == ["PutInstancePublicPorts"] * 5
    # no paginator for this call: the token has to be followed by hand
    rest = cloud.client.get_operations_for_resource(
        resourceName="web-1", pageToken=first["nextPageToken"]
    )
    assert [o["operationType"] for o in rest["operations"]][-1] == "CreateInstance"
    assert "nextPageToken" not in rest
    with refused("NotFoundException", text="no-such-operation"):
        cloud.client.get_operation(operationId="no-such-operation")
    with refused("NotFoundException", text="web-9"):
        cloud.client.get_operations_for_resource(resourceName="web-9")


def test_operations_of_a_deleted_instance_stay(cloud: Cloud) -> None:
    cloud.running("web-1")
    (delete,) = cloud.client.delete_instance(instanceName="web-1")["operations"]
    cloud.ended(delete)
    found = cloud.client.get_operations_for_resource(resourceName="web-1")["operations"]
    assert found[0]["operationType"] == "DeleteInstance"
