"""Whether a run's own output says that nothing changed and nothing failed. Pure.

A contender that changed something, left a host out or did not run every operation is not
comparable, so its time must not be taken.
"""

from __future__ import annotations

import re

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def ours_unchanged(text: str, hosts: int) -> bool:
    """Each host has its `no changes` line."""
    plain = ANSI.sub("", text)
    return len(set(re.findall(r"^\[(\S+)\] no changes", plain, re.MULTILINE))) == hosts


def stock_unchanged(text: str, hosts: int, operations: int) -> bool:
    """pyinfra's tables: no proposed change (dry), or no change and no error in the results."""
    plain = ANSI.sub("", text).replace("\r", "")
    if "--> Results:" in plain:
        total = re.search(r"^\s+Grand total +(\S+) +(\S+) +(\S+) +(\S+)", plain, re.MULTILINE)
        every = str(hosts * operations)
        return total is not None and total.groups() == (every, "-", "-", every)
    _, found, table = plain.partition("--> Detected changes:\n")
    rows = table.partition("\n\n")[0].splitlines()[1:]
    return (
        bool(found) and len(rows) == operations and all(r.split()[-2:] == ["-"] * 2 for r in rows)
    )


def ansible_unchanged(text: str, hosts: int) -> bool:
    """The recap names every host, with nothing changed, failed or unreachable."""
    recap = text.partition("PLAY RECAP")[2]
    clean = r"ok=[1-9]\d* +changed=0 +unreachable=0 +failed=0 "
    return len(re.findall(clean, recap)) == hosts == recap.count("changed=")
