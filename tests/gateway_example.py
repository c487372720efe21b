"""A small valid kong.yml as a dict, with everything a gateway of ours may use: for tests that read,
break or serve one. Its certificate and key are made when it is first asked for.
"""

from __future__ import annotations

import copy
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_SPACE = uuid.UUID("0a1b2c3d-0000-4000-8000-000000000000")
SECRET_KEY = "planted-key-5c1d"


def uid(text: str) -> str:
    """A stable id for an entity of a test."""
    return str(uuid.uuid5(_SPACE, text))


@cache
def pems() -> tuple[str, str]:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    start = datetime(2027, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    hidden = serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, hidden)
    return certificate.public_bytes(pem).decode(), private.decode()


def plugin(name: str, scope: str, **config: Any) -> dict[str, Any]:
    return {"id": uid(f"plugin {name} {scope}"), "name": name, "config": config}


def route(name: str, method: str, pattern: str, priority: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "id": uid(f"route {name}"), "name": name, "methods": [method], "paths": [f"~{pattern}$"],
        "strip_path": False, "preserve_host": False, "regex_priority": priority,
        "protocols": ["https"], "tags": ["Plays and more"],
        "plugins": [
            plugin("key-auth", name, key_names=["X-API-KEY"], key_in_query=False,
                   hide_credentials=True),
            plugin("rate-limiting", name, minute=60, hour=600, policy="local"),
        ],
    } | more  # fmt: skip


def service(name: str, *routes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": uid(f"service {name}"), "name": name, "host": f"{name}.app.fountainai.internal",
        "port": 8443, "protocol": "https", "client_certificate": {"id": uid("certificate")},
        "tls_verify": True, "ca_certificates": [uid("ca")], "connect_timeout": 2000,
        "read_timeout": 15000, "write_timeout": 15000, "retries": 1, "routes": list(routes),
    } | more  # fmt: skip


def upstream(name: str, *addresses: str, **more: Any) -> dict[str, Any]:
    return {
        "id": uid(f"upstream {name}"), "name": f"{name}.app.fountainai.internal", "slots": 128,
        "algorithm": "round-robin",
        "targets": [
            {"id": uid(f"target {name} {a}"), "target": f"{a}:8443", "weight": 100}
            for a in addresses
        ],
    } | more  # fmt: skip


def healthchecks() -> dict[str, Any]:
    return {
        "active": {
            "type": "https", "http_path": "/health", "timeout": 3, "concurrency": 2,
            "healthy": {"interval": 5, "successes": 1, "http_statuses": [200]},
            "unhealthy": {
                "interval": 2, "tcp_failures": 2, "timeouts": 2, "http_failures": 2,
                "http_statuses": [400, 403, 404, 429, 500, 502, 503, 504],
            },
        },
        "passive": {"unhealthy": {"tcp_failures": 2, "timeouts": 2}},
    }  # fmt: skip


@cache
def _example() -> dict[str, Any]:
    certificate, key = pems()
    cors = plugin("cors", "p", origins=["https://desk.example.org"], methods=["GET"], max_age=600)
    ended = plugin("request-termination", "p", status_code=405, message="not a preflight")
    preflight = route("preflight-listCharacters", "OPTIONS", "/characters", 5)
    return {
        "_format_version": "3.0", "_transform": True, "_comment": "generated, do not edit",
        "services": [
            service(
                "characters",
                route("listCharacters", "GET", "/characters", 5),
                route("addCharacter", "POST", "/characters", 5),
                route("getCharacter", "GET", "/characters/[0-9]+", 4),
                route("getNamed", "GET", "/characters/[^/]+", 3),
                preflight | {"plugins": [cors, ended]},
            ),
            service(
                "performers",
                route("listPerformers", "GET", "/performers", 2, plugins=[
                    plugin("request-transformer", "x", remove={"headers": ["X-Consumer-ID"]},
                           add={"headers": ["X-From:gateway"]}),
                    plugin("request-size-limiting", "x", allowed_payload_size=256,
                           size_unit="kilobytes"),
                    plugin("proxy-cache", "x", strategy="memory", cache_ttl=30,
                           request_method=["GET"], response_code=[200]),
                    plugin("ip-restriction", "x", allow=["10.0.0.0/8", "::1"]),
                    plugin("response-transformer", "x", remove={"headers": ["Server"]}),
                    plugin("acl", "x", allow=["tellers"]),
                ]),
            ),
        ],
        "upstreams": [
            upstream("characters", "10.0.0.1", "10.0.0.2", healthchecks=healthchecks()),
            upstream("performers", "10.0.0.1"),
        ],
        "certificates": [{"id": uid("certificate"), "cert": certificate, "key": key}],
        "ca_certificates": [{"id": uid("ca"), "cert": certificate}],
        "consumers": [{
            "id": uid("consumer"), "username": "storyteller",
            "keyauth_credentials": [{"id": uid("key"), "key": SECRET_KEY}],
            "acls": [{"id": uid("acl"), "group": "tellers"}],
        }],
        "plugins": [
            plugin("correlation-id", "", header_name="X-Request-Id", generator="uuid"),
            plugin("prometheus", "", status_code_metrics=True),
            plugin("file-log", "", path="/var/log/kong/access.log", reopen=True),
        ],
    }  # fmt: skip


def example() -> dict[str, Any]:
    """A fresh copy, to be changed at will."""
    return copy.deepcopy(_example())
