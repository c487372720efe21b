"""Replacing certificates: of clients, of hosts, of the gateway, and the authority itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import Encoding

from deploys.pki import Pki, PkiError
from deploys.rotate_keys import changed_by_you, days_since
from deploys.rotation import LEFT_TO_YOU, Context, Outcome, Row
from deploys.secrets import SecretError
from deploys.trust import gateway_pair, own_ca

#: Where a client's certificate is used; the others are used on the operator's machine alone.
USERS = {"story": ("app",), "gateway": ("kong",)}
EVERYONE = ("opensearch", "app", "kong")


def leaf_state(pki: Pki, leaf: str) -> bytes:
    """What a host has once it was given the present certificate."""
    return pki.certificate(leaf).public_bytes(Encoding.DER)


def authority_state(pki: Pki) -> bytes:
    """What a host has once it was given the present step of the authority."""
    return pki.ca_path.read_bytes()


@dataclass(frozen=True)
class Leaf:
    """One certificate of a client role (`client/story`) or a host (`host/search-1`)."""

    leaf: str  # as in deploys/pki.py: `story`, `hosts/search-1`

    @property
    def name(self) -> str:
        kind, _, name = self.leaf.rpartition("/")
        return f"host/{name}" if kind else f"client/{name}"

    @property
    def users(self) -> tuple[str, ...]:
        """Roles or hosts that are given it."""
        kind, _, name = self.leaf.rpartition("/")
        return (name,) if kind else USERS.get(name, ())

    def row(self, context: Context) -> Row:
        made = context.pki.certificate(self.leaf)
        old, then = context.pki.retiring(self.leaf) is not None, ""
        if old:
            first = "converge, then " if self.users else ""
            then = f"{first}{context.command('retire', self.name)}"
        left = (made.not_valid_after_utc - datetime.now(UTC)).days
        state = "the old one passes too" if old else "in use"
        age = days_since(made.not_valid_before_utc)
        return Row(self.name, "issued", age, left, state, then)

    def rotate(self, context: Context) -> Outcome:
        context.pki.renew(self.leaf)
        first = (context.converge,) if self.users else ()
        retire = context.command("retire", self.name)
        return Outcome(
            (f"{self.name}: a new certificate is issued; the old one still passes.",),
            (*first, f"then {retire}" if first else retire),
        )

    def retire(self, context: Context) -> Outcome:
        if context.pki.retiring(self.leaf) is None:
            raise PkiError(f"{self.name}: no certificate waits to be retired")
        seen = context.pki.certificate(self.leaf)
        if self.users:
            context.need(self.name, leaf_state(context.pki, self.leaf), self.users)
        context.pki.retire(self.leaf, seen)
        return Outcome(
            (f"{self.name}: the old certificate is on the revocation list.",),
            (f"{context.converge}  (brings the list to the doors)",),
        )


@dataclass(frozen=True)
class GatewayCertificate:
    """The operator's own certificate for the gateway; without one it is the host's."""

    name: str = "gateway-certificate"

    def row(self, context: Context) -> Row:
        source = context.site.secrets.gateway_certificate
        if source is None:
            return Row(self.name, "-", None, None, "none: the host's certificate serves")
        try:
            pair = gateway_pair(context.site)
        except SecretError as problem:
            return Row(self.name, source.told, None, None, str(problem))
        return Row(self.name, source.told, None, pair.days_left if pair else None, "in use")

    def rotate(self, context: Context) -> Outcome:
        certificate, key = (
            context.site.secrets.gateway_certificate,
            context.site.secrets.gateway_key,
        )
        if certificate is None or key is None:
            raise SecretError(
                "the gateway shows its host's certificate; run: "
                + context.command("rotate", "host/<gateway>")
            )
        return Outcome(
            (
                "The gateway's certificate is yours to replace; both at once, they are checked:",
                f"certificate: {changed_by_you(certificate)}",
                f"key: {changed_by_you(key)}",
            ),
            (context.converge,),
            LEFT_TO_YOU,
        )

    def retire(self, context: Context) -> Outcome:
        raise SecretError("whoever issued the gateway's certificate can revoke the old one")


@dataclass(frozen=True)
class Ca:
    """The authority, replaced in three steps: trusted, signing, alone."""

    name: str = "ca"

    def row(self, context: Context) -> Row:
        source = context.site.secrets.ca
        told = "generated" if source is None else source.told
        if not context.pki.ca_path.exists():
            return Row(self.name, told, None, None, "made by the next converge")
        made = context.pki.certificate("ca")
        state, then = {
            "steady": ("in use", ""),
            "trust": ("the next one is trusted too", context.command("rotate", self.name)),
            "issue": ("the one before is trusted too", context.command("retire", self.name)),
        }[context.pki.phase()]
        age = days_since(made.not_valid_before_utc)
        left = (made.not_valid_after_utc - datetime.now(UTC)).days
        return Row(self.name, told, age, left, state, f"converge, then {then}" if then else "")

    def rotate(self, context: Context) -> Outcome:
        phase = context.pki.phase()
        if phase == "issue":
            again = context.command("retire", self.name)
            raise PkiError(f"the new authority signs already; converge, then run: {again}")
        if phase == "trust":
            context.need(self.name, authority_state(context.pki), EVERYONE)
            context.pki.change_authority(seen=phase)
            return Outcome(
                (
                    "ca, step 2 of 3: the new authority signs. The next converge gives every host "
                    "its new certificates; the old ones still pass.",
                ),
                (context.converge, f"then {context.command('retire', self.name)}"),
            )
        context.pki.change_authority(own_ca(context.site), seen=phase)
        return Outcome(
            (
                "ca, step 1 of 3: a new authority is there and will be trusted beside the present "
                "one, which still signs.",
                f"Whoever checks the gateway by {context.pki.ca_path} needs that file again.",
            ),
            (context.converge, f"then {context.command('rotate', self.name)}"),
        )

    def retire(self, context: Context) -> Outcome:
        phase = context.pki.phase()
        if phase != "issue":
            reason = (
                "nobody's certificate is of the new one yet" if phase == "trust" else "only one"
            )
            raise PkiError(f"ca: nothing to retire ({reason}); run: secrets list")
        context.need(self.name, authority_state(context.pki), EVERYONE)
        context.pki.change_authority(seen=phase)
        return Outcome(
            ("ca, step 3 of 3: the old authority is not trusted any more.",), (context.converge,)
        )
