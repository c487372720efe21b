"""One configuration made ready to serve: router, plugins, upstreams, certificates.

Made whole or not at all, from kong.conf and the declarative file as they are at that moment; what
must outlive a reload (counters, cache, metrics, idle connections) is shared between generations.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import trust
from .auth import Acl, IpRestriction, KeyAuth
from .balancer import Upstream, direct, upstreams
from .cache import ProxyCache, Store
from .conf import Conf
from .cors import Cors
from .declarative import EMPTY_HASH, Config, DeclarativeError, parse
from .limits import Counters, RateLimiting, RequestSizeLimiting
from .message import Entity
from .plugin import Chain, Plugin
from .records import FileLog, Metrics, Prometheus
from .router import Router
from .settings import BUNDLED
from .transform import CorrelationId, RequestTermination, RequestTransformer, ResponseTransformer
from .upstream import Pool


@dataclass
class Shared:
    """What one process keeps over all its configurations."""

    counters: Counters = field(default_factory=Counters)
    cache: Store = field(default_factory=Store)
    metrics: Metrics = field(default_factory=Metrics)
    pool: Pool = field(default_factory=Pool)


@dataclass
class Generation:
    """Everything a request needs, from one reading of the files."""

    conf: Conf
    config: Config
    hash: str
    router: Router
    chain: Chain
    services: dict[str, Entity]
    upstreams: dict[str, Upstream]
    contexts: dict[str, ssl.SSLContext]  # towards upstreams, by service
    own: trust.Choose | None  # towards clients

    def upstream(self, service: Entity) -> Upstream:
        """The upstream a service's host names, or one made of the host itself."""
        host = service["host"]
        if host not in self.upstreams:
            self.upstreams[host] = direct(service)
        return self.upstreams[host]


def loaded(conf: Conf) -> frozenset[str]:
    """The plugins that kong.conf allows."""
    words = conf.words("plugins")
    named = frozenset(w for w in words if w not in ("bundled", "off"))
    return BUNDLED | named if "bundled" in words else named


def read_file(conf: Conf, path: str | None = None) -> tuple[Config, str]:
    """The declarative file and the MD5 of its bytes; DeclarativeError when it is none."""
    name = path or conf["declarative_config"]
    if not name:
        return Config(), EMPTY_HASH
    try:
        text = Path(name).read_bytes()
    except OSError as error:
        raise DeclarativeError(f"{name}: {error.strerror}") from None
    return parse(text, loaded(conf)), hashlib.md5(text, usedforsecurity=False).hexdigest()


def make(conf: Conf, shared: Shared) -> Generation:
    """From the files; ConfError or DeclarativeError when they cannot be served."""
    config, digest = read_file(conf)
    enabled = [s for s in config.of("services") if s.get("enabled", True)]
    services = {service["id"]: service for service in enabled}
    tls = [s for s in enabled if s.get("protocol") == "https"]
    contexts = {s["id"]: trust.to_upstream(s, config, conf) for s in tls}
    plugins = [_plugin(p, config, shared) for p in config.of("plugins") if p.get("enabled", True)]
    gone = {s["id"] for s in config.of("services")} - set(services)
    routes = [route for route in config.of("routes") if route.get("service") not in gone]
    return Generation(
        conf, config, digest, Router(routes), Chain(plugins), services, upstreams(config),
        contexts, trust.to_clients(conf, config),
    )  # fmt: skip


def _plugin(entity: Entity, config: Config, shared: Shared) -> Plugin:
    makers: dict[str, Callable[[], Plugin]] = {
        "key-auth": lambda: KeyAuth(entity, config),
        "acl": lambda: Acl(entity, config),
        "ip-restriction": lambda: IpRestriction(entity),
        "rate-limiting": lambda: RateLimiting(entity, shared.counters),
        "request-size-limiting": lambda: RequestSizeLimiting(entity),
        "correlation-id": lambda: CorrelationId(entity),
        "cors": lambda: Cors(entity),
        "request-transformer": lambda: RequestTransformer(entity),
        "response-transformer": lambda: ResponseTransformer(entity),
        "proxy-cache": lambda: ProxyCache(entity, shared.cache),
        "prometheus": lambda: Prometheus(entity, shared.metrics),
        "file-log": lambda: FileLog(entity),
        "request-termination": lambda: RequestTermination(entity),
    }
    return makers[entity["name"]]()
