"""Certificates and the authority change at a real nginx while requests go on: none is refused."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.integration.test_door_nginx import (  # the fixtures too
    REQUEST,
    Door,
    door,  # noqa: F401
    nginx,  # noqa: F401
)


@dataclass
class Load:
    """One client after the other, without a pause, each over a connection of its own."""

    door: Door
    client: ssl.SSLContext
    seen: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    over: bool = False

    def run(self) -> None:
        while not self.over:
            try:
                status, _ = self.door.raw(self.client, REQUEST)
            except OSError as error:
                self.failed.append(repr(error))
            else:
                (self.seen if status == 200 else self.failed).append(status)

    def go_on(self, requests: int = 10) -> None:
        """Wait until that many more went through."""
        wanted = len(self.seen) + requests
        until(lambda: len(self.seen) >= wanted or bool(self.failed))


def until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end, "it did not happen within 30 seconds"
        time.sleep(0.02)


def of_role(door: Door, role: str = "story") -> ssl.SSLContext:  # noqa: F811
    certificate, key = door.pki.client_paths(role)
    return door.context(certificate, key)


def brought_to(door: Door) -> None:  # noqa: F811
    """What a converge does at the door; nginx's workers change one after the other."""
    own = door.pki.host("me", ["127.0.0.1"])
    for name, content in (
        ("door.pem", own.certificate),
        ("door.key", own.key.reveal()),
        ("ca.pem", own.ca),
        ("crl.pem", own.crl),
    ):
        (door.folder / name).write_bytes(content)
    before = workers(door)
    subprocess.run([*door.argv, "-s", "reload"], check=True)
    until(lambda: bool(workers(door)) and not workers(door) & before)


def workers(door: Door) -> set[int]:  # noqa: F811
    master = (door.folder / "nginx.pid").read_text().strip()
    found = subprocess.run(["pgrep", "-P", master], capture_output=True, text=True).stdout
    return set(map(int, found.split()))


def refused(door: Door, client: ssl.SSLContext) -> bool:  # noqa: F811
    try:
        return door.raw(client, REQUEST)[0] != 200
    except ssl.SSLError:
        return True


def test_nobody_is_refused_while_keys_and_authority_change(door: Door) -> None:  # noqa: F811
    """Search host first, then its clients, as a site run goes."""
    first = of_role(door)
    load = Load(door, first)
    thread = threading.Thread(target=load.run)
    thread.start()
    try:
        load.go_on()
        door.pki.renew("story")
        load.client = of_role(door)
        load.go_on()
        door.pki.retire("story")
        brought_to(door)
        load.go_on()
        assert refused(door, first)
        old = load.client
        for phase in ("trust", "issue", "steady"):
            assert door.pki.change_authority() == phase
            brought_to(door)
            load.go_on()
            load.client = of_role(door)
            load.go_on()
    finally:
        load.over = True
        thread.join()
    assert load.failed == []
    assert len(load.seen) >= 90
    assert refused(door, old)
