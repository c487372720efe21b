"""Where on a host certain words can be read that belong nowhere: logs, journal, processes.

The words come in by stdin and never go out: an answer names them by their number.
"""

import contextlib
import glob
import gzip
import os
import subprocess

PLACES = (
    "/var/log", "/run/log", "/var/lib/systemd/coredump", "/var/lib/docker/containers",
)  # fmt: skip


def grep(words, *places):
    """Files below the places that hold one of the words, compressed ones included."""
    there = [place for place in places if os.path.exists(place)]
    lines = b"".join(word + b"\n" for word in words)
    argv = ["grep", "-rlaF", "-D", "skip", "-f", "-", *there]
    said = subprocess.run(argv, input=lines, capture_output=True, check=False).stdout
    found = set(said.decode().splitlines())
    for place in there:
        for name in glob.glob(f"{place}/**/*.gz", recursive=True):
            with contextlib.suppress(OSError, EOFError), gzip.open(name) as text:
                content = text.read()
                if any(word in content for word in words):
                    found.add(name)
    return sorted(found)


def journal(words, since):
    """Which of the words any field of the journal holds since a time."""
    argv = ["journalctl", "--no-pager", "-o", "export", f"--since=@{since}"]
    found, rest = set(), b""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as reader:
        while part := reader.stdout.read(1 << 20):
            rest = rest[-4096:] + part
            found |= {number for number, word in enumerate(words) if word in rest}
    return sorted(found)


def processes(words):
    """Programs that show one of the words in their arguments or environment."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/{name}", "rb") as shown:
                    content = shown.read()
                if any(word in content for word in words):
                    program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
                    found.add(f"{name} of {program}")
    return sorted(found)


def run(task):
    """`task`: {words, since}, seconds since the epoch; {files, journal, processes} of what was
    found, files as path -> numbers of the words."""
    words = [word.encode() for word in task["words"]]
    files = {}
    for path in grep(words, *PLACES):
        numbers = [n for n, word in enumerate(words) if path in grep([word], path)]
        files[path] = numbers
    return {
        "files": files,
        "journal": journal(words, task["since"]),
        "processes": processes(words),
    }
