"""What a registry asks for before it answers: the WWW-Authenticate header as a value. Pure.

RFC 9110 section 11.6.1; parameters of Bearer: distribution's "Token Authentication
Specification". Several challenges in one header are told apart; the best known one is taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105  the grammar's word
_SCHEME = re.compile(rf"\s*,?\s*({_TOKEN})(?:[ \t]+|$|(?=,))(?!\s*=)", re.ASCII)
_PARAMETER = re.compile(rf'\s*,?\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))', re.ASCII)


@dataclass(frozen=True)
class Challenge:
    """`scheme` in lower case; `realm` and `service` are empty when not given."""

    scheme: str
    realm: str = ""
    service: str = ""


def parse(headers: Sequence[str]) -> Challenge | None:
    """The challenge to meet: Bearer before Basic; None when neither is there."""
    found = [challenge for header in headers for challenge in _all(header[:8192])]
    for scheme in ("bearer", "basic"):
        for challenge in found:
            if challenge.scheme == scheme and (challenge.realm or scheme == "basic"):
                return challenge
    return None


def _all(header: str) -> list[Challenge]:
    out: list[Challenge] = []
    at = 0
    while match := _SCHEME.match(header, at):
        at = match.end()
        values: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, at):
            at = parameter.end()
            quoted, plain = parameter[2], parameter[3]
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            values.setdefault(parameter[1].lower(), value)
        out.append(Challenge(match[1].lower(), values.get("realm", ""), values.get("service", "")))
    return out
