"""Whether a token may do what reading a package needs, and nothing more.

GitHub says the scopes of a classic token in a header of every answer of its API
(docs.github.com, "Scopes for OAuth apps"); GHCR takes no other kind of personal token. Such a
token lies on every app host, so one that could do more is refused before it is used.
"""

from __future__ import annotations

import re

from deploys.secrets import Secret
from inventories.endpoints import github_api
from inventories.errors import ProvisionError
from inventories.images.http import Client

NEEDED = "read:packages"
_LIMIT = 256 * 1024  # bytes
_SCOPE = re.compile(r"[a-z][a-z_:-]{0,40}", re.ASCII)
_MAKE = (
    "make a classic token with read:packages alone at https://github.com/settings/tokens/new"
    "?scopes=read:packages, and put it where [secrets] registry_token says"
)
_UNAUTHORIZED, _FORBIDDEN, _BUSY = 401, 403, 429


def check(token: Secret) -> None:
    """ProvisionError unless the token has read:packages and no other scope."""
    with Client("GitHub's API", github_api()) as api:
        authorization = f"Bearer {token.reveal().decode('ascii')}"
        answer = api.get("user", limit=_LIMIT, authorization=authorization)
    if answer.status == _UNAUTHORIZED:
        raise ProvisionError(
            "GitHub does not know the token of [secrets] registry_token (401): it has expired or "
            "was revoked",
            _MAKE,
        )
    is_limit = answer.headers.get("x-ratelimit-remaining") == "0"
    if answer.status == _BUSY or (answer.status == _FORBIDDEN and is_limit):
        raise ProvisionError(
            f"GitHub's API asks for fewer requests ({answer.status}), so the token's scopes are "
            "not known and it was not used",
            "run the command again in a while",
        )
    if not answer.is_ok:
        raise ProvisionError(
            f"GitHub's API answered {answer.status} when it was asked for the scopes of [secrets] "
            "registry_token, so it was not used",
            "run the command again in a few minutes",
        )
    problem = wrong(answer.headers.get("x-oauth-scopes"))
    if problem:
        raise ProvisionError(f"the token of [secrets] registry_token {problem}", _MAKE)


def wrong(header: str | None) -> str:
    """What is wrong with these scopes (`X-OAuth-Scopes`, None without one); "" when nothing is."""
    if header is None:
        return (
            "is no classic token: GitHub names no scopes for it, and GHCR takes only classic ones"
        )
    scopes = [part.strip() for part in header.split(",") if part.strip()]
    if any(not _SCOPE.fullmatch(scope) for scope in scopes):
        return "has scopes that are not known here"
    more = sorted(set(scopes) - {NEEDED})
    if more:
        return f"may do more than read packages: it also has {', '.join(more)}; it was not used"
    return "" if scopes else f"lacks {NEEDED}: it has no scope at all"
