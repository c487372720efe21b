"""Entry for tests of the gateway's step: the real role over a configuration from a file."""

import json
import os
from pathlib import Path

from pyinfra.context import host

from deploys import debs
from deploys.converge import converge
from deploys.model import Probe
from deploys.pki import Pki
from deploys.roles.kong import Configuration, kong_role
from deploys.settings import KongSettings

CASE = json.loads(Path(os.environ["GATEWAY_CASE"]).read_text())


def gateway(entry, run, me, machine):
    pki = Pki(run.world.secrets, run.world.env)
    pair = pki.host(me.name, [me.private_address])
    document = CASE["document"]
    content = document if isinstance(document, str) else json.dumps(document, indent=1)
    keys = CASE["keys"]
    twin = content
    for key in keys:
        twin = twin.replace(key, "<secret>")
    probes = [Probe("GET", "/nowhere", "no route")]
    for path in CASE["probed"]:
        probes += [Probe("GET", path, "no key"), Probe("GET", path, "upstream", keyed=True)]
    return [
        kong_role(
            KongSettings(package="standin", allow_breaking=run.allow_breaking),
            machine,
            debs.standin(CASE["deb"], Path("/")),
            Configuration(
                content=content.encode(),
                twin=twin.encode(),
                documents=json.dumps(CASE.get("documents", {})).encode(),
                plugins=("key-auth",),
                access_format=b"# none\n",
                access_log="/var/log/kong/access.log",
                probes=tuple(probes),
                probe_key=keys[0],
                hide=tuple(keys),
            ),
            pair.certificate,
            pair.key,
            server_name=me.name,
        )
    ]


if "kong" in host.groups:
    converge("gateway", gateway)
