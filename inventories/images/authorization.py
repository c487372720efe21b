"""The right to read one package: none, an anonymous token, or a login, in this order.

A login is fetched only when the registry refuses everybody else, once, and is sent to that
registry's own origin alone: by Bearer to its token server, by Basic to itself. A token that ran
out is renewed as it was got.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from deploys.secrets import Secret
from inventories.endpoints import origin
from inventories.errors import ProvisionError
from inventories.images.challenge import Challenge, parse
from inventories.images.http import Answer, Client
from inventories.images.manifests import Malformed, checked_json
from inventories.images.names import Package
from inventories.images.sentences import MISSING, REFUSED, believed, refusal

_LIMIT = 64 * 1024  # bytes of a token server's answer
_WORD = re.compile(r"[\x21-\x7e]{1,32768}", re.ASCII)


@dataclass(frozen=True)
class Login:
    """Who reads a private package."""

    user: str
    token: Secret = field(repr=False)

    @property
    def basic(self) -> str:
        both = self.user.encode() + b":" + self.token.reveal()
        return "Basic " + base64.b64encode(both).decode()


class Authorization:
    """What goes into the header, for several threads; `login` gives None when there is none."""

    def __init__(self, package: Package, client: Client, login: Callable[[], Login | None]) -> None:
        self._package, self._client, self._ask = package, client, login
        self._lock = threading.Lock()
        self._header: str | None = None
        self._challenge: Challenge | None = None
        self._login: Login | None = None
        self._worked = False

    @property
    def header(self) -> str | None:
        with self._lock:
            return self._header

    def worked(self, header: str | None) -> None:
        """A request with this header was answered."""
        with self._lock:
            self._worked = self._worked or (header is not None and header == self._header)

    def renew(self, refused: Answer, tried: str | None) -> bool:
        """Have another header than the one that was refused; False when there is no other."""
        with self._lock:
            if self._header != tried:
                return True  # another thread was faster
            self._challenge = parse(refused.challenges) or self._challenge
            if self._challenge is None:
                return False
            self._header = self._next(self._challenge, is_first=tried is None)
            self._worked = False
            # A renewed token may read like the old one; the caller's tries are counted.
            return self._challenge.scheme == "bearer" or self._header != tried

    def _next(self, wanted: Challenge, *, is_first: bool) -> str | None:
        may_be_anonymous = wanted.scheme == "bearer" and self._login is None
        if may_be_anonymous and (is_first or self._worked):
            found = self._bearer(wanted, None)
            if found is not None:
                return found
        if self._login is None:
            self._login = self._ask()
        if self._login is None:
            raise ProvisionError(
                f"{self._package.registry} does not show {self._package} without a login: it is "
                "private, or does not exist",
                'check [app] package; for a private one set registry_token = { env = "NAME" } '
                "under [secrets] and user under [app.registry]",
            )
        if wanted.scheme == "bearer":
            return self._bearer(wanted, self._login)
        return self._login.basic

    def _bearer(self, wanted: Challenge, login: Login | None) -> str | None:
        """A token for reading this package; None when nobody gets one without a login."""
        self._check_server(wanted.realm, login)
        service = {"service": wanted.service} if wanted.service else {}
        answer = self._client.get(
            wanted.realm,
            limit=_LIMIT,
            authorization=login.basic if login else None,
            # The package's own scope: GHCR's challenge names an example at some addresses.
            params=service | {"scope": f"repository:{self._package.repository}:pull"},
        )
        if answer.status in (*REFUSED, MISSING) and login is None:
            return None
        if answer.status in (*REFUSED, MISSING) and login is not None:
            raise ProvisionError(
                f"{self._package.registry} refused the login of {login.user} for {self._package} "
                f"({answer.status})",
                "check [secrets] registry_token and [app.registry] user: the token has expired, or "
                "its owner may not read the package",
            )
        if not answer.is_ok:
            wait = answer.headers.get("retry-after", "")
            raise refusal(self._package, answer.status, "the token for reading", wait)
        return believed(self._package, "its token server's answer", lambda: _token(answer.body))

    def _check_server(self, realm: str, login: Login | None) -> None:
        try:
            there, here = origin(realm), origin(self._client.url)
        except ValueError:
            there, here = ("", "", None), ("https", "", None)
        if there != here and (login is not None or there[0] != "https"):
            raise ProvisionError(
                f"{self._package.registry} wants the login for {self._package} to be sent to "
                f"another server ({there[1] or 'without a name'}); it was not sent",
                "check [app] package in site.toml",
            )


def _token(body: bytes) -> str:
    data = checked_json(body, None)
    token = data.get("token") or data.get("access_token")
    if not isinstance(token, str) or not _WORD.fullmatch(token):
        raise Malformed("holds no token")
    return f"Bearer {token}"
