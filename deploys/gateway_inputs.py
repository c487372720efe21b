"""What the gateway role needs from the operator's machine: the services' documents and the policy
made into a checked configuration, keys, certificates, the package. Reads there, changes nothing
but certificates and keys that are made on first use."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from typing import Any

from deploys import app_inputs, debs, keys, trust
from deploys.artefacts import ArtefactError
from deploys.debs import Deb
from deploys.gateway import (
    access_log,
    breaking,
    compare_routes,
    generate,
    policy,
    proof,
    validate,
)
from deploys.gateway.operations import GatewayError, Operation, operations
from deploys.gateway.policy import Settings
from deploys.gateway.render import render
from deploys.gateway_probes import probes
from deploys.model import Machine, Role, RoleError
from deploys.roles.kong import LOGS, Configuration, kong_role
from deploys.run import Run
from deploys.secrets import Secret
from inventories.loader import Host
from inventories.worlds import project_root

_SHOWN = 5  # problems that a refusal names one by one


@dataclass(frozen=True)
class Made:
    """A configuration as values, before it is bytes."""

    kong: dict[str, Any]  # with its secrets
    twin: dict[str, Any]  # without
    documents: dict[str, Any]
    settings: dict[Operation, Settings]
    keys: tuple[str, ...]  # the first is the first consumer's current one


_made: list[tuple[Run, Made]] = []
_one_at_a_time = threading.Lock()


def made(run: Run) -> Made:
    """The configuration of this run's site, made once for all gateway hosts.

    RoleError with every reason when it must not be applied."""
    with _one_at_a_time:
        if not _made or _made[0][0] is not run:
            _made[:] = [(run, _make(run))]
        return _made[0][1]


def _make(run: Run) -> Made:
    from story_services.main import services  # a second's import that only gateways need
    from story_services.openapi import documents as documents_of

    documents = documents_of(services())
    pki = trust.pki_for(run.world, run.site)
    pki.ensure()
    certificate, key = pki.client_paths("gateway")
    consumers = keys.consumers(run.world, run.site)
    rules = policy.load()
    try:
        found = operations(documents)
        settings = policy.effective(rules, rules.operations(found))
        kong = generate.build(
            documents,
            rules,
            app_inputs.upstreams(run),
            env=run.world.env,
            ca_pem=pki.ca_path.read_bytes(),
            client_pem=certificate.read_bytes(),
            client_key=Secret(key.read_bytes()),
            consumers=consumers,
        )
    except GatewayError as problem:
        raise RoleError(f"the gateway's configuration cannot be made: {problem}") from None
    _refuse("the gateway's configuration is not valid", [str(p) for p in validate.problems(kong)])
    reachable = [operation for operation, chosen in settings.items() if chosen.reachable]
    proven = proof.prove(rules.operations(found), kong, reachable=reachable)
    _refuse("the gateway's routes would not do what the documents say", proven)
    return Made(
        kong=kong,
        twin=generate.redacted(kong, run.record_key),
        documents=documents,
        settings=settings,
        keys=tuple(key.reveal().decode() for given in consumers.values() for key in given),
    )


def _refuse(what: str, found: list[str]) -> None:
    if found:
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise RoleError(f"{what}: {'; '.join(found[:_SHOWN])}{more}")


def configuration(run: Run) -> Configuration:
    """`made` as the bytes of files."""
    it = made(run)
    # What nobody can reach may change as it likes.
    documents = breaking.reachable(it.documents, compare_routes.routes(it.twin))
    return Configuration(
        content=render(it.kong),
        twin=render(it.twin),
        documents=(json.dumps(documents, sort_keys=True, indent=1) + "\n").encode(),
        plugins=generate.plugin_names(it.kong),
        access_format=access_log.include(it.settings).encode(),
        access_log=access_log.directive(f"{LOGS}/access.log"),
        authorities="".join(each["cert"] for each in it.kong["ca_certificates"]).encode(),
        probes=probes(it.settings),
        probe_key=it.keys[0],
        hide=it.keys,
    )


def role_of_gateway(run: Run, host: Host, machine: Machine) -> Role:
    """The gateway role of `host`; RoleError or SecretError when something for it is missing."""
    site = run.site.kong
    if run.allow_breaking:
        site = site.model_copy(update={"allow_breaking": True})
    certificate, key = _certificate(run, host)
    return kong_role(
        site,
        machine,
        package(run, machine),
        configuration(run),
        certificate,
        key,
        server_name=site.names[0] if site.names else host.name,
    )


def package(run: Run, machine: Machine) -> Deb:
    """The package for a machine; RoleError when this system cannot have it."""
    site, root = run.site.kong, project_root()
    try:
        if site.package == "standin":
            return debs.standin(site.artefact, root)
        found = debs.kong(site.version, machine.os_id, machine.os_version, machine.arch)
    except ArtefactError as problem:
        raise RoleError(str(problem)) from None
    return replace(found, source=str(root / site.artefact)) if site.artefact else found


def _certificate(run: Run, host: Host) -> tuple[bytes, Secret]:
    """The pair the site names, else one of the environment's own authority."""
    if (own := trust.gateway_pair(run.site)) is not None:
        return own.chain, own.key
    names = [host.private_address, host.address, *run.site.kong.names]
    given = trust.pki_for(run.world, run.site).host(host.name, [name for name in names if name])
    return given.certificate, given.key
