"""What the services in the image do for those who ask: all of them work, on a real search node,
behind a door that asks for their certificate."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from deploys.pki import Pki
from story_services.common.settings import SERVICES
from tests.image import certificates, deeds
from tests.image.container import Running, once, running, until
from tests.image.engine import Image, ask

NAMES = tuple(name.replace("_", "-") for name in SERVICES)


def test_the_deeds_are_of_all_services() -> None:
    assert set(deeds.DEEDS) == set(NAMES)


@pytest.mark.parametrize("service", NAMES)
def test_each_service_writes_and_reads(services: Running, service: str) -> None:
    with services.client() as client:
        deeds.DEEDS[service](client)


@pytest.mark.parametrize("service", NAMES)
def test_each_service_has_its_document(services: Running, service: str) -> None:
    with services.client() as client:
        document = deeds.get(client, f"/openapi/{service}.json")
        whole = deeds.get(client, "/openapi.json")
    assert document["openapi"].startswith("3.")
    assert document["paths"]
    assert set(document["paths"]) <= set(whole["paths"])


@pytest.mark.parametrize("service", ["characters", "story-factory"])
def test_a_service_lives_alone(
    subject: Image, env: dict[str, str], flags: tuple[str, ...], services: Running, service: str
) -> None:
    """By its name as an argument, as `[app] containers` runs it: healthy, and nothing else."""
    with services.client() as client:
        own = deeds.get(client, f"/openapi/{service}.json")
        whole = deeds.get(client, "/openapi.json")
    with running(subject, service, env=env, flags=flags) as alone:
        alone.ready()
        with alone.client() as client:
            assert deeds.get(client, "/health")["status"] == "ok"
            assert set(deeds.get(client, "/openapi.json")["paths"]) == set(own["paths"])
            other = next(p for p in whole["paths"] if p not in own["paths"] and "{" not in p)
            assert client.get(other).status_code == 404


def test_a_key_of_another_authority_opens_nothing(
    subject: Image, env: dict[str, str], pki: Pki, tmp_path: Path
) -> None:
    """The services stay up and say what is down; the door is not passed without its authority."""
    foreign = {**certificates.files(Pki(tmp_path, "other")), "ca.pem": pki.ca_path.read_bytes()}
    with (
        certificates.volume(subject, foreign) as volume,
        running(subject, env=env, flags=certificates.mounted(volume)) as made,
        made.client() as client,
    ):
        until(lambda: listens(made), 60, made.log)
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "down")
        assert "Traceback" not in made.log()


def test_keys_are_shown_nowhere(services: Running, pki: Pki) -> None:
    """Neither by the engine, to whoever may ask it, nor in the log."""
    secret = [x for x in certificates.files(pki)["story.key"].decode().split() if len(x) > 40]
    shown = ask("inspect", services.name) + services.log()
    assert secret
    assert not [line for line in secret if line in shown]


@pytest.mark.parametrize(
    ("command", "env", "words"),
    [
        (("charakters",), {}, ("charakters", "did you mean characters?")),
        ((), {"STORY_STORE_URL": "nowhere"}, ("STORY_STORE_URL", "nowhere")),
        ((), {"STORY_STORE_URI": "http://127.0.0.1:9200"}, ("STORY_STORE_URI", "STORY_STORE_URL")),
        ((), {"STORY_PORT": "99999"}, ("STORY_PORT", "99999")),
        ((), {"STORY_STORE_KEY": "/run/secrets/story/no.key"}, ("STORY_STORE_KEY",)),
        ((), {"STORY_HOST": "203.0.113.7"}, ("203.0.113.7",)),
    ],
    ids=["service", "address", "name", "port", "file", "host"],
)
def test_wrong_settings_end_with_a_sentence(
    subject: Image, command: tuple[str, ...], env: dict[str, str], words: tuple[str, ...]
) -> None:
    status, text = once(subject, *command, env=env)
    assert status == 1, text
    assert "Traceback" not in text
    assert all(word in text for word in words), text
    assert len(text.strip().splitlines()[-1]) < 600


def listens(made: Running) -> bool:
    try:
        with made.client(timeout=5) as client:
            return client.get("/health").status_code in (200, 503)
    except httpx.TransportError:
        return False
