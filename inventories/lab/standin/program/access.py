"""The access log of the proxy: in Kong's format, or in one that kong.conf brings with it.

`proxy_access_log = PATH [FORMAT [if=CONDITION]]`; requests whose condition is empty or 0 are not
written. The fields of a request are those that went to the upstream, as nginx sees them then.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from .conf import Conf, ConfError
from .message import Answer, Request
from .nginx_text import Formats, parse
from .records import LogFile, access_line

KONGS = ("", "kong_log_format", "combined", "basic")


class AccessLog:
    """One file and the format of its lines."""

    def __init__(self, conf: Conf) -> None:
        self._file = LogFile(conf.path("proxy_access_log"))
        words = conf["proxy_access_log"].split()[1:]
        self._name = next((w for w in words if "=" not in w), "")
        self._if = next((w.removeprefix("if=") for w in words if w.startswith("if=")), "1")
        self._formats = Formats()
        if included := conf["nginx_http_include"]:
            try:
                self._formats = parse((conf.prefix / included).read_text())
            except OSError as error:
                raise ConfError(f"nginx_http_include: {included}: {error.strerror}") from None
        if self._name not in (*KONGS, *self._formats.lines):
            raise ConfError(f"proxy_access_log: unknown log format '{self._name}'")

    @property
    def path(self) -> Path | None:
        return self._file.path

    def reopen(self) -> None:
        self._file.reopen()

    def write(self, request: Request, answer: Answer) -> None:
        """One request, when it is to be logged."""
        if self._file.path is None:
            return

        def known(name: str) -> str | None:
            return variable(name, request, answer)

        if self._formats.value(self._if, known) in ("", "0"):
            return
        if self._name in self._formats.lines:
            self._file.write(self._formats.line(self._name, known))
        else:
            self._file.write(access_line(request, answer))


def variable(name: str, request: Request, answer: Answer) -> str | None:
    """One of nginx's own; None for what this request or this stand-in does not have."""
    if name.startswith("http_"):
        sent = request.upstream if request.tries else request.headers
        return sent.get(name.removeprefix("http_").replace("_", "-"))
    if name.startswith("sent_http_"):
        return answer.headers.get(name.removeprefix("sent_http_").replace("_", "-"))
    tried = [f"{t['ip']}:{t['port']}" for t in request.tries]
    took = [f"{t['balancer_latency'] / 1000:.3f}" for t in request.tries]
    values = {
        "time_iso8601": datetime.now().astimezone().isoformat(timespec="seconds"),
        "remote_addr": request.client_ip,
        "request_method": request.method,
        "request_uri": request.target,
        "request": f"{request.method} {request.target} HTTP/{request.version}",
        "status": str(answer.status),
        "body_bytes_sent": str(answer.size),
        "request_time": f"{time.time() - request.began:.3f}",
        "upstream_addr": ", ".join(tried),
        "upstream_response_time": ", ".join(took),
        "scheme": request.scheme,
        "host": request.host.partition(":")[0],
        "request_id": request.id,
        "kong_request_id": request.id,
    }
    return values.get(name)
