"""A deb with the least that looks like a gateway to a converge: the commands, files and Status API
that its step uses, over a configuration of a few lines. The lab's stand-in is the real thing; this
one can be told to misbehave.

Its file is JSON: `plugins`, `keys`, and `routes` of path -> status that the service behind answers.
`parse` refuses what is no JSON and plugins other than key-auth; a reload with `"deaf": true` is
accepted and ignored, as nginx does with a configuration it cannot load.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

PROGRAM = """#!/usr/bin/python3
import hashlib, http.server, json, os, signal, ssl, sys, threading
FILE = "/etc/kong/kong.yml"
live = {"document": {}, "hash": "0" * 32, "ready": False}

def load(path):
    raw = open(path, "rb").read()
    document = json.loads(raw)
    for name in document.get("plugins", []):
        if name != "key-auth":
            raise ValueError("plugin %s is not installed; keys: %s" % (name, document.get("keys")))
    return document, hashlib.md5(raw).hexdigest()

def reload(*_):
    try:
        document, digest = load(FILE)
    except (OSError, ValueError) as e:
        sys.stderr.write("reload failed: %s\\n" % e)
        live["ready"] = False
        return
    if document.get("deaf"):
        live["ready"] = False
        sys.stderr.write("reload failed: [emerg] bad regex\\n")
        return
    live.update(document=document, hash=digest, ready=True)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

class Public(Handler):
    def do_GET(self):
        document = live["document"]
        if self.path not in document.get("routes", {}):
            return self.answer(404, {"message": "no Route matched with those values"})
        if self.headers.get("X-API-KEY") not in document.get("keys", []):
            return self.answer(401, {"message": "No API key found in request"})
        down = os.path.exists("/etc/kong/services-are-down")
        self.answer(503 if down else document["routes"][self.path], {})

class Status(Handler):
    def do_GET(self):
        if self.path == "/status/ready":
            return self.answer(200 if live["ready"] else 503, {})
        self.answer(200, {"configuration_hash": live["hash"]})

def serve():
    live["document"], live["hash"] = load(FILE)
    live["ready"] = True
    signal.signal(signal.SIGHUP, reload)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, lambda *_: os._exit(0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/etc/kong/tls/gateway.pem", "/etc/kong/tls/gateway.key")
    class Secure(http.server.ThreadingHTTPServer):
        daemon_threads = True
        def finish_request(self, request, address):
            with context.wrap_socket(request, server_side=True) as channel:
                self.RequestHandlerClass(channel, address, self)
        def handle_error(self, *_):
            pass
    public = Secure(("0.0.0.0", 443), Public)
    status = http.server.ThreadingHTTPServer(("127.0.0.1", 8007), Status)
    threading.Thread(target=status.serve_forever, daemon=True).start()
    public.serve_forever()

command = sys.argv[1] if len(sys.argv) > 1 else ""
if command == "version":
    print("a fake of kong 3.9.3")
elif command == "check":
    sys.exit(0 if "database = off" in open(sys.argv[2]).read() else "not a configuration")
elif command == "config":
    assert os.geteuid() != 0, "root must not run it"
    prefix = sys.argv[sys.argv.index("-p") + 1]
    assert os.listdir(prefix) == [], "the prefix is not empty"
    open(prefix + "/used", "w").close()
    try:
        load(sys.argv[-1])
    except ValueError as e:
        sys.exit("Error: Failed parsing:\\n%s" % e)
    print("parse successful")
elif command == "serve":
    serve()
"""
UNIT = """[Unit]
Description=a fake of Kong
[Service]
User=root
ExecStart=/usr/local/bin/kong serve
ExecReload=/bin/kill -HUP $MAINPID
[Install]
WantedBy=multi-user.target
"""
#: As the real one: an account unless there is one, then everything below is the account's.
POSTINST = """#!/bin/sh
groupadd -f kong
useradd -g kong -s /bin/sh kong 2>/dev/null
chown -R kong:kong /etc/kong /usr/local/kong /usr/local/bin/kong
chmod -R g=u /etc/kong
exit 0
"""


def build(folder: Path, version: str = "3.9.3+fake1") -> Path:
    """The deb, below `folder`."""
    tree = folder / f"tree-{version}"
    files = {
        "usr/local/bin/kong": (PROGRAM + f"# {version}\n", 0o755),
        "lib/systemd/system/kong.service": (UNIT, 0o644),
        "etc/kong/kong.conf.default": ("# defaults\n", 0o644),
        "usr/local/kong/empty": ("", 0o644),
        "DEBIAN/postinst": (POSTINST, 0o755),
        "DEBIAN/control": (
            f"Package: fountainai-kong-standin\nVersion: {version}\nArchitecture: all\n"
            "Maintainer: tests <tests@example.org>\nDepends: python3\n"
            "Description: a fake of Kong for tests of the converge\n",
            0o644,
        ),
    }
    for name, (text, mode) in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
    out = folder / f"fake_{version}.deb"
    subprocess.run(
        ["dpkg-deb", "-Zxz", "--root-owner-group", "--build", str(tree), str(out)],
        check=True,
        capture_output=True,
    )
    return out
