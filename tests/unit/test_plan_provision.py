"""Laws of the provisioning plan: empty on its own result, independent of order, ours only."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventories import instructions as do
from inventories.errors import PlanRefused
from inventories.ownership import Owner
from inventories.plan import LocalKey, make_plan, wanted_ports
from inventories.plan_destroy import make_destroy
from inventories.plan_text import plan_lines
from inventories.remote import (
    ANYWHERE,
    Blueprint,
    Bundle,
    Instance,
    KeyPair,
    PortRule,
    Remote,
    StaticIp,
)
from inventories.sizes import MEMORY_MB
from inventories.spec import SiteSpec

OWNER = Owner("fountainai", "lab")
LOCAL = LocalKey(frozenset({"aa:bb"}))
BUNDLES = (
    *(
        Bundle(f"{size}_3_0", size, mb, 5.0 + n, 1000, True, True)
        for n, (size, mb) in enumerate(MEMORY_MB.items())
    ),
    Bundle("micro_2_0", "micro", 1024, 1.0, 1000, False, True),  # retired, cheaper
    Bundle("micro_ipv6_3_0", "micro", 1024, 2.0, 1000, True, False),
)
BLUEPRINTS = (
    Blueprint("ubuntu_24_04", True, 0, True),
    Blueprint("debian_10", False, 0, True),
    Blueprint("windows", True, 0, False),
)
EMPTY = Remote(BUNDLES, BLUEPRINTS, ("eu-central-1a",))
OPEN = frozenset({PortRule(22, 22, "tcp", (ANYWHERE,)), PortRule(80, 80, "tcp", (ANYWHERE,))})

names = st.from_regex(r"[a-z][a-z0-9-]{0,8}[0-9]", fullmatch=True)
host = st.fixed_dictionaries(
    {
        "name": names,
        "role": st.sampled_from(["opensearch", "app", "kong"]),
        "size": st.sampled_from(["micro", "small"]),
        "static_ip": st.sampled_from([None, True, False]),
    }
)
specs = st.lists(host, min_size=1, max_size=5, unique_by=lambda h: h["name"]).map(
    lambda hosts: site(hosts)
)


def site(hosts: list[dict]) -> SiteSpec:
    table = {"name": "fountainai", "region": "eu-central-1", "operator_networks": ["9.9.9.9/32"]}
    return SiteSpec.model_validate({"site": table, "hosts": hosts})


def new_instance(name: str, tags: do.Tags, **fields: object) -> Instance:
    base = Instance(
        name, f"arn:{name}", "2026-01-01", "running", "eu-central-1a", "ubuntu_24_04",
        "micro_3_0", tags, "192.0.2.1", "10.0.0.1", "ubuntu", "ipv4", OPEN,
    )  # fmt: skip
    return replace(base, **fields)


def carry_out(remote: Remote, steps: tuple[do.Instruction, ...]) -> Remote:
    """What the service would hold after `steps`, by the service's own rules."""
    instances = {i.name: i for i in remote.instances}
    ips = {s.name: s for s in remote.static_ips}
    keys = {k.name: k for k in remote.key_pairs}
    for step in steps:
        match step:
            case do.ImportKey():
                assert step.name not in keys
                keys[step.name] = KeyPair(step.name, "aa:bb")
            case do.DeleteKey():
                del keys[step.name]
            case do.TagResource():
                where = keys if step.name in keys else instances
                tags = dict(where[step.name].tags) | dict(step.tags)
                where[step.name] = replace(where[step.name], tags=tuple(tags.items()))
            case do.CreateInstance():
                assert step.name not in instances
                instances[step.name] = new_instance(
                    step.name, step.tags, bundle_id=step.bundle_id, blueprint_id=step.blueprint_id
                )
            case do.StartInstance():
                instances[step.name] = replace(instances[step.name], state="running")
            case do.PutPorts():
                found = instances[step.name]
                instances[step.name] = replace(found, ports=frozenset(step.rules))
            case do.AllocateIp():
                ips[step.name] = StaticIp(step.name, "192.0.2.9", "")
            case do.AttachIp():
                assert not ips[step.name].attached_to
                ips[step.name] = replace(ips[step.name], attached_to=step.host)
            case do.DetachIp():
                ips[step.name] = replace(ips[step.name], attached_to="")
            case do.ReleaseIp():
                assert not ips[step.name].attached_to
                del ips[step.name]
            case do.DeleteInstance():
                del instances[step.name]
                free = {n: replace(s, attached_to="") for n, s in ips.items()
                        if s.attached_to == step.name}  # fmt: skip
                ips |= free
    return replace(
        remote,
        instances=tuple(instances.values()),
        static_ips=tuple(ips.values()),
        key_pairs=tuple(keys.values()),
    )


def foreign(seed: int) -> Remote:
    """An account that others use too, some of it close to ours in name."""
    other = (("project", "fountainai"), ("environment", "production"))
    return replace(
        EMPTY,
        instances=(
            new_instance("other-host", (("owner", "x"),)),
            new_instance("twin-host", other),
            new_instance(f"bare-{seed}", ()),
        ),
        static_ips=(
            StaticIp("fountainai_production_app-1_ip", "192.0.2.2", "twin-host"),
            StaticIp("fountainai_lab_x-1_ip", "192.0.2.3", "other-host"),
            StaticIp("somebody", "192.0.2.4", ""),
        ),
        key_pairs=(KeyPair("fountainai-production-key", "cc"), KeyPair("mine", "dd")),
    )


@given(specs)
def test_plan_applied_to_its_own_result_is_empty(spec: SiteSpec) -> None:
    first = make_plan(spec, OWNER, EMPTY, LOCAL)
    after = carry_out(EMPTY, first.steps)
    assert make_plan(spec, OWNER, after, LOCAL).steps == ()
    assert {i.name for i in after.instances} == {h.name for h in spec.hosts}
    for table in spec.hosts:
        assert after.instance(table.name).open_ports == wanted_ports(table, spec)


@given(specs, st.integers(min_value=0))
def test_plan_of_any_interrupted_plan_ends_the_same(spec: SiteSpec, cut: int) -> None:
    """A run that died anywhere is finished by the next plan."""
    steps = make_plan(spec, OWNER, EMPTY, LOCAL).steps
    part = carry_out(EMPTY, steps[: cut % (len(steps) + 1)])
    rest = make_plan(spec, OWNER, part, LOCAL).steps
    assert make_plan(spec, OWNER, carry_out(part, rest), LOCAL).steps == ()
    assert len(rest) <= len(steps)


@given(specs, specs)
def test_any_change_of_the_site_settles_or_is_refused(before: SiteSpec, after: SiteSpec) -> None:
    remote = carry_out(EMPTY, make_plan(before, OWNER, EMPTY, LOCAL).steps)
    sizes = {h.name: h.size for h in before.hosts}
    if any(sizes.get(h.name, h.size) != h.size for h in after.hosts):
        with pytest.raises(PlanRefused, match="exists as"):
            make_plan(after, OWNER, remote, LOCAL)
        return
    change = make_plan(after, OWNER, remote, LOCAL)
    assert not any(isinstance(s, do.DeleteInstance) for s in change.steps)
    assert make_plan(after, OWNER, carry_out(remote, change.steps), LOCAL).steps == ()


@given(specs, st.randoms(use_true_random=False))
def test_order_of_what_is_listed_does_not_matter(spec: SiteSpec, rng: random.Random) -> None:
    def shuffled(items: tuple) -> tuple:
        mixed = list(items)
        rng.shuffle(mixed)
        return tuple(mixed)

    full = carry_out(foreign(1), make_plan(spec, OWNER, foreign(1), LOCAL).steps[:-1])
    mixed = replace(
        full,
        bundles=shuffled(full.bundles),
        blueprints=shuffled(full.blueprints),
        instances=shuffled(full.instances),
        static_ips=shuffled(full.static_ips),
        key_pairs=shuffled(full.key_pairs),
    )
    other = spec.model_copy(update={"hosts": shuffled(spec.hosts)})
    plan = make_plan(spec, OWNER, full, LOCAL)
    assert make_plan(other, OWNER, mixed, LOCAL) == plan
    assert plan_lines(plan, spec, OWNER) == plan_lines(plan, other, OWNER)
    assert make_destroy(OWNER, mixed) == make_destroy(OWNER, full)


@settings(max_examples=200)
@given(specs, st.integers(0, 9))
def test_foreign_resources_are_never_named_by_any_step(spec: SiteSpec, seed: int) -> None:
    remote = foreign(seed)
    strangers = {i.name for i in remote.instances} | {k.name for k in remote.key_pairs}
    strangers |= {s.name for s in remote.static_ips}
    try:
        steps = make_plan(spec, OWNER, remote, LOCAL).steps
    except PlanRefused:
        return  # a wanted name is taken
    after = carry_out(remote, steps)
    destroy = make_destroy(OWNER, after).steps
    touched = {s.name for s in (*steps, *destroy)}
    touched |= {s.host for s in steps if isinstance(s, do.AttachIp)}
    assert not touched & strangers
    left = carry_out(after, destroy)
    assert set(left.instances) == set(remote.instances)
    assert set(left.static_ips) == set(remote.static_ips)
    assert set(left.key_pairs) == set(remote.key_pairs)


@given(specs)
def test_destroy_leaves_nothing_of_ours(spec: SiteSpec) -> None:
    remote = carry_out(EMPTY, make_plan(spec, OWNER, EMPTY, LOCAL).steps)
    left = carry_out(remote, make_destroy(OWNER, remote).steps)
    assert left == EMPTY
    assert make_destroy(OWNER, left).steps == ()


@given(names, names, names, names)
def test_static_ip_names_of_two_environments_never_meet(a: str, b: str, c: str, d: str) -> None:
    """`a-b` + `c` and `a` + `b-c` must not look alike, or destroy would release another's IP."""
    first, second = Owner(f"{a}-{b}", c), Owner(a, f"{b}-{c}")
    ip = StaticIp(first.ip_name(d), "192.0.2.1", "")
    assert second.static_ips(replace(EMPTY, static_ips=(ip,))) == []
