"""Ids and names of what the gateway's file holds: the same name gives the same UUIDv5 for ever.

Kong's local rate-limit counters are keyed by route and service id and live over reloads; ids that
changed with every rendering would forget them and make every difference unreadable.
"""

from __future__ import annotations

from uuid import NAMESPACE_DNS, UUID, uuid5

from deploys.placement import DOMAIN

_OURS: UUID = uuid5(NAMESPACE_DNS, f"gateway.{DOMAIN}")


def entity_id(kind: str, *names: str) -> str:
    """UUIDv5 of one entity: its kind and the names that tell it from others of that kind."""
    return str(uuid5(_OURS, "\x00".join((kind, *names))))


def tag(text: str) -> str:
    """`text` as a Kong tag: no comma, no slash, printable ASCII."""
    return "".join(c if " " <= c <= "~" and c not in ",/" else "-" for c in text)
