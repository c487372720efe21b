"""A search node on this machine, without any host: the production artefact as a local process.

Serves development and tests. It listens on loopback only, runs as nobody else than the owner of
its state folder (never as root), and is known by its recorded process id, never by a name.
"""

from story_services.local.errors import LocalNodeError
from story_services.local.node import LocalNode

__all__ = ["LocalNode", "LocalNodeError"]
