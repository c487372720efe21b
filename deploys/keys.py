"""API keys of the gateway's consumers: generated on the operator's machine, or given.

A generated key lives in `.secrets/<env>/keys/<consumer>.json` (0600) with the one before it, which
stays valid from `rotate` to `retire`. `.secrets/<env>/api_key` holds the first consumer's newest
key that the gateway knows already, so that whoever reads it is never refused.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploys import applied
from deploys.secret_settings import KeySource, Source
from deploys.secrets import Secret, SecretError, locked, read_private, write_private
from deploys.sources import read
from inventories.spec import SiteSpec
from inventories.worlds import World, project_root

PREFIX = "fai_"  # scanners of logs and repositories can look for it
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES = 32
_DIGITS = 43  # of 62 that hold 32 bytes
#: No sign that HTTP, YAML or Kong's references read as anything but itself.
_FORM = re.compile(rb"[A-Za-z0-9._~+/=:@-]{32,512}")


@dataclass(frozen=True)
class Made:
    """One generated key and since when it exists (UTC)."""

    key: Secret
    since: str


@dataclass(frozen=True)
class Keys:
    """All valid keys of a consumer, the current one first."""

    consumer: str
    source: KeySource | None  # None: generated
    given: tuple[Secret, ...]
    made: tuple[Made, ...]

    @property
    def valid(self) -> tuple[Secret, ...]:
        made = tuple(m.key for m in self.made)
        takes_over = self.source is not None and self.source.given
        order = (*self.given, *made) if takes_over else (*made, *self.given)
        return tuple(dict.fromkeys(order))  # a made key may have been given to a vault


def new_key() -> str:
    """32 random bytes in base 62 behind a prefix."""
    number, digits = int.from_bytes(secrets.token_bytes(_RANDOM_BYTES)), ""
    for _ in range(_DIGITS):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return PREFIX + digits


def item(consumer: str) -> str:
    """The name of a consumer's key in commands and notes."""
    return f"api-key/{consumer}"


def consumers(where: World, site: SiteSpec) -> dict[str, tuple[Secret, ...]]:
    """Every consumer's valid keys, the current one first; what is to be generated is made now."""
    given = {c.name: _given(site, c.name) for c in site.kong.consumers}
    with locked(_folder(where)):  # nothing is read from a command in here: it could wait for us
        for name in given:
            source = site.secrets.api_keys.get(name)
            if (source is None or not source.given) and not _file(where, name).exists():
                _write(where, name, [_fresh()])
        found = [_keys(where, site, name, values) for name, values in given.items()]
        _refuse_duplicates(found)
        _mirror(where, found[0])
    return {keys.consumer: keys.valid for keys in found}


def present(where: World, site: SiteSpec, consumer: str) -> Keys:
    """What there is of one consumer; makes nothing. Also for one that left `site.toml`."""
    return _keys(where, site, consumer, _given(site, consumer))


def mirror(where: World, site: SiteSpec) -> None:
    """Bring `api_key` up to date, once the gateway was given other keys."""
    first = present(where, site, site.kong.consumers[0].name)
    if first.valid:
        with locked(_folder(where)):
            _mirror(where, first)


def rotate(where: World, consumer: str) -> None:
    """Make another current key; the present one stays valid. For generated keys only."""
    with locked(_folder(where)):
        made = _read(where, consumer)
        if not made:
            raise SecretError(f"{item(consumer)}: there is no key yet; the first converge makes it")
        if len(made) > 1:
            raise SecretError(
                f"{item(consumer)} was rotated already and its old key is still valid; run: "
                f"secrets retire {item(consumer)} --env {where.env}"
            )
        _write(where, consumer, [_fresh(), made[0]])


def retire(where: World, consumer: str, seen: Keys, *, all_made: bool) -> None:
    """Forget the key before the current one, or with `all_made` every generated one; only as long
    as the generated keys are the ones `seen`."""
    with locked(_folder(where)):
        made = _read(where, consumer)
        if tuple(made) != seen.made:
            raise SecretError(f"{item(consumer)} was changed meanwhile; run: secrets list")
        if all_made:
            _file(where, consumer).unlink(missing_ok=True)
        elif len(made) > 1:
            _write(where, consumer, made[:1])


def left_over(where: World, site: SiteSpec) -> list[str]:
    """Consumers with generated keys that `site.toml` does not name any more."""
    names = {c.name for c in site.kong.consumers}
    return sorted(p.stem for p in _folder(where).glob("*.json") if p.stem not in names)


def _folder(where: World) -> Path:
    return where.secrets / "keys"


def _file(where: World, consumer: str) -> Path:
    return _folder(where) / f"{consumer}.json"


def _fresh() -> Made:
    return Made(Secret(new_key().encode()), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _write(where: World, consumer: str, made: Sequence[Made]) -> None:
    content = [{"key": m.key.reveal().decode(), "since": m.since} for m in made]
    write_private(_file(where, consumer), (json.dumps(content, indent=1) + "\n").encode())


def _read(where: World, consumer: str) -> list[Made]:
    path = _file(where, consumer)
    if not path.exists():
        return []
    text = read_private(path).reveal()
    try:
        made = [Made(Secret(e["key"].encode()), str(e["since"])) for e in json.loads(text)]
        if not 1 <= len(made) <= 2 or not all(_FORM.fullmatch(m.key.reveal()) for m in made):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError):
        raise SecretError(
            f"{path} is damaged; restore it from your backup, or delete it for a new key"
        ) from None
    return made


def _given(site: SiteSpec, consumer: str) -> tuple[Secret, ...]:
    source, what = site.secrets.api_keys.get(consumer), f"api_keys.{consumer}"
    if source is None:
        return ()
    wanted: list[tuple[Source, str]] = [(source, what)] if source.given else []
    wanted += [(source.previous, f"{what}.previous")] if source.previous else []
    found = []
    for place, name in wanted:
        value = read(place, what=name, base=project_root())
        if not _FORM.fullmatch(value.reveal()):
            raise SecretError(
                f"secrets.{name} ({place.told}) is no usable API key: 32 to 512 of A-Z, a-z, 0-9 "
                "and ._~+/=:@-; make one with: openssl rand -hex 32"
            )
        found.append(value)
    if len(set(found)) < len(found):
        raise SecretError(f"secrets.{what} and its previous key are the same")
    return tuple(found)


def _keys(where: World, site: SiteSpec, consumer: str, given: tuple[Secret, ...]) -> Keys:
    source = site.secrets.api_keys.get(consumer)
    return Keys(consumer, source, given, tuple(_read(where, consumer)))


def _refuse_duplicates(found: Sequence[Keys]) -> None:
    owner: dict[Secret, str] = {}
    for keys in found:
        for key in keys.valid:
            if owner.setdefault(key, keys.consumer) != keys.consumer:
                raise SecretError(
                    f"the consumers {owner[key]} and {keys.consumer} have the same API key; give "
                    "one of them another: the gateway could not tell them apart"
                )


def _mirror(where: World, first: Keys) -> None:
    current, *older = first.valid
    known = not applied.lagging(
        where, item(first.consumer), applied.fingerprint(current.reveal()), ("kong",)
    )
    shown = current if known or not older else older[0]
    path = where.secrets / "api_key"
    if not path.exists() or path.stat().st_mode & 0o077 or read_private(path) != shown:
        write_private(path, shown.reveal())
