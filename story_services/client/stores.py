"""Where `story serve` keeps its stories: in a node of its own, or on an environment's search host.

Guarantees: a node of its own ends with this process, whatever ends it; one that ends by itself is
started again at the same address, so the services go on. An environment's host is reached through
its door, with the certificate that the services have there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from story_services.client.errors import ClientError
from story_services.local import LocalNode, LocalNodeError

_LOOK_S = 1.0
_RESTARTS, _WITHIN_S = 3, 120.0


@contextmanager
def local_node(
    folder: Path, heap_mb: int, say: Callable[[str], None], give_up: Callable[[], None]
) -> Iterator[dict[str, Any]]:
    """Settings of the services for a node of their own, which runs meanwhile.

    `give_up` is called when the node does not stay.
    """
    node = LocalNode(folder, heap_mb=heap_mb, say=say)
    try:
        url = node.start()
        watch = _Watch(node, say, give_up)
        watch.start()
        try:
            yield {"store_url": url}
        finally:
            watch.stop()
            say("Ending the search node.")
            node.stop()
    except LocalNodeError as error:
        raise ClientError(str(error)) from None


class _Watch(threading.Thread):
    """Starts a node again that ended by itself."""

    def __init__(
        self, node: LocalNode, say: Callable[[str], None], give_up: Callable[[], None]
    ) -> None:
        super().__init__(daemon=True, name="watches the search node")
        self._node, self._say, self._give_up = node, say, give_up
        self._ending = threading.Event()

    def run(self) -> None:
        ends: list[float] = []
        while not self._ending.wait(_LOOK_S):
            if self._node.running:
                continue
            ends = [at for at in ends if at > time.monotonic() - _WITHIN_S] + [time.monotonic()]
            if len(ends) > _RESTARTS:
                self._say(f"The search node ended {len(ends)} times: giving up.")
                return self._give_up()
            self._say("The search node ended by itself; starting it again.")
            try:
                self._node.start()
            except LocalNodeError as error:
                self._say(str(error))
                return self._give_up()
            self._say("The search node is back.")
        return None

    def stop(self) -> None:
        """Let the node end; waits for a start that is under way."""
        self._ending.set()
        self.join()


def environment(env: str, role: str = "story") -> dict[str, Any]:
    """Settings for the search host of an environment, with the certificate of this role."""
    # The operator's side is not needed for anything else here, and slow to import.
    from deploys.pki import Pki
    from deploys.secrets import SecretError
    from deploys.settings import DOOR_PORT
    from inventories.errors import ProvisionError
    from inventories.loader import load_hosts
    from inventories.worlds import world

    try:
        where = world(env)
        hosts = load_hosts(env).by_role("opensearch")
        pki = Pki(where.secrets, where.env)
        certificate, key = pki.client_paths(role)
    except ProvisionError as error:
        raise ClientError(error.what, error.next_step) from None
    except SecretError as error:
        raise ClientError(str(error)) from None
    if not hosts:
        raise ClientError(f"{env} has no search host.", "add one to site.toml")
    return {
        "store_url": ",".join(f"https://{host.private_address}:{DOOR_PORT}" for host in hosts),
        "store_ca": pki.ca_path,
        "store_cert": certificate,
        "store_key": key,
    }
