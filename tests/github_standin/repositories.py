"""Repositories, owners, the token's own user and its rate limit: what clients read first."""

from __future__ import annotations

from typing import Any

from tests.github_standin.access import Need
from tests.github_standin.routes import Call, route
from tests.github_standin.wire import Refused, Reply, error, not_found


def owner(base: str, login: str, kind: str) -> dict[str, Any]:
    return {"login": login, "id": 1, "type": kind, "url": f"{base}/users/{login}"}


@route("GET", "/repos/{owner}/{repo}")
def repository(call: Call) -> Reply:
    """The fields clients follow: `url` is rooted at this server, as GitHub's is at its own."""
    there = call.repository
    return Reply(
        200,
        {
            "id": there.id,
            "name": there.full_name.split("/")[1],
            "full_name": there.full_name,
            "owner": owner(call.base, there.owner, there.owner_type),
            "private": there.private,
            "visibility": "private" if there.private else "public",
            "url": f"{call.base}/repos/{there.full_name}",
            "html_url": f"https://github.com/{there.full_name}",
            "default_branch": next(iter(there.branches)),
        },
    )


@route("GET", "/users/{login}", Need(scopes=(), public=True))
def user(call: Call) -> Reply:
    """An account that owns a repository or a package."""
    login = call.parameters["login"].lower()
    for there in call.world.repositories.values():
        if there.owner.lower() == login:
            return Reply(200, owner(call.base, there.owner, there.owner_type))
    raise Refused(not_found())


@route("GET", "/user", Need(scopes=(), public=True))
def me(call: Call) -> Reply:
    if call.token is None:
        raise Refused(error(401, "Requires authentication"))
    return Reply(200, owner(call.base, call.token.login, "User"))


@route("GET", "/", Need(scopes=(), public=True))
def root(call: Call) -> Reply:
    return Reply(200, {"current_user_url": f"{call.base}/user"})
