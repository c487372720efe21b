"""kong.conf, and the environment that overrides it, as settings with Kong's defaults.

Unknown keys are kept and ignored, as Kong does it; a value that cannot work is a ConfError that
names the key. No database: only `database = off` is known here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "/usr/local/kong"
PLACES = ("/etc/kong/kong.conf", "/etc/kong.conf")
DEFAULTS = {
    "prefix": PREFIX,
    "database": "postgres",
    "declarative_config": "",
    "plugins": "bundled",
    "proxy_listen": "0.0.0.0:8000 reuseport backlog=16384, 0.0.0.0:8443 http2 ssl",
    "admin_listen": "127.0.0.1:8001, 127.0.0.1:8444 http2 ssl",
    "admin_gui_listen": "0.0.0.0:8002, 0.0.0.0:8445 ssl",
    "status_listen": "127.0.0.1:8007",
    "ssl_cert": "",
    "ssl_cert_key": "",
    "lua_ssl_trusted_certificate": "",
    "log_level": "notice",
    "proxy_access_log": "logs/access.log",
    "proxy_error_log": "logs/error.log",
    "headers": "server_tokens, latency_tokens, x-kong-request-id",
    "headers_upstream": "x-kong-request-id",
    "nginx_http_client_max_body_size": "0",
    "nginx_main_worker_shutdown_timeout": "0",
    "upstream_keepalive_pool_size": "512",
    "upstream_keepalive_idle_timeout": "60",
}  # fmt: skip
LEVELS = ("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg")
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


class ConfError(Exception):
    """One sentence: which key cannot work, and why."""


@dataclass(frozen=True)
class Listener:
    """An address to listen at."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True)
class Conf:
    """All settings as text; properties read the ones that have a form."""

    values: Mapping[str, str]

    def __getitem__(self, key: str) -> str:
        return self.values.get(key, "")

    @property
    def prefix(self) -> Path:
        return Path(self["prefix"])

    def listeners(self, key: str) -> list[Listener]:
        text = self[key].strip()
        if text in ("off", ""):
            return []
        return [_listener(key, entry) for entry in text.split(",")]

    def words(self, key: str) -> list[str]:
        return [w.strip().lower() for w in self[key].split(",") if w.strip()]

    def size(self, key: str) -> int:
        """Bytes; 0 for no limit."""
        found = re.fullmatch(r"(\d+)([kmg]?)", self[key].strip().lower())
        if not found:
            raise ConfError(f"{key} must be a size like 8m, and is '{self[key]}'")
        return int(found[1]) * _UNITS[found[2]]

    def seconds(self, key: str) -> float:
        found = re.fullmatch(r"(\d+)(ms|s|m)?", self[key].strip())
        if not found:
            raise ConfError(f"{key} must be a time like 30s, and is '{self[key]}'")
        return int(found[1]) * {"ms": 0.001, "s": 1, "m": 60}[found[2] or "s"]

    def path(self, key: str) -> Path | None:
        """A file, below the prefix when relative; None when off."""
        words = self[key].split()
        return None if not words or words[0] == "off" else self.prefix / words[0]


def _listener(key: str, entry: str) -> Listener:
    words = entry.split()
    host, colon, port = words[0].rpartition(":") if words else ("", "", "")
    if not colon or not port.isdigit():
        raise ConfError(f"{key} must be of the form ip:port, and has '{entry.strip()}'")
    return Listener(host.strip("[]") or "0.0.0.0", int(port), "ssl" in words[1:])  # noqa: S104


def read(
    path: Path | None, environment: Mapping[str, str] = os.environ, prefix: str | None = None
) -> Conf:
    """Settings of a file (None: the usual places, or none at all) below the environment's."""
    if path is None:
        path = next((Path(p) for p in PLACES if Path(p).exists()), None)
    given = _entries(path) if path else {}
    for name, value in environment.items():
        if name.startswith("KONG_"):
            given[name.removeprefix("KONG_").lower()] = value
    if prefix:
        given["prefix"] = prefix
    return _checked(Conf({**DEFAULTS, **given}))


def _entries(path: Path) -> dict[str, str]:
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfError(f"cannot read {path}: {error.strerror}") from None
    found: dict[str, str] = {}
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if line and "=" not in line:
            raise ConfError(f"{path}: '{line}' is not of the form key = value")
        if line:
            key, _, value = line.partition("=")
            found[key.strip()] = value.strip()
    return found


def _checked(conf: Conf) -> Conf:
    if conf["database"] != "off":
        raise ConfError("database must be 'off': this stand-in has no other way")
    if conf["log_level"] not in LEVELS:
        raise ConfError(f"log_level must be one of {', '.join(LEVELS)}")
    for key in ("proxy_listen", "status_listen"):
        conf.listeners(key)
    for key in ("admin_listen", "admin_gui_listen"):
        if conf.listeners(key):
            raise ConfError(f"{key} must be 'off': this stand-in has no such interface")
    conf.size("nginx_http_client_max_body_size")
    conf.seconds("nginx_main_worker_shutdown_timeout")
    for key in ("ssl_cert", "ssl_cert_key", "lua_ssl_trusted_certificate"):
        for name in conf[key].split(","):
            if name.strip() not in ("", "system") and not Path(name.strip()).is_file():
                raise ConfError(f"{key}: no such file at {name.strip()}")
    return conf


def written(conf: Conf) -> str:
    """The text of `<prefix>/.kong_env`: what the running program was prepared with."""
    return "".join(f"{key} = {value}\n" for key, value in sorted(conf.values.items()))
