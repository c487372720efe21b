"""Where registries and GitHub's API are dialled; tests may name a stand-in. Reads two variables.

Without them it is the registry of the package and api.github.com, by HTTPS. A variable may only
lead to HTTPS, or to plain HTTP on this machine itself: nothing secret ever travels in clear.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

from inventories.errors import ProvisionError

GITHUB = "https://api.github.com"
REGISTRY, REGISTRY_CA = "FOUNTAINAI_REGISTRY", "FOUNTAINAI_REGISTRY_CA"
GITHUB_API = "FOUNTAINAI_GITHUB_API"


def registry(name: str) -> str:
    """The address of the registry `name` (`host` or `host:port`), without a path."""
    given = os.environ.get(REGISTRY)
    if not given:
        return f"https://{name}"
    return _checked(given if "://" in given else f"https://{given}", REGISTRY)


def registry_ca() -> Path | None:
    """The file with the authority of a registry that the variable names."""
    given = os.environ.get(REGISTRY_CA)
    return Path(given) if given else None


def github_api() -> str:
    """The address of GitHub's API, without a slash at its end."""
    return _checked(os.environ.get(GITHUB_API) or GITHUB, GITHUB_API)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address: what has to be equal for a secret to go there."""
    parts = urlsplit(url)
    known = {"https": 443, "http": 80}.get(parts.scheme)
    port = known if parts.port is None else parts.port
    return parts.scheme, (parts.hostname or "").lower(), port


def is_near(host: str) -> bool:
    """Whether a host is given as a private or loopback address: no proxy leads there."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"


def _checked(url: str, variable: str) -> str:
    try:
        scheme, host, port = origin(url)
    except ValueError:
        scheme, host, port = "", "", None
    near = host == "localhost" or (is_near(host) and ipaddress.ip_address(host).is_loopback)
    plain = host and port != 0 and not set("@?#") & set(url)
    if not (plain and (scheme == "https" or (scheme == "http" and near))):
        raise ProvisionError(
            f"{variable} names no address that may be used: only https, or http on this machine",
            f"unset {variable}, or set it to https://HOST:PORT",
        )
    return url.rstrip("/")
