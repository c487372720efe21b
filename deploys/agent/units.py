"""Units and the firewall: start, restart, wait until healthy, take back what locks out."""

import os
import re
import time

from deploys.agent.look import RUN, read, sh, show_units
from deploys.agent.write import Stop, do_files, do_links, must, write_whole

LOG_LINES = 15  # of a unit's log, in the message about its failure
DEATHS = 2  # a process that died so often while it was waited for will not come up


def explain(name):
    """Why a unit is not well: systemd's result, an out-of-memory kill, its last log lines."""
    _, shown, _ = sh(["systemctl", "show", "-p", "Result,ExecMainStatus,ActiveState", name])
    _, log, _ = sh(["journalctl", "-u", name, "-n", "200", "--no-pager", "-o", "cat"])
    lines = [" ".join(shown.split())]
    if "oom-kill" in shown or "status=137" in shown:
        lines.append("it was killed for want of memory")
    # The frames of a stack trace say where, not why.
    said = [x for x in log.splitlines() if not re.match(r"\s+at |\s*\.\.\. \d+ more", x)]
    return "\n  ".join(lines + said[-LOG_LINES:])


def restarts(name):
    """How often systemd started the unit again by itself since it was last started by hand."""
    _, count, _ = sh(["systemctl", "show", "-p", "NRestarts", "--value", name])
    return int(count) if count.strip().isdigit() else 0


def wait_healthy(name, check):
    deadline = time.monotonic() + check["timeout_s"]
    said, before, pause = "no answer", restarts(name), 0.5
    while True:
        code, out, err = sh(check["argv"], timeout=15)
        if code == 0:
            return
        said = (out + err).strip() or said
        state = show_units([name]).get(name, {})
        dead = state.get("ActiveState") in ("failed", "inactive")
        # Started again and again: waiting longer will not make it well.
        dead = dead or restarts(name) >= before + DEATHS
        if dead or time.monotonic() > deadline:
            raise Stop(f"{name} is not healthy: {said}\n  {explain(name)}")
        time.sleep(pause)
        pause = min(pause * 1.2, 3)  # each look costs processor time that a small host has not


def do_units(r):
    do_files({"files": r.get("files", ()), "remove": ()})
    for u in r["units"]:
        if u.get("before") and u["action"] in ("start", "restart"):
            must(
                u["before"],
                "{}: the step before its {} failed, which was left out".format(
                    u["name"], u["action"]
                ),
            )
        do_links({"links": u.get("links", ())})
    sh(["systemctl", "daemon-reload"])
    for u in r["units"]:
        if u["action"] == "remove":
            sh(["systemctl", "disable", "--now", u["name"]])
            continue
        if u["enable"] is not None:
            must(
                ["systemctl", "enable" if u["enable"] else "disable", u["name"]],
                u["name"] + " could not be enabled",
            )
        if u["action"] in ("start", "restart", "reload", "stop"):
            sh(["systemctl", "reset-failed", u["name"]])
            code, _, err = sh(["systemctl", u["action"], u["name"]], timeout=300)
            if code:
                raise Stop(
                    "{} did not {}: {}\n  {}".format(
                        u["name"], u["action"], err.strip(), explain(u["name"])
                    )
                )
        if u["check"] and u["action"] != "stop":
            wait_healthy(u["name"], u["check"])


def do_firewall(r):
    """Load new rules, with a timer that puts the old ones back unless `confirm` comes first."""
    table, path, unit = r["table"], r["path"], r["unit"]
    os.makedirs(RUN, exist_ok=True)
    _, before, _ = sh(["nft", "list", "table", *table.split()])
    back = f"table {table}\ndelete table {table}\n{before}"
    write_whole(RUN + "/firewall.before", back.encode())
    old = read(path, None)
    script = f"nft -f {RUN}/firewall.before\n"
    if r["file"] is not None and old is not None:
        write_whole(RUN + "/firewall.file", old)
        script += f"cp -p {RUN}/firewall.file {path}.back && mv {path}.back {path}\n"
    elif r["file"] is not None:
        script += f"rm -f {path}\n"
    write_whole(RUN + "/firewall.restore", script.encode(), 0o700)
    timer = ["systemd-run", "--quiet", "--collect", "--unit=fountainai-firewall-restore"]
    sh(["systemctl", "stop", "fountainai-firewall-restore.timer"])
    must(
        [*timer, "--on-active={}".format(r["seconds"]), "/bin/sh", RUN + "/firewall.restore"],
        "the firewall's safety timer could not be set, the rules are as before",
    )
    if r["file"] is not None:
        do_files({"files": [r["file"]], "remove": ()})
    do_units({"units": [unit]})


def do_confirm(r):
    must(
        ["systemctl", "stop", "fountainai-firewall-restore.timer"],
        "the old firewall rules are back: this connection came too late",
    )
