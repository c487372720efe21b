"""Power, deletion, hosts that fail or die, and many callers at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from standin_support import Cloud, refused, running_cloud, until

from inventories.lab.lightsail import Delays, NullDriver
from inventories.lab.lightsail.null_driver import NullHost


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        yield running


def test_stop_and_start_give_a_new_address_and_keep_the_rest(cloud: Cloud) -> None:
    cloud.running("web-1")
    before, keys = cloud.address("web-1"), cloud.null.hosts["web-1"].host_keys
    private = cloud.instance("web-1")["privateIpAddress"]
    (operation,) = cloud.client.stop_instance(instanceName="web-1")["operations"]
    assert operation["operationType"] == "StopInstance"
    assert cloud.ended(operation)["status"] == "Succeeded"
    stopped = cloud.instance("web-1")
    assert stopped["state"] == {"code": 80, "name": "stopped"}
    assert "publicIpAddress" not in stopped
    assert stopped["privateIpAddress"] == private
    (operation,) = cloud.client.start_instance(instanceName="web-1")["operations"]
    assert cloud.state("web-1") in ("pending", "running")
    cloud.ended(operation)
    assert cloud.address("web-1") != before
    assert cloud.instance("web-1")["privateIpAddress"] == private
    assert cloud.null.hosts["web-1"].host_keys == keys


def test_power_needs_the_right_state(cloud: Cloud) -> None:
    cloud.running("web-1")
    with refused("InvalidInputException", text="attributeUpdates cannot be had here"):
        cloud.client.start_instance(
            instanceName="web-1", attributeUpdates={"bundleId": "small_3_0"}
        )
    with refused("OperationFailureException", "IncorrectInstanceState", "running"):
        cloud.client.start_instance(instanceName="web-1")
    (reboot,) = cloud.client.reboot_instance(instanceName="web-1")["operations"]
    assert cloud.ended(reboot)["status"] == "Succeeded"
    assert cloud.state("web-1") == "running"
    cloud.ended(cloud.client.stop_instance(instanceName="web-1")["operations"][0])
    for call in (cloud.client.stop_instance, cloud.client.reboot_instance):
        with refused("OperationFailureException", text="stopped"):
            call(instanceName="web-1")


def test_passing_states_are_seen() -> None:
    with running_cloud(delays=Delays(pending_s=0, operation_s=0.15)) as cloud:
        cloud.running("web-1")
        cloud.client.stop_instance(instanceName="web-1")
        assert cloud.instance("web-1")["state"] == {"code": 64, "name": "stopping"}
        with refused("OperationFailureException", text="stopping"):
            cloud.client.start_instance(instanceName="web-1")
        cloud.wait_state("web-1", "stopped")
        cloud.client.delete_instance(instanceName="web-1")
        assert cloud.instance("web-1")["state"] == {"code": 32, "name": "shutting-down"}


def test_deletion_takes_a_while_and_can_be_asked_twice() -> None:
    """A client whose reply was lost asks again; that is no error as long as it is under way."""
    with running_cloud(delays=Delays(pending_s=0, operation_s=0.1)) as cloud:
        cloud.running("web-1")
        (first,) = cloud.client.delete_instance(instanceName="web-1")["operations"]
        (again,) = cloud.client.delete_instance(instanceName="web-1")["operations"]
        assert first["id"] == again["id"]
        assert cloud.ended(first)["status"] == "Succeeded"
        for call in (cloud.client.get_instance, cloud.client.delete_instance):
            with refused("NotFoundException", text="web-1"):
                call(instanceName="web-1")
        assert cloud.null.hosts == {}
        cloud.create("web-1")  # the name is free again


def test_a_pending_instance_can_be_deleted() -> None:
    with running_cloud(delays=Delays(pending_s=30)) as cloud:
        (create,) = cloud.create("web-1")
        cloud.client.delete_instance(instanceName="web-1")
        assert cloud.ended(create)["status"] == "Failed"
        until(lambda: "web-1" not in cloud.stand_in.service.account.instances)
        assert cloud.null.hosts == {}


class FailingDriver(NullDriver):
    """Cannot make hosts called bad-*; leaves half of one behind."""

    def create(self, name: str, *args: object, **more: object) -> NullHost:
        made = super().create(name, *args, **more)  # type: ignore[arg-type]
        if name.startswith("bad"):
            raise RuntimeError("no space left on the lab's disk")
        return made


def test_a_host_that_cannot_be_made_ends_the_operation_failed() -> None:
    driver = FailingDriver()
    with running_cloud(driver) as cloud:
        good, bad = cloud.create("good-1", "bad-1")
        failed = cloud.ended(bad)
        assert (failed["status"], failed["errorCode"]) == ("Failed", "InternalError")
        assert failed["errorDetails"] == "no space left on the lab's disk"
        assert cloud.ended(good)["status"] == "Succeeded"
        with refused("NotFoundException"):
            cloud.instance("bad-1")
        assert [*driver.hosts] == ["good-1"]


def test_a_host_that_died_shows_as_stopped_and_starts_again(cloud: Cloud) -> None:
    cloud.running("web-1")
    cloud.null.stop("web-1")
    assert cloud.state("web-1") == "stopped"
    cloud.ended(cloud.client.start_instance(instanceName="web-1")["operations"][0])
    assert cloud.state("web-1") == "running"


def test_a_host_in_the_way_is_not_taken_over(cloud: Cloud) -> None:
    """A leftover of a lost account may hold another site's data; a new instance is empty."""
    old = cloud.null.create("web-1", 512, 20, "ubuntu", [])
    cloud.running("web-1")
    assert cloud.null.hosts["web-1"].host_keys != old.host_keys


def test_metadata_options(cloud: Cloud) -> None:
    cloud.running("web-1")
    reply = cloud.client.update_instance_metadata_options(
        instanceName="web-1", httpTokens="required"
    )
    assert reply["operation"]["status"] == "Succeeded"
    assert cloud.instance("web-1")["metadataOptions"]["httpTokens"] == "required"
    with refused("InvalidInputException"):
        cloud.client.update_instance_metadata_options(instanceName="web-1")


def test_many_at_once_do_not_disturb_each_other(cloud: Cloud) -> None:
    """The lock covers checking and taking a name: of ten who want one name, one gets it."""
    won: list[int] = []

    def want(number: int) -> None:
        try:
            cloud.create("web-1", f"own-{number}")
            won.append(number)
        except cloud.client.exceptions.InvalidInputException:
            pass

    threads = [threading.Thread(target=want, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(won) == 1
    assert {*cloud.stand_in.service.account.instances} == {"web-1", f"own-{won[0]}"}
