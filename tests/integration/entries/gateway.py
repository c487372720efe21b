"""Entry for tests of the gateway's step: the real role over a configuration from a file."""

import json
import os
from pathlib import Path

from pyinfra.context import host

from deploys.converge import converge
from tests.integration.gateway_role import role_of

CASE = json.loads(Path(os.environ["GATEWAY_CASE"]).read_text())


def gateway(entry, run, me, machine):
    return [role_of(CASE, run.world, me, machine, allow_breaking=run.allow_breaking)]


if "kong" in host.groups:
    converge("gateway", gateway)
