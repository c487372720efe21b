"""Values of the wanted secrets, from the same places as the hosts' own. Makes no call.

Everything is read and checked before GitHub hears anything: a value that is missing, too large or
no text is one line with its file and line, and all such lines come together. `same_as` gives the
very value that the hosts have: of an API key the newest one that every gateway knows.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from deploys import applied, keys
from deploys.secret_settings import Source
from deploys.secrets import Secret, SecretError, locked, read_private, write_private
from deploys.sources import read, read_token
from inventories.errors import ProvisionError, SpecError
from inventories.repository import fingerprints, names
from inventories.repository.plan import Wanted
from inventories.repository.settings import SecretPlace
from inventories.site_file import read_layers
from inventories.spec import SiteSpec
from inventories.worlds import World, project_root

KEY_BYTES = 32
_TOKEN = Source(env="GITHUB_TOKEN")


@dataclass(frozen=True)
class Values:
    """All wanted levels by name, and the values of their secrets."""

    wanted: Mapping[str, Wanted]
    secrets: Mapping[tuple[str, str], Secret]  # by level and name


def token(spec: SiteSpec) -> Secret:
    """The token that speaks to GitHub; ProvisionError when there is none."""
    place = spec.secrets.github_token or _TOKEN
    try:
        return read_token(place, what="github_token", base=project_root())
    except SecretError as error:
        raise ProvisionError(
            str(error),
            "put a token there, or name its place: github_token under [secrets] of "
            "inventories/site.toml",
        ) from None


def record_key(where: World, *, make: bool) -> Secret:
    """The key of the fingerprints, `.secrets/<env>/github.key`; made on first use.

    Without `make` a missing key is a passing one that no record knows: everything is unknown."""
    path = where.secrets / "github.key"
    try:
        if not path.exists() and not make:
            return Secret(secrets.token_bytes(KEY_BYTES))
        with locked(where.secrets):
            if not path.exists():
                write_private(path, secrets.token_bytes(KEY_BYTES))
            key = read_private(path)
    except SecretError as error:
        raise ProvisionError(str(error)) from None
    if len(key.reveal()) != KEY_BYTES:
        raise ProvisionError(
            f"{path} is damaged", "restore it, or delete it: every secret is then written again"
        )
    return key


def read_values(where: World, spec: SiteSpec, key: Secret) -> Values:
    """Every wanted secret; SpecError with all that cannot be used, one per line."""
    layers = read_layers(where.spec_files, project_root(), where.overrides)
    problems: list[str] = []
    wanted: dict[str, Wanted] = {}
    values: dict[tuple[str, str], Secret] = {}
    for level, table in spec.github.levels.items():
        for name, place in table.secrets.items():
            path = ("github", *(("environments", level) if level else ()), "secrets", name)
            told = f"{'.'.join(path)} ({place.told})"
            try:
                value = _value(where, spec, place, ".".join(path))
            except SecretError as error:
                said = str(error)  # the reader of places takes every key for one of [secrets]
                said = said.removeprefix("secrets.") if "secrets.github." in said else said
                problems.append(f"{layers.place(path)}: {said}")
                continue
            if fault := _fault(value):
                problems.append(f"{layers.place(path)}: {told} {fault}")
            values[level, names.stored(name)] = value
        marks = {
            n: fingerprints.fingerprint(key, level, n, v)
            for (at, n), v in values.items()
            if at == level
        }
        texts = {names.stored(n): text for n, text in table.variables.items()}
        wanted[level] = Wanted(level, marks, texts)
    if problems:
        files = " or ".join(layer.label for layer in layers.layers)
        raise SpecError("\n".join(problems), f"change the value or {files}, then again")
    return Values(wanted, values)


def _value(where: World, spec: SiteSpec, place: SecretPlace, what: str) -> Secret:
    base = project_root()
    if place.consumer is not None:
        return _api_key(where, spec, place.consumer)
    if place.same_as is not None and spec.secrets.registry_token is not None:
        return read_token(spec.secrets.registry_token, what="registry_token", base=base)
    return read(place, what=what, base=base)


def _api_key(where: World, spec: SiteSpec, consumer: str) -> Secret:
    """The newest of a consumer's keys that every gateway was given, else the one before it."""
    valid = keys.present(where, spec, consumer).valid
    if not valid:
        raise SecretError(
            f"{keys.item(consumer)}: there is no key yet; the first converge makes it"
        )
    mark = applied.fingerprint(valid[0].reveal())
    late = applied.lagging(where, keys.item(consumer), mark, ("kong",))
    return valid[1] if late and len(valid) > 1 else valid[0]


def _fault(value: Secret) -> str:
    """Why GitHub would not take the value; empty when it would."""
    if (size := len(value.reveal())) > names.MAX_BYTES:
        return names.too_large(size)
    try:
        value.reveal().decode()
    except UnicodeDecodeError:
        return "is no UTF-8 text; GitHub keeps text only: write it in base64"
    return ""
