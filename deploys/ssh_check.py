"""Proof that a host still lets a new SSH connection in, with the same strict host key rules."""

from __future__ import annotations

from typing import Any

from pyinfra.api import Host, State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.connectors.sshuserclient import SSHClient


def confirm_over_new_connection(state: State, host: Host, script: str) -> bool:
    """Connect anew and run `script` there; False, with a sentence, when that is not possible."""
    connector: Any = host.connector
    arguments = connector.make_paramiko_kwargs()
    client = SSHClient()
    try:
        client.connect(arguments.pop("hostname"), **{**arguments, "timeout": 10})
        stdin, stdout, stderr = client.exec_command("sudo -n python3 -IS -", timeout=30)
        stdin.write(script)
        stdin.channel.shutdown_write()
        status = stdout.channel.recv_exit_status()
        if status:
            host.log(stderr.read().decode(errors="replace").strip())
        return status == 0
    except (OSError, EOFError, PyinfraError, Exception) as problem:
        host.log(
            f"a new SSH connection failed under the new firewall rules ({problem}); "
            "the host puts the old rules back within seconds. Check operator_networks "
            "in site.toml and run the same command again"
        )
        return False
    finally:
        client.close()
