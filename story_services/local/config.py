"""What a local node is told: its settings, its log and its Java arguments. Pure.

Guarantees: whatever makes the production node safe (no scripts, no automatic indices, no index
names in bodies) holds here too, since its own settings are taken; only place, name and disk limits
differ. Listens on loopback only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from deploys.heap import HeapPlan
from deploys.render import flat_yaml, template
from deploys.roles.node_settings import Value, node_settings
from deploys.settings import OpenSearchSettings

CLUSTER = "story-local"
LOG_PIECE_MB = 4  # of the log file, five pieces at most


@dataclass(frozen=True)
class Places:
    """Paths as the node itself sees them (inside a root file system they are others)."""

    java: PurePosixPath
    home: PurePosixPath
    state: PurePosixPath


@dataclass(frozen=True)
class _Here:
    name: str
    role: str = "opensearch"
    private_address: str = "127.0.0.1"


def settings(name: str, state: PurePosixPath, heap_mb: int, port: int) -> dict[str, Value]:
    """opensearch.yml: the production node's settings at another place."""
    plan = HeapPlan(
        heap_mb=heap_mb, c1_only=False, collector="serial", undersized=False, zram=False, swap_mb=0
    )
    production = node_settings(OpenSearchSettings(cluster_name=CLUSTER), plan, _Here(name), ())
    del production["path.repo"]
    return {
        **production,
        "path.data": str(state / "data"),
        "path.logs": str(state / "logs"),
        "http.port": port,
        "transport.port": 0,  # any: a lone node talks to nobody
        # The Serial collector leaves garbage, which would be counted as used.
        "indices.breaker.total.use_real_memory": False,
        # A workplace's disk is often nearly full by percentage, with room enough.
        "cluster.routing.allocation.disk.watermark.low": "2gb",
        "cluster.routing.allocation.disk.watermark.high": "1gb",
        "cluster.routing.allocation.disk.watermark.flood_stage": "500mb",
    }


def files(name: str, state: PurePosixPath, heap_mb: int, port: int) -> dict[str, bytes]:
    """The node's configuration folder: file name -> content."""
    return {
        "opensearch.yml": flat_yaml(settings(name, state, heap_mb, port)),
        "log4j2.properties": template("opensearch/log4j2.properties.j2", piece_mb=LOG_PIECE_MB),
    }


def command(places: Places, heap_mb: int, marker: str) -> list[str]:
    """The node's command line; `marker` tells its process from everybody else's.

    The launcher of the archive is left out: it starts two more Javas, 3 s on two busy cores.
    """
    state = places.state
    return [
        str(places.java),
        *LAUNCHER_ARGUMENTS,
        f"-Xms{heap_mb}m",
        f"-Xmx{heap_mb}m",
        f"-XX:MaxDirectMemorySize={heap_mb * 1024 * 1024 // 2}",
        # The second compiler would cost as much processor time as the whole start, and 50 MB.
        "-XX:TieredStopAtLevel=1",
        # As in production: code and classes that grow do not stop the node for a full collection.
        "-XX:ReservedCodeCacheSize=64m",
        "-XX:SweeperThreshold=100",
        "-XX:MetaspaceSize=96m",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",  # leaves files in /tmp
        "-XX:+ExitOnOutOfMemoryError",
        f"-XX:ErrorFile={state / 'logs/hs_err.log'}",
        f"-Djava.io.tmpdir={state / 'tmp'}",
        f"-javaagent:{places.home}/agent/opensearch-agent.jar",
        "--add-opens=java.base/java.nio=ALL-UNNAMED",
        "--enable-native-access=ALL-UNNAMED",
        "-Dorg.apache.lucene.store.MMapDirectory.sharedArenaMaxPermits=1",
        f"-Dopensearch.path.home={places.home}",
        f"-Dopensearch.path.conf={state}/conf",
        "-Dopensearch.distribution.type=zip",
        "-Dopensearch.bundled_jdk=false",
        f"-D{MARKER}={marker}",
        "-cp",
        f"{places.home}/lib/*",
        "org.opensearch.bootstrap.OpenSearch",
    ]


MARKER = "fountainai.state"

#: What the archive's launcher adds by itself, for every Java alike, except that it would touch the
#: whole heap at the start.
LAUNCHER_ARGUMENTS: Sequence[str] = (
    "-Xshare:auto",
    "-Xss1m",
    "-XX:-OmitStackTraceInFastThrow",
    "-XX:+ShowCodeDetailsInExceptionMessages",
    "-Dopensearch.networkaddress.cache.ttl=60",
    "-Dopensearch.networkaddress.cache.negative.ttl=10",
    "-Djava.awt.headless=true",
    "-Djava.locale.providers=SPI,CLDR",
    "-Dfile.encoding=UTF-8",
    "-Djna.nosys=true",
    "-Dio.netty.noUnsafe=true",
    "-Dio.netty.noKeySetOptimization=true",
    "-Dio.netty.recycler.maxCapacityPerThread=0",
    "-Dio.netty.allocator.numDirectArenas=0",
    "-Dlog4j.shutdownHookEnabled=false",
    "-Dlog4j2.disable.jmx=true",
)
