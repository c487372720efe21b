"""Installing by apt: nothing starts before its configuration is in place, and a deb of our own
choice is the very file that was pinned, with the owners of what stands there left as they are."""

import os
import shutil

from deploys.agent.look import packages, sha256
from deploys.agent.write import POLICY, POLICY_TEXT, Stop, must, write_json, write_whole

DEBS = "/var/lib/fountainai/debs"  # root only: apt reads the file that was checked, no other


def apt_install(wanted, *options):
    """`apt-get install` with every service held back from starting."""
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    ours = not os.path.exists(POLICY)
    if ours:
        write_whole(POLICY, POLICY_TEXT, 0o755)
    try:
        must([*apt, "update"], "apt-get update failed; check the host's way out and its clock")
        argv = [*apt, "install", "-y", "--no-install-recommends", *options]
        must(
            [*argv, "-o", "Dpkg::Options::=--force-confold", *wanted],
            "apt-get install {} failed".format(" ".join(wanted)),
            1800,
        )
    finally:
        if ours:
            os.unlink(POLICY)


def rights_below(folders):
    """Owner, group and mode of all that stands below, to be put back afterwards."""
    out = {}
    for folder in folders:
        found = [folder]
        for above, folders_in, names in os.walk(folder):
            found += [os.path.join(above, name) for name in (*folders_in, *names)]
        for path in found:
            if os.path.lexists(path) and not os.path.islink(path):
                st = os.lstat(path)
                out[path] = (st.st_uid, st.st_gid, st.st_mode & 0o7777)
    return out


def install_deb(a, staged):
    """Install the checked deb with its dependencies, hold it, and note what was installed."""
    os.makedirs(DEBS, mode=0o700, exist_ok=True)
    deb = os.path.join(DEBS, a["sha256"] + ".deb")
    shutil.copyfile(staged, deb)  # away from where every user may write
    if sha256(deb) != a["sha256"]:
        os.unlink(deb)
        raise Stop("{}: the upload changed while it was read; run again".format(a["name"]))
    guarded = rights_below(a["guards"])
    try:
        apt_install([deb], "--allow-downgrades", "--allow-change-held-packages", "--reinstall")
    finally:
        for path, (uid, gid, mode) in guarded.items():
            if os.path.lexists(path):
                os.chown(path, uid, gid)
                os.chmod(path, mode)
        os.unlink(deb)
    installed = packages([a["package"]])[0][a["package"]]
    if not installed:
        raise Stop("{} did not bring the package {}".format(a["name"], a["package"]))
    must(["apt-mark", "hold", a["package"]], "{} could not be held".format(a["package"]))
    os.makedirs(a["directory"], exist_ok=True)
    write_json(
        os.path.join(a["directory"], ".artefact.json"),
        {
            "name": a["name"],
            "version": a["version"],
            "sha256": a["sha256"],
            "installed": installed,
        },
    )
    os.unlink(staged)
