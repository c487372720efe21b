"""Frozen tables agree with the installed botocore and with what the API sells."""

from __future__ import annotations

import boto3

from inventories.lab.lightsail.catalogue import bundles
from inventories.regions import REGIONS
from inventories.sizes import MEMORY_MB, SIZES
from inventories.spec import HostTable


def test_regions_are_those_of_botocore() -> None:
    assert sorted(REGIONS) == sorted(boto3.Session().get_available_regions("lightsail"))


def test_sizes_are_the_ones_a_host_may_have_smallest_first() -> None:
    allowed = HostTable.model_fields["size"].annotation
    assert allowed.__args__ == SIZES
    assert list(MEMORY_MB.values()) == sorted(MEMORY_MB.values())


def test_every_size_is_sold_with_the_memory_we_say() -> None:
    sold = {b["instanceType"]: b["ramSizeInGb"] * 1024 for b in bundles("eu-central-1")}
    assert sold == MEMORY_MB
