"""What GitHub's refusals mean and what to do next; how long a rate limit asks to wait. Pure.

Sources: GitHub's "Troubleshooting the REST API", "Rate limits for the REST API", "Best practices
for using the REST API" and "Permissions required for fine-grained personal access tokens".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from inventories.errors import ProvisionError

#: Without any header GitHub asks for at least one minute.
UNTOLD_WAIT_S = 60.0
_SHOWN = 200  # characters of GitHub's own words
_LIMITED = ("rate limit", "abuse detection", "retry your request again later")
Headers = Mapping[str, str]


class Refusal(ProvisionError):
    """GitHub answered with a status below 500 that is no rate limit."""

    def __init__(self, status: int, what: str, next_step: str) -> None:
        super().__init__(what, next_step)
        self.status = status


def wait_s(status: int, message: str, headers: Headers, now: datetime) -> float | None:
    """Seconds until the request may come again; None when this is no rate limit."""
    if status not in (403, 429):
        return None
    told = headers.get("retry-after", "")
    if told.isdecimal():
        return float(told)
    if headers.get("x-ratelimit-remaining") == "0":
        reset = headers.get("x-ratelimit-reset", "")
        if reset.isdecimal():
            # GitHub's own clock: this machine's may be wrong. The second has to be over.
            return max(0.0, int(reset) - _date(headers, now).timestamp()) + 1
    if status == 429 or any(part in message.lower() for part in _LIMITED):
        return UNTOLD_WAIT_S
    return None


def _date(headers: Headers, now: datetime) -> datetime:
    try:
        return parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return now


def limited(wait: float, now: datetime) -> ProvisionError:
    """The rate limit ends too late to wait for it here."""
    end = datetime.fromtimestamp(now.timestamp() + wait, UTC)
    return ProvisionError(
        f"GitHub's rate limit is used up until {end:%Y-%m-%d %H:%M:%S} UTC, "
        f"{wait / 60:.0f} minutes from now",
        "run the same command after that; what was done is kept",
    )


def refused(
    status: int, message: str, headers: Headers, what: str, need: str, repository: str
) -> Refusal:
    """The error for an answer below 500. `what` is what was asked for, in words; `need` the
    permission of a fine-grained token for it, for example `Secrets: write`."""
    said = f"GitHub answers {status} ({clean(message)}) to: {what}"
    if status == 401:
        return Refusal(
            status,
            f"GitHub does not accept the token: {clean(message)}",
            "make another token (it may have expired), put it at its place (github_token under "
            "[secrets], by default env GITHUB_TOKEN), then again",
        )
    if status == 403:
        if "saml" in message.lower() or "sso" in message.lower():
            return Refusal(
                status, said, "authorize the token for the organization's single sign-on"
            )
        scopes = _missing_scopes(headers)
        return Refusal(
            status,
            said,
            f"give the token {scopes or need}"
            if scopes
            else f"give the token {need} for {repository} (a classic token: the scope repo)",
        )
    if status == 404:
        return Refusal(
            status,
            said,
            f"check github.repository in inventories/site.toml, and that the token may see "
            f"{repository} and has {need}: GitHub hides what a token may not see",
        )
    if status == 409:
        return Refusal(status, said, "somebody else changes the same now; run the command again")
    if status == 422:
        return Refusal(status, said, "change what GitHub names here, then run the command again")
    return Refusal(status, said, "run the command again; if it stays, see githubstatus.com")


def _missing_scopes(headers: Headers) -> str:
    """Scopes that a classic token lacks; empty for any other token."""
    have, want = headers.get("x-oauth-scopes"), headers.get("x-accepted-oauth-scopes")
    if have is None or not want:
        return ""
    names = {s.strip() for s in want.split(",")} - {s.strip() for s in have.split(",")}
    return f"the scope {' or '.join(sorted(names))}" if names else ""


def clean(message: str) -> str:
    """GitHub's words on one line, without what a terminal would take for a command."""
    line = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    return (line if len(line) <= _SHOWN else line[:_SHOWN] + "…") or "no reason given"
