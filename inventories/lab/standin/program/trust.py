"""TLS contexts: towards clients from the settings' files, towards upstreams from the entities.

Keys of entities are handed to OpenSSL through anonymous memory and never touch a disk.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .conf import Conf, ConfError
from .declarative import Config, DeclarativeError
from .message import Entity

#: The certificates to show a client that asks for this name.
Choose = Callable[[str], ssl.SSLContext]
SYSTEM = "/etc/ssl/certs/ca-certificates.crt"


@contextmanager
def _in_memory(text: str) -> Iterator[str]:
    """A path, for this process alone, of a file that exists in memory only."""
    number = os.memfd_create("pem")
    try:
        os.write(number, text.encode())
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


def to_upstream(service: Entity, config: Config, conf: Conf) -> ssl.SSLContext:
    """With the service's client certificate; the other side is checked where the service says."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = bool(service.get("tls_verify"))
    context.verify_mode = ssl.CERT_REQUIRED if service.get("tls_verify") else ssl.CERT_NONE
    trusted = [
        config.by_id("ca_certificates")[i]["cert"] for i in service.get("ca_certificates", [])
    ]
    try:
        if trusted:
            context.load_verify_locations(cadata="\n".join(trusted))
        elif service.get("tls_verify"):
            load_trusted(context, conf)
        if own := service.get("client_certificate"):
            present(context, config.by_id("certificates")[own])
    except (ssl.SSLError, ValueError) as error:
        name = service.get("name", service["host"])
        raise DeclarativeError(f"service {name}: certificates cannot be used ({error})") from None
    return context


def present(context: ssl.SSLContext, certificate: Entity) -> None:
    """Show this certificate to whom asks."""
    text = f"{certificate['cert']}\n{certificate['key']}\n"
    with _in_memory(text) as path:
        context.load_cert_chain(path)


def load_trusted(context: ssl.SSLContext, conf: Conf) -> None:
    """What lua_ssl_trusted_certificate names; `system` for the host's own."""
    for name in conf.words("lua_ssl_trusted_certificate") or ["system"]:
        path = SYSTEM if name == "system" else name
        if Path(path).exists():
            context.load_verify_locations(path)


def to_clients(conf: Conf, config: Config) -> Choose | None:
    """The gateway's own certificate, or another one by the name asked for; None without any."""
    certs, keys = _files(conf, "ssl_cert"), _files(conf, "ssl_cert_key")
    if not certs:
        return None
    own = _server_context()
    try:
        for cert, key in zip(certs, keys, strict=True):
            own.load_cert_chain(cert, key)
    except (OSError, ValueError) as error:
        raise ConfError(f"ssl_cert, ssl_cert_key: they cannot be used ({error})") from None
    named: dict[str, ssl.SSLContext] = {}
    for sni in config.of("snis"):
        context = _server_context()
        try:
            present(context, config.by_id("certificates")[sni["certificate"]])
        except (ssl.SSLError, ValueError, KeyError) as error:
            raise DeclarativeError(f"sni {sni['name']}: no usable certificate ({error})") from None
        named[sni["name"].lower()] = context

    return lambda name: named.get(name.lower(), own)


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with suppress(NotImplementedError):
        context.set_alpn_protocols(["http/1.1"])
    return context


def _files(conf: Conf, key: str) -> list[str]:
    return [name.strip() for name in conf[key].split(",") if name.strip()]
