"""A GitHub that runs on this machine: the real client talks to it, and tests see what arrived.

Guarantees GitHub's documented paths, status codes, headers and bodies for what this project uses
(repositories, secrets, variables, environments, workflows, packages, attestations), with a real
key exchange, and faults that tests plan. Never reaches a network, and its log holds no values.

    with standin() as hub:
        github.Github(auth=github.Auth.Token(hub.token), base_url=hub.url)
        hub.repository.secrets.plain("NAME")       # bytes, as they were before encryption
        hub.fail("PUT", "/secrets/", times=2)      # two 502; see faults.py
        hub.log, hub.effects, hub.writes           # what was asked, and what it changed
"""

from tests.github_standin.access import Token
from tests.github_standin.hub import Hub, standin
from tests.github_standin.world import Environment, Package, Repository, Version, Workflow, World

__all__ = [
    "Environment",
    "Hub",
    "Package",
    "Repository",
    "Token",
    "Version",
    "Workflow",
    "World",
    "standin",
]
