"""A request through the gateway: route, plugins, target, answer, in Kong's order.

A request is served by the configuration that was current when it began, also when a reload comes
in between. Attempts that failed before anything was sent may be repeated for every method; later
only for methods that may be repeated (nginx's rule, which Kong leaves as it is).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate

import h11

from . import TOKEN
from .access import AccessLog
from .generation import Generation, Shared
from .headers import Headers
from .message import Answer, Entity, Request, TooLargeError, error
from .records import ErrorLog
from .router import Asked, Found
from .upstream import AttemptError, Patience, Reply, Where, exchange
from .uri import escape, normalise

ONCE = frozenset({"POST", "PATCH", "LOCK"})  # never sent twice once sent
DEFAULT_TIMEOUT, DEFAULT_RETRIES = 60_000, 5
TOKENS = {
    "server_tokens": {"server", "via"},
    "latency_tokens": {
        "x-kong-proxy-latency", "x-kong-upstream-latency", "x-kong-response-latency",
    },
}  # fmt: skip


class Proxy:
    """Answers requests by the current configuration."""

    def __init__(
        self, current: Callable[[], Generation], shared: Shared, log: ErrorLog, access: AccessLog
    ) -> None:
        self._current, self._shared, self.log, self.access = current, shared, log, access

    async def handle(self, request: Request) -> Answer:
        """The whole way but the sending."""
        now = self._current()
        try:
            answer = await self._answer(now, request)
        except TooLargeError:
            answer = error(request, 413)
        except (OSError, h11.ProtocolError):
            raise  # the client is gone, or never made sense
        except Exception as fault:  # ours: one request fails, the others go on
            self.log.say("crit", f"{type(fault).__name__}: {fault}, {request.method} request")
            answer = error(request, 500)
        _tokens(now, request, answer)
        for plugin in request.acting:
            plugin.respond(request, answer)
        if self._current() is not now:
            answer.headers.set("Connection", "close")
        return answer

    def after(self, request: Request, answer: Answer) -> None:
        """Tell the logs."""
        self.access.write(request, answer)
        for plugin in request.acting:
            plugin.log(request, answer)
        self._shared.metrics.add("kong_nginx_requests_total", 1, {"node_id": "standin"})

    async def _answer(self, now: Generation, request: Request) -> Answer:
        limit = now.conf.size("nginx_http_client_max_body_size")
        if limit and (request.body.length or 0) > limit:
            return error(request, 413)
        found = now.router.find(_asked(request))
        if found is not None:
            request.route = found.route
            request.service = now.services.get(found.route.get("service", ""))
        request.upstream = _for_upstream(now, request)
        request.upstream_query = request.query
        answer = _refused(request, found)
        for name in now.chain.names:
            plugin = now.chain.find(name, request)
            if plugin is None:
                continue
            request.acting.append(plugin)
            if answer is None:
                answer = await plugin.access(request)
        if answer is not None:
            return answer
        assert found is not None
        if request.service is None:
            return error(request, 503, "no Service found with those values")
        await request.body.read(limit)
        _address(request, request.service, found)
        return await self._upstream(now, request, request.service)

    async def _upstream(self, now: Generation, request: Request, service: Entity) -> Answer:
        """Attempts until one answers or none is left."""
        upstream = now.upstream(service)
        patience = Patience(
            *(
                service.get(f"{n}_timeout", DEFAULT_TIMEOUT) / 1000
                for n in ("connect", "write", "read")
            )
        )
        status = 502
        for _ in range(1 + service.get("retries", DEFAULT_RETRIES)):
            target = upstream.pick()
            if target is None:
                return error(request, 503, "failure to get a peer from the ring-balancer")
            name = upstream.entity.get("host_header") or target.host
            where = Where(target.host, target.port, now.contexts.get(service["id"]), name)
            began = time.time()
            target.active += 1
            try:
                reply = await exchange(
                    self._shared.pool, where, self._request(request, service, name, target.port),
                    request.body.chunks(), patience,
                )  # fmt: skip
            except AttemptError as failed:
                kind = "timeouts" if failed.timeout else "tcp_failures"
                upstream.failed(target, kind)
                status = 504 if failed.timeout else 502
                _tried(request, where, began, state="failed")
                self.log.say("error", f"{failed}, request: {request.method} {request.path}")
                if failed.sent and request.method in ONCE:
                    break
                continue
            finally:
                target.active -= 1
            upstream.answered(target, reply.status)
            _tried(request, where, began)
            request.upstream_status = reply.status
            request.upstream_ms = int((time.time() - began) * 1000)
            return _answered(request, reply)
        return error(request, status)

    def _request(self, request: Request, service: Entity, name: str, port: int) -> h11.Request:
        headers = Headers(request.upstream)
        host = request.host
        if not (request.route or {}).get("preserve_host"):
            usual = {"https": 443, "http": 80}[service.get("protocol", "http")]
            host = name if port == usual else f"{name}:{port}"
        fields = Headers([("Host", host)])
        for field, value in headers:
            if field.lower() not in ("host", "content-length", "expect"):
                fields.add(field, value)
        if request.body.size or request.body.length:
            fields.set("Content-Length", request.body.size)
        elif request.method in ("POST", "PUT", "PATCH"):
            fields.set("Content-Length", 0)
        query = f"?{request.upstream_query}" if request.upstream_query else ""
        target = f"{request.upstream_path}{query}"
        return h11.Request(method=request.method, target=target, headers=fields.encoded())


def _asked(request: Request) -> Asked:
    raw = request.path.encode("latin-1").decode("utf-8", "surrogateescape")
    headers = tuple((name.lower(), value) for name, value in request.headers)
    return Asked(request.method, normalise(raw), request.host, headers, request.sni, request.scheme)


def _refused(request: Request, found: Found | None) -> Answer | None:
    if found is None:
        return error(request, 404, "no Route matched with those values")
    protocols = found.route.get("protocols") or ["http", "https"]
    if request.scheme in protocols:
        return None
    if request.scheme == "https":
        return error(request, 404, "no Route matched with those values")
    status = found.route.get("https_redirect_status_code", 426)
    headers = Headers()
    if status == 426:
        headers = Headers([("Connection", "Upgrade"), ("Upgrade", "TLS/1.2, HTTP/1.1")])
    else:
        headers.set("Location", f"https://{request.host.partition(':')[0]}{request.target}")
    return error(request, status, "Please use HTTPS protocol", headers)


def _for_upstream(now: Generation, request: Request) -> Headers:
    """The client's fields; what it claims about where it comes from is replaced."""
    headers = request.headers.handed_on()
    known = request.headers.all("x-forwarded-for")
    host, _, port = request.host.partition(":")
    headers.set("X-Forwarded-For", ", ".join([*known, request.client_ip]))
    headers.set("X-Forwarded-Proto", request.scheme)
    headers.set("X-Forwarded-Host", host)
    headers.set("X-Forwarded-Port", port if port.isdigit() else request.port)
    headers.set("X-Forwarded-Path", request.path)
    headers.remove("X-Forwarded-Prefix")
    headers.set("X-Real-IP", request.client_ip)
    headers.set("Connection", "keep-alive")
    headers.remove("X-Kong-Request-Id")
    if "x-kong-request-id" in now.conf.words("headers_upstream"):
        headers.set("X-Kong-Request-Id", request.id)
    return headers


def _address(request: Request, service: Entity, found: Found) -> None:
    """The path to ask the upstream for."""
    path = _asked(request).path
    if found.route.get("strip_path", True) and found.matched not in ("", "/"):
        request.upstream.set("X-Forwarded-Prefix", escape(found.matched))
        path = "/" + path[len(found.matched) :].lstrip("/")
    base = service.get("path", "/").rstrip("/")
    request.upstream_path = escape(base + path) or "/"


def _answered(request: Request, reply: Reply) -> Answer:
    return Answer(reply.status, reply.headers.handed_on(), reply.body, source="upstream")


def _tried(request: Request, where: Where, began: float, **more: str) -> None:
    took = int((time.time() - began) * 1000)
    tried = {"ip": where.host, "port": where.port, "balancer_start": int(began * 1000)}
    request.tries.append({**tried, "balancer_latency": took, **more})


def _tokens(now: Generation, request: Request, answer: Answer) -> None:
    """Server, Via, latencies and the request id, as `headers` of kong.conf wants them."""
    wanted = set(now.conf.words("headers"))
    for word, names in TOKENS.items():
        wanted |= names if word in wanted else set()
    took = int((time.time() - request.began) * 1000)
    upstream = answer.source == "upstream"
    fields: dict[str, object] = {"X-Kong-Request-Id": request.id}
    if upstream:
        fields["Via"] = f"1.1 {TOKEN}"
        fields["X-Kong-Upstream-Latency"] = request.upstream_ms
        fields["X-Kong-Proxy-Latency"] = max(0, took - request.upstream_ms)
    else:
        fields["Server"] = TOKEN
        fields["X-Kong-Response-Latency"] = took
    for name, value in fields.items():
        if name.lower() in wanted:
            answer.headers.set(name, value)
    if answer.headers.get("date") is None:
        answer.headers.set("Date", formatdate(usegmt=True))
