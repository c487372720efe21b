"""Container packages and their versions, as GitHub Packages lists what its registry holds.

Source: docs.github.com/rest/packages/packages: only classic tokens are accepted, with the scope
read:packages at least; a private package of someone else is not found. Users and organizations
have paths of their own; /user/packages are those of the token's owner.
"""

from __future__ import annotations

from typing import Any

from tests.github_standin.access import Need
from tests.github_standin.routes import Call, route
from tests.github_standin.wire import Refused, Reply, error, not_found, page
from tests.github_standin.world import Package, Version

NEED = Need("packages", "read", scopes=("read:packages", "write:packages", "delete:packages"))
BELOW = "/packages/container/{package}"


def allowed(call: Call) -> None:
    """401 without a token, 403 for a fine-grained one or a classic one without the scope."""
    if call.token is None:
        raise Refused(error(401, "Requires authentication"))
    if not set(NEED.scopes) & set(call.token.scopes or ()):
        raise Refused(
            error(403, "You need at least read:packages scope to get a package's versions.")
        )


def wanted(call: Call, organization: bool | None) -> Package:
    """The package of that owner; `organization` None: of the token's own user."""
    allowed(call)
    assert call.token is not None
    owner = call.parameters.get("account", call.token.login).lower()
    kinds = {
        r.owner_type for r in call.world.repositories.values() if r.owner.lower() == owner
    } or {"User"}
    if organization is not None and ("Organization" in kinds) is not organization:
        raise Refused(not_found())
    known = call.world.packages.get((owner, call.parameters["package"].lower()))
    if known is None or (known.private and not readable(call, known)):
        raise Refused(error(404, "Package not found."))
    return known


def readable(call: Call, known: Package) -> bool:
    """A private package is seen by its owner, and by whom it was shared with."""
    assert call.token is not None
    return call.token.login.lower() in (known.owner.lower(), *(n.lower() for n in known.readers))


def shown(call: Call, known: Package) -> dict[str, Any]:
    return {
        "id": known.id,
        "name": known.name,
        "package_type": "container",
        "owner": {"login": known.owner},
        "version_count": len(known.versions),
        "visibility": "private" if known.private else "public",
        "url": call.base + call.path,
        "html_url": f"https://github.com/users/{known.owner}/packages/container/{known.name}",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }


def version(call: Call, known: Package, one: Version) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.digest,
        "url": f"{call.base}{call.path}/{one.id}",
        "package_html_url": f"https://github.com/{known.owner}/packages/{known.name}",
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "html_url": f"https://github.com/{known.owner}/packages/{known.name}/{one.id}",
        "metadata": {"package_type": "container", "container": {"tags": list(one.tags)}},
    }


def serve(prefix: str, organization: bool | None) -> None:
    """The routes of one kind of owner."""

    def one(call: Call) -> Reply:
        return Reply(200, shown(call, wanted(call, organization)))

    def versions(call: Call) -> Reply:
        """A bare list, newest first; deleted ones are not among the active."""
        known = wanted(call, organization)
        rows = [version(call, known, v) for v in known.versions]
        if call.query.get("state", "active") != "active":
            rows = []
        rows, links = page(call.base + call.path, call.query, rows)
        return Reply(200, rows, links)

    route("GET", prefix + BELOW, NEED)(one)
    route("GET", prefix + BELOW + "/versions", NEED)(versions)


serve("/users/{account}", False)
serve("/orgs/{account}", True)
serve("/user", None)
