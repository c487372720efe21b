"""Whole accidents of a site, each from a good state to a good state: bad images, dead runs, dead
hosts. Storytellers decide, and what the hosts themselves say; a run's words are only compared.
"""

from __future__ import annotations

import time

from inventories.lab import overlay, registry, state
from tests import image_variants
from tests.integration import site_failures as failures
from tests.integration.site_failures import (
    answers,
    containers,
    gateway,
    host_of,
    image,
    write_settings,
)
from tests.integration.site_load import kept, under_load
from tests.integration.site_support import WholeSite
from tests.labs import until

BAD = {
    "crash": ("crashes at start", image_variants.CRASHED),
    "unready": ("never becomes healthy", image_variants.UNREADY),
    "missing": ("the image is missing in the registry",),
    "login": ("the registry refused the login",),
}


def bad_image(site: WholeSite, kind: str) -> None:
    """What serves goes on under load, and the run says which of the four it was."""
    before, usual = containers(site), image(site)
    name = usual.partition("@")[0]
    images = {
        "missing": f"{name}@sha256:{'0' * 64}",
        "login": image_variants.push(site.driver.lab, "hang"),  # no host has it
    }
    wanted = images.get(kind) or image_variants.push(site.driver.lab, kind)  # type: ignore[arg-type]
    user = "nobody" if kind == "login" else registry.PULLS
    changed = {"app": {"image": wanted, "ready_s": 10}, "app.registry": {"user": user}}
    write_settings(site, changed)
    with under_load(site, 10) as load:
        text = failures.refused(site)
    assert load.failed == []
    for words in (*BAD[kind], "app-1"):
        assert words in text
    assert containers(site) == before
    write_settings(site, {"app": {"image": usual}, "app.registry": {"user": registry.PULLS}})
    site.converge()
    assert containers(site) == before  # what served is what was wanted again
    kept(site, load)


def down(site: WholeSite, name: str) -> None:
    """That host is off before a run begins; the others stay as they are."""
    others = [host for host in site.hosts if host.name != name]
    before = failures.ids(site)
    site.driver.stop(name)
    text = failures.refused(site)
    assert f"{name} cannot be reached by SSH, so nothing was changed on any host" in text
    assert "provision start" in text
    for host in others:
        assert failures.ids_of(site, host.name) == before[host.name]
    site.driver.start(name)
    until(lambda: answers(site) == 200, 180)
    failures.unchanged(site)


def vary(site: WholeSite, usual: str, *, search: bool = False) -> str:
    """Settings that no host has yet, whatever there was; with `search`, of the search node, too.

    The image that is wanted then: the usual one, or the same under another digest."""
    now = overlay.read(state.load(site.env))
    number = now.get("base", {}).get("journal_mb", 100) + 1
    other = now["app"]["image"] == usual
    wanted = image_variants.push(site.driver.lab, "other") if other else usual
    consumer = ("reader", "writer")[number % 2]
    changed: dict[str, dict[str, object]] = {
        "base": {"journal_mb": number},
        "app": {"image": wanted},
        "kong": {"consumers": [{"name": "storyteller"}, {"name": consumer}]},
    }
    if search:
        changed["opensearch"] = {"max_body_mb": 20 + number % 2}
    write_settings(site, changed)
    return wanted


def write_story(site: WholeSite) -> str:
    """The address of a script that must be there ever after."""
    with site.client() as client:
        made = client.post("/scripts", json={"title": "Kept", "sections": [{"title": "I"}]})
    assert made.status_code == 201, made.text
    return f"/scripts/{made.json()['scriptId']}"


def answers_without_key(site: WholeSite) -> int:
    """Status of a stranger's request."""
    with site.client() as client:
        del client.headers["X-API-KEY"]
        return client.get("/scripts?limit=1").status_code


def finished(site: WholeSite, wanted: str, story: str) -> None:
    """The next run ends as the killed one would have, and nothing is lost."""
    until(lambda: answers(site, story) == 200, 180)
    site.converge()
    assert image(site) == wanted
    assert answers(site, story) == 200
    failures.unchanged(site)


def dies_during(site: WholeSite, usual: str, role: str, step: str, nth: int) -> None:
    """The plug of a host is pulled as a step starts: the run says so, the others are whole."""
    name, story = host_of(site, role), write_story(site)
    wanted, before = vary(site, usual), gateway(site)
    plug = site.driver.groups.kill
    began = time.monotonic()
    ended = failures.at_operation(site, step, nth, lambda _: plug(site.env, name))
    print(f"the run ended {time.monotonic() - began:.0f} s after it began")
    assert (ended.at, ended.code) == (step, 1), ended.said
    assert "Traceback" not in ended.said
    assert f"{name} failed, for the reason above" in ended.said
    assert "run the same command again" in ended.said
    if role != "kong":
        assert gateway(site) == before  # its turn had not come
        assert answers_without_key(site) == 401
    site.driver.start(name)
    finished(site, wanted, story)
