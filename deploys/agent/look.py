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
import zlib
from datetime import datetime

STATE = "/var/lib/fountainai"  # root only: applied.json, pending.json, log.jsonl
RUN = "/run/fountainai"
DPKG_RESTS = ("installed", "config-files", "not-installed")  # else: half way
SHOW_LIMIT = 262144  # bytes; larger contents are named, not shown
DOWN = 3  # exit code of a check that found nobody listening
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
    """Installed versions, None for what is not, and whether dpkg was interrupted: read from its
    own database, which is what dpkg-query would do in a process of its own."""
    out, broken = dict.fromkeys(names), bool(os.listdir("/var/lib/dpkg/updates"))
    for block in read("/var/lib/dpkg/status").decode(errors="replace").split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Version): (.*)$", block, re.MULTILINE))
        status = fields.get("Status", "").split()
        if len(status) != 3:
            continue
        broken = broken or status[2] not in DPKG_RESTS
        if fields["Package"] in out and status[2] == "installed":
            out[fields["Package"]] = fields.get("Version")
    return out, broken


def moment(text):
    """systemd's `Sun 2026-11-22 06:00:00.123456 UTC` as seconds, 0 when never."""
    try:
        return datetime.fromisoformat(text.split(" ", 1)[1].replace(" UTC", "+00:00")).timestamp()
    except (IndexError, ValueError):
        return 0.0


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
            out[name]["down"] = code == DOWN
            out[name]["said"] = (text + err).strip()[-300:]
    return out


def firewall(table):
    if not table:
        return None
    code, text, _ = sh(["nft", "list", "table", *table.split()])
    return hashlib.sha256(text.encode()).hexdigest() if code == 0 else None


def sysctl(key):
    text = read("/proc/sys/" + key.replace(".", "/")).decode().split()
    return int(text[0]) if len(text) == 1 and text[0].lstrip("-").isdigit() else None
