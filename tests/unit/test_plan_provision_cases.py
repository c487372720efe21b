"""Single cases of the provisioning plan: what is bought, adopted, refused, repaired."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventories import instructions as do
from inventories.errors import PlanRefused
from inventories.plan import make_plan
from inventories.remote import Blueprint, KeyPair, PortRule, Remote, StaticIp
from tests.unit.test_plan_provision import BUNDLES, EMPTY, LOCAL, OWNER, carry_out, site

ONE = site([{"name": "search-1", "role": "opensearch", "size": "micro"}])
MINE = (("environment", "lab"), ("project", "fountainai"), ("role", "opensearch"))
READY = carry_out(EMPTY, make_plan(ONE, OWNER, EMPTY, LOCAL).steps)


def test_retired_and_ipv6_only_bundles_are_not_bought() -> None:
    plan = make_plan(ONE, OWNER, EMPTY, LOCAL)
    assert plan.hosts[0].bundle.id == "micro_3_0"


def test_host_on_a_retired_bundle_of_the_same_size_is_adopted() -> None:
    old = replace(READY.instances[0], bundle_id="micro_2_0")
    plan = make_plan(ONE, OWNER, replace(READY, instances=(old,)), LOCAL)
    assert plan.steps == ()
    assert plan.usd == 1.0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bundle_id": "small_3_0"}, "exists as small, site.toml says micro"),
        ({"bundle_id": "gone_1_0"}, "exists as gone_1_0"),
        ({"blueprint_id": "debian_12"}, "exists with debian_12"),
        ({"state": "shutting-down"}, "is shutting-down"),
        ({"tags": ()}, "is not ours (no tags"),
        ({"tags": (("project", "fountainai"),)}, "is not ours"),
        ({"tags": (("project", "fountainai"), ("environment", "production"))}, "is not ours"),
    ],
)
def test_existing_host_that_does_not_fit_is_refused(change: dict, says: str) -> None:
    remote = replace(READY, instances=(replace(READY.instances[0], **change),))
    with pytest.raises(PlanRefused) as refused:
        make_plan(ONE, OWNER, remote, LOCAL)
    assert says in refused.value.what


@pytest.mark.parametrize(
    ("remote", "says"),
    [
        (replace(EMPTY, blueprints=()), "blueprint ubuntu_24_04 is not on offer"),
        (replace(EMPTY, bundles=BUNDLES[:1]), "size micro is not sold in this region; valid: nano"),
        (replace(EMPTY, zones=("eu-central-1b",)), "zone eu-central-1a does not exist"),
        (
            replace(EMPTY, blueprints=(Blueprint("ubuntu_24_04", True, 9000, True),)),
            "needs a larger size than micro",
        ),
        (replace(EMPTY, static_ips=(StaticIp("search-1", "", ""),)), "another kind of resource"),
        (replace(EMPTY, key_pairs=(KeyPair("fountainai-lab-key", "zz"),)), "is not ours"),
    ],
)
def test_account_that_cannot_hold_the_site_is_refused(remote: Remote, says: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        make_plan(ONE, OWNER, remote, LOCAL)
    assert says in refused.value.what


def test_missing_role_tag_is_added_and_nothing_else() -> None:
    bare = replace(READY.instances[0], tags=OWNER.tags)
    plan = make_plan(ONE, OWNER, replace(READY, instances=(bare,)), LOCAL)
    assert plan.steps == (do.TagResource("search-1", (("role", "opensearch"),)),)


def test_imported_key_that_lost_its_tags_is_known_by_its_fingerprint() -> None:
    remote = replace(READY, key_pairs=(KeyPair("fountainai-lab-key", "aa:bb"),))
    plan = make_plan(ONE, OWNER, remote, LOCAL)
    assert plan.steps == (do.TagResource("fountainai-lab-key", OWNER.tags),)


def test_lost_private_key_is_refused_while_hosts_need_it() -> None:
    with pytest.raises(PlanRefused, match="private key of search-1 is not on this machine"):
        make_plan(ONE, OWNER, READY, None)
    without = replace(READY, instances=())
    kinds = [type(s) for s in make_plan(ONE, OWNER, without, None).steps[:3]]
    assert kinds == [do.DeleteKey, do.ImportKey, do.TagResource]


def test_dual_stack_host_has_its_ipv6_firewall_closed_too() -> None:
    rules = {replace_v6(r) for r in READY.instances[0].ports}
    dual = replace(READY.instances[0], ip_type="dualstack", ports=frozenset(rules))
    plan = make_plan(ONE, OWNER, replace(READY, instances=(dual,)), LOCAL)
    assert [type(s) for s in plan.steps] == [do.PutPorts]


def replace_v6(rule: PortRule) -> PortRule:
    return replace(rule, ipv6_cidrs=("::/0",))
