"""The commands a deploy uses: `kong version|check|prepare|config parse`, and nginx's own switches.

Exit codes as Kong's: 0 done, 1 refused, with `Error: ...` on stderr. `kong config` reads the
settings of `<prefix>/.kong_env` where that exists, instead of those of `-c`, as the real one does.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from . import KONG, NAME, VERSION
from .conf import PREFIX, Conf, ConfError, read, written
from .declarative import DeclarativeError
from .generation import Shared, make, read_file
from .master import ENV_FILE, PID_FILE, start


def kong(argv: list[str] | None = None) -> int:
    """The `kong` command."""
    parser = argparse.ArgumentParser("kong", description=NAME)
    commands = parser.add_subparsers(dest="command", required=True)
    version = commands.add_parser("version")
    version.add_argument("-a", "--all", action="store_true")
    check = commands.add_parser("check")
    check.add_argument("file", type=Path)
    prepare = commands.add_parser("prepare")
    config = commands.add_parser("config")
    config.add_argument("action", choices=["parse"])
    config.add_argument("file")
    for command in (prepare, config):
        command.add_argument("-c", "--conf", type=Path)
        command.add_argument("-p", "--prefix")
    for command in commands.choices.values():
        command.add_argument("--v", action="store_true")
        command.add_argument("--vv", action="store_true")
    try:
        return _run(parser.parse_args(argv))
    except (ConfError, DeclarativeError, OSError) as error:
        sys.stderr.write(f"Error: {error}\n\n  Run with --v (verbose) or --vv (debug)\n")
        return 1


def _run(given: argparse.Namespace) -> int:
    if given.command == "version":
        sys.stdout.write(f"{NAME}, in place of Kong {KONG}\n")
    elif given.command == "check":
        read(given.file)
        sys.stdout.write(f"configuration at {given.file} is valid\n")
    elif given.command == "prepare":
        _prepare(read(given.conf, prefix=given.prefix))
    else:
        _parse(given)
    return 0


def _prepare(conf: Conf) -> None:
    """The prefix as the running program needs it; the declarative file is not looked at."""
    for name in ("logs", "pids", "ssl", "sockets", "dbless.lmdb"):
        (conf.prefix / name).mkdir(parents=True, exist_ok=True)
    path = conf.prefix / ENV_FILE
    beside = path.with_name(f"{ENV_FILE}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(descriptor, "w") as file:
        file.write(written(conf))
    beside.rename(path)
    (conf.prefix / "nginx.conf").write_text(f"# {NAME}: settings are in {ENV_FILE}\n")


def _parse(given: argparse.Namespace) -> None:
    conf = read(given.conf, prefix=given.prefix)
    if (conf.prefix / ENV_FILE).exists():
        conf = read(conf.prefix / ENV_FILE)
    try:
        read_file(conf, given.file)
        unserved = Conf({**conf.values, "declarative_config": given.file, "ssl_cert": ""})
        make(unserved, Shared())
    except DeclarativeError as error:
        raise DeclarativeError(f"Failed parsing:\n{error}") from None
    sys.stdout.write("parse successful\n")


def nginx(argv: list[str] | None = None) -> int:
    """What the unit starts and signals: `nginx -p PREFIX -c nginx.conf [-s SIGNAL|-t|-v]`."""
    parser = argparse.ArgumentParser("nginx", description=NAME)
    parser.add_argument("-p", dest="prefix", type=Path, default=Path(PREFIX))
    parser.add_argument("-c", dest="conf", default="nginx.conf")
    parser.add_argument("-s", dest="signal", choices=["reload", "reopen", "quit", "stop"])
    parser.add_argument("-t", dest="test", action="store_true")
    parser.add_argument("-v", dest="version", action="store_true")
    given = parser.parse_args(argv)
    if given.version:
        sys.stderr.write(f"nginx version: kong-standin/{VERSION}\n")
        return 0
    try:
        if given.signal:
            return _signal(given.prefix, given.signal)
        if given.test:
            read(given.prefix / ENV_FILE, {})
            return 0
        start(given.prefix)
    except (ConfError, DeclarativeError, OSError) as error:
        sys.stderr.write(f"nginx: [error] {error}\n")
        return 1
    return 0


def _signal(prefix: Path, name: str) -> int:
    """Tell the running program; 0 says that it was told, not that it liked it."""
    signals = {
        "reload": signal.SIGHUP, "reopen": signal.SIGUSR1, "quit": signal.SIGQUIT,
        "stop": signal.SIGTERM,
    }  # fmt: skip
    try:
        os.kill(int((prefix / PID_FILE).read_text()), signals[name])
    except (OSError, ValueError) as error:
        sys.stderr.write(
            f'nginx: [error] invalid PID number "" in "{prefix / PID_FILE}": {error}\n'
        )
        return 1
    return 0
