"""Where secrets come from, as `site.toml` says it: names of places, never a value. Pure.

A value written into the file by mistake is refused, and no message here or in `spec.py` repeats
what stands in this table.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_PATTERN = r"^[a-z][a-z0-9-]{0,61}[a-z0-9]$"
#: Names a consumer in Kong's file, in file names and in commands.
ConsumerName = Annotated[str, StringConstraints(pattern=_PATTERN)]
_Argument = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
WAYS = "env, file, command"
DEFAULT_CONSUMER = "storyteller"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Table):
    """One place that a value comes from: exactly one of three."""

    env: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,254}$",
        description="name of an environment variable",
    )
    file: _Argument | None = Field(
        default=None, description="path of a file of yours, from the project's root"
    )
    command: tuple[_Argument, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description='program and arguments that print it, e.g. ["op", "read", "op://vault/item"]',
    )

    @property
    def given(self) -> bool:
        """Whether a place is named at all."""
        return any(x is not None for x in (self.env, self.file, self.command))

    @property
    def told(self) -> str:
        """The place for people: never more of a command than its program."""
        if self.command is not None:
            return f"command {self.command[0]}"
        return f"env {self.env}" if self.env is not None else f"file {self.file}"

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        count = sum(x is not None for x in (self.env, self.file, self.command))
        if count > 1 or (count == 0 and not self._may_be_empty()):
            raise ValueError(f"names {count} places; name exactly one of {WAYS}")
        return self

    def _may_be_empty(self) -> bool:
        return False


class KeySource(Source):
    """An API key's place, and the place of the key before it while both are valid."""

    previous: Source | None = Field(
        default=None, description="place of the key that is valid besides, during a rotation"
    )

    def _may_be_empty(self) -> bool:
        return self.previous is not None  # the current key is generated


class SecretsSettings(_Table):
    """`[secrets]`: where values come from that are not generated."""

    registry_token: Source | None = Field(
        default=None, description="place of the token that may pull the services' image"
    )
    api_keys: dict[ConsumerName, KeySource] = Field(
        default_factory=dict, description="place of a consumer's API key, by the consumer's name"
    )
    gateway_certificate: Source | None = Field(
        default=None, description="place of the gateway's certificate chain, PEM"
    )
    gateway_key: Source | None = Field(
        default=None, description="place of the key of that certificate, PEM"
    )
    ca: Source | None = Field(
        default=None, description="place of an authority of yours: certificate and key, PEM"
    )
    github_token: Source | None = Field(
        default=None, description="place of the token for GitHub; unset: env GITHUB_TOKEN"
    )

    @model_validator(mode="after")
    def _whole_pair(self) -> Self:
        if (self.gateway_certificate is None) != (self.gateway_key is None):
            raise ValueError("gateway_certificate and gateway_key are given together or not at all")
        return self


class Consumer(_Table):
    """One `[[kong.consumers]]` entry: who may use the gateway with a key of their own."""

    name: ConsumerName = Field(description="name in Kong and of the key")
