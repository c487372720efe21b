"""One JSON object per line on stderr: what happened, never what was in it.

Guarantees: no body, no query value, no header but the request id and the actor, no message of an
unexpected exception (it may quote a body; level debug shows it). A line is one line whatever is
in it.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import orjson

from story_services.common.http import current

#: Extra fields of a record that go into its line.
_EXTRA = "fields"


class _Lines(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := current.request_id():
            line["requestId"] = request
        line |= getattr(record, _EXTRA, {})
        if record.exc_info and record.exc_info[0]:
            kind, error, trace = record.exc_info
            line["error"] = kind.__name__
            line["at"] = frames(trace)
            if logging.getLogger("story").isEnabledFor(logging.DEBUG):
                line["errorMessage"] = str(error)
        return orjson.dumps(line, default=str).decode()


def frames(trace: TracebackType | None) -> list[str]:
    """Where an exception came from, innermost last, without the source lines' values."""
    return [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)[-12:]]


def fields(**values: Any) -> dict[str, Any]:
    """`log.info("...", extra=fields(...))`: fields of the line."""
    return {_EXTRA: values}


class _Access:
    """Writes request lines without the machinery of `logging`, which costs more than routing."""

    enabled = False

    def write(self, **values: Any) -> None:
        """One line, if requests are logged at all."""
        if self.enabled:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            line = {"time": now, "level": "info", "logger": "story.access", "message": "request"}
            sys.stderr.write(orjson.dumps(line | values, default=str).decode() + "\n")


access = _Access()


def configure(level: str) -> None:
    """Send all logging of this process to stderr as JSON lines. Called once, by the server."""
    access.enabled = level in ("debug", "info")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("story", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
