"""The host's firewall in a real kernel, in a network namespace of its own: no host is touched.

Proves that the file is what `nft` prints once it is loaded (so an exact comparison is possible),
that loading twice is harmless, that a foreign table survives, and who may connect on loopback.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploys.roles import firewall
from deploys.settings import NODE_PORT, NODE_TRANSPORT_PORT

pytestmark = pytest.mark.lab

OPENINGS = [
    firewall.opening(22, ["10.0.0.0/8", "203.0.113.7/32"]),
    firewall.opening(9200, ["203.0.113.7/32", "172.26.3.20/32"]),
    firewall.opening(9300, []),
]
LOOPBACK = [firewall.Loopback((NODE_PORT, NODE_TRANSPORT_PORT), ("root", "www-data"))]


def inside(script: str, folder: Path) -> str:
    """Run a script in a fresh network namespace with loopback up; its output."""
    done = subprocess.run(
        ["unshare", "--net", "sh", "-ec", f"ip link set lo up\n{script}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    body = firewall.table(OPENINGS, LOOPBACK)
    (tmp_path / "host.nft").write_bytes(firewall.rules_file("# managed", body))
    return tmp_path


def test_file_is_what_the_kernel_shows(folder: Path) -> None:
    listed = inside("nft -f host.nft; nft --guid list table inet host", folder)
    assert listed == firewall.table(OPENINGS, LOOPBACK)


def test_loading_again_replaces_ours_and_leaves_others(folder: Path) -> None:
    """Docker's rules live in tables of their own; a flush would take them along."""
    script = "nft add table ip docker; nft -f host.nft; nft -f host.nft; nft list tables"
    assert inside(script, folder).split("\n")[:-1] == ["table ip docker", "table inet host"]


@pytest.mark.parametrize("port", [NODE_PORT, NODE_TRANSPORT_PORT])
@pytest.mark.parametrize(
    ("user", "answer"), [("root", "in"), ("www-data", "in"), ("nobody", "refused")]
)
def test_only_nginx_and_root_reach_the_node(
    folder: Path, port: int, user: str, answer: str
) -> None:
    """Otherwise any process of the host, of any user, would own the data."""
    (folder / "try.py").write_text(
        "import os, pwd, socket, sys\n"
        "listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "os.setuid(pwd.getpwnam(sys.argv[2]).pw_uid)\n"
        "try:\n"
        "    socket.create_connection(listener.getsockname(), timeout=5)\n"
        "    print('in')\n"
        "except ConnectionRefusedError:\n"
        "    print('refused')\n"
    )
    script = f"nft -f host.nft; /usr/bin/python3 try.py {port} {user}"
    assert inside(script, folder).strip() == answer


def test_loopback_addresses_cannot_be_reached_from_outside(folder: Path) -> None:
    """A neighbour may route 127.0.0.1 to this host's address; the raw chain drops it."""
    raw = firewall.table(OPENINGS, LOOPBACK).split("chain input")[0]
    assert raw.index('iif "lo" accept') < raw.index("ip daddr 127.0.0.0/8 drop")


@pytest.mark.parametrize(
    ("source", "port", "answer"),
    [
        ("10.1.0.2", 22, "in"),
        ("10.1.0.2", 9200, "lost"),  # may log in, but not ask
        ("172.26.3.20", 9200, "in"),
        ("172.26.3.20", 22, "lost"),
        ("172.26.3.20", 9300, "lost"),
        ("172.26.3.20", 8080, "lost"),  # whatever else listens is closed
    ],
)
def test_ports_open_to_their_sources_only(
    folder: Path, source: str, port: int, answer: str
) -> None:
    """Two namespaces and a cable between them: the neighbour tries to connect."""
    (folder / "listen.py").write_text(
        "import socket, sys\n"
        "listener = socket.create_server(('0.0.0.0', int(sys.argv[1])))\n"
        "open('ready', 'w').close()\n"
        "listener.settimeout(20)\n"
        "listener.accept()\n"
    )
    (folder / "try.py").write_text(
        "import socket, sys\n"
        "try:\n"
        "    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)\n"
        "    print('in')\n"
        "except TimeoutError:\n"
        "    print('lost')\n"
    )
    mine = source.rpartition(".")[0] + ".99"
    script = f"""
        unshare --net sh -c 'echo $$ > peer; exec sleep 60' & neighbour=$!
        until [ -s peer ]; do sleep 0.05; done
        trap 'kill $neighbour $listener 2>/dev/null || :' EXIT
        ip link add cable type veth peer name cable netns $(cat peer)
        ip addr add {mine}/24 dev cable; ip link set cable up
        nsenter --net=/proc/$(cat peer)/ns/net sh -c \
            'ip addr add {source}/24 dev cable; ip link set cable up'
        nft -f host.nft
        /usr/bin/python3 listen.py {port} & listener=$!
        until [ -e ready ]; do sleep 0.05; done
        nsenter --net=/proc/$(cat peer)/ns/net /usr/bin/python3 try.py {mine} {port}
    """
    assert inside(script, folder).strip() == answer
