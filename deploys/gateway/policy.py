"""What the gateway asks of each operation: `policy.toml`, checked and merged.

Guarantees: an unknown key or value is refused with its path and what is valid; a rule that fits
no operation is refused, so that a renamed operation cannot lose its limit in silence; every
operation ends with one complete set of settings. Only a rule that names an operation can open it
without a key, never a tag or a service, which would open what is added later.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from deploys.gateway.operations import GatewayError, Operation

SHIPPED = Path(__file__).with_name("policy.toml")
#: Addresses of a process that may be published besides its operations; never /metrics.
PAGES = {"/openapi.json": "getOpenapiDocument", "/docs": "getDocumentPage"}


class PolicyError(GatewayError):
    """The policy cannot be used; the message lists every problem with its key."""


def _origin(value: str) -> str:
    # Anything but these characters is a pattern to Kong's cors plugin (kong/plugins/cors).
    if value != "*" and not re.fullmatch(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?", value):
        raise ValueError(f"{value!r} is no origin; valid: https://name or https://name:port")
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Origin = Annotated[str, AfterValidator(_origin)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Milliseconds = Annotated[int, Field(ge=1, le=3_600_000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RateLimit(_Table):
    """Requests of one consumer to one operation; the hour's must not be below the minute's."""

    minute: int | None = Field(default=None, ge=1)
    hour: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minute is None and self.hour is None:
            raise ValueError("a limit needs minute, hour or both")
        if self.minute and self.hour and self.hour < self.minute:
            raise ValueError(f"hour ({self.hour}) is below minute ({self.minute})")
        return self


class Timeouts(_Table):
    """How long the gateway waits for an app host, in milliseconds; `read` is between two reads."""

    connect: Milliseconds
    read: Milliseconds


class Settings(_Table):
    """What holds for one operation."""

    reachable: bool
    authentication: Literal["key", "none"]
    rate_limit: RateLimit
    max_body_kb: int = Field(ge=1, le=65_536)
    timeout_ms: Timeouts
    cors: tuple[Origin, ...]
    cache_seconds: int = Field(ge=0, le=86_400)
    log: bool


class Rule(_Table):
    """Which operations, and what changes for them. Selectors that are given must all fit."""

    operation: Names = ()
    tag: Names = ()
    method: Names = ()
    service: Names = ()
    reachable: bool | None = None
    authentication: Literal["key", "none"] | None = None
    rate_limit: RateLimit | None = None
    max_body_kb: int | None = Field(default=None, ge=1, le=65_536)
    timeout_ms: Timeouts | None = None
    cors: tuple[Origin, ...] | None = None
    cache_seconds: int | None = Field(default=None, ge=0, le=86_400)
    log: bool | None = None

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not any(getattr(self, name) for name in SELECTORS):
            raise ValueError(f"a rule needs a selector: {', '.join(SELECTORS)}")
        if not self.changes():
            raise ValueError(f"a rule needs a setting: {', '.join(Settings.model_fields)}")
        if self.authentication == "none" and not self.operation:
            raise ValueError('authentication = "none" needs a rule that names the operation')
        return self

    def changes(self) -> dict[str, Any]:
        """The settings that the rule names."""
        return {n: v for n in Settings.model_fields if (v := getattr(self, n)) is not None}

    def fits(self, operation: Operation) -> bool:
        """Whether every given selector names something of the operation."""
        return all(
            set(wanted) & read(operation)
            for name, read in SELECTORS.items()
            if (wanted := getattr(self, name))
        )


#: What a selector is compared with.
SELECTORS: dict[str, Callable[[Operation], set[str]]] = {
    "operation": lambda o: {o.operation_id},
    "tag": lambda o: set(o.tags),
    "method": lambda o: {o.method},
    "service": lambda o: {o.service},
}


class Page(_Table):
    """A page of the services to be published; a holder of a key reads it unless a rule opens it."""

    path: Literal["/openapi.json", "/docs"]
    service: str

    def operation(self) -> Operation:
        """The page as an operation, to be treated like any other."""
        return Operation(self.service, "GET", self.path, PAGES[self.path], ("Pages",))


class _File(_Table):
    defaults: Settings
    rules: tuple[Rule, ...] = ()
    pages: tuple[Page, ...] = ()


@dataclass(frozen=True)
class Policy:
    """A whole policy file."""

    defaults: Settings
    rules: tuple[Rule, ...]
    pages: tuple[Page, ...]
    digest: str  # SHA-256 of what was read

    def operations(self, documented: Iterable[Operation]) -> tuple[Operation, ...]:
        """The documented operations and the published pages, sorted."""
        found = (*documented, *(page.operation() for page in self.pages))
        return tuple(sorted(found, key=lambda o: (o.path, o.method)))


def load(path: Path = SHIPPED) -> Policy:
    """The policy of a file; PolicyError names the file."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: {error}") from None
    return parse(text, path.name)


def parse(text: str, name: str = "policy.toml") -> Policy:
    """The policy of a text. PolicyError lists every problem: key, reason, what is valid."""
    try:
        read = _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{name}: {error}") from None
    except ValidationError as error:
        problems = "\n".join(f"{name}: {_problem(each)}" for each in error.errors())
        raise PolicyError(problems) from None
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Policy(read.defaults, read.rules, read.pages, digest)


def effective(policy: Policy, operations: Sequence[Operation]) -> dict[Operation, Settings]:
    """The settings of each operation. PolicyError for a rule that fits none, or for a cache on
    what is not a GET."""
    problems: list[str] = []
    made = {operation: policy.defaults for operation in operations}
    for i, rule in enumerate(policy.rules):
        problems += _unfitting(f"rules[{i}]", rule, operations)
        for operation in operations:
            if rule.fits(operation):
                made[operation] = made[operation].model_copy(update=rule.changes())
    problems += [
        f"{operation.label}: only a GET can be cached"
        for operation, settings in made.items()
        if settings.cache_seconds and operation.method != "GET"
    ]
    if problems:
        raise PolicyError("\n".join(problems))
    return made


def _unfitting(where: str, rule: Rule, operations: Sequence[Operation]) -> list[str]:
    problems = []
    for name, read in SELECTORS.items():
        known = sorted({value for operation in operations for value in read(operation)})
        for value in getattr(rule, name):
            if value not in known:
                near = get_close_matches(value, known, 3) or known[:8]
                problems.append(f"{where}.{name}: {value!r} fits nothing; near: {', '.join(near)}")
    if not problems and not any(rule.fits(operation) for operation in operations):
        problems.append(f"{where}: no operation fits all its selectors together")
    return problems


def _problem(error: Any) -> str:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    where = where.lstrip(".") or "file"
    if error["type"] == "extra_forbidden":
        model = next(
            (m for p, m in _TABLES.items() if re.fullmatch(p, where.rpartition(".")[0])), _File
        )
        return f"{where}: unknown key; valid: {', '.join(model.model_fields)}"
    return f"{where}: {error['msg'].removeprefix('Value error, ')}"


_TABLES: dict[str, type[BaseModel]] = {
    r"defaults": Settings,
    r"rules\[\d+\]": Rule,
    r"pages\[\d+\]": Page,
    r".*\.rate_limit": RateLimit,
    r".*\.timeout_ms": Timeouts,
}
