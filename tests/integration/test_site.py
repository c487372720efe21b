"""The whole site under load, and what breaks it: it serves on, says what is wrong, and the next
good run ends as the first one would have.

One lab throughout. Storytellers' requests through the gateway decide, and ids and start times as
the hosts have them; not what a run says of itself.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventories.images.running import running
from inventories.lab import registry
from inventories.loader import env_paths
from inventories.worlds import world
from tests import image_variants
from tests.integration import site_accidents as accidents
from tests.integration import site_checks as checks
from tests.integration import site_failures as failures
from tests.integration import site_growth as growth
from tests.integration.site_failures import answers, gateway, host_of, image, write_settings
from tests.integration.site_load import kept, under_load
from tests.integration.site_support import SITE, WholeSite, whole_site
from tests.labs import ROOT

GATEWAY_STEP = "Apply the gateway's configuration"
pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def made() -> Iterator[WholeSite]:
    with whole_site("t-site") as site:
        yield site


@pytest.fixture(scope="module")
def usual(made: WholeSite) -> str:
    """The image of the services as they are."""
    return image_variants.push(made.driver.lab)


@pytest.fixture
def site(made: WholeSite, usual: str) -> WholeSite:
    """Converged with that image."""
    changed = {"app": {"image": usual, "ready_s": None}, "app.registry": {"user": registry.PULLS}}
    write_settings(made, changed)
    for host in made.hosts:
        made.driver.start(host.name)
    made.converge()
    return made


def test_a_second_run_changes_nothing_in_at_most_four_channels(
    site: WholeSite, tmp_path: Path
) -> None:
    failures.unchanged(site)
    counts = tmp_path / "channels"
    again = site.pyinfra(
        SITE, "-y", "--json", COUNT_CHANNELS=str(counts),
        PYTHONPATH=os.pathsep.join([str(ROOT / "tests/support"), os.environ.get("PYTHONPATH", "")]),
    )  # fmt: skip
    totals = json.loads(again.stdout.splitlines()[-1])["results"]["totals"]
    assert (totals["success"], totals["error"]) == (0, 0)
    channels = json.loads(counts.read_text())
    print(f"channels: {sorted(channels.values())}")
    assert len(channels) == len(site.hosts)
    assert max(channels.values()) <= 4, channels


def test_the_app_host_fits_its_memory_under_load(site: WholeSite) -> None:
    checks.fits(site, 20)


@pytest.mark.long
def test_the_app_host_fits_its_memory_under_five_minutes_of_load(site: WholeSite) -> None:
    checks.fits(site, 300)


def _told(site: WholeSite) -> set[str]:
    """The digests that `provision images` is told to run on the first app host."""
    (told,) = running([host_of(site, "app")], env_paths(world(site.env)).ssh_config)
    assert told.problem == ""
    return set(told.digests)


def test_a_new_image_and_the_way_back_fail_no_request(site: WholeSite, usual: str) -> None:
    other = image_variants.push(site.driver.lab, "other")
    write_settings(site, {"app": {"image": other}})
    with under_load(site, 20) as load:
        site.converge()
    assert load.failed == []
    assert image(site) == other
    assert _told(site) == {other.rpartition("@")[2]}
    with failures.no_registry(site), under_load(site, 20) as back:
        gone_back = site.pyinfra("deploys/app.py", "-y", "--data", "rollback=yes")
    assert gone_back.returncode == 0, gone_back.stdout + gone_back.stderr
    assert back.failed == []
    assert image(site) == usual
    assert _told(site) == {usual.rpartition("@")[2]}
    kept(site, load)
    kept(site, back)


def test_the_whole_site_goes_back_on_the_app_hosts_alone(site: WholeSite, usual: str) -> None:
    """The site file says more than the image: no other host may come nearer to it on the way."""
    other = image_variants.push(site.driver.lab, "other")
    write_settings(site, {"app": {"image": other}})
    site.converge()
    accidents.vary(site, other, search=True)
    before, search = failures.ids(site), host_of(site, "opensearch")
    said = site.converge("--data", "rollback=yes").stderr
    assert image(site) == usual
    for host in site.hosts:
        if host.role != "app":
            assert f"[{host.name}] left as it is: rollback=yes is for app hosts" in said
            assert failures.ids_of(site, host.name) == before[host.name]
    said = failures.refused(site, "--data", "rollback=yes", "--limit", search)
    assert f"{search} has no containers that could go back" in said
    assert "`make rollback ROLE=app`" in said
    assert failures.ids_of(site, search) == before[search]


def test_a_bad_image_never_takes_over(site: WholeSite) -> None:
    accidents.bad_image(site, "crash")


@pytest.mark.long
@pytest.mark.parametrize("kind", ["unready", "missing", "login"])
def test_other_bad_images_never_take_over(site: WholeSite, kind: str) -> None:
    accidents.bad_image(site, kind)


def test_a_gateway_file_that_routes_to_nobody_never_stays(site: WholeSite) -> None:
    """The inventory says another address of the app host than it has."""
    hosts = world(site.env).generated / "hosts.json"
    text, before = hosts.read_text(), gateway(site)
    address = next(h.private_address for h in site.hosts if h.role == "app")
    data = json.loads(text)
    nobody = address.rpartition(".")[0] + ".253"
    for host in data["hosts"].values():
        if host["role"] == "app":
            host["private_address"] = nobody
    try:
        hosts.write_text(json.dumps(data))
        said = failures.refused(site, "--limit", host_of(site, "kong"))
    finally:
        hosts.write_text(text)
    assert "nobody answers behind it" in said
    assert "is back in its place and serves" in said
    assert answers(site) == 200
    site.converge()
    assert _files(gateway(site)) == _files(before)


def _files(shown: str) -> list[str]:
    return [line for line in shown.splitlines() if "sha256" in line or "/etc/kong" in line]


@pytest.mark.long
def test_a_gateway_file_damaged_by_hand_is_told_and_mended(site: WholeSite) -> None:
    """Kong serves on with what it has in memory; the run puts the file right under it."""
    with under_load(site, 10) as load:
        site.ssh(host_of(site, "kong"), "echo '{' > /etc/kong/kong.yml; systemctl reload kong")
        text = site.converge().stderr
    assert "CHANGED ON THE HOST" in text
    assert load.failed == []
    failures.unchanged(site)


def test_no_secret_shows_anywhere(site: WholeSite) -> None:
    changed = image_variants.push(site.driver.lab, "other")
    write_settings(site, {"app": {"image": changed}})
    assert site.pyinfra(SITE, "--dry", "--diff", "-vvv", "--debug").returncode == 0
    site.converge("--diff", "-vvv")
    checks.no_secret_shows(site)


@pytest.mark.long
@pytest.mark.parametrize("role", ["app", "kong", "opensearch"])
def test_any_host_that_is_down_before_the_run_is_named(site: WholeSite, role: str) -> None:
    accidents.down(site, host_of(site, role))


def test_a_killed_run_is_finished_by_the_next(site: WholeSite, usual: str) -> None:
    """Within the two steps that decide who serves."""
    story = accidents.write_story(site)
    for step, nth in (("Replace containers", 2), (GATEWAY_STEP, 3)):
        wanted = accidents.vary(site, usual)
        assert failures.kill_at(site, step, nth, after_s=1) == step
        assert answers(site, story) == 200
        accidents.finished(site, wanted, story)


@pytest.mark.long
@pytest.mark.timeout(3 * 3600)
def test_a_run_killed_at_any_step_is_finished_by_the_next(site: WholeSite, usual: str) -> None:
    story, met = accidents.write_story(site), []
    for number in itertools.count(1):
        wanted = accidents.vary(site, usual, search=True)
        met.append(failures.kill_at(site, "", number))
        if not met[-1]:
            break
        accidents.finished(site, wanted, story)
    print(f"killed at {len(met) - 1} operations")
    assert met[-2] == "Gateways are done"
    assert image(site) == wanted


def test_each_stage_begins_when_the_one_before_is_done(site: WholeSite, usual: str) -> None:
    """The order in which hosts do something, by the marks that all have."""
    accidents.vary(site, usual)
    text = site.converge().stderr
    stages = re.split(f"{failures.STARTING}(?:Search|App) hosts are done", text)
    assert len(stages) == 3
    installed = stages[0].partition(f"{failures.STARTING}Write files")[2]
    for part, role in zip((installed, *stages[1:]), ("opensearch", "app", "kong"), strict=True):
        acted = set(re.findall(r"\[(\S+)\]\s+Success", part.partition("Remember what")[0]))
        assert acted == {host.name for host in site.hosts if host.role == role}


def test_a_host_that_dies_during_the_run_is_named(site: WholeSite, usual: str) -> None:
    accidents.dies_during(site, usual, "app", "Replace containers", 2)


@pytest.mark.long
@pytest.mark.parametrize(
    ("role", "step", "nth"),
    [
        ("opensearch", "Write files", 1),
        ("opensearch", "Start and restart units", 1),
        ("app", "Open the record", 1),
        ("app", "Write files", 2),
        ("kong", "Write files", 1),
        ("kong", GATEWAY_STEP, 3),
    ],
)
def test_any_host_may_die_during_the_run(
    site: WholeSite, usual: str, role: str, step: str, nth: int
) -> None:
    accidents.dies_during(site, usual, role, step, nth)


def test_an_app_host_joins_and_leaves_without_a_failed_request(site: WholeSite) -> None:
    growth.app_host_joins_and_leaves(site)
