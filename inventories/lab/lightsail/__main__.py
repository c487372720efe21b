"""`python -m inventories.lab.lightsail --lab NAME`: the stand-in of a lab, as its own process.

Writes its url to `api.url` in the lab's state directory (temp + rename) once it answers, takes up
what a killed predecessor left, logs to stderr, and on SIGTERM or SIGINT saves and exits 0. It
comes back on the port it had before when that is free, so that clients need not look again.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from inventories.lab.errors import LabError
from inventories.lab.lightsail import Delays, Driver, NullDriver, StandIn
from inventories.lab.lightsail.account import StateError

STATE_ROOT = Path("/var/lib/fountainai-lab")
log = logging.getLogger("lightsail")


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m inventories.lab.lightsail")
    parser.add_argument("--lab", required=True, metavar="NAME", help="the lab whose hosts it makes")
    parser.add_argument("--region", default="eu-central-1")
    parser.add_argument("--port", type=int, help="default: the one it had before, or any free one")
    parser.add_argument("--quota", type=int, default=20, help="how many instances the account has")
    parser.add_argument("--state-dir", type=Path, help=f"default: {STATE_ROOT}/NAME")
    parser.add_argument(
        "--driver", choices=["lab", "null"], default="lab", help="null: the API without hosts"
    )
    parser.add_argument("--quick", action="store_true", help="the short delays of the tests")
    return parser.parse_args(argv)


def make_driver(kind: str, lab: str) -> Driver:
    if kind == "null":
        return NullDriver()
    from inventories.lab.driver import LabDriver  # needs root and a lab: not at import time

    driver = LabDriver(lab)
    driver.reconcile()
    return driver


def last_port(url_file: Path) -> int | None:
    """The port of the predecessor, if it left its url."""
    try:
        return urlsplit(url_file.read_text(encoding="utf-8").strip()).port
    except (OSError, ValueError):
        return None


def serve(stand_in_args: dict[str, Any], driver: Driver, ports: list[int]) -> tuple[StandIn, str]:
    """Start on the first port that is free; OSError if none is."""
    for port in ports[:-1]:
        stand_in = StandIn(driver, port=port, **stand_in_args)
        try:
            return stand_in, stand_in.start()
        except OSError as e:
            log.info("port %s is taken (%s), taking another", port, e)
    stand_in = StandIn(driver, port=ports[-1], **stand_in_args)
    return stand_in, stand_in.start()


def write_url(url_file: Path, url: str) -> None:
    temp = url_file.with_name(url_file.name + ".tmp")
    temp.write_text(url + "\n", encoding="utf-8")
    temp.replace(url_file)


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    directory: Path = args.state_dir or STATE_ROOT / args.lab
    url_file = directory / "api.url"
    before = last_port(url_file)
    ports = [args.port] if args.port is not None else [before, 0] if before else [0]
    settings = {
        "region": args.region,
        "state_file": directory / "lightsail.json",
        "quota": args.quota,
        "delays": Delays() if args.quick else Delays.lab(),
    }
    try:
        if args.driver == "null":  # a lab's own directory is there, or the lab is not
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        stand_in, url = serve(settings, make_driver(args.driver, args.lab), ports)
    except (StateError, LabError, OSError) as e:
        log.error("the stand-in of lab %s does not start: %s", args.lab, e)
        return 1
    write_url(url_file, url)
    log.info("lab %s: Lightsail stand-in on %s", args.lab, url)
    ending.wait()
    stand_in.stop(wait_s=3)  # what is not done by then is taken up by the next start
    log.info("lab %s: saved, gone", args.lab)
    return 0


if __name__ == "__main__":
    sys.exit(main())
