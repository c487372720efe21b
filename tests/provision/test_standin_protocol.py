"""The wire: what the real client can send and gets back, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standin_support import Cloud, client_of, refused, running_cloud

from inventories.lab.lightsail import NullDriver, StandIn, protocol
from inventories.lab.lightsail.errors import ApiError
from inventories.lab.lightsail.server import HANDLERS

SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20261122/eu-central-1/lightsail/aws4_request, "
    "SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + "0" * 64
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        yield running


def post(cloud: Cloud, target: str, body: bytes, **headers: str) -> requests.Response:
    every = {"X-Amz-Target": target, "Authorization": SIGNED, **headers}
    return requests.post(cloud.url, data=body, headers=every, timeout=5)


def test_every_operation_of_the_stand_in_is_one_of_the_service() -> None:
    assert set(HANDLERS) <= set(protocol.operations())


def test_without_a_signature_nothing_is_answered(cloud: Cloud) -> None:
    before = len(cloud.stand_in.calls)
    reply = requests.post(
        cloud.url,
        data=b"{}",
        headers={"X-Amz-Target": "Lightsail_20161128.GetRegions"},
        timeout=5,
    )
    assert (reply.status_code, reply.json()["__type"]) == (400, "UnauthenticatedException")
    assert len(cloud.stand_in.calls) == before


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic eDp5",
        SIGNED.replace("lightsail", "ec2"),
        SIGNED.replace("eu-central-1", "us-east-1"),
        SIGNED[:-10],
    ],
)
def test_a_signature_for_elsewhere_is_refused(cloud: Cloud, authorization: str) -> None:
    reply = post(cloud, "Lightsail_20161128.GetRegions", b"{}", Authorization=authorization)
    assert (reply.status_code, reply.json()["__type"]) == (400, "InvalidSignatureException")


def test_a_client_of_another_region_is_refused(cloud: Cloud) -> None:
    with refused("InvalidSignatureException", text="us-east-1"):
        client_of(cloud.url, region="us-east-1").get_regions()


@pytest.mark.parametrize(
    "target",
    ["", "GetRegions", "Lightsail_20161128.Nonsense", "Lightsail_20161128.GetDomains"],
)
def test_an_unknown_operation_is_said_to_be_unknown(cloud: Cloud, target: str) -> None:
    reply = post(cloud, target, b"{}")
    assert (reply.status_code, reply.json()["__type"]) == (400, "UnknownOperationException")


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'"\\ud800"', b"[" * 20000, b'{"a": NaN}'])
def test_a_body_that_is_no_json_is_refused(cloud: Cloud, body: bytes) -> None:
    reply = post(cloud, "Lightsail_20161128.GetRegions", body)
    assert (reply.status_code, reply.json()["__type"]) == (400, "SerializationException")


CREATE: dict[str, Any] = {
    "instanceNames": ["a-1"],
    "availabilityZone": "eu-central-1a",
    "blueprintId": "ubuntu_24_04",
    "bundleId": "nano_3_0",
}


@pytest.mark.parametrize(
    ("operation", "params", "said"),
    [
        ("CreateInstances", {**CREATE, "size": "nano"}, '"size"'),
        ("CreateInstances", {k: v for k, v in CREATE.items() if k != "bundleId"}, '"bundleId"'),
        ("CreateInstances", {**CREATE, "instanceNames": "a-1"}, "instanceNames"),
        ("CreateInstances", {**CREATE, "instanceNames": [1]}, "instanceNames[0]"),
        ("CreateInstances", {**CREATE, "ipAddressType": "ipv5"}, "'ipv5', one of: dualstack"),
        ("CreateInstances", {**CREATE, "blueprintId": "  "}, "blueprintId"),
        ("CreateInstances", {**CREATE, "userData": None}, "userData"),
        ("CreateInstances", {**CREATE, "keyPairName": "a key"}, "not a valid resource name"),
        ("CreateInstances", {**CREATE, "tags": [{"Key": "a"}]}, '"Key"'),
        ("CreateInstances", [], "input"),
        ("GetInstance", {"instanceName": "a"}, "not a valid resource name"),
        ("GetInstance", {"instanceName": "a-1\n"}, "not a valid resource name"),
        ("GetInstance", {"instanceName": "..."}, "not a valid resource name"),
        ("GetInstance", {"instanceName": "naïve"}, "not a valid resource name"),
        ("GetRegions", {"includeAvailabilityZones": 1}, "includeAvailabilityZones"),
        (
            "PutInstancePublicPorts",
            {"instanceName": "a-1", "portInfos": [{"fromPort": 65536, "toPort": 1}]},
            "valid max value: 65535",
        ),
        (
            "PutInstancePublicPorts",
            {"instanceName": "a-1", "portInfos": [{"fromPort": -2, "toPort": 1}]},
            "valid min value: -1",
        ),
        (
            "PutInstancePublicPorts",
            {"instanceName": "a-1", "portInfos": [{"fromPort": True, "toPort": 1}]},
            "a boolean is no number",
        ),
        (
            "PutInstancePublicPorts",
            {"instanceName": "a-1", "portInfos": [{"protocol": "TCP"}]},
            "'TCP', one of: tcp",
        ),
    ],
)
def test_a_request_that_does_not_fit_the_model_is_refused(
    cloud: Cloud, operation: str, params: Any, said: str
) -> None:
    """The client checks little of this itself: enums, patterns and ranges reach the service."""
    reply = post(cloud, f"Lightsail_20161128.{operation}", json.dumps(params).encode())
    assert reply.status_code == 400
    assert reply.json()["__type"] == "InvalidInputException"
    assert said in reply.json()["message"]
    assert reply.headers["x-amzn-requestid"]


def test_a_reply_that_does_not_fit_the_model_is_a_defect_and_seen_as_one() -> None:
    with pytest.raises(protocol.ReplyError, match="state"):
        protocol.check_reply("GetInstanceState", {"state": {"name": 3}})
    with pytest.raises(protocol.ReplyError, match="one of"):
        protocol.check_reply("GetOperation", {"operation": {"status": "Done"}})
    with pytest.raises(protocol.ReplyError, match="TeapotException"):
        protocol.check_error("GetOperation", ApiError("TeapotException", "short and stout"))


def test_a_defect_of_a_handler_is_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong answer must not look like one of the service's own."""
    stand_in = StandIn(NullDriver())
    monkeypatch.setitem(HANDLERS, "GetRegions", lambda *_: {"regions": "many"})
    try:
        with refused("StandInDefect", text="regions"):
            client_of(stand_in.start()).get_regions()
        assert len(stand_in.bugs) == 1
    finally:
        stand_in.stop()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


def params_of(operation: str) -> st.SearchStrategy[Any]:
    shape = protocol.operations()[operation].input_shape
    assert shape is not None
    plausible = st.sampled_from(["a-1", "ipv4", "tcp", "bundles-page-5", "ssh", "ubuntu_24_04"])
    values = plausible | json_values | st.lists(plausible, max_size=2)
    return st.dictionaries(st.sampled_from([*shape.members]), values) | json_values


@given(st.sampled_from(sorted(HANDLERS)).flatmap(lambda o: st.tuples(st.just(o), params_of(o))))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_request_breaks_it(request_: tuple[str, Any]) -> None:
    """Whatever comes: a reply that fits the model or an error the service has, never a crash."""
    operation, params = request_
    stand_in = StandIn(NullDriver())
    body = json.dumps(params).encode()
    try:
        stand_in.answer(f"Lightsail_20161128.{operation}", SIGNED, body)
    except ApiError as refusal:
        if refusal.status != 400:
            raise
    finally:
        stand_in.service.stopping.set()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_it_listens_on_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback only"):
        StandIn(NullDriver(), host=host)


def test_other_paths_and_methods_are_not_the_api(cloud: Cloud) -> None:
    assert requests.get(cloud.url, timeout=5).status_code == 404
    assert requests.delete(cloud.url, timeout=5).status_code == 404
    assert requests.post(f"{cloud.url}/x", data=b"{}", timeout=5).status_code == 404
    too_long = requests.post(cloud.url, data=b" " * (1 << 21), timeout=5)
    assert too_long.status_code == 413
