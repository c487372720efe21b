"""The plan's laws, by histories of applies, kills and changes by hand on a model of GitHub."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploys.secrets import Secret
from inventories.repository import records
from inventories.repository.fingerprints import dump, fingerprint, key_id
from inventories.repository.names import RECORD
from inventories.repository.plan import REPOSITORY, Found, Plan, Wanted, make_plan

KEYS = [Secret(bytes([n]) * 32) for n in range(2)]
LEVELS = (REPOSITORY, "publish")
NAMES, TEXTS = st.sampled_from(["A", "B", "C"]), st.sampled_from(["x", "y"])


@dataclass
class Desired:
    secrets: dict[str, str]
    variables: dict[str, str]


@dataclass
class Place:
    """One level at GitHub: values, times, and who wrote each name last."""

    exists: bool
    secrets: dict[str, str] = field(default_factory=dict)
    times: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    theirs: set[str] = field(default_factory=set)


class World:
    """GitHub as far as the plan sees it. Every write has a time of its own."""

    def __init__(self, *, one_second: bool = False) -> None:
        self.one_second = one_second  # GitHub tells whole seconds
        self.places = {level: Place(level == REPOSITORY) for level in LEVELS}
        self.clock = 0
        self.removed_theirs = False

    def found(self) -> list[Found]:
        return [
            Found(level, p.exists, dict(p.times), dict(p.variables))
            for level, p in self.places.items()
        ]

    def put(self, level: str, name: str, value: str, *, by_hand: bool = False) -> None:
        place = self.places[level]
        self.clock += not self.one_second
        place.secrets[name], place.times[name] = value, str(self.clock)
        (place.theirs.add if by_hand else place.theirs.discard)(name)

    def delete(self, level: str, name: str) -> None:
        place = self.places[level]
        self.removed_theirs |= name in place.theirs
        del place.secrets[name], place.times[name]


def wanted(desired: dict[str, Desired], key: Secret) -> list[Wanted]:
    return [
        Wanted(
            level,
            {n: fingerprint(key, level, n, Secret(v.encode())) for n, v in want.secrets.items()},
            want.variables,
        )
        for level, want in desired.items()
    ]


def writes(world: World, desired: dict[str, Desired], key: Secret, prune: bool) -> Iterator[None]:
    """An apply, one request after the other; stopping in between is a kill."""
    wants = wanted(desired, key)
    plan = make_plan(wants, world.found(), key_id(key), prune=prune)
    by_level = {w.level: w for w in wants}
    haves = {f.level: f for f in world.found()}
    for level in LEVELS:
        place, want = world.places[level], by_level.get(level, Wanted(level))
        if any(i.sort == "environment" for i in plan.of(level)):
            place.exists = True
            yield
        begun = records.before(plan, want, haves[level], key_id(key))
        if begun != haves[level].record:
            place.variables[RECORD] = dump(begun)
            yield
        for item in plan.of(level):
            if item.sort == "secret" and item.will == "write":
                world.put(level, item.name, desired[level].secrets[item.name])
            elif item.sort == "secret":
                world.delete(level, item.name)
            elif item.sort == "variable" and item.will == "write":
                place.variables[item.name] = want.variables[item.name]
            elif item.sort == "variable":
                del place.variables[item.name]
            yield
        done = records.after(plan, want, begun, place.times)
        if plan.of(level) and done != begun:
            place.variables[RECORD] = dump(done)
            yield


def planned(world: World, desired: dict[str, Desired], key: Secret, prune: bool) -> Plan:
    return make_plan(wanted(desired, key), world.found(), key_id(key), prune=prune)


desireds = st.fixed_dictionaries(
    {REPOSITORY: st.builds(Desired, st.dictionaries(NAMES, TEXTS), st.dictionaries(NAMES, TEXTS))},
    optional={
        "publish": st.builds(Desired, st.dictionaries(NAMES, TEXTS), st.dictionaries(NAMES, TEXTS))
    },
)
steps = st.lists(
    st.tuples(
        desireds,
        st.sampled_from(KEYS),
        st.booleans(),
        st.integers(0, 25),  # requests until the kill
        st.lists(st.tuples(st.sampled_from(LEVELS), NAMES, TEXTS), max_size=2),  # by hand
    ),
    max_size=4,
)


History = list[tuple[dict[str, Desired], Secret, bool, int, list[tuple[str, str, str]]]]


def never_wrong(world: World, desired: dict[str, Desired], plan: Plan) -> None:
    for item in plan.items:
        if item.kind == "unchanged" and item.sort == "secret":
            place = world.places[item.level]
            assert place.secrets[item.name] == desired[item.level].secrets[item.name]


def ends_as_wanted(
    history: History,
    desired: dict[str, Desired],
    key: Secret,
    prune: bool,
) -> None:
    """Kills, other keys and changes by hand in between: an apply that comes to its end leaves what
    was wanted, its plan is empty then, and nothing of somebody else's was removed."""
    world = World()
    for then, with_key, pruned, requests, by_hand in history:
        for _ in zip(range(requests), writes(world, then, with_key, pruned), strict=False):
            pass
        for level, name, value in by_hand:
            if world.places[level].exists:
                world.put(level, name, value, by_hand=True)
        never_wrong(world, desired, planned(world, desired, key, prune))
    for _ in writes(world, desired, key, prune):
        pass
    plan = planned(world, desired, key, prune)
    assert plan.pending == ()
    never_wrong(world, desired, plan)
    for level, want in desired.items():
        place = world.places[level]
        assert want.secrets.items() <= place.secrets.items()
        assert want.variables.items() <= place.variables.items()
    assert not world.removed_theirs


PATHS = given(steps, desireds, st.sampled_from(KEYS), st.booleans())


@settings(max_examples=300)
@PATHS
def test_any_history_ends_as_site_toml_says(
    history: History, desired: dict[str, Desired], key: Secret, prune: bool
) -> None:
    ends_as_wanted(history, desired, key, prune)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(max_examples=10_000)
@PATHS
def test_many_histories_end_as_site_toml_says(
    history: History, desired: dict[str, Desired], key: Secret, prune: bool
) -> None:
    ends_as_wanted(history, desired, key, prune)


def test_a_kill_within_a_second_is_seen() -> None:
    """GitHub tells whole seconds, which cannot tell a killed write from the one before it; the
    marks do. The value goes back after a kill at each request."""
    one, two = ({REPOSITORY: Desired({"A": text}, {})} for text in "xy")
    for requests in range(5):
        world = World(one_second=True)
        for _ in writes(world, one, KEYS[0], False):
            pass
        for _ in zip(range(requests), writes(world, two, KEYS[0], False), strict=False):
            pass
        never_wrong(world, one, planned(world, one, KEYS[0], False))
        for _ in writes(world, one, KEYS[0], False):
            pass
        assert world.places[REPOSITORY].secrets == {"A": "x"}


@given(steps, desireds)
def test_the_order_of_lists_does_not_matter(
    history: History,
    desired: dict[str, Desired],
) -> None:
    world = World()
    for then, key, prune, requests, _ in history:
        for _none in zip(range(requests), writes(world, then, key, prune), strict=False):
            pass
    there = world.found()

    def turned(table: object) -> dict[str, str]:
        return dict(reversed(list(dict(table).items())))  # type: ignore[call-overload]

    wants = wanted(desired, KEYS[0])
    plan = make_plan(wants, there, key_id(KEYS[0]))
    again = make_plan(
        [Wanted(w.level, turned(w.secrets), turned(w.variables)) for w in reversed(wants)],
        [Found(f.level, f.exists, turned(f.secrets), turned(f.variables)) for f in reversed(there)],
        key_id(KEYS[0]),
    )
    assert plan == again


def test_without_prune_nothing_is_removed() -> None:
    world = World()
    for _ in writes(world, {REPOSITORY: Desired({"A": "x"}, {"B": "y"})}, KEYS[0], False):
        pass
    plan = planned(world, {REPOSITORY: Desired({}, {})}, KEYS[0], False)
    assert [(i.name, i.kind, i.will) for i in plan.items] == [
        ("A", "remove", ""),
        ("B", "remove", ""),
    ]
    pruned = planned(world, {REPOSITORY: Desired({}, {})}, KEYS[0], True)
    assert [i.will for i in pruned.items] == ["remove", "remove"]


def test_a_damaged_record_makes_everything_unknown() -> None:
    """Somebody edited the variable: written again rather than taken for unchanged."""
    for text in (
        "",
        "{",
        "[]",
        '{"format":2}',
        '{"format":1,"key":"k","secrets":{"A":"x"}}',
        "null",
    ):
        found = Found(REPOSITORY, True, {"A": "1"}, {RECORD: text})
        want = Wanted(REPOSITORY, {"A": "mark"})
        (item,) = make_plan([want], [found], "k").items
        assert (item.kind, item.will) == ("unknown", "write"), text
