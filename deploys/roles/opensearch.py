"""A search host: OpenSearch on loopback behind the door. Pure: settings, inventory, machine and
credentials in, a Role out. Memory that does not fit is refused here, before anything changes."""

from __future__ import annotations

from collections.abc import Iterable

from deploys import heap, versions
from deploys.heap import HeapPlan
from deploys.model import (
    Artefact,
    Check,
    Directory,
    File,
    Group,
    Link,
    Machine,
    Package,
    Port,
    Role,
    RoleError,
    Sysctl,
    Unit,
)
from deploys.pki import HostCredentials
from deploys.render import flat_yaml, static, template
from deploys.roles.base import SEARCH_USER, search_user
from deploys.roles.door import TLS, door_files, door_unit
from deploys.roles.hosts import HostLike, of_role
from deploys.roles.node_settings import node_settings
from deploys.settings import (
    DOOR_PORT,
    NODE_PORT,
    NODE_TRANSPORT_PORT,
    TRANSPORT_PORT,
    OpenSearchSettings,
)

CONF = "/etc/opensearch"
DATA = "/var/lib/opensearch"
LOGS = "/var/log/opensearch"
SNAPSHOTS = "/var/lib/opensearch-snapshots"
HOME = "/opt/opensearch/current"
TOOLS = "/usr/local/lib/fountainai"
UNIT = "opensearch.service"
START_TIMEOUT_S = 900  # 58 seconds of processor time at a tenth of a core


def opensearch_role(
    settings: OpenSearchSettings,
    host: HostLike,
    hosts: Iterable[HostLike],
    machine: Machine,
    credentials: HostCredentials,
    *,
    env: str,
) -> Role:
    """The search role of `host`. `hosts` is the whole inventory: several search hosts form one
    cluster. RoleError when the machine's memory cannot hold the node."""
    group = of_role(hosts, "opensearch")
    peers = [item for item in group if item.name != host.name]
    plan = memory(settings, machine)
    pinned = versions.opensearch(settings.version)
    directory = f"/opt/opensearch/{settings.version}"
    extra_packages, extra_files, extra_units = _swap(plan, machine)
    files = (
        *_node_files(settings, plan, host, group, machine),
        *door_files(settings, host, credentials, env, peers),
        *extra_files,
    )
    return Role(
        name="opensearch",
        packages=(
            Package(versions.JAVA_PACKAGE),
            Package("nginx"),
            *([Package("libnginx-mod-stream")] if peers else []),
            *extra_packages,
        ),
        groups=(Group(SEARCH_USER),),
        users=(search_user(),),
        directories=(
            Directory("/opt/opensearch"),
            Directory(CONF, group=SEARCH_USER, mode=0o750),
            Directory(DATA, SEARCH_USER, SEARCH_USER, 0o750),
            Directory(LOGS, SEARCH_USER, SEARCH_USER, 0o750),
            Directory(SNAPSHOTS, SEARCH_USER, SEARCH_USER, 0o750),
            Directory(TOOLS),
            Directory(TLS, mode=0o700),
        ),
        files=files,
        artefacts=(Artefact("opensearch", settings.version, pinned.sha256, directory),),
        links=(Link(HOME, directory, unit=UNIT),),
        sysctls=(Sysctl("vm.max_map_count", 262144, at_least=True),),
        units=(
            *extra_units,
            door_unit(),  # first: through it the nodes of a cluster find each other
            Unit(
                UNIT,
                restart_on=(
                    *(f.path for f in files if f.path.startswith(CONF)),
                    f"{TOOLS}/opensearch-prepare",
                    f"{directory}/.artefact.json",
                    f"{java_home(machine)}/lib/server/libjvm.so",
                ),
                check=Check(
                    (
                        f"{TOOLS}/opensearch-healthy",
                        str(NODE_PORT),
                        "green" if len(group) > 1 else "yellow",
                        str(len(group)),
                        *(["join"] if host.name != group[0].name else []),
                    ),
                    timeout_s=START_TIMEOUT_S,
                ),
                before=(
                    f"{TOOLS}/opensearch-before",
                    str(NODE_PORT),
                    settings.version,
                    str(len(group)),
                ),
                rolling=len(group) > 1,
            ),
        ),
        absent=("/etc/nginx/sites-enabled/default",),
        ports=(
            Port(DOOR_PORT, "nginx"),
            Port(NODE_PORT, "java"),
            # In a cluster both hold it, on different loopback addresses.
            Port(TRANSPORT_PORT, "nginx") if peers else Port(NODE_TRANSPORT_PORT, "java"),
        ),
        disk_mb=1500 + plan.swap_mb,
        # An undersized node lives on zram and swap; the heap rule has judged its machine.
        memory_mb=0 if plan.undersized else plan.resident_mb,
        notes=(f"{host.name}: {plan.warning}",) if plan.warning else (),
    )


def memory(settings: OpenSearchSettings, machine: Machine) -> HeapPlan:
    """The memory plan of a machine under these settings; RoleError when nothing honest fits."""
    try:
        return heap.heap_plan(
            machine.memory_mb,
            heap_mb=settings.heap_mb,
            allow_undersized=settings.allow_undersized,
            zram=settings.zram,
            swap_mb=settings.swap_mb,
        )
    except heap.HeapError as error:
        raise RoleError(str(error)) from None


def java_home(machine: Machine) -> str:
    """Where the OS package puts its Java."""
    return f"/usr/lib/jvm/java-21-openjdk-{machine.arch}"


def _node_files(
    settings: OpenSearchSettings,
    plan: HeapPlan,
    host: HostLike,
    group: list[HostLike],
    machine: Machine,
) -> tuple[File, ...]:
    peers = [item.private_address for item in group if item.name != host.name]
    founder = group[0].name if peers and group[0].name == host.name else ""
    java = java_home(machine)

    def conf(name: str, content: bytes) -> File:
        return File(f"{CONF}/{name}", content, group=SEARCH_USER, mode=0o640)

    return (
        conf("opensearch.yml", flat_yaml(node_settings(settings, plan, host, peers))),
        conf("jvm.options", template("opensearch/jvm.options.j2", heap=plan, logs=LOGS)),
        conf(
            "log4j2.properties",
            template("opensearch/log4j2.properties.j2", piece_mb=max(1, settings.log_mb // 5)),
        ),
        File(
            f"/etc/systemd/system/{UNIT}",
            template(
                "opensearch/opensearch.service.j2",
                home=HOME,
                java=java,
                conf=CONF,
                data=DATA,
                logs=LOGS,
                snapshots=SNAPSHOTS,
                tools=TOOLS,
            ),
        ),
        File(
            f"{TOOLS}/opensearch-prepare",
            template(
                "opensearch/opensearch-prepare.j2",
                home=HOME,
                java=java,
                conf=CONF,
                data=DATA,
                tls=TLS,
                door_port=DOOR_PORT,
                founder=founder,
                peers=peers,
            ),
            mode=0o755,
        ),
        File(f"{TOOLS}/opensearch-healthy", static("opensearch/opensearch-healthy"), mode=0o755),
        File(f"{TOOLS}/opensearch-before", static("opensearch/opensearch-before"), mode=0o755),
    )


def _swap(
    plan: HeapPlan, machine: Machine
) -> tuple[tuple[Package, ...], tuple[File, ...], tuple[Unit, ...]]:
    """zram and swap file. In a container only their files: the units stand aside there."""
    packages: list[Package] = []
    files: list[File] = []
    units: list[Unit] = []
    system = "/etc/systemd/system"
    if plan.zram:
        path = "/etc/systemd/zram-generator.conf"
        packages.append(Package("systemd-zram-generator"))
        files.append(File(path, template("opensearch/zram-generator.conf.j2")))
        units.append(Unit("systemd-zram-setup@zram0.service", restart_on=(path,)))
    if plan.swap_mb:
        make = template("opensearch/make-swapfile.service.j2", swap_mb=plan.swap_mb)
        files.append(File(f"{system}/make-swapfile.service", make))
        files.append(File(f"{system}/swapfile.swap", template("opensearch/swapfile.swap.j2")))
        units.append(Unit("swapfile.swap"))
    return tuple(packages), tuple(files), () if machine.container else tuple(units)
