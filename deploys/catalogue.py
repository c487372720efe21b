"""Which roles a host has, and the roles as data: the one place that joins settings, inventory,
machine and credentials. Reads keys and certificates from the operator's machine, nothing else."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploys import artefacts, debs, leaving, versions
from deploys.app_inputs import role_of_app
from deploys.gateway_inputs import role_of_gateway
from deploys.model import Machine, Role
from deploys.pki import Pki
from deploys.roles.base import base_role
from deploys.roles.opensearch import opensearch_role
from deploys.run import Run
from deploys.versions import Pinned
from inventories.loader import Host


def assumed_machine(host: Host) -> Machine:
    """What a host probably is, before it was looked at: only decides what to look for."""
    debian = host.user == "admin"
    return Machine(
        memory_mb=host.memory_mb,
        cpus=2,
        arch="amd64",
        os_id="debian" if debian else "ubuntu",
        os_version="13" if debian else "24.04",
        os_codename="trixie" if debian else "noble",
        container=debian,
    )


def roles_for(entry: str, run: Run, host: Host, machine: Machine) -> Sequence[Role]:
    """The roles of one host under one entry: `base`, a role's own, or `site` for all of them.

    Every entry includes the base role: no service of ours runs on a host without its firewall.
    """
    hosts = list(run.inventory.hosts.values())
    gone = leaving.leaving(run.site.hosts, hosts)
    settings = run.site.opensearch
    roles = [base_role(run.site.base, host, hosts, machine, settings.door_networks)]
    if host.role == "opensearch" and entry in ("opensearch", "site"):
        pki = Pki(run.world.secrets, run.world.env)
        pki.ensure()
        credentials = pki.host(host.name, [host.private_address])
        env = run.world.env
        role = opensearch_role(settings, host, hosts, machine, credentials, env=env)
        roles.append(replace(role, drain=leaving.drain_of(host, hosts, gone)))
    if host.role == "app" and (entry == "app" or (entry == "site" and run.site.app.image)):
        roles.append(role_of_app(run, host, leaving.staying(hosts, gone), machine))
    elif host.role == "app" and entry == "site":
        left_out = f"{host.name}: no image under [app] in site.toml, so the services are left out"
        roles[0] = replace(roles[0], notes=(*roles[0].notes, left_out))
    if host.role == "kong" and (entry == "kong" or (entry == "site" and run.site.app.image)):
        roles.append(role_of_gateway(run, host, machine))
    elif host.role == "kong" and entry == "site":
        left_out = f"{host.name}: no services to stand before, so the gateway is left out"
        roles[0] = replace(roles[0], notes=(*roles[0].notes, left_out))
    return roles


_one_fetch = threading.Lock()


def source_of(artefact: Mapping[str, Any]) -> Path:
    """The checked archive on this machine, fetched once for all hosts; ArtefactError otherwise.

    `artefact` is the payload of its change."""
    name, version = artefact["name"], artefact["version"]
    with _one_fetch:
        if artefact["package"]:
            return debs.find(debs.by_digest(artefact))
        return artefacts.fetch(Pinned(name, version, versions.OPENSEARCH_SHA256[version]))
