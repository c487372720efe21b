"""A real app host of 512 MB: whatever is wrong with a new image, the one before it serves on.

One host throughout, in the order of a site's life. What a request through nginx gets, and the
engine's own ids and start times, decide; not what a run says of itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploys.pki import Pki
from inventories.lab import process, registry, state
from inventories.worlds import world
from tests.integration.app_host_support import GROUP, SOCKET, App, app_host
from tests.labs import until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
NO_CHANGES = "no changes (as left by"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with app_host("t-app", tmp_path_factory.mktemp("app")) as made:
        made.converge()
        yield made


@pytest.fixture
def serving(app: App) -> App:
    """Converged with the first image."""
    app.settings("one")
    app.converge()
    assert app.kind() == "one"
    return app


def test_a_second_run_changes_nothing(app: App) -> None:
    before = app.containers()
    assert len(before) == 1
    assert NO_CHANGES in app.converge()
    assert app.containers() == before
    assert app.kind() == "one"


def test_only_the_gateway_and_operators_are_let_in(serving: App) -> None:
    assert serving.ask(role="gateway")[0] == 200
    assert serving.ask(role="operator")[0] == 200
    for role in ("story", "monitor", "backup", ""):
        status, answer = serving.ask(role=role)
        assert (status, answer["errorCode"]) == (403, "forbidden")


def test_the_container_can_do_nothing_but_serve(serving: App) -> None:
    (name,) = serving.containers()
    found = json.loads(serving.ssh(f"{SOCKET} http://engine/containers/{name}/json"))
    limits = found["HostConfig"]
    assert limits["ReadonlyRootfs"]
    assert limits["CapDrop"] == ["ALL"]
    assert "no-new-privileges" in limits["SecurityOpt"]
    assert limits["Memory"] == limits["MemorySwap"] == 192 * 1024 * 1024
    assert limits["PidsLimit"] == 128
    assert found["Config"]["User"] == "10001:10001"
    assert not any("KEY-----" in line for line in found["Config"]["Env"])
    shown = serving.ssh("stat -c '%a %U' /etc/fountainai/story/story.key").strip()
    assert shown == "400 story"


def test_published_ports_are_for_nginx_alone(serving: App) -> None:
    """Neither another user of the host nor another host comes to the container past nginx."""
    address = next(iter(serving.ssh("hostname -I").split()))
    for target in ("127.0.0.1:18000", "127.0.0.1:18001", "172.17.0.2:8000", f"{address}:18000"):
        curl = f"setpriv --reuid nobody --clear-groups curl -sS -m 3 http://{target}/"
        assert serving.ssh(f"{curl} || echo refused", check=False).strip() == "refused"


def test_a_new_image_takes_over_under_load(serving: App) -> None:
    serving.settings("two")
    with serving.load(20) as failed:
        serving.converge()
        until(lambda: serving.kind() == "two")
    assert failed == []
    assert len(serving.containers()) == 1
    serving.settings("one", memory_mb=160)  # a setting is a new container as well
    with serving.load(20) as failed:
        serving.converge()
    assert failed == []
    assert serving.kind() == "one"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("crash", ("crashes at start (exit code 1)", "planted reason")),
        ("sick", ("never becomes healthy", "/health said 503", "planted sickness")),
        ("missing", ("the image is missing in the registry",)),
        ("login", ("the registry refused the login",)),
        ("away", ("the registry cannot be reached",)),
    ],
)
def test_a_bad_image_leaves_the_old_one_serving(
    serving: App, kind: str, words: tuple[str, ...]
) -> None:
    before = serving.containers()
    unknown = serving.images["one"].partition("@")[0] + "@sha256:" + "0" * 64
    if kind == "login":
        serving.settings("three", user="somebody")
    elif kind in ("missing", "away"):
        serving.settings(unknown if kind == "missing" else unknown.replace(":5000/", ":5999/"))
    else:
        # Time enough to be seen crashing on a busy machine; the sick one uses all that it gets.
        serving.settings(kind, ready_s=8 if kind == "sick" else 60)
    with serving.load(10) as failed:
        text = serving.refused()
    assert failed == []
    for word in words:
        assert word in text
    assert serving.containers() == before
    assert serving.kind() == "one"


def test_back_to_the_image_before_without_the_registry(serving: App) -> None:
    serving.settings("two")
    serving.converge()
    with state.locked(serving.lab.directory, what="lab"):
        process.end(registry.record(serving.lab), grace_s=5)
    try:
        with serving.load(20) as failed:
            text = serving.converge("-y", "--data", "rollback=yes")
        assert failed == []
        assert "site.toml still names" in text
        assert serving.kind() == "one"
        before = serving.containers()
        assert NO_CHANGES in serving.converge("-y", "--data", "rollback=yes")
        assert serving.containers() == before
        serving.converge()  # forward again: that image is still here, too
        assert serving.kind() == "two"
    finally:
        with state.locked(serving.lab.directory, what="lab"):
            registry.start(serving.lab)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("stop", "EXITED ON THE HOST"),
        ("remove", "GONE ON THE HOST"),
        ("limits", "limits were CHANGED ON THE HOST"),
    ],
)
def test_what_was_done_by_hand_is_named_and_repaired(serving: App, how: str, said: str) -> None:
    (name,) = serving.containers()
    at = f"http://engine/containers/{name}"
    json_body = "-H 'Content-Type: application/json' -d '{\"PidsLimit\": 77}'"
    serving.ssh(
        {
            "stop": f"{SOCKET} -X POST '{at}/stop?t=1'",
            "remove": f"{SOCKET} -X DELETE '{at}?force=1'",
            "limits": f"{SOCKET} -X POST {json_body} {at}/update",
        }[how]
    )
    assert said in serving.converge("--dry")
    serving.converge()
    assert serving.kind() == "one"
    assert len(serving.containers()) == 1
    assert NO_CHANGES in serving.converge()


def test_a_new_certificate_is_a_new_container(serving: App) -> None:
    before = serving.containers()
    Pki(world(serving.site.env).secrets, serving.site.env).revoke("story")
    # The revocation list is nginx's as well, and its reload ends connections that wait.
    with serving.load(20, repeats=True) as failed:
        text = serving.converge()
    assert failed == []
    assert "a certificate or secret changed" in text
    assert set(serving.containers().values()).isdisjoint(before.values())


def test_containers_outlive_the_engine_and_come_back_with_the_host(serving: App) -> None:
    before = serving.containers()
    with serving.load(20) as failed:
        serving.ssh("systemctl restart docker.service")
        until(lambda: serving.containers() == before, 60)
    assert failed == []
    serving.site.driver.reboot(serving.host.name)
    began = time.monotonic()

    def answers() -> bool:
        try:
            return serving.kind() == "one"
        except (OSError, AssertionError):
            return False

    until(answers, 120)
    print(f"serves {time.monotonic() - began:.1f} s after the reboot")
    assert serving.converge().count(NO_CHANGES) == 1


def test_no_secret_was_shown_or_left(serving: App) -> None:
    token = serving.token.read_text()
    secrets = world(serving.site.env).secrets
    key = (secrets / "pki/story.key").read_text().splitlines()[1]
    for planted in (token, key):
        assert all(planted not in text for text in serving.site.output)
    found = serving.ssh(
        f"grep -rlF -e '{token}' /etc /root /home /var/lib/fountainai /var/lib/docker/containers "
        "/var/log /run/fountainai 2>/dev/null || true"
    )
    assert found == ""
    for name in serving.containers():
        assert key not in serving.ssh(f"{SOCKET} http://engine/containers/{name}/json")
    assert GROUP in serving.ssh("cat /var/lib/fountainai/containers.json")


def test_images_nobody_goes_back_to_are_dropped(serving: App) -> None:
    serving.settings("two")
    serving.converge()
    images = json.loads(serving.ssh(f"{SOCKET} http://engine/images/json"))
    assert {x for i in images for x in i["RepoDigests"]} == {
        serving.images["one"], serving.images["two"]
    }  # fmt: skip


def test_memory_of_the_whole_host_stays_within_its_limit(serving: App) -> None:
    group = Path("/sys/fs/cgroup/memory/fountainai-lab") / serving.site.env / serving.host.name
    peak = int((group / "memory.max_usage_in_bytes").read_text()) >> 20
    limit = int((group / "memory.limit_in_bytes").read_text()) >> 20
    killed = (group / "memory.oom_control").read_text()
    print(f"host: peak {peak} MB with page cache of {limit} MB")
    assert "oom_kill 0" in killed
    assert peak <= limit
