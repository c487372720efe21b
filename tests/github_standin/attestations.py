"""Attestations of a digest: whether there are any, not whether they hold.

Source: docs.github.com/rest/repos/attestations and .../users/attestations. With none GitHub says
404 (sharkdp/fd#1936) or an empty list: World.no_attestations chooses. From API version 2026-03-10
on an entry has only the address of its bundle.
"""

from __future__ import annotations

from typing import Any

from tests.github_standin.access import Need, sees
from tests.github_standin.routes import Call, route
from tests.github_standin.wire import Refused, Reply, not_found, number
from tests.github_standin.world import Repository

NEED = Need("attestations", "read", public=True)
SLSA = "https://slsa.dev/provenance/v1"


def entry(call: Call, there: Repository, made: dict[str, Any], place: int) -> dict[str, Any]:
    shown = {
        "repository_id": there.id,
        "bundle_url": f"{call.base}/bundles/{there.id}/{place}",
        "predicate_type": made.get("predicate_type", SLSA),
        "initiator": "user",
    }
    return shown if call.version >= "2026" else {"bundle": made["bundle"], **shown}


def answer(call: Call, places: list[Repository]) -> Reply:
    """Those of all the repositories that the token can see, by `predicate_type` if asked."""
    digest, asked = call.parameters["digest"], call.query.get("predicate_type")
    found = [
        entry(call, there, made, place)
        for there in places
        if sees(call.token, there)
        for place, made in enumerate(there.attested.get(digest, []))
        if asked in (None, made.get("predicate_type", SLSA))
    ]
    if not found and call.world.no_attestations == 404:
        raise Refused(not_found())
    size = min(number(call.query, "per_page", 30), 100)
    return Reply(200, {"attestations": found[:size]})


@route("GET", "/repos/{owner}/{repo}/attestations/{digest}", NEED)
def of_repository(call: Call) -> Reply:
    return answer(call, [call.repository])


@route("GET", "/users/{account}/attestations/{digest}", NEED)
@route("GET", "/orgs/{account}/attestations/{digest}", NEED)
def of_owner(call: Call) -> Reply:
    owner = call.parameters["account"].lower()
    owned = [r for r in call.world.repositories.values() if r.owner.lower() == owner]
    if not owned:
        raise Refused(not_found())
    return answer(call, owned)
