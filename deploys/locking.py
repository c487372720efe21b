"""The lock of a host: held by a command on an extra channel of the run's own connection.

When the controller dies, its connection ends, the command on the host reads end-of-file and
the kernel frees the lock. When the network dies instead, the command misses the controller's
heartbeats and gives up by itself. All hosts that will change are locked, in the order of their
names, before the first change; the first busy one stops the run. Every later request names its
holder, and the host refuses one that no longer holds the lock.
"""

from __future__ import annotations

import shlex
import threading
from typing import Any

import gevent
from pyinfra.api import Host, State

HEARTBEAT_S = 5
SILENCE_S = 30  # without a heartbeat for so long, the holder is taken for dead
HOLDER = f"""\
import fcntl, os, select, sys
os.makedirs("/run/fountainai", exist_ok=True)
who = sys.stdin.buffer.raw.readline()
lock = open("/run/fountainai/lock", "a")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit("busy " + open("/run/fountainai/holder").read().strip())
with open("/run/fountainai/holder", "wb") as out:
    out.write(who)
print("LOCKED", flush=True)
while select.select([0], [], [], {SILENCE_S})[0] and os.read(0, 4096):
    pass
open("/run/fountainai/holder", "w").close()
"""

_one_at_a_time = threading.Lock()
_outcome: dict[str, str] = {}  # host name -> "" when locked, else the holder
_wanted: dict[str, str] = {}  # host name -> who we are


def want(host: Host, who: str) -> None:
    """Note that this host will change; called while the plan is made."""
    _wanted[host.name] = who


def holder(host: Host) -> str:
    """Who this run is to that host's lock; "" when it did not ask for it."""
    return _wanted.get(host.name, "")


def _beat(channel: Any) -> None:
    """Tell the host that this run lives; ends with the channel, which the host then refuses."""
    try:
        while not channel.closed:
            channel.sendall(b".")
            gevent.sleep(HEARTBEAT_S)
    except OSError:
        return


def _lock(host: Host, who: str) -> str:
    connector: Any = host.connector
    channel = connector.client.get_transport().open_session()
    channel.set_combine_stderr(True)
    channel.exec_command("sudo -n python3 -IS -c " + shlex.quote(HOLDER))
    channel.sendall((who + "\n").encode())
    answer = channel.makefile("r").readline().strip()
    if answer == "LOCKED":
        gevent.spawn(_beat, channel)  # keeps the channel: closing it frees the lock
        return ""
    return answer.removeprefix("busy").strip() or "an unknown holder"


def lock_all(state: State, host: Host) -> bool:
    """Take all locks on the first call; True when this host's run may change something."""
    with _one_at_a_time:
        if not _outcome:
            hosts = {h.name: h for h in state.inventory.get_active_hosts()}
            for name in sorted(set(_wanted) & set(hosts)):
                _outcome[name] = _lock(hosts[name], _wanted[name])
                if _outcome[name]:
                    break
    busy = [(name, by) for name, by in _outcome.items() if by]
    for name, by in busy:
        host.log(
            f"another run is changing {name}: {by}; nothing was changed here. "
            "Run the same command again when it has ended"
        )
    return not busy
