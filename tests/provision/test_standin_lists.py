"""What the region offers, and that a client that does not paginate or filter goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from standin_support import Cloud, client_of, refused, running_cloud

from inventories.lab.lightsail import NullDriver, StandIn
from inventories.lab.lightsail.catalogue import REGIONS


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running_cloud() as running:
        yield running


def everything(cloud: Cloud, call: str, key: str, **params: Any) -> list[dict[str, Any]]:
    pages = cloud.client.get_paginator(call).paginate(**params)
    return [row for page in pages for row in page[key]]


def test_regions_show_zones_only_when_asked(cloud: Cloud) -> None:
    plain = cloud.client.get_regions()["regions"]
    assert {r["name"] for r in plain} == set(REGIONS)
    assert all(r["availabilityZones"] == [] for r in plain)
    full = cloud.client.get_regions(includeAvailabilityZones=True)["regions"]
    frankfurt = next(r for r in full if r["name"] == "eu-central-1")
    names = [z["zoneName"] for z in frankfurt["availabilityZones"]]
    assert names == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]


@pytest.mark.parametrize("call", ["get_bundles", "get_blueprints"])
def test_the_first_page_is_not_all(cloud: Cloud, call: str) -> None:
    key = call.removeprefix("get_")
    first = getattr(cloud.client, call)()
    assert len(first[key]) < len(everything(cloud, call, key))
    with refused("InvalidInputException", text="page token"):
        getattr(cloud.client, call)(pageToken="next")
    with refused("InvalidInputException", text="page token"):
        getattr(cloud.client, call)(pageToken=f"{key}-page-" + "9" * 5000)


def test_bundles_have_the_published_sizes_and_prices(cloud: Cloud) -> None:
    bundles = everything(cloud, "get_bundles", "bundles")
    usable = {
        b["instanceType"]: (b["bundleId"], b["ramSizeInGb"], b["price"])
        for b in bundles
        if b["publicIpv4AddressCount"]
        and "LINUX_UNIX" in b["supportedPlatforms"]
        and not b.get("supportedAppCategories")
    }
    assert usable["nano"] == ("nano_3_0", 0.5, 5.0)
    assert usable["micro"] == ("micro_3_0", 1.0, 7.0)
    assert usable["small"] == ("small_3_0", 2.0, 12.0)
    assert len(usable) == 8


def test_bundles_hold_what_a_client_has_to_filter(cloud: Cloud) -> None:
    active = everything(cloud, "get_bundles", "bundles")
    assert all(b["isActive"] for b in active)
    assert any(b["publicIpv4AddressCount"] == 0 for b in active)
    assert any(b["supportedPlatforms"] == ["WINDOWS"] for b in active)
    assert any(b.get("supportedAppCategories") for b in active)
    nanos = [b for b in active if b["ramSizeInGb"] == 0.5]
    assert len(nanos) == 3
    assert len(everything(cloud, "get_bundles", "bundles", includeInactive=True)) > len(active)
    research = everything(cloud, "get_bundles", "bundles", appCategory="LfR")
    assert research
    assert all(b["supportedAppCategories"] == ["LfR"] for b in research)


def test_blueprints_hold_what_a_client_has_to_filter(cloud: Cloud) -> None:
    active = {b["blueprintId"]: b for b in everything(cloud, "get_blueprints", "blueprints")}
    assert {"ubuntu_24_04", "debian_12", "debian_13"} <= active.keys()
    assert "ubuntu_20_04" not in active
    assert active["windows_server_2022"]["platform"] == "WINDOWS"
    assert active["wordpress"]["type"] == "app"
    every = everything(cloud, "get_blueprints", "blueprints", includeInactive=True)
    assert any(b["blueprintId"] == "ubuntu_20_04" and not b["isActive"] for b in every)


def test_ids_end_differently_in_other_regions() -> None:
    """Why a site names sizes and not bundle ids."""
    stand_in = StandIn(NullDriver(), region="ap-southeast-2")
    try:
        client = client_of(stand_in.start(), region="ap-southeast-2")
        pages = client.get_paginator("get_bundles").paginate()
        ids = {b["bundleId"] for page in pages for b in page["bundles"]}
        assert "nano_3_2" in ids
        assert "nano_3_0" not in ids
    finally:
        stand_in.stop()
