"""A gateway host: Kong without a database, its configuration and how it is proven. Pure: settings,
the generated configuration, the package and credentials in, a Role out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from deploys.debs import Deb
from deploys.model import (
    Artefact,
    Directory,
    File,
    Gateway,
    Group,
    Machine,
    Package,
    Port,
    Probe,
    Role,
    RoleError,
    Unit,
    User,
)
from deploys.render import template
from deploys.secrets import Secret
from deploys.settings import GATEWAY_PORT, KONG_STATUS_PORT, KongSettings
from deploys.versions import KONG_ENTERPRISE

CONF = "/etc/kong"
TLS = f"{CONF}/tls"
APPLIED = f"{CONF}/applied"
LOGS = "/var/log/kong"
CONFIG = f"{CONF}/kong.yml"
UNIT = "kong.service"
ACCOUNT = "kong"
DEB = "/var/lib/fountainai/debs/kong"
SCRATCH = "/run/fountainai/kong-parse"
KONG = "/usr/local/bin/kong"
#: As the gateway's own account: the package's programs belong to it, root does not run them.
_AS_KONG = ("/usr/bin/setpriv", "--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups")
#: All that the generator can use. Fixed, so that going back to an earlier configuration never
#: meets a gateway that was told to leave one of its plugins out.
PLUGINS = (
    "correlation-id", "cors", "key-auth", "prometheus", "proxy-cache", "rate-limiting",
    "request-size-limiting", "request-termination", "request-transformer",
)  # fmt: skip
_WORKER_MB = 180  # resident, by the design's bar


@dataclass(frozen=True)
class Configuration:
    """What the gateway is to do, generated and checked, as bytes."""

    content: bytes = field(repr=False)  # kong.yml, with its secrets
    twin: bytes  # the same without them
    documents: bytes  # the OpenAPI documents, JSON
    plugins: Sequence[str]
    access_format: bytes  # nginx text that names the fields of the access log
    access_log: str  # value of `proxy_access_log`
    authorities: bytes  # PEM of whom the gateway trusts upstream; two while one is replaced
    probes: tuple[Probe, ...]
    probe_key: str = field(repr=False)
    hide: tuple[str, ...] = field(default=(), repr=False)  # every key


def kong_role(
    settings: KongSettings,
    machine: Machine,
    deb: Deb,
    wanted: Configuration,
    certificate: bytes,
    key: Secret,
    *,
    server_name: str,
) -> Role:
    """The gateway role of a host. RoleError when the configuration needs a plugin that the
    gateway does not load."""
    if foreign := sorted(set(wanted.plugins) - set(PLUGINS)):
        raise RoleError(f"{CONFIG} would use {', '.join(foreign)}; Kong here loads {PLUGINS}")
    files = _files(settings, machine, wanted, certificate, key)
    swap = _swap(machine)
    return Role(
        name="kong",
        packages=(Package("logrotate"),),
        groups=(Group(ACCOUNT),),
        users=(User(ACCOUNT, ACCOUNT),),
        directories=(
            Directory(CONF),
            Directory(TLS, group=ACCOUNT, mode=0o750),
            Directory(APPLIED),
            Directory(LOGS, ACCOUNT, ACCOUNT, 0o750),
        ),
        artefacts=(
            Artefact(
                deb.package, deb.version, deb.sha256, DEB, package=deb.package,
                source=deb.source, guards=(CONF, LOGS), refuses=KONG_ENTERPRISE,
            ),
        ),
        files=(*files, *swap),
        units=(
            *((Unit("swapfile.swap"),) if swap and not machine.container else ()),
            Unit(
                UNIT,
                restart_on=(f"{DEB}/.artefact.json",),
                # A reload prepares anew from kong.conf and reads the certificate again.
                reload_on=tuple(f.path for f in files if f.path.startswith(CONF)),
            ),
        ),
        gateway=_gateway(wanted, certificate, settings, server_name),
        ports=(Port(GATEWAY_PORT, _process(deb)), Port(KONG_STATUS_PORT, _process(deb))),
        disk_mb=600,
        memory_mb=_WORKER_MB,
        notes=(
            (f"{deb.package} {deb.version} stands in for Kong here: a rehearsal, not the real one",)
            if deb.package != "kong" else ()
        ),
    )  # fmt: skip


def _process(deb: Deb) -> str:
    """What a listener of the package is called: Kong's is nginx, the stand-in says what it is."""
    return "nginx" if deb.package == "kong" else "kong"


def _gateway(
    wanted: Configuration, certificate: bytes, settings: KongSettings, server_name: str
) -> Gateway:
    return Gateway(
        path=CONFIG,
        content=wanted.content,
        twin_path=f"{APPLIED}/gateway.yml",
        twin=wanted.twin,
        documents_path=f"{APPLIED}/openapi.json",
        documents=wanted.documents,
        proven_path=f"{APPLIED}/kong.yml",
        parse=(*_AS_KONG, KONG, "config", "-c", f"{CONF}/kong.conf", "-p", SCRATCH, "parse", "{}"),
        scratch=SCRATCH,
        owner=ACCOUNT,
        unit=UNIT,
        status=("127.0.0.1", KONG_STATUS_PORT),
        public=("127.0.0.1", GATEWAY_PORT),
        server_name=server_name,
        certificate=certificate,
        probes=wanted.probes,
        probe_key=wanted.probe_key,
        hide=wanted.hide,
        allow_breaking=settings.allow_breaking,
    )


def _files(
    settings: KongSettings,
    machine: Machine,
    wanted: Configuration,
    certificate: bytes,
    key: Secret,
) -> tuple[File, ...]:
    memory = machine.memory_mb
    return (
        File(f"{TLS}/gateway.pem", certificate),
        File(f"{TLS}/gateway.key", key.reveal(), group=ACCOUNT, mode=0o640, secret=True),
        File(f"{TLS}/ca.pem", wanted.authorities),
        File(f"{CONF}/access_log.conf", wanted.access_format),
        # After what it names.
        File(
            f"{CONF}/kong.conf",
            template(
                "kong/kong.conf.j2",
                config=CONFIG,
                plugins=PLUGINS,
                tls=TLS,
                status=f"127.0.0.1:{KONG_STATUS_PORT}",
                access_format=f"{CONF}/access_log.conf",
                access_log=wanted.access_log,
                logs=LOGS,
            ),
            validate=(*_AS_KONG, KONG, "check", "{}"),
        ),
        File(
            f"/etc/systemd/system/{UNIT}.d/10-fountainai.conf",
            # Two workers side by side during a reload, and room for the OS.
            template(
                "kong/10-fountainai.conf.j2",
                high_mb=max(280, memory * 65 // 100),
                max_mb=max(320, memory * 75 // 100),
                logs=LOGS,
            ),
        ),
        File(
            "/etc/logrotate.d/fountainai-kong",
            template("kong/fountainai-kong.j2", logs=LOGS, piece_mb=max(1, settings.log_mb // 5)),
        ),
    )


def _swap(machine: Machine) -> tuple[File, ...]:
    """A swap file on a host that a reload could fill; in a container its unit stands aside."""
    if machine.memory_mb >= 1000:
        return ()
    system = "/etc/systemd/system"
    return (
        File(
            f"{system}/make-swapfile.service",
            template("opensearch/make-swapfile.service.j2", swap_mb=1024),
        ),
        File(f"{system}/swapfile.swap", template("opensearch/swapfile.swap.j2")),
    )
