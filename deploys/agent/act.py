"""One request that changes something, under the agent's own lock."""

import fcntl
import os
import sys
import time

from deploys.agent.containers import do_containers
from deploys.agent.drain import do_drain, do_needed
from deploys.agent.gateway import do_gateway
from deploys.agent.look import RUN, read
from deploys.agent.system import do_accounts, do_artefacts, do_directories, do_packages, do_sysctls
from deploys.agent.units import do_confirm, do_firewall, do_units
from deploys.agent.write import Stop, do_begin, do_files, do_finish, do_links

DO = {
    "begin": do_begin,
    "packages": do_packages,
    "accounts": do_accounts,
    "directories": do_directories,
    "artefacts": do_artefacts,
    "files": do_files,
    "links": do_links,
    "sysctls": do_sysctls,
    "firewall": do_firewall,
    "confirm": do_confirm,
    "units": do_units,
    "gateway": do_gateway,
    "containers": do_containers,
    "drain": do_drain,
    "needed": do_needed,
    "finish": do_finish,
}
WAIT_S = 600  # for the last command of a run whose controller died


def locked(lock):
    """Wait for the agent's lock: what a killed run had begun goes on until it ends."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Stop("a command of an earlier run is still at work; try later") from None
            time.sleep(0.2)


def still_ours(who):
    """Refuse a run whose lock went to another one, or expired while the network was silent."""
    if who and read(RUN + "/holder").decode(errors="replace").strip() != who:
        raise Stop("this run lost its lock on the host; run the same command again")


def act(request):
    """Carry one request out; a failure is one sentence on stderr and exit 1."""
    os.makedirs(RUN, mode=0o755, exist_ok=True)
    os.umask(0o022)
    try:
        with open(RUN + "/agent.lock", "a") as lock:
            locked(lock)
            still_ours(request.get("holder"))
            DO[request["do"]](request)
    except Stop as e:
        sys.stderr.write(f"{e}\n")
        sys.exit(1)
    except OSError as e:
        sys.stderr.write(f"{request['do']}: {e.strerror} {e.filename or ''}\n")
        sys.exit(1)
