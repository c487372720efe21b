"""A stand-in with the real boto3 client in front of it, and a poll with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from inventories.lab.lightsail import Delays, Driver, NullDriver, StandIn

REGION = "eu-central-1"
QUICK = Delays(pending_s=0.01, operation_s=0.01)
T = TypeVar("T")


def until(look: Callable[[], T | None], limit_s: float = 5.0) -> T:
    """What `look` gives as soon as it gives something; AssertionError after the limit."""
    end = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.005)
    return found


def client_of(url: str, attempts: int = 1, region: str = REGION) -> Any:
    """The unmodified boto3 client; `attempts` 1 shows each error as it came."""
    return boto3.client(
        "lightsail",
        region_name=region,
        endpoint_url=url,
        aws_access_key_id="AKIALABLABLABLAB",
        aws_secret_access_key="not-a-secret",
        config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
    )


class Cloud:
    """The stand-in, its driver and a client."""

    def __init__(self, driver: Driver | None = None, **settings: Any) -> None:
        self.null = NullDriver()
        self.stand_in = StandIn(driver or self.null, **{"delays": QUICK, **settings})
        self.url = self.stand_in.start()
        self.client = client_of(self.url)

    def create(self, *names: str, **more: Any) -> list[dict[str, Any]]:
        params = {
            "instanceNames": [*names],
            "availabilityZone": "eu-central-1a",
            "blueprintId": "ubuntu_24_04",
            "bundleId": "nano_3_0",
        }
        return self.client.create_instances(**{**params, **more})["operations"]

    def instance(self, name: str) -> dict[str, Any]:
        return self.client.get_instance(instanceName=name)["instance"]

    def state(self, name: str) -> str:
        return self.client.get_instance_state(instanceName=name)["state"]["name"]

    def wait_state(self, name: str, state: str) -> None:
        until(lambda: self.state(name) == state)

    def running(self, *names: str, **more: Any) -> None:
        self.create(*names, **more)
        for name in names:
            self.wait_state(name, "running")

    def address(self, name: str) -> str:
        return until(lambda: self.instance(name).get("publicIpAddress"))

    def ended(self, operation: dict[str, Any]) -> dict[str, Any]:
        """The operation once it is terminal."""

        def look() -> dict[str, Any] | None:
            now = self.client.get_operation(operationId=operation["id"])["operation"]
            return now if now["isTerminal"] else None

        return until(look)

    def host_keys(self, name: str) -> list[dict[str, Any]]:
        reply = self.client.get_instance_access_details(instanceName=name, protocol="ssh")
        return reply["accessDetails"]["hostKeys"]


@contextmanager
def running_cloud(driver: Driver | None = None, **settings: Any) -> Iterator[Cloud]:
    """A cloud that is gone afterwards and, whatever the test did, never broke its own model."""
    cloud = Cloud(driver, **settings)
    try:
        yield cloud
    finally:
        cloud.stand_in.stop()
    assert cloud.stand_in.bugs == []


@contextmanager
def refused(kind: str, code: str | None = None, text: str = "") -> Iterator[None]:
    """The block has to be refused with this error type, finer code and text."""
    with pytest.raises(ClientError) as caught:
        yield
    response: dict[str, Any] = dict(caught.value.response)
    assert response["Error"]["Code"] == kind, caught.value
    assert code is None or response.get("code") == code, response
    assert text in response["Error"]["Message"]


def rsa_key(bits: int = 2048) -> str:
    """A fresh ssh-rsa public key line."""
    public = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + " me@desk"
