"""What a run would do to containers: nothing to a right one, one replacement for any difference,
what was done by hand by its name, and no way back where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deploys import requests
from deploys.compare_containers import rolled_back, secrets_digest, settings_of
from deploys.model import Container, File, Login, Role, RoleError
from deploys.observation import Observation, covers, query
from deploys.plan import Plan, changes
from tests.role_support import machine

KEY = b"record key"
OLD, NEW = "registry/story@sha256:" + "a" * 64, "registry/story@sha256:" + "b" * 64
TOKEN = b"planted token"
ITEM = Container(
    name="story", image=OLD, command=(), ports=(18000, 18001), switch="/etc/nginx/x/story.green",
    environment=(("STORY_STORE_URL", "https://10.0.0.1:9200"),),
    secrets=("/etc/fountainai/story", "/run/secrets/story"), login=Login("app", TOKEN),
)  # fmt: skip
SECRET = File("/etc/fountainai/story/story.key", b"key one", secret=True)


def role(item: Container | None = ITEM, key_file: File = SECRET) -> Role:
    return Role("app", files=(key_file,), containers=(item,) if item else ())


def running(item: Container = ITEM, colour: str = "blue", **more: Any) -> dict[str, Any]:
    """A container as the agent describes it."""
    memory = item.memory_mb * 1024 * 1024
    return {
        "id": f"id-{colour}", "group": item.name, "colour": colour, "image": item.image,
        "settings": settings_of(item), "secrets": secrets_digest(role(item), item, KEY),
        "digests": [item.image], "running": True, "state": "running", "exit": 0,
        "limits": {"memory": memory, "swap": memory, "pids": 128, "restart": "unless-stopped"},
        **more,
    }  # fmt: skip


def host(
    *found: dict[str, Any], active: str = "blue", kept: dict[str, Any] | None = None,
    images: tuple[str, ...] = (OLD,), recorded: bool = True,
) -> Observation:  # fmt: skip
    entries = {"container:story": {"role": "app"}} if recorded else {}
    return Observation(
        machine=machine(), clock=0.0, disk_free_mb=9999, dpkg_broken=False, paths={}, packages={},
        users={}, groups=(), units={}, sysctls={}, artefacts={}, listeners={}, firewall=None,
        applied={"run": 3, "at": "then", "entries": entries, "commit": "abc"}, pending=None,
        containers={
            "engine": True, "seen": {f"{x['group']}-{x['colour']}": x for x in found},
            "images": list(images), "active": {"story": active},
            "kept": kept if kept is not None else {"story": {"image": OLD, "previous": None}},
        },
    )  # fmt: skip


def plan(seen: Observation, item: Container | None = ITEM, **more: Any) -> Plan:
    return changes([role(item)], seen, key=KEY, commit="abc", **more)


def lines(seen: Observation, item: Container | None = ITEM) -> list[str]:
    return [c.line for c in plan(seen, item).step("containers")]


def test_a_right_container_is_left_alone() -> None:
    assert lines(host(running())) == []
    assert lines(host(running(colour="green"), active="green")) == []


def test_a_fresh_host_gets_one_and_pulls() -> None:
    seen = host(images=(), recorded=False)
    assert lines(seen) == ["+ container story (sha256:aaaaaaaaaaaa, pull): new"]


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (replace(ITEM, image=NEW), "image sha256:aaaaaaaaaaaa -> sha256:bbbbbbbbbbbb"),
        (replace(ITEM, memory_mb=256), "settings changed"),
        (replace(ITEM, environment=(("STORY_STORE_URL", "https://10.0.0.2:9200"),)), "settings"),
        (replace(ITEM, command=("characters",)), "settings changed"),
    ],
)
def test_whatever_decides_about_it_makes_another_one(item: Container, why: str) -> None:
    (line,) = lines(host(running()), item)
    assert why in line
    assert line.startswith("~ container story")


def test_a_changed_secret_makes_another_one_and_is_not_shown() -> None:
    other = replace(SECRET, content=b"key two")
    (change,) = changes(
        [role(key_file=other)], host(running()), key=KEY, commit="abc"
    ).step("containers")  # fmt: skip
    assert "a certificate or secret changed" in change.line
    assert "key two" not in change.line + change.diff


def test_a_changed_setting_is_shown_as_a_difference() -> None:
    (change,) = plan(host(running()), replace(ITEM, memory_mb=256)).step("containers")
    assert '- "memory_mb": 192' in change.diff
    assert '+ "memory_mb": 256' in change.diff


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((), "GONE ON THE HOST since run 3"),
        ((running(running=False, state="exited"),), "EXITED ON THE HOST since run 3"),
        ((running(digests=[NEW]),), "runs ANOTHER IMAGE since run 3"),
        ((running(limits={**running()["limits"], "memory": 1}),), "limits were CHANGED"),
    ],
    ids=["gone", "stopped", "image", "limits"],
)
def test_what_was_done_by_hand_is_drift(found: tuple[dict[str, Any], ...], said: str) -> None:
    (change,) = plan(host(*found)).step("containers")
    assert said in change.line
    assert said in change.drift


def test_what_a_killed_run_left_is_removed_or_taken_over() -> None:
    both = host(running(), running(colour="green"))
    assert lines(both) == ["- container story-green: left by a run that did not finish"]
    (line,) = lines(both, replace(ITEM, image=NEW))  # one request deals with both
    assert line.startswith("~ container story")


def test_a_group_that_is_no_longer_wanted_goes() -> None:
    other = running(replace(ITEM, name="characters"))
    assert lines(host(running(), other)) == ["- container characters-blue: no longer wanted"]


def test_one_request_carries_all_and_the_login_only_there() -> None:
    made = plan(host(running()), replace(ITEM, image=NEW))
    request = requests.step("containers", made.step("containers"))
    assert request["groups"] == ["story"]
    (spec,) = request["containers"]
    assert spec["expect"] == "id-blue"
    assert spec["login"] == {"user": "app", "token": TOKEN.decode()}
    shown = " ".join([*made.lines(), repr(made), str(made.entries)])
    assert TOKEN.decode() not in shown


def test_the_way_back_needs_a_kept_image_and_is_idempotent() -> None:
    wanted = replace(ITEM, image=NEW)
    kept = {"story": {"image": NEW, "previous": OLD}}
    seen = host(running(wanted), kept=kept, images=(OLD, NEW))
    back = plan(seen, wanted, rollback=True)
    (change,) = back.step("containers")
    assert "sha256:bbbbbbbbbbbb -> sha256:aaaaaaaaaaaa" in change.line
    assert "pull" not in change.line
    assert any("site.toml still names sha256:bbbbbbbbbbbb" in note for note in back.notes)
    done = host(running(), kept={"story": {"image": OLD, "previous": NEW}}, images=(OLD, NEW))
    assert plan(done, wanted, rollback=True).step("containers") == []
    with pytest.raises(RoleError, match="no earlier image"):
        plan(host(running(wanted), kept=kept, images=(NEW,)), wanted, rollback=True)
    with pytest.raises(RoleError, match="no containers"):
        rolled_back([role(None)], seen)


def test_observation_asks_for_the_groups_of_the_role() -> None:
    asked = query([role()])
    assert asked["containers"] == {"story": ITEM.switch}
    assert not covers(asked, query([role(replace(ITEM, name="other"))]), host())
