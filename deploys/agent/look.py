"""The part of the host agent that looks: one request in, one observation out, nothing changed."""

import base64
import contextlib
import grp
import hashlib
import json
import os
import pwd
import re
import stat
import subprocess
import time
import zlib
from datetime import UTC, datetime

STATE = "/var/lib/fountainai"  # root only: applied.json, pending.json, log.jsonl
RUN = "/run/fountainai"
SHOW_LIMIT = 262144  # bytes; larger contents are named, not shown
STAGING = "/var/tmp/fountainai-%s.zip"  # noqa: S108  any user may write there: sha256 decides


def sh(argv, timeout=60, **kw):
    """Run without a shell; returns (exit code, stdout, stderr), 127 for a missing program."""
    try:
        p = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            **kw,
        )
    except FileNotFoundError:
        return 127, "", argv[0] + ": not found"
    except subprocess.TimeoutExpired:
        return 124, "", f"{argv[0]}: no answer within {timeout} s"
    return p.returncode, p.stdout, p.stderr


def read(path, default=b""):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return default


def load(path):
    try:
        return json.loads(read(path, b"null"))
    except ValueError:
        return None


def sha256(path):
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def name_of(table, number):
    try:
        return table(number)[0]
    except KeyError:
        return str(number)


def look(path, shown_digest="", secret=False):
    """kind, mode, owner, group and digest of one path; the text too where it may be shown and
    is not what the caller already has."""
    try:
        st = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    out = {
        "mode": stat.S_IMODE(st.st_mode),
        "owner": name_of(pwd.getpwuid, st.st_uid),
        "group": name_of(grp.getgrgid, st.st_gid),
    }
    if stat.S_ISLNK(st.st_mode):
        return {**out, "kind": "link", "target": os.readlink(path)}
    if stat.S_ISDIR(st.st_mode):
        return {**out, "kind": "directory"}
    if not stat.S_ISREG(st.st_mode):
        return {**out, "kind": "other"}
    out.update(kind="file", digest=sha256(path), mtime=st.st_mtime)
    if not secret and out["digest"] != shown_digest and st.st_size <= SHOW_LIMIT:
        out["content"] = base64.b64encode(zlib.compress(read(path), 6)).decode()
    return out


def newest(paths):
    """The path that changed last (ctime, so that a package's old mtimes count too), and when."""
    best = (0.0, "")
    for path in paths:
        found = [path]
        if path.endswith("/"):
            found += [os.path.join(d, n) for d, _, names in os.walk(path) for n in names]
        for item in found:
            for stats in (os.lstat, os.stat):  # the link and what it leads to
                with contextlib.suppress(OSError):
                    best = max(best, (stats(item).st_ctime, path))
    return best


def packages(names):
    out = dict.fromkeys(names)
    if names:
        _, text, _ = sh(
            ["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n", *names]
        )
        for line in text.splitlines():
            name, version, status = line.split(" ")
            if status == "installed":
                out[name] = version
    return out


def moment(text):
    """systemd's `Sun 2026-11-22 06:00:00.123456 UTC` as seconds, 0 when never."""
    try:
        parsed = datetime.strptime(text.split(" ", 1)[1], "%Y-%m-%d %H:%M:%S.%f UTC")
    except (IndexError, ValueError):
        return 0.0
    return parsed.replace(tzinfo=UTC).timestamp()


UNIT_KEYS = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,MainPID,NeedDaemonReload,"
    "ExecMainStartTimestamp,StateChangeTimestamp"
)


def show_units(names):
    out = {}
    if names:
        _, text, _ = sh(["systemctl", "show", "--timestamp=us+utc", "-p", UNIT_KEYS, *names])
        for block in text.strip().split("\n\n"):
            keys = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            if "Id" in keys:
                out[keys["Id"]] = keys
    return out


def units(wanted):
    out = {}
    for name, keys in show_units(list(wanted)).items():
        unit = wanted.get(name)
        if unit is None or keys["LoadState"] == "not-found":
            continue
        active = keys["ActiveState"] in ("active", "reloading")
        started = moment(keys["ExecMainStartTimestamp"])
        touched = moment(keys["StateChangeTimestamp"])
        restart, reload = newest(unit["restart_on"]), newest(unit["reload_on"])
        out[name] = {
            "active": active,
            "state": keys["ActiveState"] + "/" + keys["SubState"],
            "enabled": keys["UnitFileState"],
            "pid": int(keys["MainPID"]),
            "started": started,
            "need_reload": keys["NeedDaemonReload"] == "yes",
            "newer": restart[1] if restart[0] > started else "",
            "newer_reload": reload[1] if reload[0] > max(started, touched) else "",
        }
        if active and unit.get("check"):
            code, text, err = sh(unit["check"], timeout=10)
            out[name]["healthy"] = code == 0
            out[name]["said"] = (text + err).strip()[-300:]
    return out


def accounts(users, groups):
    found = {}
    for name in users:
        try:
            u = pwd.getpwnam(name)
        except KeyError:
            continue
        group = name_of(grp.getgrgid, u.pw_gid)
        found[name] = {"group": group, "home": u.pw_dir, "shell": u.pw_shell}
    known = {g.gr_name for g in grp.getgrall()}
    return found, [g for g in groups if g in known]


def artefact(directory, digest):
    marker = load(os.path.join(directory, ".artefact.json"))
    staged = STAGING % digest
    return {
        "sha256": (marker or {}).get("sha256"),
        "staged": os.path.isfile(staged)
        and not os.path.islink(staged)
        and sha256(staged) == digest,
    }


def listeners(numbers):
    """Who listens on these TCP ports: {port: [process names]}."""
    out = {}
    _, text, _ = sh(["ss", "-Hltnp"])
    for line in text.splitlines():
        parts = line.split()
        port = int(parts[3].rsplit(":", 1)[1])
        if port in numbers:
            out.setdefault(str(port), []).extend(re.findall(r'\("([^"]+)"', line) or ["?"])
    return out


def firewall(table):
    if not table:
        return None
    code, text, _ = sh(["nft", "list", "table", *table.split()])
    return hashlib.sha256(text.encode()).hexdigest() if code == 0 else None


def machine():
    mem = dict(
        line.split(":", 1) for line in read("/proc/meminfo").decode().splitlines() if ":" in line
    )
    os_release = {}
    for line in read("/etc/os-release").decode().splitlines():
        key, _, value = line.partition("=")
        os_release[key] = value.strip('"')
    code, virt, _ = sh(["systemd-detect-virt", "--container"])
    _, routes, _ = sh(["ip", "-4", "-j", "addr", "show", "scope", "global"])
    addresses = [a["local"] for i in json.loads(routes or "[]") for a in i.get("addr_info", [])]
    return {
        "memory_mb": int(mem["MemTotal"].split()[0]) // 1024,
        "cpus": os.cpu_count() or 1,
        "arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
        "os_id": os_release.get("ID", ""),
        "os_version": os_release.get("VERSION_ID", ""),
        "os_codename": os_release.get("VERSION_CODENAME", ""),
        "container": code == 0 and virt.strip() != "none",
        "addresses": addresses,
    }


def sysctl(key):
    text = read("/proc/sys/" + key.replace(".", "/")).decode().split()
    return int(text[0]) if len(text) == 1 and text[0].lstrip("-").isdigit() else None


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


def observe(request):
    disk = os.statvfs("/")
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
        "dpkg_broken": bool(sh(["dpkg", "--audit"])[1].strip()),
        "paths": {path: look(path, digest, secret) for path, (digest, secret) in paths.items()},
        "packages": packages(request["packages"]),
        "users": users,
        "groups": groups,
        "units": units(request["units"]),
        "sysctls": {key: sysctl(key) for key in request["sysctls"]},
        "artefacts": {d: artefact(d, digest) for d, digest in request["artefacts"].items()},
        "listeners": listeners(request["ports"]),
        "firewall": firewall(request["firewall"]),
        "applied": applied,
        "pending": pending,
        "holder": holder(),
        "login_ms": login_ms(),
    }
