"""One bounded GET: the only place where this package touches the network.

A request ends within `WHOLE_S`, an answer is read up to the limit its caller names, and redirects
are followed by hand: what authorises a request goes to the very origin it was meant for and to
nobody else. Every failure is one sentence; neither headers nor bodies are part of it.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx

from inventories.endpoints import is_near, origin
from inventories.errors import ProvisionError

CONNECT_S, READ_S, WHOLE_S = 10.0, 20.0, 60.0
AT_ONCE = 8  # connections
_REDIRECTS = 3
_MOVED = frozenset({301, 302, 303, 307, 308})
_OK = 200


@dataclass(frozen=True)
class Answer:
    """Status, headers (names in lower case) and body of one call."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    challenges: tuple[str, ...] = ()  # each WWW-Authenticate header

    @property
    def is_ok(self) -> bool:
        return self.status == _OK


class Client:
    """GETs to one server, whose `name` is what people know it by."""

    def __init__(self, name: str, url: str, ca: bytes | None = None) -> None:
        self.name, self.url = name, url
        context = ssl.create_default_context()
        if ca is not None:
            try:
                context.load_verify_locations(cadata=ca.decode("ascii"))
            except (ssl.SSLError, ValueError):
                raise ProvisionError(
                    f"the authority given for {name} is not a certificate in PEM form",
                    "check [app.registry] ca in site.toml",
                ) from None
        self._client = httpx.Client(
            verify=context,
            timeout=httpx.Timeout(READ_S, connect=CONNECT_S, pool=WHOLE_S),
            limits=httpx.Limits(max_connections=AT_ONCE),
            trust_env=not is_near(origin(url)[1]),
            headers={"User-Agent": "fountainai-provision", "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(
        self,
        target: str,
        *,
        limit: int,
        accept: str = "*/*",
        authorization: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, whatever its status. `target` is a path, or an address on any host; one on
        another origin than this server's never gets `authorization`. `limit` in bytes."""
        url = urljoin(self.url + "/", target)
        deadline = time.monotonic() + WHOLE_S
        for _ in range(_REDIRECTS + 1):
            headers = {"Accept": accept}
            if authorization is not None and origin(url) == origin(self.url):
                headers["Authorization"] = authorization
            answer = self._send(url, headers, params, limit, deadline)
            where = answer.headers.get("location")
            if answer.status not in _MOVED or not where:
                return answer
            url, params = urljoin(url, where), None
            if origin(url)[0] != "https" and origin(url) != origin(self.url):
                raise self._failed("leads to an address that is not HTTPS")
        raise self._failed(f"redirects more than {_REDIRECTS} times")

    def _send(
        self,
        url: str,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None,
        limit: int,
        deadline: float,
    ) -> Answer:
        try:
            with self._client.stream("GET", url, headers=headers, params=params) as answer:
                body = bytearray()
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > limit:
                        raise self._failed(f"sent more than {limit} bytes where that is the most")
                    if time.monotonic() > deadline:
                        raise self._failed(f"did not finish its answer within {WHOLE_S:.0f} s")
                told = tuple(answer.headers.get_list("www-authenticate"))
                return Answer(answer.status_code, dict(answer.headers), bytes(body), told)
        except httpx.TimeoutException:
            raise self._failed("did not answer in time", "check the network, then") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self._failed(*_reason(error)) from None

    def _failed(self, what: str, first: str = "") -> ProvisionError:
        return ProvisionError(
            f"{self.name} {what}; nothing was changed", f"{first} run the command again".strip()
        )


def _reason(error: BaseException) -> tuple[str, str]:
    """The words for a failure below HTTP, and what to look at."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY" in str(seen):
            return (
                "shows a certificate that this machine does not trust",
                "check the clock and the proxy, name the registry's own authority under "
                "[app.registry] ca, then",
            )
        if isinstance(seen, ssl.SSLError):
            return "cannot be talked to by TLS", "check its address and port, then"
        if isinstance(seen, socket.gaierror):
            return "has no address in DNS", "check the name under [app] and the network, then"
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, httpx.ConnectError):
        return "cannot be reached", "check its address and the network, then"
    return "broke off its answer", ""
