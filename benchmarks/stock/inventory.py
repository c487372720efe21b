"""Stock pyinfra's inventory: the hosts of DEPLOY_ENV with the same SSH data as ours.

Reads hosts.json by itself, so that stock pyinfra does not pay for imports of this project.
"""

import json
import os
import socket
from pathlib import Path

import paramiko

_ENV = os.environ["DEPLOY_ENV"]
_ROOT = Path(__file__).resolve().parent.parent.parent
_GENERATED = _ROOT / "inventories/generated" / _ENV


def _nodelay(sock, **kwargs):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return paramiko.Transport(sock, **kwargs)


def _data(host):
    return {
        "ssh_hostname": host["address"],
        "ssh_port": host["port"],
        "ssh_user": host["user"],
        "ssh_key": str(_ROOT / ".secrets" / _ENV / "ssh/id_rsa"),
        "ssh_known_hosts_file": str(_GENERATED / "known_hosts"),
        "ssh_strict_host_key_checking": "yes",
        "ssh_config_file": str(_GENERATED / "ssh_config"),
        "ssh_paramiko_connect_kwargs": {"transport_factory": _nodelay, "channel_timeout": 10},
        "_sudo": True,
    }


hosts = [
    (name, _data(host))
    for name, host in json.loads((_GENERATED / "hosts.json").read_text())["hosts"].items()
]
