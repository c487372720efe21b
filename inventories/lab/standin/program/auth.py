"""Plugins that decide who may pass: key-auth, acl, ip-restriction."""

from __future__ import annotations

import ipaddress
from urllib.parse import unquote_plus

from .declarative import Config
from .headers import Headers
from .message import Answer, Entity, Request, error
from .plugin import Plugin

IDENTITY = (
    "X-Consumer-ID", "X-Consumer-Custom-ID", "X-Consumer-Username", "X-Credential-Identifier",
    "X-Anonymous-Consumer",
)  # fmt: skip


class KeyAuth(Plugin):
    """kong/plugins/key-auth/handler.lua: 401 without a key or with one that nobody has."""

    name, priority = "key-auth", 1250

    def __init__(self, entity: Entity, config: Config) -> None:
        super().__init__(entity)
        self._keys = {cred["key"]: cred for cred in config.of("keyauth_credentials")}
        self._consumers = config.by_id("consumers")
        self._names = {c.get("username"): c for c in config.of("consumers")}

    async def access(self, request: Request) -> Answer | None:
        if request.method == "OPTIONS" and not self.config["run_on_preflight"]:
            return None
        anonymous = self.config.get("anonymous")
        if anonymous and request.credential:
            return None
        refused = self._authenticate(request)
        if refused is None:
            return None
        if anonymous:
            consumer = self._consumers.get(anonymous) or self._names.get(anonymous)
            identify(request, consumer, None)
            return None
        realm = self.config.get("realm")
        said = f'Key realm="{realm}"' if realm else "Key"
        return error(request, 401, refused, Headers([("WWW-Authenticate", said)]))

    def _authenticate(self, request: Request) -> str | None:
        """Why not; None when the consumer is known now."""
        key = None
        for name in self.config["key_names"]:
            values = request.headers.all(name) if self.config["key_in_header"] else []
            if not values and self.config["key_in_query"]:
                values = [v for n, v in _fields(request.upstream_query) if n == name]
            if len(values) > 1:
                return "Duplicate API key found"
            if values:
                key = values[0]
                if self.config["hide_credentials"]:
                    request.upstream.remove(name)
                    request.headers.remove(name)
                    request.upstream_query = without(request.upstream_query, name)
                break
        if not key:
            return "No API key found in request"
        credential = self._keys.get(key)
        consumer = self._consumers.get(credential.get("consumer", "")) if credential else None
        if credential is None or consumer is None:
            return "Unauthorized"
        identify(request, consumer, credential)
        return None


def identify(request: Request, consumer: Entity | None, credential: Entity | None) -> None:
    """Note who asks, for other plugins and for the upstream; what the client claimed is gone."""
    request.consumer, request.credential = consumer, credential
    consumer = consumer or {}
    values = (
        consumer.get("id"), consumer.get("custom_id"), consumer.get("username"),
        credential and credential["id"], None if credential else "true",
    )  # fmt: skip
    for name, value in zip(IDENTITY, values, strict=True):
        request.upstream.remove(name)
        if value:
            request.upstream.set(name, value)


def _fields(query: str) -> list[tuple[str, str]]:
    pairs = [field.partition("=") for field in query.split("&") if field]
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]


def without(query: str, name: str) -> str:
    """The query without a field, the others as they were written."""
    fields = [f for f in query.split("&") if unquote_plus(f.partition("=")[0]) != name]
    return "&".join(fields)


class Acl(Plugin):
    """Groups of the consumer; 401 without one, 403 for one that may not."""

    name, priority = "acl", 950

    def __init__(self, entity: Entity, config: Config) -> None:
        super().__init__(entity)
        self._groups: dict[str, set[str]] = {}
        for acl in config.of("acls"):
            self._groups.setdefault(acl.get("consumer", ""), set()).add(acl["group"])

    async def access(self, request: Request) -> Answer | None:
        if request.consumer is None:
            return error(request, 401, "Unauthorized")
        groups = self._groups.get(request.consumer["id"], set())
        allow, deny = self.config.get("allow"), self.config.get("deny")
        if (allow and not groups & set(allow)) or (deny and groups & set(deny)):
            return error(request, 403, "You cannot consume this service")
        if groups and not self.config["hide_groups_header"]:
            request.upstream.set("X-Consumer-Groups", ", ".join(sorted(groups)))
        return None


class IpRestriction(Plugin):
    """Addresses that may, or may not."""

    name, priority = "ip-restriction", 990

    async def access(self, request: Request) -> Answer | None:
        address = ipaddress.ip_address(request.client_ip)

        def within(networks: list[str]) -> bool:
            return any(address in ipaddress.ip_network(n, strict=False) for n in networks)

        allow, deny = self.config.get("allow") or [], self.config.get("deny") or []
        if within(deny) or (allow and not within(allow)):
            return error(request, self.config["status"], self.config["message"])
        return None
