"""One OpenSearch node as a process of this machine, with its data kept in a folder.

Guarantees: `start` returns the address of a node that answers, is this one and serves; when it
fails nothing runs and the error holds the node's own last words. A node that a killed run left in
the folder is ended first; one that somebody uses is never touched. Never needs a network once the
artefact is here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from story_services.local import config, ports, ready, runtime
from story_services.local.errors import LocalNodeError
from story_services.local.launch import environment, launch, user_for
from story_services.local.state import State

START_LIMIT_S = 240.0  # 8 s when two cores are idle
STOP_LIMIT_S = 30.0
PORT_TRIES = 3


class LocalNode:
    """A node whose data is in the folder `state`; made there when it is missing.

    `jdk` is the home of the only Java to use; without it one is looked for, and when there is none
    the node runs inside the lab's root file system, which `in_rootfs` asks for at once. `port` 0
    is the last one of this folder when it is free, else any. The node ends with this process
    unless `outlives` says otherwise; then `stop` of any `LocalNode` with the same folder ends it.
    """

    def __init__(
        self,
        state: Path,
        *,
        heap_mb: int = 512,
        jdk: Path | None = None,
        port: int = 0,
        in_rootfs: bool = False,
        outlives: bool = False,
        limit_s: float = START_LIMIT_S,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._state = State(state)
        self._heap_mb, self._jdk, self._port = heap_mb, jdk, port
        self._in_rootfs, self._outlives = in_rootfs, outlives
        self._limit_s, self._say = limit_s, say

    def start(self) -> str:
        """Start the node, wait until it serves, and return its address; fine when it runs."""
        state = self._state
        if state.held and state.running():
            return self.url
        self._take()
        try:
            state.end(STOP_LIMIT_S)
            return self._start_somewhere()
        except BaseException:
            state.end(0)
            state.unlock()
            raise

    def stop(self, grace_s: float = STOP_LIMIT_S) -> None:
        """End the node in order, or by force after `grace_s`; fine when none runs."""
        self._hold()
        self._state.end(grace_s)
        self._state.unlock()

    def kill(self) -> None:
        """Pull the plug (SIGKILL). The folder stays this object's, for `restart` or `start`."""
        self._hold()
        self._state.end(0)

    def restart(self) -> str:
        """Stop the node if it runs and start it at the same address."""
        self._hold()
        self._state.end(STOP_LIMIT_S)
        return self.start()

    @property
    def state(self) -> Path:
        """The node's folder, absolute."""
        return self._state.path

    @property
    def running(self) -> bool:
        """Whether the node's process is there."""
        return self._state.running() is not None

    @property
    def pid(self) -> int:
        """The node's process id; LocalNodeError when it does not run."""
        found = self._state.running()
        if found is None:
            raise LocalNodeError(f"No local OpenSearch runs in {self._state.path}.")
        return found.pid

    @property
    def url(self) -> str:
        """Address of the node, also while it is away; LocalNodeError before the first start."""
        port = self._state.facts().get("port")
        if port is None:
            raise LocalNodeError(f"No local OpenSearch was started in {self._state.path} yet.")
        return f"http://127.0.0.1:{port}"

    def __enter__(self) -> LocalNode:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _hold(self) -> None:
        """Refuse to touch a node that another process uses."""
        if not self._state.held and self._state.path.is_dir():
            self._state.lock()

    def _take(self) -> None:
        """Take the folder for a start, unless a node there was meant to stay."""
        state = self._state
        if state.held:
            return
        state.lock()
        if state.running() and state.facts().get("outlives"):
            state.unlock()
            raise LocalNodeError(
                f"A local OpenSearch runs in {state.path} at {self.url}: use that one, or stop it "
                "first."
            )

    def _start_somewhere(self) -> str:
        tries = 1 if self._port else PORT_TRIES
        while True:
            tries -= 1
            try:
                return self._start_at(self._choose_port())
            except ready.PortTaken:
                if not tries:
                    raise

    def _choose_port(self) -> int:
        if self._port:
            if not ports.is_free(self._port):
                raise LocalNodeError(
                    f"The local OpenSearch in {self._state.path} cannot have port {self._port}: "
                    "another process listens there."
                )
            return self._port
        last = self._state.facts().get("port")
        return last if isinstance(last, int) and ports.is_free(last) else ports.free()

    def _start_at(self, port: int) -> str:
        state, name = self._state, f"local-{secrets.token_hex(4)}"
        user = user_for(state.path)
        with_java = runtime.choose(state.path, user, self._jdk, self._in_rootfs, self._say)
        places = with_java.places
        state.prepare(
            config.files(name, places.state, self._heap_mb, port),
            {"port": port, "outlives": self._outlives},
            user,
        )
        words = ready.LastWords(state.path)
        launch(
            [
                *with_java.prefix,
                *user.command(ends_with_parent=not self._outlives),
                *config.command(places, self._heap_mb, state.marker),
            ],
            record=state.record,
            log=state.console,
            env=environment(places.state / "tmp"),
            outlives=self._outlives,
        )
        ready.wait(
            port,
            name,
            running=lambda: self.running,
            words=words,
            what=f"The local OpenSearch in {state.path}",
            limit_s=self._limit_s,
        )
        self._port = port  # whoever was told the address can go on using it
        return self.url
