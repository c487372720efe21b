"""The sentences about a registry that refuses, fails or cannot be believed. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from inventories.errors import ProvisionError
from inventories.images.manifests import Malformed
from inventories.images.names import Package

REFUSED, MISSING = (401, 403), 404
_BUSY, _SERVER = 429, 500
_AGAIN = "run the command again in a few minutes"
Made = TypeVar("Made")


def refusal(package: Package, status: int, what: str, retry_after: str = "") -> ProvisionError:
    """What a status other than 200 and 404 means. `retry_after` in seconds, or anything."""
    name = package.registry
    if status == _BUSY:
        when = f"in {retry_after} s" if re.fullmatch(r"\d{1,6}", retry_after) else "in a while"
        return ProvisionError(
            f"{name} asks for fewer requests (429); nothing was changed",
            f"run the command again {when}",
        )
    if status >= _SERVER:
        return ProvisionError(f"{name} failed at {what} ({status}); nothing was changed", _AGAIN)
    if status in REFUSED:
        return ProvisionError(
            f"{name} does not show {what} of {package} ({status})",
            "check [app] package, [app.registry] user and [secrets] registry_token: the token has "
            "expired, or its owner may not read the package",
        )
    return ProvisionError(
        f"{name} answered {status} for {what} of {package}; nothing was changed",
        "check [app] package in site.toml",
    )


def unbelievable(package: Package, what: str, why: str) -> ProvisionError:
    """An answer that cannot be true."""
    return ProvisionError(
        f"{package.registry} cannot be believed: {what} {why}; nothing was changed",
        "run the command again; if it stays so, look for a proxy in between",
    )


def believed(package: Package, what: str, make: Callable[[], Made]) -> Made:
    """What `make` reads from an answer; Malformed becomes the sentence about `what`."""
    try:
        return make()
    except Malformed as problem:
        raise unbelievable(package, what, str(problem)) from None
