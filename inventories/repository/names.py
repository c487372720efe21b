"""GitHub's rules for names and sizes of secrets and variables, checked before any call. Pure.

Source: GitHub's "Secrets reference" and "Variables reference". Names are stored in upper case, so
two that differ in case only are one name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: 48 KB, of a value in UTF-8.
MAX_BYTES = 48 * 1024
MAX_SECRETS = 100
MAX_VARIABLES = 500
MAX_ENVIRONMENT_VARIABLES = 100
#: The variable that holds what was written from here, one per level.
RECORD = "FOUNTAINAI_FINGERPRINTS"
#: Not GitHub's rule: keeps messages and the record small.
MAX_NAME = 255
#: Owner: GitHub's rule for account names; name: what its web pages accept.
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)


def checked(name: str) -> str:
    """`name` when a secret or variable may have it, else ValueError with the rule it breaks."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for GitHub; valid: A-Z, 0-9 and _, no digit first")
    if len(name) > MAX_NAME:
        raise ValueError(f"the name is longer than {MAX_NAME} characters")
    if stored(name).startswith("GITHUB_"):
        raise ValueError(f"{name!r} begins with GITHUB_, which GitHub keeps for itself")
    return name


def checked_repository(name: str) -> str:
    """`name` when it is OWNER/NAME. Two names are left out that a path of an address loses, and
    the ending that only addresses of clones have."""
    last = name.rpartition("/")[2]
    if not _REPOSITORY.fullmatch(name) or last in (".", "..") or last.endswith(".git"):
        raise ValueError(f"{name!r} is no repository; write OWNER/NAME, as in its page's address")
    return name


def checked_variable(name: str) -> str:
    """Like `checked`; the record's own name is taken."""
    if stored(checked(name)) == RECORD:
        raise ValueError(f"{RECORD} is where the fingerprints are kept; choose another name")
    return name


def checked_environment(name: str) -> str:
    """`name` when an environment may have it: at most 255 characters; here without spaces."""
    if not _ENVIRONMENT.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name for an environment; valid: 1 to 255 of A-Z, a-z, 0-9 and ._-, "
            "a letter or digit first"
        )
    return name


def checked_ref(ref: str) -> str:
    """`ref` when a branch or tag may be called so: a part of git-check-ref-format's rules, enough
    for a message of one line; GitHub says whether there is one."""
    if not ref or not ref.isprintable() or any(c in " ~^:?*[\\" for c in ref) or ref[0] == "-":
        raise ValueError(f"{ref!r} is no name of a branch or tag")
    return ref


def checked_text(value: str) -> str:
    """A variable's value, else ValueError. Its size counts in UTF-8 as GitHub stores it."""
    if not value:
        raise ValueError("is empty")
    if (size := len(value.encode())) > MAX_BYTES:
        raise ValueError(too_large(size))
    return value


def too_large(size: int) -> str:
    """The sentence about a value of `size` bytes."""
    return f"is {size} bytes long; GitHub takes {MAX_BYTES} (48 KB) at most"


def stored(name: str) -> str:
    """The name as GitHub keeps it."""
    return name.upper()


def clashes(found: Iterable[str]) -> list[str]:
    """Names that differ from another in case only, as pairs for people."""
    seen: dict[str, str] = {}
    out = []
    for name in found:
        other = seen.setdefault(stored(name), name)
        if other != name:
            out.append(f"{other} and {name} are one name for GitHub")
    return out
