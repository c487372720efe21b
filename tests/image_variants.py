"""Images like the services' own but for one thing, pushed to a lab's registry in seconds.

The layers are the same; only the configuration differs, so each has a digest of its own and a host
that has one of them fetches a few kilobytes for the next.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

from inventories.lab import image, oci, publish, registry
from inventories.lab.oci import Json
from inventories.lab.state import Lab

Kind = Literal["services", "other", "crash", "hang", "unready"]
PYTHON = "/opt/story/bin/python3"
CRASHED = "made to crash by a test"
UNREADY = "made never to be ready by a test"
SERVER = f"""
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{{"errorCode": "storeUnavailable", "message": "{UNREADY}", "details": null}}'
        self.send_response(503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
COMMANDS = {
    # Ends at once, with a last line in its log.
    "crash": [PYTHON, "-I", "-c", f"import sys; print('{CRASHED}', file=sys.stderr); sys.exit(3)"],
    # Lives, and nobody listens.
    "hang": [PYTHON, "-I", "-c", "import signal; signal.pause()"],
    # Listens, and says at every address that it cannot work.
    "unready": [PYTHON, "-I", "-c", SERVER],
}


def push(lab: Lab, kind: Kind = "services") -> str:
    """An image's name by digest, in the lab's registry; the lab needs its network.

    `services` are the services as they are, `other` the same with another digest; the rest is bad.
    """
    publish.prepare(lab)
    built = image.build()
    registry.start(lab)
    if kind == "services":
        return registry.push(lab, built)
    with tempfile.TemporaryDirectory(dir=registry.folder(lab), prefix=".push-") as work:
        target = Path(work, "image")
        oci.variant(built, target, lambda found: _change(found, kind))
        return registry.push(lab, target)


def _change(found: Json, kind: Kind) -> None:
    settings = found["config"]
    settings["Labels"] = {**settings["Labels"], "variant": kind}
    if kind in COMMANDS:
        settings["Entrypoint"], settings["Cmd"] = COMMANDS[kind], []
