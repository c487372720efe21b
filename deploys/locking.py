"""The lock of a host: held by a command on an extra channel of the run's own connection.

When the controller dies, its connection ends, the command on the host reads end-of-file and
the kernel frees the lock. All hosts that will change are locked, in the order of their names,
before the first change; the first busy one stops the run.
"""

from __future__ import annotations

import shlex
import threading
from typing import Any

from pyinfra.api import Host, State

LOCK_SCRIPT = """\
set -u; mkdir -p /run/fountainai; read -r who
exec 9>>/run/fountainai/lock
if ! flock -n 9; then cat /run/fountainai/holder; exit 75; fi
printf '%s\\n' "$who" > /run/fountainai/holder; echo LOCKED
cat >/dev/null; : > /run/fountainai/holder
"""

_one_at_a_time = threading.Lock()
_outcome: dict[str, str] = {}  # host name -> "" when locked, else the holder
_channels: list[Any] = []  # kept open: closing one frees its lock
_wanted: dict[str, str] = {}  # host name -> who we are


def want(host: Host, who: str) -> None:
    """Note that this host will change; called while the plan is made."""
    _wanted[host.name] = who


def _lock(host: Host, who: str) -> str:
    connector: Any = host.connector
    channel = connector.client.get_transport().open_session()
    channel.exec_command("sudo -n sh -c " + shlex.quote(LOCK_SCRIPT))
    channel.sendall((who + "\n").encode())
    answer = channel.makefile("r").readline().strip()
    if answer == "LOCKED":
        _channels.append(channel)
        return ""
    return answer or "an unknown holder"


def lock_all(state: State, host: Host) -> bool:
    """Take all locks on the first call; True when this host's run may change something."""
    with _one_at_a_time:
        if not _outcome:
            hosts = {h.name: h for h in state.inventory.get_active_hosts()}
            for name in sorted(set(_wanted) & set(hosts)):
                _outcome[name] = _lock(hosts[name], _wanted[name])
                if _outcome[name]:
                    break
    busy = [(name, holder) for name, holder in _outcome.items() if holder]
    for name, holder in busy:
        host.log(
            f"another run is changing {name}: {holder}; nothing was changed here. "
            "Run the same command again when it has ended"
        )
    return not busy
