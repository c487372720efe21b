"""The running gateway: listeners, reload, and the end, driven by signals as nginx's master is.

HUP reads kong.conf (as prepared) and the declarative file again. When they cannot be served, the
error log says why, the old configuration goes on serving and `/status/ready` answers 503 until a
reload succeeds; whoever sent the signal learns nothing. QUIT ends in order, TERM at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
import weakref
from pathlib import Path
from typing import Any

from . import NAME, probes
from .access import AccessLog
from .conf import Conf, ConfError, Listener, read
from .declarative import DeclarativeError
from .generation import Generation, Shared, make
from .proxy import Proxy
from .records import ErrorLog
from .serving import Server
from .status import StatusApi

PID_FILE, ENV_FILE = "pids/nginx.pid", ".kong_env"


class Master:
    """One process that is master and worker at once."""

    def __init__(self, prefix: Path) -> None:
        self._prefix = prefix
        self.shared = Shared()
        self._names: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        self._done, self._told = asyncio.Event(), asyncio.Event()
        self._listening: dict[tuple[str, Listener], tuple[Server, asyncio.Server]] = {}
        self._probes: list[asyncio.Task[None]] = []
        self._graceful = True
        self.unready = ""
        conf = read(prefix / ENV_FILE, {})
        self.log = ErrorLog(conf.path("proxy_error_log"), conf["log_level"])
        self.current = make(conf, self.shared)
        self._proxy = Proxy(lambda: self.current, self.shared, self.log, AccessLog(conf))

    @property
    def proxies(self) -> list[Server]:
        return [server for (kind, _), (server, _) in self._listening.items() if kind == "proxy"]

    async def run(self) -> None:
        """Serve until told to end."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.log.say("error", str(context)))
        await self._listen(self.current.conf)
        loop.add_signal_handler(signal.SIGHUP, self._told.set)
        reloader = loop.create_task(self._reload_when_told())
        loop.add_signal_handler(signal.SIGUSR1, self._reopen)
        loop.add_signal_handler(signal.SIGQUIT, self._end, True)
        loop.add_signal_handler(signal.SIGTERM, self._end, False)
        loop.add_signal_handler(signal.SIGINT, self._end, False)
        (self._prefix / PID_FILE).write_text(f"{os.getpid()}\n")
        self._probes = probes.start(self.current, lambda text: self.log.say("warn", text))
        self.log.say("notice", f"{NAME}: serving, configuration {self.current.hash}")
        try:
            await self._done.wait()
            await self._finish()
        finally:
            reloader.cancel()
            with contextlib.suppress(OSError):
                (self._prefix / PID_FILE).unlink()

    async def _reload_when_told(self) -> None:
        """One reload after the other; the last one sees the files of after the last signal."""
        while True:
            await self._told.wait()
            self._told.clear()
            await self.reload()

    async def reload(self) -> None:
        """Serve the files as they are now, or go on as before and say why in the log."""
        try:
            conf = read(self._prefix / ENV_FILE, {})
            new, access = make(conf, self.shared), AccessLog(conf)
            await self._listen(conf, new)
        except (ConfError, DeclarativeError, OSError) as error:
            self.unready = "the last reload failed: the configuration before it is served"
            self.log.say("error", f"reload failed, the old configuration serves on: {error}")
            return
        for task in self._probes:
            task.cancel()
        self._probes = probes.start(new, lambda text: self.log.say("warn", text))
        self.current, self.unready = new, ""
        self.shared.pool.forget([*new.contexts.values(), None])
        self._proxy.access.reopen()
        self._proxy.access = access
        self.log.say("notice", f"reloaded, configuration {new.hash}")

    async def _listen(self, conf: Conf, new: Generation | None = None) -> None:
        """Open what is wanted and not open yet; close what is no longer wanted."""
        wanted = {("proxy", entry) for entry in conf.listeners("proxy_listen")}
        wanted |= {("status", entry) for entry in conf.listeners("status_listen")}
        own = (new or self.current).own
        if own is None and any(listener.tls for _, listener in wanted):
            raise ConfError("a listener with ssl needs ssl_cert: the stand-in makes none itself")
        for kind, listener in wanted - set(self._listening):
            self._listening[kind, listener] = await self._open(kind, listener)
        for key in set(self._listening) - wanted:
            server, socket = self._listening.pop(key)
            socket.close()
            server.end()

    async def _open(self, kind: str, listener: Listener) -> tuple[Server, asyncio.Server]:
        handler: Proxy | StatusApi = self._proxy if kind == "proxy" else StatusApi(self)
        scheme = "https" if listener.tls else "http"
        name = self._names.get
        server = Server(
            handler.handle, handler.after, scheme, listener.port,
            lambda tls: name(tls, "") if tls is not None else "",
        )  # fmt: skip
        context = self._outer() if listener.tls else None
        opened = await asyncio.start_server(
            server.accept, listener.host, listener.port, ssl=context, backlog=1024,
            ssl_handshake_timeout=20 if context else None,
            ssl_shutdown_timeout=2 if context else None,
        )  # fmt: skip
        return server, opened

    def _outer(self) -> ssl.SSLContext:
        """Hands each handshake to the certificates of the configuration of that moment."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])

        def choose(socket: Any, name: str | None, _: ssl.SSLContext) -> int | None:
            if self.current.own is None:
                return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
            self._names[socket] = name or ""
            socket.context = self.current.own(name or "")
            return None

        context.sni_callback = choose
        return context

    def _reopen(self) -> None:
        self.log.reopen()
        self._proxy.access.reopen()

    def _end(self, graceful: bool) -> None:
        """QUIT in order; TERM at once, also after a QUIT, as nginx takes it."""
        self._graceful = self._graceful and graceful
        self._done.set()
        if not graceful:
            for server, _ in self._listening.values():
                for task in server.connections:
                    task.cancel()

    async def _finish(self) -> None:
        """No new connections; those at work end their answers when there is time for it."""
        for task in self._probes:
            task.cancel()
        limit = self.current.conf.seconds("nginx_main_worker_shutdown_timeout") or None
        for server, opened in self._listening.values():
            opened.close()
            server.end()
        busy = {task for server, _ in self._listening.values() for task in server.busy}
        if busy and self._graceful:
            await asyncio.wait(busy, timeout=limit)
        self.log.say("notice", "ended")


def start(prefix: Path) -> None:
    """Run until the end; ConfError, DeclarativeError or OSError when it cannot begin."""

    async def main() -> None:
        with contextlib.suppress(OSError):
            Path("/proc/self/comm").write_text("kong")  # whose ports these are, for `ss` and ps
        await Master(prefix).run()

    asyncio.run(main())
