"""Active health checks: each target asked at its interval, one that is out until it is back in.

Only upstreams that set an interval are asked; the answers count as the upstream's lists say.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import h11

from . import trust
from .balancer import Target, Upstream
from .generation import Generation
from .upstream import AttemptError, Patience, Pool, Where, exchange


def start(now: Generation, say: Callable[[str], None]) -> list[asyncio.Task[None]]:
    """A task for each target of a checked upstream; cancel them to end the checks."""
    tasks: list[asyncio.Task[None]] = []
    for upstream in now.upstreams.values():
        rules = upstream.active
        if rules["healthy"]["interval"] or rules["unhealthy"]["interval"]:
            tls = _context(now, upstream) if rules["type"] == "https" else None
            tasks += [
                asyncio.create_task(_probe(upstream, target, tls, say))
                for target in upstream.targets
            ]
    return tasks


def _context(now: Generation, upstream: Upstream) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if upstream.active["https_verify_certificate"]:
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = bool(upstream.active.get("https_sni"))
        trust.load_trusted(context, now.conf)
    if own := upstream.entity.get("client_certificate"):
        trust.present(context, now.config.by_id("certificates")[own])
    return context


async def _probe(
    upstream: Upstream, target: Target, tls: ssl.SSLContext | None, say: Callable[[str], None]
) -> None:
    rules = upstream.active
    while True:
        was = target.healthy
        interval = rules["healthy" if was else "unhealthy"]["interval"]
        await asyncio.sleep(interval or 1)
        if not interval:
            continue  # not asked in this state
        await _ask(upstream, target, tls)
        if target.healthy is not was:
            word = "healthy" if target.healthy else "unhealthy"
            say(f"upstream {upstream.entity['name']}: {target.host}:{target.port} is {word}")


async def _ask(upstream: Upstream, target: Target, tls: ssl.SSLContext | None) -> None:
    rules = upstream.active
    name = rules.get("https_sni") or upstream.entity.get("host_header") or target.host
    where, limit = Where(target.host, target.port, tls, name), float(rules["timeout"])
    headers = [("Host", name), ("Connection", "close"), ("User-Agent", "kong-standin-probe")]
    headers += [(key, value) for key, values in rules["headers"].items() for value in values]
    try:
        if rules["type"] == "tcp":
            (await Pool().connection(where, Patience(limit, limit, limit))).close()
            target.count("successes", rules["healthy"]["successes"])
            return
        asked = h11.Request(method="GET", target=rules["http_path"], headers=headers)
        reply = await exchange(Pool(), where, asked, (), Patience(limit, limit, limit))
        upstream.probed(target, reply.status)
        await reply.body.aclose()  # type: ignore[attr-defined]
    except AttemptError as failed:
        kind = "timeouts" if failed.timeout else "tcp_failures"
        target.count(kind, rules["unhealthy"][kind])
