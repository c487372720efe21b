"""Hosts that leave the site file: who they are, what is told to the others, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploys import applied, leaving
from deploys.model import Drain, Role, RoleError
from deploys.observation import Observation, covers, query
from deploys.plan import changes
from inventories import departed
from inventories.loader import Host as Known
from inventories.loader import as_json
from inventories.worlds import World
from tests.role_support import APP, SEARCH, SEARCH_2, SEARCH_3, Host, machine

ALL = [SEARCH, SEARCH_2, SEARCH_3, APP]
DRAIN = Drain(("search-3",), ("search-1", "search-2"), 9201)
GB = 10**9


def node(shards: int = 2, size: int = 5 * GB, used: int = 10 * GB) -> dict[str, int]:
    return {"shards": shards, "bytes": size, "used": used, "total": 40 * GB}


def cluster(*, copies: int = 2, **nodes: dict[str, int]) -> dict[str, Any]:
    named = {name.replace("_", "-"): found for name, found in nodes.items()}
    return {"excluded": [], "no_vote": [], "nodes": named, "copies": copies}


THREE = cluster(search_1=node(), search_2=node(), search_3=node())


def seen(found: dict[str, Any] | None, **more: Any) -> Observation:
    return Observation(
        machine=machine(), clock=0, disk_free_mb=9000, dpkg_broken=False, paths={}, packages={},
        users={}, groups=(), units={}, sysctls={}, artefacts={}, listeners={}, firewall=None,
        applied={"run": 1, "entries": {}, "commit": "c"}, pending=None, cluster=found, **more,
    )  # fmt: skip


def role(drain: Drain | None = DRAIN) -> Role:
    return Role("opensearch", drain=drain)


def lines(found: dict[str, Any] | None, drain: Drain | None = DRAIN) -> list[str]:
    return [change.line for change in leaving.drain_changes([role(drain)], seen(found))]


# Who leaves ------------------------------------------------------------------------------------


@given(st.sets(st.sampled_from([h.name for h in ALL])))
def test_exactly_what_exists_and_is_not_named_leaves(named: set[str]) -> None:
    gone = leaving.leaving([h for h in ALL if h.name in named], ALL)
    assert gone == {h.name for h in ALL} - named
    assert {h.name for h in leaving.staying(ALL, gone)} == named


def test_a_host_that_is_wanted_and_not_bought_yet_does_not_leave() -> None:
    assert leaving.leaving(ALL, [SEARCH, APP]) == frozenset()


# Who speaks for the cluster ---------------------------------------------------------------------


def test_the_first_host_that_stays_speaks_for_the_cluster() -> None:
    gone = frozenset({"search-1"})
    drain = leaving.drain_of(SEARCH_2, ALL, gone)
    assert drain == Drain(("search-1",), ("search-2", "search-3"), 9201)
    assert leaving.drain_of(SEARCH_3, ALL, gone) is None


def test_a_cluster_that_nobody_leaves_is_still_asked_who_may_hold_data() -> None:
    """A host that came back into the site file has to be let in again."""
    assert leaving.drain_of(SEARCH, ALL, frozenset()) == Drain(
        (), ("search-1", "search-2", "search-3"), 9201
    )


def test_a_lone_host_has_nobody_to_tell() -> None:
    assert leaving.drain_of(SEARCH, [SEARCH, APP], frozenset()) is None


def test_leaving_one_host_of_a_cluster_alone_is_refused_with_the_ways_out() -> None:
    with pytest.raises(RoleError, match="search-2 cannot leave: search-1 would be the only") as no:
        leaving.drain_of(SEARCH, [SEARCH, SEARCH_2], frozenset({"search-2"}))
    assert "keep search-2" in str(no.value)
    assert "export the stories" in str(no.value)


def test_two_of_three_cannot_leave_at_once() -> None:
    with pytest.raises(RoleError, match="search-2 and search-3 cannot leave"):
        leaving.drain_of(SEARCH, ALL, frozenset({"search-2", "search-3"}))


def test_a_host_can_leave_while_another_one_takes_its_place() -> None:
    fourth = Host("search-4", "opensearch", "172.26.3.14")
    hosts = [SEARCH, SEARCH_2, fourth]
    drain = leaving.drain_of(SEARCH, hosts, frozenset({"search-2"}))
    assert drain == Drain(("search-2",), ("search-1", "search-4"), 9201)


# What the cluster is told -----------------------------------------------------------------------


def test_data_that_has_to_move_is_told_with_its_size() -> None:
    assert lines(THREE) == [
        "> search-3 leaves the cluster: 2 shards, 5000.0 MB, move to search-1 and search-2"
    ]


def test_what_the_cluster_knows_and_holds_is_no_change() -> None:
    done = {**THREE, "excluded": ["search-3"], "no_vote": ["search-3"]}
    done["nodes"] = {**THREE["nodes"], "search-3": node(0, 0)}
    assert lines(done) == []
    again = {**done, "no_vote": []}
    assert lines(again) == ["> search-3 leaves the cluster, holding no data"]


def test_data_that_came_back_to_a_host_that_leaves_moves_again() -> None:
    known = {**THREE, "excluded": ["search-3"], "no_vote": ["search-3"]}
    assert len(lines(known)) == 1


def test_a_host_that_came_back_or_is_gone_is_forgotten() -> None:
    stale = {**THREE, "excluded": ["search-3", "search-9"], "no_vote": ["search-3"]}
    nobody = replace(DRAIN, names=())
    assert lines(stale, nobody) == ["> the cluster forgets that search-3 and search-9 left"]
    assert lines(THREE, nobody) == []


def test_one_request_says_all_however_many_lines_a_person_reads() -> None:
    stale = {**THREE, "excluded": ["search-9"], "no_vote": []}
    found = leaving.drain_changes([role()], seen(stale))
    assert len(found) == 2
    assert [dict(c.payload) for c in found if c.payload] == [{"port": 9201, "names": ["search-3"]}]


def test_a_node_that_does_not_answer_is_told_of_a_leaver_and_of_nothing_else() -> None:
    assert lines({}) == ["> search-3 leaves the cluster"]
    assert lines({}, replace(DRAIN, names=())) == []
    assert lines(None, None) == []


def test_more_copies_than_hosts_that_stay_is_refused() -> None:
    many = {**THREE, "copies": 3}
    with pytest.raises(RoleError, match="indices with 3 copies"):
        lines(many)


def test_data_that_does_not_fit_is_refused_with_both_sizes() -> None:
    full = cluster(
        search_1=node(used=33 * GB), search_2=node(used=33 * GB), search_3=node(size=5 * GB)
    )
    with pytest.raises(RoleError, match=r"holds 5000.0 MB, .* has room for 2000.0 MB"):
        lines(full)


def test_room_of_a_host_that_is_not_a_member_yet_is_not_guessed() -> None:
    joining = cluster(search_1=node(used=34 * GB), search_3=node(size=5 * GB))
    assert len(lines(joining)) == 1


def test_the_plan_has_it_after_the_nodes_and_before_the_services() -> None:
    plan = changes([role()], seen(THREE), key=b"k", commit="c")
    assert [c.step for c in plan.changes] == ["drain"]
    asked = query([role()])
    assert asked["cluster"] == {"port": 9201}
    assert not covers(query([role(None)]), asked, seen(THREE))


# When a host is finished ------------------------------------------------------------------------


def test_what_a_host_still_does_is_told_and_nothing_means_idle() -> None:
    assert leaving.busy({"callers": {}}) == ""
    assert leaving.busy({"callers": {}, "shards": 0}) == ""
    assert leaving.busy({"callers": {"10.0.0.2": 2}}) == "2 connections from 10.0.0.2"
    both = leaving.busy({"callers": {"10.0.0.2": 1}, "shards": 1})
    assert both == "1 connection from 10.0.0.2 and 1 shard of the cluster's data"
    assert "does not answer" in leaving.busy({"callers": {}, "shards": None})


def test_only_hosts_that_still_hold_data_are_waited_for() -> None:
    left = {"search-3": node(2, 12_100_000), "search-4": node(0, 0)}
    assert leaving.moving({"left": left}) == "search-3 still holds 2 shards, 12.1 MB"
    assert leaving.moving({"left": {}}) == ""


def test_the_last_sentence_names_the_command_that_ends_the_cost() -> None:
    for kind in ("app", "opensearch", "kong"):
        told = leaving.sentence("x-2", kind, "lab")
        assert told.startswith("leaves: ")
        assert told.endswith("provision destroy x-2 --env lab ends its cost")


# Before it is destroyed -------------------------------------------------------------------------


def known(name: str, born: str = "monday") -> Known:
    return Known(
        name=name, role="app", address="10.0.0.9", private_address="10.0.0.9", port=22,
        user="admin", size="nano", bundle_id="nano_3_0", memory_mb=512, created_at=born,
        arn="arn", state="running",
    )  # fmt: skip


def place(tmp_path: Path, *hosts: Known) -> World:
    where = World("t", True, [], None, {}, generated=tmp_path, secrets=tmp_path / "secrets")
    text = as_json(list(hosts), env="t", site="s", region="r")
    (tmp_path / "hosts.json").write_text(text)
    return where


def test_a_host_is_let_go_once_a_run_has_seen_it_idle(tmp_path: Path) -> None:
    host = known("app-2")
    where = place(tmp_path, known("app-1"), host)
    converged = {"app-1", "app-2"}
    (reason,) = departed.undrained(where, {"app-2"}, {"app-1"}, converged)
    assert "no run has seen it idle" in reason
    departed.note(where, host, "now")
    assert departed.finished(where, host)
    assert departed.undrained(where, {"app-2"}, {"app-1"}, converged) == []
    assert not departed.finished(where, known("app-2", born="tuesday"))
    departed.forget(where, {"app-2"})
    assert not departed.finished(where, host)


def test_a_host_that_the_site_names_or_that_was_never_converged(tmp_path: Path) -> None:
    where = place(tmp_path, known("app-1"), known("app-2"))
    (reason,) = departed.undrained(where, {"app-2"}, {"app-1", "app-2"}, {"app-2"})
    assert reason.startswith("app-2 is in site.toml")
    assert departed.undrained(where, {"app-2"}, {"app-1", "app-2"}, set()) == []


def test_a_rotation_does_not_wait_for_a_host_that_nobody_needs(tmp_path: Path) -> None:
    host = known("app-2")
    where = place(tmp_path, known("app-1"), host)
    where.secrets.mkdir()
    applied.note(where, "app-1", {"story": "new"})
    assert applied.lagging(where, "story", "new", {"app"}) == ["app-2"]
    departed.note(where, host, "now")
    assert applied.lagging(where, "story", "new", {"app"}) == []


def test_a_damaged_note_lets_nobody_go(tmp_path: Path) -> None:
    where = place(tmp_path, known("app-2"))
    (tmp_path / "departed.json").write_text('["app-2"')
    assert not departed.finished(where, known("app-2"))
