"""The HTTP side and the `StandIn` that ties everything together.

Speaks JSON-1.1 as the real endpoint does; the unmodified boto3 client cannot tell. Listens on
loopback. `/_lab/` is the rehearsal's own way in (faults, recorded calls); it exists only for
callers on loopback. No request can make it answer something the service's model does not allow:
such a reply becomes an error and is kept in `StandIn.bugs`.
"""

from __future__ import annotations

import copy
import ipaddress
import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

from inventories.lab.lightsail import access, instances, jobs, keys, lists, network, protocol, tags
from inventories.lab.lightsail.account import Account, load
from inventories.lab.lightsail.control import control
from inventories.lab.lightsail.driver_api import Driver
from inventories.lab.lightsail.errors import (
    ApiError,
    access_denied,
    expired,
    quota_reached,
    server_error,
    throttled,
    unknown_operation,
)
from inventories.lab.lightsail.faults import Fault, FaultBook
from inventories.lab.lightsail.service import Call, Delays, Reply, Service

log = logging.getLogger("lightsail")

HANDLERS: dict[str, Callable[[Service, Call], Reply]] = {
    **instances.HANDLERS,
    **access.HANDLERS,
    **network.HANDLERS,
    **keys.HANDLERS,
    **tags.HANDLERS,
    **lists.HANDLERS,
}
BODY_LIMIT = 1 << 20
_LIMITED = {"AllocateStaticIp": "static IPs", "ImportKeyPair": "key pairs"}
_REFUSALS: dict[str, Callable[[str], ApiError]] = {
    "throttle": lambda _: throttled(),
    "error500": lambda _: server_error(),
    "access_denied": access_denied,
    "expired_credentials": lambda _: expired(),
    "quota": lambda op: quota_reached(_LIMITED.get(op, "instances")),
}
_NAMES = ("instanceName", "staticIpName", "keyPairName", "resourceName")


class DropReplyError(Exception):
    """The fault that closes the connection after the effect."""


class StandIn:
    """One account in one region. `start` returns the url; `stop` saves and lets go of the port.

    `calls` holds every authenticated call as (operation, params), user data left out; `bugs`
    what this stand-in itself did wrong, which is nothing unless a test says so. Raises StateError
    for a state file that cannot be used, OSError when the port is taken, ValueError for a `host`
    that is not a loopback address: whoever reaches this server can make hosts.
    """

    def __init__(
        self,
        driver: Driver,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        region: str = "eu-central-1",
        state_file: Path | None = None,
        quota: int = 20,
        delays: Delays | None = None,
        faults: Iterable[Fault] = (),
    ) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the stand-in listens on loopback only, not on {host}")
        account = load(state_file, region) if state_file else Account(region)
        self.faults = FaultBook(faults)
        self.service = Service(
            account,
            driver,
            delays or Delays(),
            self.faults,
            quota,
            state_file,
        )
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.bugs: list[str] = []
        self._address = (host, port)
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._server is not None, "not started"
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> str:
        """Bind, take up unfinished work, serve in a thread; returns the url."""
        protocol.operations()  # the model is loaded here, not inside the first request
        self._server = _Server(self._address, self)
        jobs.resume(self.service)
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()
        return self.url

    def stop(self, wait_s: float = 10.0) -> None:
        """Stop serving, let work under way end its present step, save."""
        if self._server is None:
            return
        self.service.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        end = monotonic() + wait_s
        for worker in [*self.service.workers]:
            worker.join(max(0.0, end - monotonic()))
        with self.service.lock:
            self.service.save()

    def clear_faults(self) -> None:
        """No more misfortune; what was stuck in pending goes on."""
        self.faults.clear()
        jobs.release_stuck(self.service)

    def answer(self, target: str, authorization: str | None, body: bytes) -> Reply:
        """The reply to one request. Raises ApiError, ReplyError, DropReplyError."""
        protocol.check_credentials(authorization, self.service.account.region)
        operation = target.removeprefix(protocol.TARGET_PREFIX)
        if operation == target or operation not in protocol.operations():
            raise unknown_operation(target)
        try:
            params = json.loads(body or b"{}")
            json.dumps(params, ensure_ascii=False, allow_nan=False).encode()  # no lone surrogates
        except (ValueError, RecursionError) as e:
            raise ApiError("SerializationException", f"The body is not JSON: {e}") from e
        handler = HANDLERS.get(operation)
        if handler is None:
            raise unknown_operation(f"{operation} (the stand-in does not have it)")
        try:
            return self._handle(operation, handler, protocol.check_request(operation, params))
        except ApiError as e:
            protocol.check_error(operation, e)
            raise

    def _handle(
        self, operation: str, handler: Callable[[Service, Call], Reply], params: dict[str, Any]
    ) -> Reply:
        names = [*params.get("instanceNames", []), *(params[n] for n in _NAMES if n in params)]
        with self.service.lock:
            shown = copy.deepcopy(params)
            if "userData" in shown:
                shown["userData"] = "(not recorded)"
            self.calls.append((operation, shown))
            fault = self.faults.take(operation, names)
            if fault in _REFUSALS:
                raise _REFUSALS[fault](operation)
            reply = handler(self.service, Call(operation, params, fault))
            if not operation.startswith("Get"):
                self.service.save()
            protocol.check_reply(operation, reply)
        if fault == "drop_reply":
            raise DropReplyError
        return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], stand_in: StandIn) -> None:
        self.stand_in = stand_in
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("connection lost: %s", client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > BODY_LIMIT:
            self.close_connection = True
            self._send(413, {"__type": "RequestEntityTooLargeException"})
            return
        body = self.rfile.read(int(length))
        if self.path.startswith("/_lab/"):
            self._control(body)
        else:
            self._api(body)

    def do_GET(self) -> None:
        self._control(b"")

    do_DELETE = do_POST

    def _control(self, body: bytes) -> None:
        if not self.path.startswith("/_lab/") or not self.client_address[0].startswith("127."):
            self._send(404, {"message": "Nothing here: POST / with X-Amz-Target, see /_lab/health"})
            return
        self._send(*control(self.server.stand_in, self.command, self.path, body))

    def _api(self, body: bytes) -> None:
        stand_in = self.server.stand_in
        target = self.headers.get("X-Amz-Target", "")
        if self.command != "POST" or self.path != "/":
            self._send(404, unknown_operation(f"{self.command} {self.path}").body())
            return
        try:
            self._send(200, stand_in.answer(target, self.headers.get("Authorization"), body))
        except ApiError as e:
            log.info("%s: %s", target, e)
            self._send(e.status, e.body(), e.kind)
        except DropReplyError:
            log.info("%s: done, reply dropped", target)
            self.close_connection = True
        except (BrokenPipeError, ConnectionResetError):
            log.info("%s: done, but the client is gone", target)
            self.close_connection = True
        except Exception as e:  # a defect of ours: loud, and never mistaken for the service
            log.exception("%s: the stand-in failed", target)
            stand_in.bugs.append(f"{target}: {e!r}")
            self._send(500, {"__type": "StandInDefect", "message": repr(e)})

    def _send(self, status: int, body: Any, kind: str = "") -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", protocol.CONTENT_TYPE)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        if kind:
            self.send_header("x-amzn-ErrorType", kind)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        log.debug(format, *args)
