"""Runs an app until it is told to stop.

SIGTERM or SIGINT: new connections are refused, running requests finish within the settings'
graceful timeout, then the app closes what it works with and the process ends with status 0. A
second signal does not wait. The address is said in the log and, with port 0, is a free one.
"""

from __future__ import annotations

import gc
import signal

import uvicorn
from starlette.types import ASGIApp

from story_services.common.http import logs
from story_services.common.settings import Settings

_KEEP_ALIVE = 75  # seconds; longer than the gateway keeps its idle connections (60)


def run(app: ASGIApp, settings: Settings) -> int:
    """Serve until a signal comes; the process's exit status."""
    logs.configure(settings.log_level)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=round(settings.graceful_timeout),
    )
    server = uvicorn.Server(config)
    # uvicorn raises the signal again once it has stopped; without a handler that would make the
    # end of an orderly stop look like a kill.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    # A whole play is tens of thousands of objects that all go at once by their counts; looking
    # for cycles among them again and again took a fifth of the time of such a request.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        server.run()
    except SystemExit:  # it could not start and has said why
        return 1
    return 0
