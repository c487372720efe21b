"""Replacing what is no certificate: API keys, the registry token, the key of the records."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from deploys import keys
from deploys.rotation import LEFT_TO_YOU, Context, Outcome, Row
from deploys.secret_settings import Source
from deploys.secrets import RECORD_KEY_BYTES, SecretError, locked, write_private
from deploys.sources import read_token, replace_file
from inventories.worlds import project_root

_TOKEN = re.compile(rb"[\x21-\x7e]{1,4096}")


def days_since(moment: datetime) -> int:
    """Whole days; a clock that went back counts as today."""
    return max(0, (datetime.now(UTC) - moment).days)


def changed_by_you(place: Source) -> str:
    """What a person does where the value is not ours to write."""
    if place.env is not None:
        return f"set the variable {place.env} to the new value"
    if place.file is not None:
        return f"write the new value into {place.file} (mode 600)"
    return f"store the new value where the command {(place.command or ('?',))[0]} finds it"


@dataclass(frozen=True)
class ApiKey:
    """A consumer's key at the gateway. Two are valid between `rotate` and `retire`."""

    consumer: str

    @property
    def name(self) -> str:
        return keys.item(self.consumer)

    def _known(self, context: Context) -> bool:
        return any(c.name == self.consumer for c in context.site.kong.consumers)

    def row(self, context: Context) -> Row:
        found = keys.present(context.where, context.site, self.consumer)
        source = found.source
        told = source.told if source is not None and source.given else "generated"
        since = found.made[0].since if found.made and told == "generated" else ""
        age = days_since(datetime.fromisoformat(since)) if since else None
        state, then = "in use", ""
        if not self._known(context):
            state, then = "no consumer any more", context.command("retire", self.name)
        elif not found.valid:
            state, then = "made by the next converge", context.converge
        elif len(found.valid) > 1:
            state = f"{len(found.valid)} keys are valid"
            then = f"converge, then {context.command('retire', self.name)}"
        return Row(self.name, told, age, None, state, then)

    def rotate(self, context: Context) -> Outcome:
        source = context.site.secrets.api_keys.get(self.consumer)
        if not self._known(context):
            raise SecretError(f"{self.name}: no [[kong.consumers]] of site.toml has this name")
        if source is not None and source.given:
            table = f"secrets.api_keys.{self.consumer}"
            return Outcome(
                (
                    f"{self.name} comes from {source.told}, which is yours to change.",
                    f"1. Keep the old key readable at another place and name that as "
                    f"{table}.previous in site.toml: the gateway then takes both.",
                    f"2. Then {changed_by_you(source)}; make one with: openssl rand -hex 32",
                ),
                (context.converge, f"then {context.command('retire', self.name)}"),
                LEFT_TO_YOU,
            )
        keys.rotate(context.where, self.consumer)
        keys.mirror(context.where, context.site)
        return Outcome(
            (
                f"{self.name}: a new key is made; the old one stays valid besides.",
                f"The new one is the first in {context.where.secrets}/keys/{self.consumer}.json.",
            ),
            (
                context.converge,
                f"then give {self.consumer} the new key",
                f"then {context.command('retire', self.name)}",
            ),
        )

    def retire(self, context: Context) -> Outcome:
        found = keys.present(context.where, context.site, self.consumer)
        source = found.source
        moved = source is not None and source.given and bool(found.made)
        if not self._known(context):
            if not found.made:
                raise SecretError(f"{self.name}: there is no such key; run: secrets list")
            keys.retire(context.where, self.consumer, found, all_made=True)
            return Outcome((f"{self.name}: its generated keys are forgotten.",))
        if not moved and len(found.made) < 2:
            if source is None or source.previous is None:
                raise SecretError(f"{self.name}: there is only one key; nothing to retire")
            context.need(self.name, found.valid[0].reveal(), ("kong",))
            return Outcome(
                (
                    f"Take secrets.api_keys.{self.consumer}.previous out of site.toml: the old key "
                    f"comes from {source.previous.told}.",
                ),
                (context.converge,),
                LEFT_TO_YOU,
            )
        context.need(self.name, found.valid[0].reveal(), ("kong",))
        keys.retire(context.where, self.consumer, found, all_made=moved)
        keys.mirror(context.where, context.site)
        return Outcome(
            (f"{self.name}: the old key is forgotten; the next converge ends it.",),
            (context.converge,),
        )


@dataclass(frozen=True)
class RegistryToken:
    """The login that pulls the image. The registry decides how long the old one is valid."""

    name: str = "registry-token"

    def row(self, context: Context) -> Row:
        source = context.site.secrets.registry_token
        if source is None:
            return Row(self.name, "-", None, None, "none: images are pulled without a login")
        try:
            read_token(source, what="registry_token", base=project_root())
            return Row(self.name, source.told, None, None, "in use")
        except SecretError as problem:
            return Row(self.name, source.told, None, None, str(problem))

    def rotate(self, context: Context) -> Outcome:
        source = context.site.secrets.registry_token
        if source is None:
            raise SecretError("site.toml names no place under secrets.registry_token")
        then = (context.converge, "then end the old token at the registry")
        if source.file is None or context.ask is None:
            return Outcome(
                (f"Make a new token at the registry, then {changed_by_you(source)}.",),
                then,
                LEFT_TO_YOU,
            )
        value = context.ask("New token of the registry")
        if not _TOKEN.fullmatch(value):
            raise SecretError("the new token has to be one word; nothing was changed")
        replace_file(source, value, base=project_root())
        return Outcome((f"{self.name}: {source.told} holds the new token.",), then)

    def retire(self, context: Context) -> Outcome:
        raise SecretError("the old token is ended at the registry; nothing of it is kept here")


@dataclass(frozen=True)
class RecordKey:
    """The key that digests secrets in the hosts' records. Never leaves this machine."""

    name: str = "record-key"

    def row(self, context: Context) -> Row:
        path = context.where.secrets / "record.key"
        if not path.exists():
            return Row(self.name, "generated", None, None, "made by the next converge")
        made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Row(self.name, "generated", days_since(made), None, "in use")

    def rotate(self, context: Context) -> Outcome:
        with locked(context.where.secrets):
            new = secrets.token_bytes(RECORD_KEY_BYTES)
            write_private(context.where.secrets / "record.key", new)
        return Outcome(
            (
                "record-key: replaced. Until the next converge the records on the hosts are keyed "
                "by the old one, and make verify calls every secret file changed.",
            ),
            (context.converge,),
        )

    def retire(self, context: Context) -> Outcome:
        raise SecretError("record-key: nothing to retire; the old key is gone")
