"""Files, links and the record: each write is compare-and-swap and whole.

A managed file is either the old one or the new one whenever the process or the host dies; a
path that is not what the plan saw is left alone. Failures are one sentence.
"""

import base64
import contextlib
import errno
import hashlib
import json
import os
import shutil
import zlib

from deploys.agent.look import STATE, firewall, load, look, read, sh

POLICY = "/usr/sbin/policy-rc.d"
POLICY_TEXT = (
    b"#!/bin/sh\n# fountainai: nothing starts before its configuration is in place\nexit 101\n"
)
NEW = ".fountainai-new"  # staged beside the file it will replace


class Stop(Exception):
    """An expected failure, told to the person in one sentence."""


def must(argv, what, timeout=900):
    code, out, err = sh(argv, timeout)
    if code:
        tail = [x for x in (out + "\n" + err).splitlines() if x.strip()][-6:]
        raise Stop("{} (exit {}):\n  {}".format(what, code, "\n  ".join(tail)))
    return out


def sync_directory(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_whole(path, content, mode=0o600, owner="root", group="root", validate=(), expect=None):
    """Stage beside, fsync, validate, compare with what the plan saw, rename, fsync the folder."""
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    staged = os.path.join(folder, "." + name + NEW)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(staged)
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as f:
            f.write(content)
            f.flush()
            shutil.chown(staged, owner, group)
            os.fchmod(f.fileno(), mode)
            os.fsync(f.fileno())
        if validate:
            argv = [staged if a == "{}" else a for a in validate]
            must(argv, path + ": the new content was refused, the old file is untouched", 60)
        if expect is not None:
            unchanged(path, expect)
        os.rename(staged, path)
        sync_directory(folder)
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Stop(
                f"{path}: no space left on the disk, the old file is untouched; "
                "free some space (df -h) and run the same command again"
            ) from e
        raise Stop(f"{path}: {e.strerror}; the old file is untouched") from e
    finally:
        with contextlib.suppress(OSError):
            os.unlink(staged)


def shipped(path):
    """Whether the file is as a package brought it: its own list of sums says so."""
    code, owner, _ = sh(["dpkg-query", "-S", path])
    if code:
        return False
    package = owner.split(":", 1)[0]
    _, conffiles, _ = sh(["dpkg-query", "-W", "-f", "${Conffiles}", package])
    _, listed, _ = sh(["dpkg-query", "--control-show", package, "md5sums"])
    sums = dict(line.split()[:2] for line in conffiles.splitlines() if len(line.split()) >= 2)
    for line in listed.splitlines():
        md5, _, name = line.partition("  ")
        sums["/" + name] = md5
    return sums.get(path) == hashlib.md5(read(path), usedforsecurity=False).hexdigest()


def unchanged(path, expect):
    """Refuse when the path is not what the plan saw; a file that a package of this very run
    brought, and nobody touched, is what the plan expected to replace."""
    now = look(path, secret=True)
    seen = {k: now[k] for k in ("kind", "digest", "target") if k in now} if now else None
    if now and not expect and now["kind"] == "file" and shipped(path):
        return
    if seen != (expect or None):
        raise Stop(
            f"{path} was changed on the host after the plan was made; it was not overwritten. "
            "Run the same command again to see the difference"
        )


def unpack_content(text):
    return zlib.decompress(base64.b64decode(text))


def write_json(path, value):
    write_whole(path, (json.dumps(value, sort_keys=True) + "\n").encode())


def do_files(r):
    for f in r["files"]:
        if f.get("content") is not None:
            write_whole(
                f["path"],
                unpack_content(f["content"]),
                f["mode"],
                f["owner"],
                f["group"],
                f["validate"],
                f["expect"],
            )
        else:
            unchanged(f["path"], f["expect"])
            shutil.chown(f["path"], f["owner"], f["group"])
            os.chmod(f["path"], f["mode"])
    for path, expect in r["remove"]:
        if expect is None:  # was not there yet: a package of this run may have brought it
            if not os.path.lexists(path):
                continue
        else:
            unchanged(path, expect)
        if expect and expect["kind"] == "directory":
            with contextlib.suppress(OSError):  # not empty: what others put there stays
                os.rmdir(path)
        else:
            os.unlink(path)
            sync_directory(os.path.dirname(path))


def do_links(r):
    for link in r["links"]:
        unchanged(link["path"], link["expect"])
        folder, name = os.path.split(link["path"])
        os.makedirs(folder, exist_ok=True)
        staged = os.path.join(folder, "." + name + NEW)
        if os.path.lexists(staged):
            os.unlink(staged)
        os.symlink(link["target"], staged)
        os.rename(staged, link["path"])
        sync_directory(folder)


def forget_staged():
    """Remove what a run that died had staged and never put in its place: the next one may want
    something else there and not write it again, and what was staged may be a secret."""
    folders = {STATE}
    for key in (load(STATE + "/pending.json") or {}).get("entries") or {}:
        kind, _, path = key.partition(":")
        if kind in ("file", "link", "gateway", "directory"):
            folders.add(path if kind == "directory" else os.path.dirname(path))
    for folder in folders:
        with contextlib.suppress(OSError):  # it was never made, or is no folder
            for name in os.listdir(folder):
                if name.startswith(".") and name.endswith(NEW):
                    os.unlink(os.path.join(folder, name))


def do_begin(r):
    """Open the run: refuse when another one finished since the plan, note all that is wanted."""
    os.makedirs(STATE, mode=0o700, exist_ok=True)
    os.chmod(STATE, 0o700)
    at = (load(STATE + "/applied.json") or {}).get("run", 0)
    if at != r["base_run"]:
        raise Stop(f"run {at} finished after this plan was made; run the same command again")
    if read(POLICY) == POLICY_TEXT:  # left by a run that was killed
        os.unlink(POLICY)
    forget_staged()
    write_json(STATE + "/pending.json", r["pending"])


def do_finish(r):
    """Look again at all that was wanted, then log, then the record, then no longer pending."""
    for path, digest in r["verify"].items():
        now = look(path, digest, secret=True)
        if (now or {}).get("digest") != digest:
            raise Stop(f"{path} is not what this run wrote; run the same command again")
    applied = load(STATE + "/applied.json") or {"run": 0, "entries": {}}
    entries = {k: v for k, v in applied["entries"].items() if v["role"] not in r["roles"]}
    entries.update(r["entries"])
    number = applied["run"] + 1
    log = STATE + "/log.jsonl"
    lines = read(log).splitlines()
    line = {
        "run": number,
        "at": r["at"],
        "by": r["by"],
        "commit": r["commit"],
        "roles": r["roles"],
        "changes": r["changes"],
        "chain": hashlib.sha256(lines[-1] if lines else b"").hexdigest(),
    }
    with open(log, "ab") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write((json.dumps(line, sort_keys=True) + "\n").encode())
        f.flush()
        os.fsync(f.fileno())
    write_json(
        STATE + "/applied.json",
        {
            "run": number,
            "at": r["at"],
            "by": r["by"],
            "commit": r["commit"],
            "entries": entries,
            "firewall": firewall(r["firewall"]) or applied.get("firewall"),
        },
    )
    os.unlink(STATE + "/pending.json")
