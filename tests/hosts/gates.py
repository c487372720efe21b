"""Requests at the gateway as a storyteller makes them, and what its policy promises.

The certificate is checked on every connection: against the environment's authority, or against
the operator's own chain where `site.toml` names one.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from deploys.gateway import policy
from deploys.gateway.operations import KEY_HEADER, Operation, operations
from deploys.gateway.policy import Settings
from deploys.settings import GATEWAY_PORT
from deploys.trust import gateway_pair
from inventories.loader import Host
from story_services.main import services
from story_services.openapi import documents
from tests.hosts.support import Site


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def nowhere(self) -> bool:
        """The gateway's own words: nothing behind it was asked. What is no good HTTP, or nobody
        may ask of any server, it refuses before it looks for a route."""
        if self.status in (400, 405):
            return b"errorCode" not in self.body
        return self.status == 404 and b"no Route matched" in self.body


@dataclass
class Gate:
    """The public side of a gateway host."""

    address: str
    name: str  # what clients call it
    trusted: str  # PEM of the authority that clients know
    own: bool  # a chain of the operator's own: what this machine trusts will do as well
    key: str = field(repr=False)

    def context(self, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """What clients connect with; with `newest`, no newer protocol than that, however old."""
        context = ssl.create_default_context(cadata=self.trusted)
        if self.own:  # such a chain ends below the authority that issued it
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_default_certs()
        if newest is not None:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = newest
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    def connect(self, context: ssl.SSLContext | None = None, name: str = "") -> ssl.SSLSocket:
        plain = socket.create_connection((self.address, GATEWAY_PORT), timeout=30)
        try:
            given = context or self.context()
            return given.wrap_socket(plain, server_hostname=name or self.name)
        except BaseException:
            plain.close()
            raise

    def open(self) -> Connection:
        """A connection for several requests, made with the first one."""
        return Connection(self)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        key: str | None = "",
        over: Connection | None = None,
    ) -> Answer:
        """One request; with the storyteller's key, another one, or None for no key."""
        given = {} if key is None else {KEY_HEADER: key or self.key}
        data = json.dumps(body).encode() if body is not None else None
        if data is not None:
            given["Content-Type"] = "application/json"
        connection = over or self.open()
        try:
            with contextlib.suppress(BrokenPipeError):  # refused before all of it was sent
                connection.request(method, path, data, given | dict(headers or {}))
            said = connection.getresponse()
            names = {name.lower(): value for name, value in said.getheaders()}
            return Answer(said.status, names, said.read())
        finally:
            if over is None:
                connection.close()


class Connection(http.client.HTTPConnection):
    """Requests one after another; also what replaces an ended connection is checked TLS."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate.name, timeout=60)
        self.gate = gate

    def connect(self) -> None:
        self.sock = self.gate.connect()


def gate(site: Site, host: Host) -> Gate:
    """The gateway of a host, with the key that every command of this project uses."""
    own, end = gateway_pair(site.spec), "-----END CERTIFICATE-----"
    chain = own.chain if own else (site.pki / "ca.pem").read_bytes()
    *_, last = [part + end for part in chain.decode().split(end) if part.strip()]
    address = site.outside(host)
    name = next(iter(site.spec.kong.names), address)
    key = (site.where.secrets / "api_key").read_text().strip()
    return Gate(address, name, last, own is not None, key)


@cache
def promised() -> dict[Operation, Settings]:
    """Every documented operation and what the policy says of it."""
    rules = policy.load()
    found = rules.operations(operations(documents(services())))
    return dict(policy.effective(rules, found))


def undocumented() -> Iterable[tuple[str, str]]:
    """For every address without parameters the methods that no operation has there."""
    known = {(o.method, o.path) for o, chosen in promised().items() if chosen.reachable}
    cors = {o.path for o, chosen in promised().items() if chosen.cors}
    for path in sorted({path for _, path in known if "{" not in path}):
        for method in ("DELETE", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"):
            if (method, path) not in known and not (method == "OPTIONS" and path in cors):
                yield method, path


def a_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
