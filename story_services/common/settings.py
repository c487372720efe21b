"""What the services can be told from outside: one model, read from environment variables.

`STORY_<NAME>` holds for every service, `<SERVICE>_<NAME>` (`CENTRAL_SEQUENCE_PORT`) wins for that
one. A value that does not fit is refused with a sentence that names the variable, and so is a
name that looks like a misspelt setting; other variables of the same prefix belong to somebody
else (the `story` command has some). Secrets are paths of files, never values, so that an
environment can be shown.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    ValidationError,
    model_validator,
)

#: Every service, by the name that its variables begin with. `STORY_FACTORY_PORT` is of the last.
SERVICES = (
    "central_sequence",
    "core_script",
    "session_context",
    "characters",
    "performers",
    "story_factory",
)
_COMMON = "STORY_"
_LIKENESS = 0.75  # of a name to a setting's, from which on it is taken for a slip


class SettingsError(Exception):
    """A variable cannot be used; the message names it, what is wrong, and what would do."""


def _store_address(given: str) -> str:
    urls = [url.strip().rstrip("/") for url in given.split(",")]
    schemes = set()
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError(
                "must be an address such as http://127.0.0.1:9200, without a user, "
                "or several with commas between them"
            )
        schemes.add(parts.scheme)
    if len(schemes) > 1:
        raise ValueError("must be all http or all https")
    return ",".join(urls)


def _index_prefix(prefix: str) -> str:
    # The door lets the services reach indices of this form only.
    if not re.fullmatch(r"story-(?:[a-z0-9]{1,40}-)?", prefix):
        raise ValueError('must be "story-", or "story-<letters and digits>-" beside another one')
    return prefix


class Settings(BaseModel):
    """Settings of one process. Times are in seconds, sizes in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    store_url: Annotated[str, AfterValidator(_store_address)] = Field(
        default="http://127.0.0.1:9200",
        description="address of OpenSearch or of its door; several of one cluster with commas",
    )
    store_ca: FilePath | None = Field(default=None, description="CA certificate of the door")
    store_cert: FilePath | None = Field(default=None, description="certificate of the story role")
    store_key: FilePath | None = Field(default=None, description="key of that certificate")
    index_prefix: Annotated[str, AfterValidator(_index_prefix)] = Field(
        default="story-", description="begin of every index name"
    )
    store_deadline: float = Field(
        default=1.8, gt=0, le=60, description="longest wait for one small call, retries included"
    )
    bulk_deadline: float = Field(
        default=20.0, gt=0, le=600, description="longest wait for a call with many documents"
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port; 0 takes a free one")
    max_body_bytes: int = Field(
        default=2 * 1024 * 1024, ge=1024, le=64 * 1024 * 1024, description="largest request body"
    )
    max_body_depth: int = Field(
        default=32, ge=4, le=200, description="deepest nesting of a JSON body"
    )
    max_requests: int = Field(
        default=200, ge=1, le=10_000, description="requests worked on at once; more get 503"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least important line that is logged"
    )
    graceful_timeout: float = Field(
        default=25.0, ge=0, le=300, description="time for running requests to end after SIGTERM"
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#]+(?:/[^\s?#]*)?$",
        description="address of the gateway, the server named in the OpenAPI documents",
    )

    @model_validator(mode="after")
    def _certificate_with_its_key(self) -> Self:
        if (self.store_cert is None) != (self.store_key is None):
            raise ValueError("STORY_STORE_CERT and STORY_STORE_KEY must be given together")
        return self


def load(service: str | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings of `service` (its name with hyphens or underscores), or of all in one process.

    Raises SettingsError.
    """
    env = os.environ if environ is None else environ
    wanted = [(_COMMON, tuple(_prefix(s) for s in SERVICES if _prefix(s).startswith(_COMMON)))]
    if service:
        wanted.append((_prefix(service), ()))
    values: dict[str, str] = {}
    origin: dict[str, str] = {}
    for prefix, others in wanted:
        for variable in sorted(env):
            if not variable.startswith(prefix) or variable.startswith(others):
                continue
            name = variable.removeprefix(prefix).lower()
            if name in Settings.model_fields:
                values[name], origin[name] = env[variable], variable
            elif near := get_close_matches(name, Settings.model_fields, 1, _LIKENESS):
                meant = prefix + near[0].upper()
                raise SettingsError(f"{variable} is not a setting; {meant} is.")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_sentence(error, origin)) from None


def load_or_exit(service: str | None = None) -> Settings:
    """`load` for a program's entry: says what is wrong on stderr and ends with status 1."""
    try:
        return load(service)
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(1) from None


def _prefix(service: str) -> str:
    return service.upper().replace("-", "_") + "_"


def _sentence(error: ValidationError, origin: Mapping[str, str]) -> str:
    parts = []
    for problem in error.errors(include_url=False):
        text = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            parts.append(f"{text}.")
            continue
        name = str(problem["loc"][0])
        what = Settings.model_fields[name].description
        shown = "..." if "@" in str(problem["input"]) else str(problem["input"])[:80]  # passwords
        text = text[0].lower() + text[1:]
        parts.append(f"{origin[name]}={shown!r} ({what}) cannot be used: {text}.")
    return " ".join(parts)
