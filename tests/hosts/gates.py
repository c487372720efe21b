"""Requests at the gateway as a storyteller makes them, and what its policy promises.

The certificate is checked on every connection: against the environment's authority, or against
the operator's own chain where `site.toml` names one.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from deploys import trust
from deploys.gateway import policy
from deploys.gateway.operations import KEY_HEADER, Operation, operations
from deploys.gateway.policy import Settings
from deploys.settings import GATEWAY_PORT
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
        """The gateway's own 404: nothing behind it was asked."""
        return self.status == 404 and b"no Route matched" in self.body


@dataclass
class Gate:
    """The public side of a gateway host."""

    host: Host
    name: str  # what clients call it
    trusted: str  # PEM of what clients trust; empty: what the machine trusts
    key: str = field(repr=False)

    def context(self, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """What clients connect with; with `newest`, no newer protocol than that, however old."""
        context = ssl.create_default_context(cadata=self.trusted or None)
        # A chain of the operator's own ends where his clients' trust begins.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if newest is not None:
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = newest
            context.set_ciphers("ALL:@SECLEVEL=0")
        return context

    def connect(self, context: ssl.SSLContext | None = None, name: str = "") -> ssl.SSLSocket:
        plain = socket.create_connection((self.host.address, GATEWAY_PORT), timeout=30)
        try:
            given = context or self.context()
            return given.wrap_socket(plain, server_hostname=name or self.name)
        except BaseException:
            plain.close()
            raise

    def open(self) -> http.client.HTTPConnection:
        """A connection for several requests."""
        connection = http.client.HTTPConnection(self.name, timeout=60)
        connection.sock = self.connect()
        return connection

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        key: str | None = "",
        over: http.client.HTTPConnection | None = None,
    ) -> Answer:
        """One request; with the storyteller's key, another one, or None for no key."""
        given = {} if key is None else {KEY_HEADER: key or self.key}
        data = json.dumps(body).encode() if body is not None else None
        if data is not None:
            given["Content-Type"] = "application/json"
        connection = over or self.open()
        try:
            connection.request(method, path, data, given | dict(headers or {}))
            said = connection.getresponse()
            names = {name.lower(): value for name, value in said.getheaders()}
            return Answer(said.status, names, said.read())
        finally:
            if over is None:
                connection.close()


def gate(site: Site, host: Host) -> Gate:
    """The gateway of a host, with the key that every command of this project uses."""
    own = trust.gateway_pair(site.spec)
    chain = own.chain if own else (site.pki / "ca.pem").read_bytes()
    name = next(iter(site.spec.kong.names), host.address)
    key = (site.where.secrets / "api_key").read_text().strip()
    return Gate(host, name, chain.decode(), key)


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
