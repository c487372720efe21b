"""Secrets and variables that the real client sends to the stand-in arrive, byte for byte."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey, SealedBox

from tests.contract.github_support import LARGEST, ask, refusal, repo
from tests.github_standin import Hub


@pytest.mark.parametrize(
    "value",
    ["line\nline\r\n", "'\"`$(x)\\", "grüße, 日本語, 🎭", "\x00\x7f", " ", "ü" * (LARGEST // 2)],
    ids=["newline", "quotes", "non-ascii", "control", "space", "48KB"],
)
@pytest.mark.parametrize("place", ["repository", "environment", "dependabot"])
def test_secrets_arrive_byte_for_byte(hub: Hub, value: str, place: str) -> None:
    there = repo(hub)
    if place == "environment":
        there.create_environment("publish").create_secret("KEY", value)
        vault = hub.repository.environments["publish"].secrets
    elif place == "dependabot":
        there.create_secret("KEY", value, secret_type="dependabot")
        vault = hub.repository.dependabot
    else:
        there.create_secret("KEY", value)
        vault = hub.repository.secrets
    assert vault.plain("KEY") == value.encode()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_arrives_as_secret_and_as_variable(hub: Hub, value: str) -> None:
    """The law behind the chosen cases: what comes out is what went in."""
    there = repo(hub)
    there.create_secret("ANY", value)
    there.delete_variable("ANY")
    there.create_variable("ANY", value)
    assert hub.repository.secrets.plain("ANY") == value.encode()
    assert there.get_variable("ANY").value == value


def test_a_secret_is_made_then_replaced_then_gone(hub: Hub) -> None:
    """201, 204 and 204; the time of making stays, the time of change grows even within a second."""
    there = repo(hub)
    there.create_secret("api_key", "one")
    first = there.get_secret("API_KEY")
    there.create_secret("Api_Key", "two")
    second = there.get_secret("api_key")
    assert [s.name for s in there.get_secrets()] == ["API_KEY"]
    assert (first.created_at, first.updated_at < second.updated_at) == (second.created_at, True)
    assert [e.status for e in hub.requests("PUT")] == [201, 204]
    assert there.delete_secret("api_key")
    assert refusal(there.get_secret, "API_KEY").status == 404
    assert not there.delete_secret("api_key")
    assert hub.writes == 3


@pytest.mark.parametrize("name", ["1ST", "A-B", "A B", "GITHUB_X", "github_x", "É"])
def test_names_that_github_refuses_are_refused(hub: Hub, name: str) -> None:
    there = repo(hub)
    assert refusal(there.create_secret, name, "x").status == 422
    assert refusal(there.create_variable, name, "x").status == 422
    assert hub.writes == 0


def test_sizes_and_counts_have_github_s_limits(hub: Hub) -> None:
    """48 KB count in bytes, and places are full at 100 secrets and 500 or 100 variables."""
    there, environment = repo(hub), repo(hub).create_environment("publish")
    assert refusal(there.create_secret, "BIG", "x" * (LARGEST + 1)).status == 422
    assert refusal(there.create_secret, "BIG", "ü" * (LARGEST // 2) + "x").status == 422
    assert refusal(there.create_variable, "BIG", "x" * (LARGEST + 1)).status == 422
    held = hub.repository.secrets.held, hub.repository.environments["publish"].secrets.held
    there.create_secret("S", "x")
    for vault in held:
        vault.update({f"S{n}": hub.repository.secrets.held["S"] for n in range(100 - len(vault))})
    there.create_variable("V", "x")
    one = hub.repository.variables.held["V"]
    hub.repository.variables.held.update({f"V{n}": one for n in range(499)})
    hub.repository.environments["publish"].variables.held.update({f"V{n}": one for n in range(100)})
    writes = hub.writes
    for place in (there, environment):
        assert refusal(place.create_secret, "MORE", "x").status == 422
        assert refusal(place.create_variable, "MORE", "x").status == 422
    assert hub.writes == writes
    there.create_secret("S1", "replacing needs no room")


def test_a_secret_sealed_for_another_key_is_refused(hub: Hub) -> None:
    """Stale after a rotation, of another place, or not a box at all: 422, and nothing is stored."""
    there = f"/repos/{hub.repository.full_name}"
    repo(hub).create_environment("publish")
    key = ask(hub, "GET", there + "/actions/secrets/public-key", hub.token).json()
    box = b64encode(SealedBox(hub.repository.secrets.key.public_key).encrypt(b"v")).decode()
    stranger = b64encode(SealedBox(PrivateKey.generate().public_key).encrypt(b"v")).decode()

    def put(path: str, sealed: str, key_id: str = key["key_id"]) -> int:
        body = {"key_id": key_id, "encrypted_value": sealed}
        return int(ask(hub, "PUT", there + path + "/X", hub.token, json=body).status_code)

    assert put("/actions/secrets", stranger) == 422
    assert put("/actions/secrets", "no base64!") == 422
    assert put("/actions/secrets", box, key_id="012345678912345678") == 422
    assert put("/environments/publish/secrets", box) == 422
    assert put("/dependabot/secrets", box) == 422
    hub.repository.secrets.rotate()
    assert put("/actions/secrets", box) == 422
    assert hub.repository.secrets.names() == []
    repo(hub).create_secret("X", "v")  # the client asks for the key anew
    assert hub.repository.secrets.plain("X") == b"v"


def test_variables_are_made_changed_and_refused_twice(hub: Hub) -> None:
    there = repo(hub)
    for place in (there, there.create_environment("publish")):
        place.create_variable("digest", "a")
        assert refusal(place.create_variable, "DIGEST", "b").status == 409
        assert place.get_variable("Digest").value == "a"
        assert place.get_variable("digest").edit("b")
        assert [(v.name, v.value) for v in place.get_variables()] == [("DIGEST", "b")]
        assert place.delete_variable("digest")
        assert not place.delete_variable("digest")
