"""What must be true before the first change. Pure: observation in, sentences out."""

from __future__ import annotations

from collections.abc import Sequence

from deploys import compare_gateway
from deploys.model import Role
from deploys.observation import Observation

SUPPORTED = {("debian", "13"), ("ubuntu", "24.04")}
CLOCK_SKEW_S = 60  # beyond it TLS, apt and request signing fail
OS_RESERVE_MB = 150  # what the OS itself needs; design, memory rule
SLOW_LOGIN_MS = 100  # every command pays it


def problems(roles: Sequence[Role], seen: Observation, controller_clock: float) -> list[str]:
    """Sentences that stop the run; empty when it may begin."""
    machine, out = seen.machine, []
    if (machine.os_id, machine.os_version) not in SUPPORTED:
        known = ", ".join(sorted(f"{a} {b}" for a, b in SUPPORTED))
        out.append(f"runs {machine.os_id} {machine.os_version}; supported are {known}")
    skew = seen.clock - controller_clock
    if abs(skew) > CLOCK_SKEW_S:
        out.append(f"its clock is {skew:+.0f} s off; set it (timedatectl) and run again")
    # What stands already needs no more room: only a first installation is held to the full sum.
    fresh = any(not (now or {}).get("sha256") for now in seen.artefacts.values()) or not seen.run
    need = sum(r.disk_mb for r in roles) if fresh else 64
    if seen.disk_free_mb < need:
        out.append(
            f"{seen.disk_free_mb} MB free on /, {need} MB needed; free some or take a larger size"
        )
    memory = sum(r.memory_mb for r in roles) + OS_RESERVE_MB
    if sum(r.memory_mb for r in roles) and machine.memory_mb < memory:
        out.append(
            f"{machine.memory_mb} MB of memory, {memory} MB needed; take a larger size in site.toml"
        )
    for port in (p for r in roles for p in r.ports):
        names = seen.listeners.get(str(port.number), [])
        if names and port.process not in names:
            out.append(
                f"port {port.number} is held by {', '.join(sorted(set(names)))}, not "
                f"{port.process}; stop it on the host and run again"
            )
    for name in sorted({name for r in roles for a in r.artefacts for name in a.refuses}):
        if seen.packages.get(name):
            out.append(
                f"package {name} {seen.packages[name]} is installed and cannot stand beside what "
                f"this role brings; remove it on the host (apt-get purge {name}) and run again"
            )
    return out + compare_gateway.problems(roles, seen)


def warnings(seen: Observation) -> list[str]:
    """Sentences that do not stop the run."""
    if seen.login_ms <= SLOW_LOGIN_MS:
        return []
    return [
        f"its login shell takes {seen.login_ms} ms before every command; look at the rc files of "
        "the login user"
    ]
