"""What every kind of secret has in common when it is replaced: its row, its answers, its checks.

A secret is replaced in two commands with a converge between: `rotate` adds the new one, `retire`
takes the old one away. `retire` refuses while a host was not given the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from deploys import applied
from deploys.pki import Pki
from deploys.secrets import SecretError
from inventories.spec import SiteSpec
from inventories.worlds import PRODUCTION, World

DONE, LEFT_TO_YOU = 0, 2


@dataclass(frozen=True)
class Context:
    """One command on one environment."""

    where: World
    site: SiteSpec
    pki: Pki
    converged: bool = False  # the person says so; used where no run noted it
    ask: Callable[[str], bytes] | None = None  # a new value, from the person or from stdin

    def command(self, verb: str, name: str) -> str:
        return f"secrets {verb} {name} --env {self.where.env}"

    @property
    def converge(self) -> str:
        env = "" if self.where.env == PRODUCTION else f"DEPLOY_ENV={self.where.env} "
        return f"{env}pyinfra inventory.py deploys/site.py"

    def need(self, item: str, state: bytes, among: Collection[str]) -> None:
        """Refuse to go on while one of the hosts has another state of the item."""
        late = applied.lagging(self.where, item, applied.fingerprint(state), among)
        if late and not self.converged:
            raise SecretError(
                f"{item}: no run has brought the new one to {', '.join(late)} yet; run: "
                f"{self.converge} (if that was done elsewhere, add --converged)"
            )


@dataclass(frozen=True)
class Row:
    """One line of `secrets list`; never a value."""

    name: str
    source: str
    age: int | None  # days since it is there
    days_left: int | None  # until it ends; None: it does not end by itself
    state: str
    next: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a command did, sentence by sentence, and what to run next."""

    lines: tuple[str, ...]
    next: tuple[str, ...] = field(default=())
    code: int = DONE


class Item(Protocol):
    """One secret that can be listed and replaced."""

    @property
    def name(self) -> str: ...
    def row(self, context: Context) -> Row: ...
    def rotate(self, context: Context) -> Outcome: ...
    def retire(self, context: Context) -> Outcome: ...
