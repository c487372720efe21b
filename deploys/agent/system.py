"""Packages, accounts, directories, artefacts and kernel settings."""

import os
import shutil
import sys
import zipfile

from deploys.agent.apt import apt_install, install_deb
from deploys.agent.look import STAGING, load, sh, sha256, sysctl
from deploys.agent.write import Stop, must, write_json


def do_packages(r):
    if r["repair"]:
        must(
            ["dpkg", "--configure", "-a", "--force-confold"],
            "dpkg could not finish an interrupted install",
        )
    if not r["install"]:
        return
    apt_install(r["install"])


def do_accounts(r):
    for name, gid in r["groups"]:
        number = ["-g", str(gid)] if gid is not None else []
        must(["groupadd", "--system", *number, name], f"group {name} could not be made")
    for u in r["users"]:
        if u["exists"]:
            argv = ["usermod", "-g", u["group"], "-d", u["home"], "-s", u["shell"], u["name"]]
        else:
            argv = [
                "useradd",
                "--system",
                "-M",
                "-g",
                u["group"],
                "-d",
                u["home"],
                "-s",
                u["shell"],
                u["name"],
            ]
        if u.get("uid"):
            argv[1:1] = ["-u", u["uid"]]
        must(argv, "user {} could not be made".format(u["name"]))


def do_directories(r):
    for d in r["directories"]:
        os.makedirs(d["path"], exist_ok=True)
        shutil.chown(d["path"], d["owner"], d["group"])
        os.chmod(d["path"], d["mode"])


def do_artefacts(r):
    for a in r["artefacts"]:
        staged, target = STAGING % a["sha256"], a["directory"]
        marker = load(target + "/.artefact.json") or {}
        if marker.get("sha256") == a["sha256"] and not a.get("package"):
            continue  # a run that died had come further than it could tell
        if os.path.islink(staged) or sha256(staged) != a["sha256"]:
            os.unlink(staged)
            raise Stop(
                "{}: the upload of {} is damaged and was dropped; run again".format(
                    a["name"], a["version"]
                )
            )
        if a.get("package"):
            install_deb(a, staged)
            continue
        new, old = target + ".unpacking", target + ".old"
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)
        try:
            unzip(staged, new)
            write_json(
                new + "/.artefact.json",
                {"name": a["name"], "version": a["version"], "sha256": a["sha256"]},
            )
            os.chmod(new + "/.artefact.json", 0o644)
            os.sync()
        except (OSError, zipfile.BadZipFile) as e:
            shutil.rmtree(new, ignore_errors=True)
            raise Stop(
                "{} {} could not be unpacked ({}); nothing was switched".format(
                    a["name"], a["version"], e
                )
            ) from e
        if os.path.exists(target):
            os.rename(target, old)
        os.rename(new, target)
        shutil.rmtree(old, ignore_errors=True)
        os.unlink(staged)


def unzip(source, target):
    with zipfile.ZipFile(source) as z:
        tops = {i.filename.split("/", 1)[0] for i in z.infolist()}
        if len(tops) != 1:
            raise zipfile.BadZipFile(f"expected one top folder, found {len(tops)}")
        os.makedirs(target)
        for info in z.infolist():
            inner = info.filename.split("/", 1)[1] if "/" in info.filename else ""
            if not inner:
                continue
            path = os.path.join(target, inner)
            if ".." in inner.split("/") or inner.startswith("/"):
                raise zipfile.BadZipFile("unsafe path " + info.filename)
            if info.is_dir():
                os.makedirs(path, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with z.open(info) as src, open(path, "wb") as dst:
                shutil.copyfileobj(src, dst, 1 << 20)
            os.chmod(path, 0o755 if (info.external_attr >> 16) & 0o111 else 0o644)


def do_sysctls(r):
    for s in r["sysctls"]:
        code, _, err = sh(["sysctl", "-q", "-w", "{}={}".format(s["key"], s["value"])])
        if code and not s["container"]:
            raise Stop(
                "kernel setting {}={} was refused: {}".format(s["key"], s["value"], err.strip())
            )
        if code:
            sys.stdout.write(
                "{} stays {}: a container cannot set it\n".format(s["key"], sysctl(s["key"]))
            )
