"""Variables of repositories and environments: readable, so their values are plain in answers.

Source: docs.github.com/rest/actions/variables. 409 for a duplicate POST is GitHub's own answer,
though its page names only 201.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.github_standin import limits
from tests.github_standin.access import Need
from tests.github_standin.routes import Call, Handler, route
from tests.github_standin.wire import Refused, Reply, error, not_found, number
from tests.github_standin.world import Held, Variables


def shown(name: str, held: Held) -> dict[str, str]:
    return {
        "name": name,
        "value": held.value.decode(),
        "created_at": held.created_at,
        "updated_at": held.updated_at,
    }


def post(call: Call, variables: Variables) -> Reply:
    """201; 409 when it exists: POST never changes a value."""
    name = limits.name("variable", call.text("Variable", "name"))
    value = call.text("Variable", "value").encode()
    if name in variables.held:
        raise Refused(error(409, "Already exists - Variable already exists"))
    limits.size("variable", value)
    limits.room("variable", len(variables.held), variables.most)
    now = call.world.clock.stamp()
    variables.held[name] = Held(value, now, now)
    return Reply(201, {}, effect=True)


def patch(call: Call, variables: Variables) -> Reply:
    """204; both fields may be left out, and a new name renames."""
    old = call.parameters["name"].upper()
    if old not in variables.held:
        raise Refused(not_found())
    held = variables.held[old]
    new = limits.name("variable", call.text("Variable", "name")) if "name" in call.fields else old
    value = call.text("Variable", "value").encode() if "value" in call.fields else held.value
    limits.size("variable", value)
    if new != old and new in variables.held:
        raise Refused(error(409, "Already exists - Variable already exists"))
    del variables.held[old]
    variables.held[new] = Held(value, held.created_at, call.world.clock.stamp())
    return Reply(204, effect=True)


def get(call: Call, variables: Variables) -> Reply:
    name = call.parameters["name"].upper()
    if name not in variables.held:
        raise Refused(not_found())
    return Reply(200, shown(name, variables.held[name]))


def delete(call: Call, variables: Variables) -> Reply:
    if variables.held.pop(call.parameters["name"].upper(), None) is None:
        raise Refused(not_found())
    return Reply(204, effect=True)


def listed(call: Call, variables: Variables) -> Reply:
    """Ten a page unless asked otherwise, and never more than 30: rules of this list alone."""
    if number(call.query, "per_page", 10) > 30:
        call.query["per_page"] = "30"
    rows = [shown(name, variables.held[name]) for name in variables.names()]
    return call.listing("variables", rows, per_page=10)


def serve(path: str, permission: str, place: Callable[[Call], Variables]) -> None:
    def add(method: str, below: str, level: str, act: Callable[[Call, Variables], Reply]) -> None:
        handler: Handler = lambda call: act(call, place(call))  # noqa: E731
        route(method, path + below, Need(permission, level))(handler)

    add("GET", "", "read", listed)
    add("POST", "", "write", post)
    add("GET", "/{name}", "read", get)
    add("PATCH", "/{name}", "write", patch)
    add("DELETE", "/{name}", "write", delete)


REPOSITORY = "/repos/{owner}/{repo}"
serve(f"{REPOSITORY}/actions/variables", "variables", lambda call: call.repository.variables)
serve(
    f"{REPOSITORY}/environments/{{environment}}/variables",
    "environments",
    lambda call: call.environment.variables,
)
