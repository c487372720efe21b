"""A lab takes an address range that nobody has, and says so when there is none."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventories.lab import network
from inventories.lab.errors import LabError
from inventories.lab.state import Lab

Net = ipaddress.IPv4Network
networks = st.builds(
    lambda base, prefix: Net((base, prefix), strict=False),
    st.integers(0x0A530000 - 0x20000, 0x0A530000 + 0x20000),
    st.integers(18, 32),
)


@given(st.text("abcdefghij-0123456789", min_size=2, max_size=24), st.lists(networks, max_size=20))
def test_the_picked_subnet_overlaps_nothing_and_is_stable(name: str, used: list[Net]) -> None:
    picked = network.pick(name, used)
    assert picked.prefixlen == 24
    assert picked.subnet_of(network.RANGE)
    assert not any(picked.overlaps(other) for other in used)
    assert network.pick(name, used) == picked


@pytest.mark.parametrize("covering", ["10.0.0.0/8", "10.83.0.0/16", "10.80.0.0/13"])
def test_a_routed_range_is_refused_with_the_way_out(covering: str) -> None:
    with pytest.raises(LabError, match=r"already routed.*--name lab --subnet 172\.30\.5\.0/24"):
        network.pick("lab", [Net(covering)])


def test_the_last_free_subnet_is_found() -> None:
    used = [n for n in network.RANGE.subnets(new_prefix=24) if str(n) != "10.83.7.0/24"]
    assert str(network.pick("lab", used)) == "10.83.7.0/24"


@pytest.mark.parametrize(
    "text", ["", "10.83.1.1/24", "10.83.0.0/23", "9.9.9.0/24", "fe80::/64", "10.83.1.0/24; rm"]
)
def test_a_wanted_subnet_must_be_a_private_24(text: str) -> None:
    with pytest.raises(LabError, match=r"--subnet"):
        network.checked(text, [])


def test_a_wanted_subnet_must_be_free() -> None:
    assert network.checked("172.30.5.0/24", [Net("172.30.6.0/24")]) == Net("172.30.5.0/24")
    with pytest.raises(LabError, match=r"overlaps 172\.30\.0\.0/16"):
        network.checked("172.30.5.0/24", [Net("172.30.0.0/16")])


def test_rules_name_only_the_labs_own_table_bridge_and_subnet() -> None:
    lab = Lab("one", "10.83.9.0/24", "10.83.9.1", "flab9")
    rules = network.rules(lab)
    assert rules.count("table ip lab-one") == 3
    assert "flush" not in rules, "the machine's other rules are not ours"
    assert "ip saddr 10.83.9.0/24 ip daddr != 10.83.9.0/24 masquerade" in rules
