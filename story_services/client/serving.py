"""`story serve`: the services on this machine, with whatever they need.

Ends in order on Ctrl-C or SIGTERM: running requests finish, then the search node ends. Whatever
kills it takes the node along; the data is as far as it was acknowledged.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from story_services.client.api import is_loopback
from story_services.client.console import Output
from story_services.client.errors import ClientError
from story_services.client.folder import Folder, default_folder

if TYPE_CHECKING:  # the services themselves are loaded by this command alone: they take a second
    from story_services.common.settings import Settings

Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="where the stories are kept [default: a folder of yours]"),
]
Port = Annotated[int, typer.Option(min=1, max=65535, help="where the services listen")]
Env = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="use the search host of this environment, no own node"),
]
Service = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="only this service; may be given again for more"),
]
Memory = Annotated[
    int, typer.Option(min=128, max=31 * 1024, metavar="MB", help="heap of the search node")
]

_OWN_STORE = "STORY_STORE_URL"
_LONG_S, _LOOK_S = 30.0, 0.1
_QUIET = "warning"


def serve(
    data: Data = None,
    port: Port = 8000,
    env: Env = None,
    service: Service = None,
    memory: Memory = 512,
) -> None:
    """Run everything on this machine: a search node of its own, and the services.

    Further settings come from the environment (STORY_LOG_LEVEL=info logs every request).
    """
    output = Output()
    settings = _settings(port, service or ())
    url = f"http://{_reachable(settings.host)}:{port}"
    _require_free(settings.host, port)
    if not is_loopback(settings.host):
        output.say(f"On {settings.host} anybody who reaches this machine may change everything.")
    with _ending_in_order():
        if env is not None:
            if data is not None:
                raise ClientError("--data and --env exclude each other.", "leave one of them out")
            from story_services.client.stores import environment

            output.say(f"Using the search host of {env}.")
            _run(settings.model_copy(update=environment(env)), service or (), url, output)
            return
        folder = Folder(data or default_folder())
        if left := folder.take(url):
            output.say(left)
        try:
            _with_node(folder, memory, settings, service or (), url, output)
        finally:
            folder.release()


def _with_node(
    folder: Folder, memory: int, settings: Settings, names: Sequence[str], url: str, output: Output
) -> None:
    from story_services.client.stores import local_node

    output.say(f"Starting a search node; the stories are kept in {folder.path}")
    gone = threading.Event()

    def give_up() -> None:
        gone.set()
        os.kill(os.getpid(), signal.SIGTERM)

    with local_node(folder.node, memory, output.say, give_up) as store:
        _run(settings.model_copy(update=store), names, url, output)
    if gone.is_set():
        raise ClientError("The search node does not stay.", f"look into {folder.node / 'logs'}")


def _run(settings: Settings, names: Sequence[str], url: str, output: Output) -> None:
    """Serve until told to stop."""
    from story_services import main
    from story_services.common.http import serve as server

    ready = threading.Thread(target=_tell_when_ready, args=(url, output), daemon=True)
    ready.start()
    if server.run(main.app(names, settings), settings) != 0:
        raise ClientError(f"The services did not start at {url}; the reason is above.")


def _settings(port: int, names: Sequence[str]) -> Settings:
    from story_services import main
    from story_services.common.settings import SettingsError, load

    if _OWN_STORE in os.environ:
        raise ClientError(
            f"{_OWN_STORE} names a store, and 'story serve' has one of its own.",
            f"unset it; services on that store are run by 'python -m {main.__name__}'",
        )
    try:
        wanted = main.chosen(names)
        settings = load(wanted[0].name if len(names) == 1 else None)
    except (SettingsError, main.UnknownService) as error:
        raise ClientError(str(error)) from None
    update: dict[str, Any] = {"port": port}
    if "log_level" not in settings.model_fields_set:
        update["log_level"] = _QUIET
    return settings.model_copy(update=update)


def _require_free(host: str, port: int) -> None:
    """Refuse before anything is started."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ClientError(
            f"The services cannot listen on {host}:{port}: {error.strerror}.",
            "end what listens there, or name another port by --port NUMBER",
        ) from None


def _reachable(host: str) -> str:
    """An address at which services that listen on `host` are found from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104


def _tell_when_ready(url: str, output: Output) -> None:
    """Say that all is well once it is, and what is missing meanwhile if it takes long."""
    pause = threading.Event()
    long = time.monotonic() + _LONG_S
    while missing := _missing(url):
        if time.monotonic() > long:
            output.say(f"Not ready yet: {missing}")
            long = float("inf")
        pause.wait(_LOOK_S)
    output.say(f"Ready. API: {url}  Documentation: {url}/docs  End: Ctrl-C")


def _missing(url: str) -> str:
    """What keeps the services from working; empty when nothing does."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health", timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        return error.read(500).decode(errors="replace")
    except OSError as error:
        return str(error)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """SIGTERM, and a terminal that is closed, end everything as Ctrl-C does."""

    def interrupt(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    def terminate(_number: int, _frame: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    previous: dict[int, Callable[..., Any] | int | None] = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, interrupt),
        signal.SIGHUP: signal.signal(signal.SIGHUP, terminate),
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
