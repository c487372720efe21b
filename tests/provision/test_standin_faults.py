"""Each misfortune that can be ordered, as the real client meets it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from botocore.exceptions import ConnectionClosedError
from standin_support import Cloud, client_of, refused, running_cloud, until

from inventories.lab.lightsail import Delays, Fault
from inventories.lab.lightsail.faults import KINDS, FaultBook


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        yield running


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("throttle", "ThrottlingException", "Rate exceeded"),
        ("error500", "ServiceException", "internal error"),
        ("access_denied", "AccessDeniedException", "lightsail:CreateInstances"),
        ("expired_credentials", "ExpiredTokenException", "expired"),
        ("quota", "InvalidInputException", "maximum number of instances"),
    ],
)
def test_a_refusal_has_no_effect_and_passes(cloud: Cloud, kind: str, error: str, text: str) -> None:
    cloud.stand_in.faults.add(Fault("CreateInstances", kind))
    with refused(error, text=text):
        cloud.create("web-1")
    assert cloud.client.get_instances()["instances"] == []
    cloud.create("web-1")


@pytest.mark.parametrize("kind", ["throttle", "error500"])
def test_the_client_gets_over_short_trouble_by_itself(cloud: Cloud, kind: str) -> None:
    cloud.stand_in.faults.add(Fault("GetRegions", kind))
    assert client_of(cloud.url, attempts=2).get_regions()["regions"]
    assert [o for o, _ in cloud.stand_in.calls] == ["GetRegions", "GetRegions"]


@pytest.mark.parametrize("kind", ["quota", "access_denied", "expired_credentials"])
def test_the_client_does_not_repeat_what_is_final(cloud: Cloud, kind: str) -> None:
    cloud.stand_in.faults.add(Fault("AllocateStaticIp", kind))
    with pytest.raises(cloud.client.exceptions.ClientError):
        client_of(cloud.url, attempts=3).allocate_static_ip(staticIpName="ip-1")
    assert len(cloud.stand_in.calls) == 1


def test_a_lost_reply_has_its_effect(cloud: Cloud) -> None:
    cloud.stand_in.faults.add(Fault("CreateInstances", "drop_reply"))
    with pytest.raises(ConnectionClosedError):
        cloud.create("web-1")
    cloud.wait_state("web-1", "running")


def test_a_lost_reply_that_the_client_repeats_looks_like_a_foreign_name(cloud: Cloud) -> None:
    """The trap of the real service: a successful create that ends as NameExists."""
    cloud.stand_in.faults.add(Fault("CreateInstances", "drop_reply"))
    patient = client_of(cloud.url, attempts=3)
    with refused("InvalidInputException", "NameExists"):
        patient.create_instances(
            instanceNames=["web-1"],
            availabilityZone="eu-central-1a",
            blueprintId="ubuntu_24_04",
            bundleId="nano_3_0",
        )
    assert [o for o, _ in cloud.stand_in.calls] == ["CreateInstances"] * 2


def test_the_second_of_three_creates_meets_the_quota(cloud: Cloud) -> None:
    cloud.stand_in.faults.add(Fault("CreateInstances", "quota", after=1))
    cloud.create("web-1")
    with refused("InvalidInputException", text="maximum number"):
        cloud.create("web-2")
    cloud.create("web-3")


def test_a_fault_for_one_name_leaves_the_others_alone(cloud: Cloud) -> None:
    cloud.stand_in.faults.add(Fault("*", "throttle", times=-1, name="web-2"))
    cloud.create("web-1")
    for _ in range(2):
        with refused("ThrottlingException"):
            cloud.create("web-2")
    cloud.state("web-1")
    with refused("ThrottlingException"):
        cloud.state("web-2")


@pytest.mark.parametrize("call", ["stop", "delete", "reboot"])
def test_an_operation_that_fails_leaves_the_instance_as_it_was(cloud: Cloud, call: str) -> None:
    cloud.running("web-1")
    cloud.stand_in.faults.add(Fault(f"{call.capitalize()}Instance", "operation_fails"))
    (operation,) = getattr(cloud.client, f"{call}_instance")(instanceName="web-1")["operations"]
    ended = cloud.ended(operation)
    assert (ended["status"], ended["errorCode"]) == ("Failed", "InternalError")
    assert "web-1" in ended["errorDetails"]
    assert cloud.state("web-1") == "running"


def test_a_create_that_fails_leaves_nothing(cloud: Cloud) -> None:
    cloud.stand_in.faults.add(Fault("CreateInstances", "operation_fails"))
    (operation,) = cloud.create("web-1")
    assert operation["isTerminal"] is False
    assert cloud.ended(operation)["status"] == "Failed"
    with refused("NotFoundException"):
        cloud.instance("web-1")
    assert cloud.null.hosts == {}
    cloud.running("web-1")


def test_other_operations_that_fail_change_nothing(cloud: Cloud) -> None:
    client = cloud.client
    cloud.running("web-1")
    client.allocate_static_ip(staticIpName="web-1-ip")
    before = client.get_instance_port_states(instanceName="web-1")["portStates"]
    cloud.stand_in.faults.add(
        Fault("PutInstancePublicPorts", "operation_fails"),
        Fault("AttachStaticIp", "operation_fails"),
        Fault("AllocateStaticIp", "operation_fails"),
    )
    put = client.put_instance_public_ports(instanceName="web-1", portInfos=[])["operation"]
    assert (put["status"], put["isTerminal"]) == ("Failed", True)
    assert client.get_instance_port_states(instanceName="web-1")["portStates"] == before
    (attach,) = client.attach_static_ip(staticIpName="web-1-ip", instanceName="web-1")["operations"]
    assert cloud.ended(attach)["status"] == "Failed"
    assert client.get_static_ip(staticIpName="web-1-ip")["staticIp"]["isAttached"] is False
    client.allocate_static_ip(staticIpName="ip-2")
    with refused("NotFoundException"):
        client.get_static_ip(staticIpName="ip-2")


def test_stuck_in_pending_until_the_faults_are_cleared(cloud: Cloud) -> None:
    cloud.stand_in.faults.add(Fault("CreateInstances", "stuck_pending"))
    (operation,) = cloud.create("web-1")
    cloud.running("web-2")
    assert cloud.state("web-1") == "pending"
    assert cloud.client.get_operation(operationId=operation["id"])["operation"]["status"] in (
        "NotStarted",
        "Started",
    )
    cloud.stand_in.clear_faults()
    assert cloud.ended(operation)["status"] == "Succeeded"
    assert cloud.state("web-1") == "running"


def test_stuck_in_pending_can_be_deleted(cloud: Cloud) -> None:
    cloud.stand_in.faults.add(Fault("CreateInstances", "stuck_pending"))
    cloud.create("web-1")
    cloud.client.delete_instance(instanceName="web-1")
    until(lambda: not cloud.client.get_instances()["instances"])


def test_a_start_that_gets_stuck_can_be_deleted(cloud: Cloud) -> None:
    cloud.running("web-1")
    cloud.ended(cloud.client.stop_instance(instanceName="web-1")["operations"][0])
    cloud.stand_in.faults.add(Fault("StartInstance", "stuck_pending"))
    cloud.client.start_instance(instanceName="web-1")
    with refused("OperationFailureException", text="pending"):
        cloud.client.stop_instance(instanceName="web-1")
    (delete,) = cloud.client.delete_instance(instanceName="web-1")["operations"]
    assert cloud.ended(delete)["status"] == "Succeeded"
    assert cloud.null.hosts == {}


def test_host_keys_that_never_come_or_change() -> None:
    with running_cloud(delays=Delays(pending_s=0, address_polls=0, host_key_polls=0)) as cloud:
        cloud.running("web-1")
        cloud.address("web-1")
        true = [k["publicKey"] for k in cloud.host_keys("web-1")]
        cloud.stand_in.faults.add(
            Fault("GetInstanceAccessDetails", "no_host_keys", times=2),
            Fault("GetInstanceAccessDetails", "change_host_keys", times=2),
        )
        assert [cloud.host_keys("web-1") for _ in range(2)] == [[], []]
        other = [k["publicKey"] for k in cloud.host_keys("web-1")]
        assert len(other) == len(true)
        assert not set(other) & set(true)
        assert [k["publicKey"] for k in cloud.host_keys("web-1")] == other
        assert [k["publicKey"] for k in cloud.host_keys("web-1")] == true


def test_a_foreign_tag(cloud: Cloud) -> None:
    ours = [{"key": "project", "value": "x"}]
    cloud.create("web-1", tags=ours)
    cloud.stand_in.faults.add(Fault("GetInstance", "foreign_tag"))
    assert cloud.instance("web-1")["tags"] == [{"key": "owner", "value": "somebody-else"}]
    assert cloud.instance("web-1")["tags"] == ours


def test_faults_are_taken_one_to_a_call_in_order() -> None:
    book = FaultBook([Fault("A", "throttle", times=2), Fault("*", "error500")])
    assert [book.take("A", []) for _ in range(4)] == ["throttle", "throttle", "error500", None]
    assert book.pending() == []


def test_a_fault_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="throttle"):
        Fault("A", "earthquake")
    with pytest.raises(ValueError, match="times"):
        Fault("A", "throttle", times=-2)
    assert all(KINDS.values())


def test_faults_and_calls_over_http(cloud: Cloud) -> None:
    faults, calls = f"{cloud.url}/_lab/faults", f"{cloud.url}/_lab/calls"
    order = {"operation": "GetInstances", "kind": "throttle", "times": 1}
    assert requests.post(faults, json=order, timeout=5).json()[0]["kind"] == "throttle"
    assert len(requests.post(faults, json=[order, order], timeout=5).json()) == 3
    with refused("ThrottlingException"):
        cloud.client.get_instances()
    assert len(requests.get(faults, timeout=5).json()) == 2
    assert requests.delete(faults, timeout=5).json() == []
    cloud.create("web-1", userData="TOKEN=sesame")
    seen = requests.get(calls, timeout=5).json()
    assert [c["operation"] for c in seen] == ["GetInstances", "CreateInstances"]
    assert seen[1]["params"]["instanceNames"] == ["web-1"]
    assert "sesame" not in repr(seen)
    assert requests.delete(calls, timeout=5).json() == []
    assert requests.get(calls, timeout=5).json() == []
    assert requests.get(f"{cloud.url}/_lab/health", timeout=5).json() == {"ok": True, "bugs": []}


@pytest.mark.parametrize(
    "body",
    ["{", "3", "[3]", '{"kind": "throttle"}', '{"operation": "A", "kind": "x"}',
     '{"operation": "A", "kind": "throttle", "often": 1}'],
)  # fmt: skip
def test_a_fault_over_http_that_cannot_be_is_refused(cloud: Cloud, body: str) -> None:
    reply = requests.post(f"{cloud.url}/_lab/faults", data=body, timeout=5)
    assert reply.status_code == 400
    assert reply.json()["message"]
    assert requests.get(f"{cloud.url}/_lab/nothing", timeout=5).status_code == 404
