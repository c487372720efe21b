"""GitHub's rules for names and sizes of secrets and variables, with its answers.

Sources: docs.github.com/actions/reference/secrets-reference and .../variables-reference:
letters, digits and underscores, no digit first, no GITHUB_ prefix, stored in capitals; 48 KB each;
100 secrets a repository and an environment, 500 variables a repository, 100 an environment.
Message of a bad name: integrations/terraform-provider-github#714; of a value that cannot be
opened: #2315 there. GitHub documents only the status for the rest.
"""

from __future__ import annotations

import re

from tests.github_standin.wire import Refused, error

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_BYTES = 48 * 1024


def name(kind: str, text: str) -> str:
    """The stored form of a name; refuses what GitHub refuses. `kind`: secret or variable."""
    failed = f"Failed to add {kind}."
    if text.upper().startswith("GITHUB_"):
        raise Refused(
            error(422, f"{failed} {kind.capitalize()} names must not start with GITHUB_.")
        )
    if not NAME.fullmatch(text):
        raise Refused(error(422, f"{failed} Name is invalid"))
    return text.upper()


def size(kind: str, value: bytes) -> None:
    if len(value) > MOST_BYTES:
        raise Refused(error(422, f"{kind.capitalize()} value is too large (limit is 48 KB)"))


def room(kind: str, there: int, most: int) -> None:
    """Refuse one more when the place is full."""
    if there >= most:
        raise Refused(error(422, f"Failed to add {kind}. The limit is {most} {kind}s."))
