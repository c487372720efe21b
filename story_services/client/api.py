"""The services over HTTP: requests that survive what passes by, errors that a person understands.

Guarantees: every write carries an `Idempotency-Key`, so a repetition never doubles anything; a
request is repeated for `patience_s` at most, and only after failures that pass; the key for the
gateway is sent as a header to the one address that was named, never to where an answer points.
"""

from __future__ import annotations

import ipaddress
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from story_services.client.errors import ClientError, Refused, Silent
from story_services.client.retrying import PASSING, RUNNING, Patience

DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_REPLAYED = "Idempotency-Replayed"


@dataclass(frozen=True)
class Connection:
    """Where the services are. `key` is the gateway's, `ca` what its certificate is checked by,
    `named` the options of a command that lead here again."""

    url: str = DEFAULT_URL
    key: str | None = field(default=None, repr=False)
    ca: Path | None = None
    patience_s: float = 90.0
    named: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a request gave; `replayed` says that it is the answer to an earlier one."""

    value: Any
    total: int | None = None
    replayed: bool = False


class Api:
    """The services at one address. `say` is told of waiting."""

    def __init__(self, to: Connection, say: Callable[[str], None] = lambda _: None) -> None:
        self.url = checked_url(to.url)
        self._patience_s, self._say = to.patience_s, say
        headers = {"Accept": "application/json", **({"X-API-KEY": to.key} if to.key else {})}
        # No proxy knows this machine's own services.
        proxies = not is_loopback(urlsplit(self.url).hostname or "")
        self._client = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=TIMEOUT,
            verify=_trust(to.ca),
            trust_env=proxies,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(self, path: str, **params: Any) -> Answer:
        """A read; parameters that are None are left out."""
        return self._answer(self._send("GET", path, params=_given(params)))

    def export(self, script_id: int, format: str) -> bytes:
        """A script as a file."""
        response = self._send(
            "GET", "/stories/export", params={"scriptId": script_id, "format": format}
        )
        if "attachment" not in response.headers.get("content-disposition", ""):
            raise self._stranger(response)
        return response.content

    def post(self, path: str, body: bytes, key: str) -> Answer:
        """A write; `body` is JSON, `key` tells it from every other request."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return self._answer(self._send("POST", path, content=body, headers=headers))

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        patience = Patience(self._patience_s)
        while True:
            response: httpx.Response | None = None
            try:
                response = self._client.request(method, path, **more)
            except httpx.TransportError as error:
                failure: ClientError = self._silent(error)
                if isinstance(error, httpx.UnsupportedProtocol) or _is_distrust(error):
                    raise failure from None
            else:
                if response.is_success:
                    return response
                refused = self._refused(method, path, response)
                if response.status_code not in PASSING and refused.code != RUNNING:
                    raise refused
                failure = refused
            pause = patience.pause(response)
            if pause is None:
                raise failure
            if patience.first:
                self._say(f"{failure.what} Trying again for {self._patience_s:g} s.")
            time.sleep(pause)

    def _answer(self, response: httpx.Response) -> Answer:
        try:
            value = response.json()
        except ValueError:
            raise self._stranger(response) from None
        total = response.headers.get("X-Total-Count")
        return Answer(value, int(total) if total else None, _REPLAYED in response.headers)

    def _silent(self, error: httpx.TransportError) -> Silent:
        why = str(error) or type(error).__name__
        if _is_distrust(error):
            return Silent(
                f"The certificate of {self.url} is not trusted ({why}).",
                "name the CA certificate that it was issued by: --ca FILE",
            )
        if isinstance(error, httpx.TimeoutException):
            why = "nothing came in time"
        return Silent(
            f"{self.url} does not answer: {why}.",
            "start the services there ('story serve' starts them on this machine), or name "
            "another address by --url",
        )

    def _refused(self, method: str, path: str, response: httpx.Response) -> Refused:
        status = response.status_code
        try:
            said = response.json()
        except ValueError:
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("message"), str):
            raised = self._stranger(response)
            if status in PASSING:  # nginx speaks HTML when what is behind it is away
                raised = ClientError(f"{self.url} cannot reach the services ({status}).")
            return Refused(raised.what, raised.next_step, status, "")
        replayed = _REPLAYED in response.headers
        code = str(said.get("errorCode") or "")
        details = f" ({said['details']})" if said.get("details") else ""
        if status in (401, 403):
            return Refused(
                f"{self.url} refuses the key: {said['message']}.",
                "name the file that holds your key: --key-file FILE, or STORY_API_KEY_FILE",
                status,
                code,
            )
        next_step = ""
        if status >= 500:
            number = response.headers.get("x-request-id")
            next_step = f"run this again; the log of the services knows it as request {number}"
        return Refused(
            f"{self.url}: {method} {path.split('?')[0]} was answered {status}: "
            f"{said['message']}{details}",
            next_step,
            status,
            code,
            replayed,
        )

    def _stranger(self, response: httpx.Response) -> ClientError:
        kind = response.headers.get("content-type", "no content type")
        return ClientError(
            f"{self.url} does not answer like the story services: {response.request.url.path} "
            f"gave {response.status_code} ({kind}).",
            "name the address of the services or of their gateway by --url",
        )


def checked_url(url: str) -> str:
    """The address without a slash at its end; ClientError when it is none."""
    try:
        httpx.URL(url)
        parts = urlsplit(url)
        bad = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except (ValueError, httpx.InvalidURL):
        parts, bad = urlsplit(""), True
    if bad or parts.query or parts.fragment:
        raise ClientError(f"{url!r} is no address of services.", f"use one like {DEFAULT_URL}")
    if parts.username or parts.password:
        raise ClientError("The address must not hold a password.", "name a key by --key-file")
    return url.rstrip("/")


def key_from(file: Path) -> str:
    """The key for the gateway that a file holds. ClientError when there is none in it."""
    try:
        key = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text"
        raise ClientError(f"The key file {file} cannot be read: {why}.") from None
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ClientError(f"The key file {file} does not hold a key: one word is expected.")
    return key


def dumps(body: Mapping[str, Any]) -> bytes:
    """A body; the same bytes for the same values, since keys are made from them."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}


def _trust(ca: Path | None) -> ssl.SSLContext | bool:
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        raise ClientError(f"The CA certificate {ca} cannot be used: {error}.") from None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and cannot be anything else."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_distrust(error: httpx.TransportError) -> bool:
    return isinstance(error, httpx.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in str(error)
