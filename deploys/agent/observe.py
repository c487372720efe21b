"""The whole observation: what the machine is, and everything a request asks about."""

import fcntl
import grp
import os
import pwd
import re
import time

from deploys.agent.docker import containers
from deploys.agent.drain_look import look_cluster, still_needed
from deploys.agent.gateway_look import look_gateway
from deploys.agent.look import (
    RUN,
    STAGING,
    STATE,
    firewall,
    load,
    look,
    name_of,
    packages,
    read,
    sh,
    sha256,
    sysctl,
    units,
)

SETTLE_S = 600  # as long as the longest command may take


def listeners(numbers):
    """Who listens on these TCP ports: {port: [process names]}."""
    out = {}
    text = sh(["ss", "-Hltnp"])[1] if numbers else ""
    for line in text.splitlines():
        parts = line.split()
        port = int(parts[3].rsplit(":", 1)[1])
        if port in numbers:
            out.setdefault(str(port), []).extend(re.findall(r'\("([^"]+)"', line) or ["?"])
    return out


def machine():
    mem = dict(
        line.split(":", 1) for line in read("/proc/meminfo").decode().splitlines() if ":" in line
    )
    os_release = {}
    for line in read("/etc/os-release").decode().splitlines():
        key, _, value = line.partition("=")
        os_release[key] = value.strip('"')
    return {
        "memory_mb": int(mem["MemTotal"].split()[0]) // 1024,
        "cpus": os.cpu_count() or 1,
        "arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
        "os_id": os_release.get("ID", ""),
        "os_version": os_release.get("VERSION_ID", ""),
        "os_codename": os_release.get("VERSION_CODENAME", ""),
        "container": os.path.exists("/run/systemd/container"),  # systemd writes it in one
    }


def holder():
    """Who holds this host's run lock; a file that a killed run left is not believed."""
    try:
        inode = f":{os.stat(RUN + '/lock').st_ino} "
    except OSError:
        return ""
    if inode.encode() not in read("/proc/locks"):
        return ""
    return read(RUN + "/holder").decode(errors="replace")


def login_ms():
    """Milliseconds between the start of the login shell (sshd's child) and of this process: what
    rc files cost every command. 0 where no sshd is above."""
    pid, started, shell = os.getpid(), None, None
    while pid > 1:
        name, _, rest = read(f"/proc/{pid}/stat").decode(errors="replace").rpartition(")")
        fields = rest.split()
        if not fields or "(sshd" in name:
            break
        shell = int(fields[19])
        started = shell if started is None else started
        pid = int(fields[1])
    else:
        return 0
    return (started - shell) * 1000 // os.sysconf("SC_CLK_TCK") if started else 0


def accounts(users, groups):
    found = {}
    for name in users:
        try:
            u = pwd.getpwnam(name)
        except KeyError:
            continue
        group = name_of(grp.getgrgid, u.pw_gid)
        found[name] = {
            "group": group,
            "home": u.pw_dir,
            "shell": u.pw_shell,
            "uid": str(u.pw_uid),
        }
    known = {g.gr_name for g in grp.getgrall()}
    return found, [g for g in groups if g in known]


def artefact(directory, digest, installed=""):
    """What stands there; of a package `installed` is the version, None when it is not."""
    marker = load(os.path.join(directory, ".artefact.json")) or {}
    staged = STAGING % digest
    if installed != "" and marker.get("installed") != installed:
        marker = {}  # removed, or replaced by another version, by hand
    return {
        "sha256": marker.get("sha256"),
        "staged": os.path.isfile(staged)
        and not os.path.islink(staged)
        and sha256(staged) == digest,
    }


def settle():
    """Wait for the last command of a run that died: it goes on, and what is seen meanwhile would
    be no ground for a plan. A living run is not waited for; its lock will say who it is."""
    if not os.path.exists(RUN + "/agent.lock"):
        return
    with open(RUN + "/agent.lock") as lock:
        deadline = time.monotonic() + SETTLE_S
        while not holder() and time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(0.2)


def observe(request):
    if request.get("settle"):
        settle()
    disk = os.statvfs("/")
    versions, broken = packages([*request["packages"], *request["debs"].values()])
    users, groups = accounts(request["users"], request["groups"])
    applied, pending = load(STATE + "/applied.json"), load(STATE + "/pending.json")
    paths = dict(request["paths"])
    for record in (applied, pending):  # what an earlier run managed and this role may not know
        for key, entry in ((record or {}).get("entries") or {}).items():
            kind, _, path = key.partition(":")
            if kind in ("file", "link", "directory"):
                paths.setdefault(path, ["", bool(entry.get("secret"))])
    return {
        "machine": machine(),
        "clock": time.time(),
        "disk_free_mb": disk.f_bavail * disk.f_frsize // 1048576,
        "dpkg_broken": broken,
        "paths": {path: look(path, digest, secret) for path, (digest, secret) in paths.items()},
        "packages": {name: versions[name] for name in request["packages"]},
        "users": users,
        "groups": groups,
        "units": units(request["units"]),
        "sysctls": {key: sysctl(key) for key in request["sysctls"]},
        "artefacts": {
            d: artefact(d, digest, versions[request["debs"][d]] if d in request["debs"] else "")
            for d, digest in request["artefacts"].items()
        },
        "listeners": listeners(request["ports"]),
        "firewall": firewall(request["firewall"]),
        "containers": containers(request["containers"]),
        "gateway": look_gateway(request["gateway"]),
        "cluster": look_cluster(request["cluster"]),
        "needed": still_needed(request["needed"]),
        "applied": applied,
        "pending": pending,
        "holder": holder(),
        "login_ms": login_ms(),
    }
