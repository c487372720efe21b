"""The real gateway role over a configuration that a test wrote, for the fake of a gateway."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploys import debs
from deploys.model import Machine, Probe, Role
from deploys.pki import Pki
from deploys.roles.kong import Configuration, kong_role
from deploys.settings import KongSettings
from inventories.loader import Host
from inventories.worlds import World


def role_of(
    case: dict[str, Any], where: World, me: Host, machine: Machine, *, allow_breaking: bool = False
) -> Role:
    """`case`: `document` (a value, or text as it is), `keys`, `probed` paths, `deb`, `documents`;
    `probe_s` where a test has no time."""
    pki = Pki(where.secrets, where.env)
    pair = pki.host(me.name, [me.private_address])
    document, keys = case["document"], case["keys"]
    content = document if isinstance(document, str) else json.dumps(document, indent=1)
    twin = content
    for key in keys:
        twin = twin.replace(key, "<secret>")
    probes = [Probe("GET", "/nowhere", "no route")]
    for path in case["probed"]:
        probes += [Probe("GET", path, "no key"), Probe("GET", path, "upstream", keyed=True)]
    role = kong_role(
        KongSettings(package="standin", allow_breaking=allow_breaking),
        machine,
        debs.standin(case["deb"], Path("/")),
        Configuration(
            content=content.encode(),
            twin=twin.encode(),
            documents=json.dumps(case.get("documents", {})).encode(),
            plugins=("key-auth",),
            access_format=b"# none\n",
            access_log="/var/log/kong/access.log",
            authorities=pki.ca_path.read_bytes(),
            probes=tuple(probes),
            probe_key=keys[0],
            hide=tuple(keys),
        ),
        pair.certificate,
        pair.key,
        server_name=me.name,
    )
    assert role.gateway is not None
    gateway = replace(role.gateway, probe_s=case.get("probe_s", role.gateway.probe_s))
    return replace(role, gateway=gateway)
