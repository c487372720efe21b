"""What is written about requests: access and error log, the file-log plugin, and metrics.

Files are opened for appending and opened anew when told, so that logrotate works. A log that cannot
be written never costs an answer.
"""

from __future__ import annotations

import json
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from .conf import LEVELS
from .message import Answer, Entity, Request
from .plugin import Plugin


class LogFile:
    """Lines to a file; nothing when there is none."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def write(self, line: str) -> None:
        if self.path is None:
            return
        try:
            if self._file is None:
                self._file = self.path.open("a", buffering=1, errors="backslashreplace")
            self._file.write(line + "\n")
        except OSError as error:
            sys.stderr.write(f"cannot write {self.path}: {error.strerror}\n")

    def reopen(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


class ErrorLog(LogFile):
    """As nginx writes it, from the configured level on."""

    def __init__(self, path: Path | None, level: str) -> None:
        super().__init__(path)
        self._least = LEVELS.index(level)

    def say(self, level: str, text: str) -> None:
        if LEVELS.index(level) >= self._least:
            stamp = datetime.now().astimezone().strftime("%Y/%m/%d %H:%M:%S")
            self.write(f"{stamp} [{level}] {text}")


def access_line(request: Request, answer: Answer) -> str:
    """nginx's combined format and Kong's request id."""
    stamp = datetime.now().astimezone().strftime("%d/%b/%Y:%H:%M:%S %z")
    agent, referer = (request.headers.get(n) or "-" for n in ("user-agent", "referer"))
    what = f"{request.method} {request.target} HTTP/{request.version}"
    quoted = [re.sub(r"[\"\\\x00-\x1f\x7f]", _hex, text) for text in (what, referer, agent)]
    return (
        f'{request.client_ip} - - [{stamp}] "{quoted[0]}" {answer.status} {answer.size} '
        f'"{quoted[1]}" "{quoted[2]}" kong_request_id: "{request.id}"'
    )


def _hex(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02X}"


class FileLog(Plugin):
    """kong.log.serialize as one JSON object a line."""

    name, priority = "file-log", 9

    def __init__(self, entity: Entity) -> None:
        super().__init__(entity)
        self._file = LogFile(Path(self.config["path"]))

    def log(self, request: Request, answer: Answer) -> None:
        if self.config["reopen"]:
            self._file.reopen()
        record = serialised(request, answer)
        for path, code in (self.config.get("custom_fields_by_lua") or {}).items():
            found = re.fullmatch(r"""\s*return (?:nil|'([^']*)'|"([^"]*)")\s*""", code)
            value = (found[1] or found[2]) if found else None
            _put(record, path.split("."), value)
        self._file.write(json.dumps(record, separators=(",", ":")))


def _put(record: dict[str, Any], path: list[str], value: str | None) -> None:
    """Set what a path of names leads to; None removes it."""
    for name in path[:-1]:
        record = record.setdefault(name, {})
        if not isinstance(record, dict):
            return
    if value is None:
        record.pop(path[-1], None)
    else:
        record[path[-1]] = value


def serialised(request: Request, answer: Answer) -> dict[str, Any]:
    """Everything about a request except its bodies; Authorization is never shown."""
    headers = request.headers.by_name()
    for name in ("authorization", "proxy-authorization"):
        if name in headers:
            headers[name] = "REDACTED"
    total = int((time.time() - request.began) * 1000)
    origin = f"{request.scheme}://{request.host or 'localhost'}"
    record: dict[str, Any] = {
        "request": {
            "id": request.id, "method": request.method, "uri": request.target,
            "url": f"{origin}{request.target}", "size": request.body.size, "headers": headers,
            "querystring": dict(
                (n, v) for n, _, v in (f.partition("=") for f in request.query.split("&") if f)
            ),
        },
        "response": {
            "status": answer.status, "size": answer.size, "headers": answer.headers.by_name(),
        },
        "latencies": {
            "request": total, "proxy": request.upstream_ms,
            "kong": max(0, total - request.upstream_ms), "receive": 0,
        },
        "tries": request.tries, "client_ip": request.client_ip, "source": answer.source,
        "started_at": int(request.began * 1000), "workspace_name": "default",
        "upstream_uri": request.upstream_path,
        "upstream_status": str(request.upstream_status or ""),
        **request.logged,
    }  # fmt: skip
    for name in ("route", "service", "consumer"):
        if entity := getattr(request, name):
            record[name] = {k: v for k, v in entity.items() if k not in ("_comment", "_ignore")}
    if request.credential:
        who = {"id": request.credential["id"], "consumer_id": (request.consumer or {}).get("id")}
        record["authenticated_entity"] = who
    return record


class Metrics:
    """Counts for Prometheus; they outlive a reload."""

    BOUNDS = (25, 50, 80, 100, 250, 400, 700, 1000, 2000, 5000, 10000, 30000, 60000)

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], float] = {}
        self.began = datetime.now(UTC)

    def add(self, name: str, amount: float, labels: dict[str, object]) -> None:
        text = ",".join(f'{key}="{value}"' for key, value in labels.items())
        self.counts[name, text] = self.counts.get((name, text), 0) + amount

    def text(self) -> str:
        lines: list[str] = []
        for name in sorted({name for name, _ in self.counts}):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            kind = "histogram" if base != name else "counter"
            if not any(line.startswith(f"# TYPE {base} ") for line in lines):
                lines.append(f"# TYPE {base} {kind}")
            lines += [
                f"{name}{{{labels}}} {value}"
                for (found, labels), value in sorted(self.counts.items())
                if found == name
            ]
        return "\n".join(lines) + "\n"


class Prometheus(Plugin):
    """Which numbers are counted is opt-in, as in Kong."""

    name, priority = "prometheus", 13

    def __init__(self, entity: Entity, metrics: Metrics) -> None:
        super().__init__(entity)
        self._metrics = metrics

    def log(self, request: Request, answer: Answer) -> None:
        service, route, consumer = request.service or {}, request.route or {}, request.consumer
        who = (consumer or {}).get("username", "") if self.config.get("per_consumer") else ""
        named: dict[str, object] = {
            "service": service.get("name", ""), "route": route.get("name", ""),
            "workspace": "default", "consumer": who,
        }  # fmt: skip
        if not service:
            return
        if self.config.get("status_code_metrics"):
            source = "service" if answer.source == "upstream" else "exit"
            labels: dict[str, object] = {**named, "code": answer.status, "source": source}
            self._metrics.add("kong_http_requests_total", 1, labels)
        if self.config.get("bandwidth_metrics"):
            for direction, size in (("ingress", request.body.size), ("egress", answer.size)):
                labels = {**named, "direction": direction}
                self._metrics.add("kong_bandwidth_bytes", size, labels)
        if self.config.get("latency_metrics"):
            self._latency("kong_request_latency_ms", (time.time() - request.began) * 1000, named)
            if request.upstream_status:
                self._latency("kong_upstream_latency_ms", request.upstream_ms, named)

    def _latency(self, name: str, took: float, named: dict[str, object]) -> None:
        labels = {key: named[key] for key in ("service", "route", "workspace")}
        for bound in (*Metrics.BOUNDS, "+Inf"):
            reached = bound == "+Inf" or took <= float(bound)
            self._metrics.add(f"{name}_bucket", int(reached), {**labels, "le": bound})
        self._metrics.add(f"{name}_count", 1, labels)
        self._metrics.add(f"{name}_sum", took, labels)
