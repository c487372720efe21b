"""What `provision github` does, apart from its command line. Returns the exit code.

Everything local is read and checked before the first call; nothing is written before the plan was
shown and confirmed. Raises `ProvisionError` for what it cannot do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from inventories.asking import confirm
from inventories.endpoints import GITHUB, GITHUB_API, github_api
from inventories.errors import PlanRefused, ProvisionError
from inventories.github import Client
from inventories.limits import limits
from inventories.progress import Progress
from inventories.repository import apply as applying
from inventories.repository import names
from inventories.repository.dispatch import Dispatcher
from inventories.repository.fingerprints import key_id
from inventories.repository.hub import Hub
from inventories.repository.plan import Found, Plan, make_plan, too_many
from inventories.repository.text import plan_json, plan_lines
from inventories.repository.values import Values, read_values, record_key, token
from inventories.spec import SiteSpec, load_site
from inventories.worlds import World

DONE, PENDING = 0, 2


@dataclass(frozen=True)
class Session:
    """One command on one repository."""

    where: World
    spec: SiteSpec
    repository: str
    progress: Progress

    def client(self) -> Client:
        bounds = limits(is_lab=self.where.is_lab)
        return Client(token(self.spec), self.repository, bounds, self.progress)


@dataclass(frozen=True)
class Looked:
    """A plan with all that it was made of."""

    plan: Plan
    found: list[Found]
    values: Values
    hub: Hub
    key_id: str


def open_session(where: World, progress: Progress) -> Session:
    """The site and its repository; no call. A lab has none: its values are not for GitHub."""
    if where.is_lab and github_api() == GITHUB:
        raise ProvisionError(
            f"{where.env} is a lab, and the repository at GitHub belongs to production",
            f"--env production, or {GITHUB_API} with the address of a stand-in",
        )
    spec = load_site(where)
    if spec.github.repository is None:
        raise ProvisionError(
            "site.toml names no repository",
            'write repository = "OWNER/NAME" under [github] of inventories/site.toml',
        )
    return Session(where, spec, spec.github.repository, progress)


def plan(session: Session, *, prune: bool, as_json: bool) -> int:
    """Show by name what apply would do. 2 when there is something to do. Writes nothing, here
    neither: without a local key everything is unknown, as it is to the apply that makes one."""
    made = _look(session, prune=prune, make_key=False).plan
    if as_json:
        found = plan_json(made, session.where.env, session.repository)
        session.progress.raw(json.dumps(found, indent=2))
    else:
        session.progress.show(plan_lines(made, session.repository))
    return PENDING if made.pending else DONE


def apply(session: Session, *, prune: bool, yes: bool, as_json: bool) -> int:
    """Show the plan, ask, and carry it out; for programs the plan comes as done, afterwards."""
    if as_json and not yes:
        raise ProvisionError("nothing was done: with --json nobody is asked", "add --yes")
    show, repository = session.progress.show, session.repository
    looked = _look(session, prune=prune, make_key=True)
    if not as_json:
        show(plan_lines(looked.plan, repository))
    if looked.plan.pending:
        confirm(f"Type yes to write this to {repository}", yes)
        say = session.progress.say
        count = applying.carry_out(
            looked.hub, looked.plan, looked.found, looked.values, looked.key_id, say
        )
        if not as_json:
            show(["", f"Done: {count} written or removed at {repository}."])
    if as_json:
        done = plan_json(looked.plan, session.where.env, repository) | {"pending": False}
        session.progress.raw(json.dumps(done, indent=2))
    return DONE


def dispatch(session: Session, ref: str) -> int:
    """Start the workflow and show its run."""
    try:
        names.checked_ref(ref)
    except ValueError as problem:
        raise ProvisionError(str(problem), "provision github dispatch --ref main") from None
    client = session.client()
    workflow = session.spec.github.workflow
    with session.progress.waiting(f"Starting {workflow} of {session.repository}"):
        Hub(client).check()
        run = Dispatcher(client, workflow, ref).start()
    page = f"https://github.com/{session.repository}/actions/workflows/{workflow}"
    session.progress.show(
        [
            f"Started {workflow} on {ref}: {run or page}",
            "The run's summary ends with the digest; then: "
            f"provision images use DIGEST --env {session.where.env}",
        ]
    )
    return DONE


def _look(session: Session, *, prune: bool, make_key: bool) -> Looked:
    key = record_key(session.where, make=make_key)
    values = read_values(session.where, session.spec, key)
    hub = Hub(session.client())
    with session.progress.waiting(f"Asking GitHub about {session.repository}"):
        hub.check()
        found = applying.look(hub, values.wanted)
    made = make_plan(values.wanted.values(), found, key_id(key), prune=prune)
    if problems := too_many(made, found):
        raise PlanRefused(
            "\n".join(problems), "remove some at GitHub or from inventories/site.toml, then again"
        )
    return Looked(made, found, values, hub, key_id(key))
