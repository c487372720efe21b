"""GitHub's API by PyGithub: the only module that imports it. Requests go out one after another.

Guarantees: a reading request is repeated on 5xx and lost connections; a writing one only after
looking whether it had its effect (`done`), so nothing is done twice; a rate limit up to a minute
is waited for with a line that says so. Every failure is one ProvisionError; the token and values
are in no message. Paths are relative, so that no address in an answer ever gets the token
(PyGithub 2.10 guards that by an assert alone, which `python -O` drops).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from github import Auth, Github, GithubException
from github.PublicKey import PublicKey

from deploys.secrets import Secret
from inventories.endpoints import GITHUB_API, github_api, origin
from inventories.errors import ProvisionError
from inventories.limits import Limits
from inventories.progress import Progress
from inventories.repository import answers, troubles

WAIT_S = 60.0  # the longest rate limit that is waited for
ATTEMPTS, WAITS = 4, 3  # of one request; rate limits of one request
TIMEOUT_S = 30
#: Of one list at most. GitHub keeps 500 variables and gives no fewer than 10 of them a page.
PAGES = 100
#: GitHub asks for a second between writes ("Best practices for using the REST API").
PAUSE_S = 1.0
Json = dict[str, Any]

# PyGithub 2.10 writes its log to stderr by a handler of its own; what a person sees is ours.
_log = logging.getLogger("github")
for _handler in list(_log.handlers):
    _log.removeHandler(_handler)


@dataclass(frozen=True)
class Request:
    """One request: what it is in words, and the permission it needs of a fine-grained token."""

    verb: str
    path: str  # below the API's address
    what: str
    need: str
    body: Json | None = None
    parameters: Mapping[str, str | int] | None = None


class Client:
    """A connection with one token to one repository."""

    def __init__(self, token: Secret, repository: str, limits: Limits, progress: Progress) -> None:
        self.repository = repository
        self.poll_s = limits.poll_s
        self._token = token.reveal().decode()
        self._attempts = max(1, min(ATTEMPTS, int(limits.attempts)))
        self._pause_s = min(PAUSE_S, limits.poll_s)
        self._progress = progress
        self._requester = Github(
            auth=Auth.Token(self._token),
            base_url=github_api(),
            timeout=TIMEOUT_S,
            per_page=100,
            retry=None,  # PyGithub's own repeats POST as well
            seconds_between_requests=0,
            seconds_between_writes=self._pause_s,
        ).requester

    def send(self, request: Request, done: Callable[[], bool] | None = None) -> Json | None:
        """The answer's body; None when there is none, or when `done` saw the effect of a request
        whose answer was lost. A writing request without `done` is never repeated."""
        waits, attempt = 0, 1
        while True:
            try:
                return self._once(request)
            except GithubException as error:
                headers, said = _headers(error), self._said(error)
                wait = answers.wait_s(error.status, said, headers, datetime.now(UTC))
                if wait is not None:  # refused before any effect: may come again as it is
                    waits += 1
                    self._wait(wait, last=waits > WAITS)
                    continue
                if error.status < 500:
                    raise answers.refused(
                        error.status, said, headers, request.what, request.need, self.repository
                    ) from None
                trouble = f"GitHub answers {error.status}"
            except (OSError, ValueError, RuntimeError) as error:  # requests' errors are OSErrors
                host = origin(github_api())[1]
                trouble, again = troubles.trouble(error, host, TIMEOUT_S)
                if not again:
                    raise ProvisionError(f"{trouble}, on: {request.what}", _BETWEEN) from None
            writing = request.verb != "GET"
            if writing and done is not None and done():
                return None
            if attempt >= self._attempts or (writing and done is None):
                raise ProvisionError(
                    f"{trouble}, after {attempt} attempts, on: {request.what}", _LATER
                )
            time.sleep(self._pause_s * 2 ** (attempt - 1))
            attempt += 1

    def get(self, request: Request) -> Json:
        """Read one object."""
        found = self.send(request)
        if not isinstance(found, dict):
            raise self.odd(request.what)
        return found

    def find(self, request: Request) -> Json | None:
        """Read one object that may not be there."""
        try:
            return self.get(request)
        except answers.Refusal as refusal:
            if refusal.status == 404:
                return None
            raise

    def pages(self, request: Request, key: str) -> list[Json]:
        """All items of a list, page by page until its `total_count` is reached: lists differ in
        how many items they give at most."""
        items: list[Json] = []
        for page in range(1, PAGES + 1):
            more = {"per_page": 100, "page": page, **(request.parameters or {})}
            found = self.get(
                Request("GET", request.path, request.what, request.need, parameters=more)
            )
            rows, total = found.get(key), found.get("total_count")
            if not isinstance(rows, list) or not isinstance(total, int):
                raise self.odd(request.what)
            items += rows
            if not rows or len(items) >= total:
                return items
        raise self.odd(request.what)

    def seal(self, key: Json, value: Secret) -> str:
        """`value` in a box that only the holder of `key` opens, in base64."""
        try:
            public = PublicKey(self._requester, {}, key, completed=True)
            return public.encrypt(value.reveal().decode())
        except (KeyError, ValueError, TypeError, AssertionError):
            raise self.odd("read the public key that secrets are sealed for") from None

    def odd(self, what: str) -> ProvisionError:
        """An answer that is not GitHub's."""
        return ProvisionError(
            f"the answer is not one of GitHub's API, on: {what}",
            _BETWEEN,
        )

    def _once(self, request: Request) -> Json | None:
        parameters = dict(request.parameters or {}) or None
        _, data = self._requester.requestJsonAndCheck(
            request.verb, request.path, parameters=parameters, input=request.body
        )
        return data if data is None or isinstance(data, dict) else {"data": data}

    def _said(self, error: GithubException) -> str:
        data = error.data
        text = data.get("message") if isinstance(data, dict) else None
        return str(text or "").replace(self._token, "<secret>")

    def _wait(self, wait: float, *, last: bool) -> None:
        now = datetime.now(UTC)
        if last or wait > WAIT_S:
            raise answers.limited(wait, now)
        self._progress.say(f"GitHub's rate limit: waiting {wait:.0f} s, as it asks")
        time.sleep(wait)


_LATER = "run the same command again, which goes on where this one ended; see githubstatus.com"

_BETWEEN = f"check {GITHUB_API} and what stands between this machine and the network"


def _headers(error: GithubException) -> dict[str, str]:
    return {str(k).lower(): str(v) for k, v in (error.headers or {}).items()}
