"""What the tests of app hosts share: images that behave, requests as the gateway, load.

The images are the services' own with another program in it: same base, same user, same limits,
and an answer that tells which image gave it. They come from the lab's registry by their digest,
after a login, as in production.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from deploys.pki import Pki
from inventories.lab import image, oci, registry, state
from inventories.loader import Host
from inventories.worlds import world
from tests.labs import Site, site, write_inventory

DEPLOY = "deploys/app.py"
NAME = "characters.app.fountainai.internal"
GROUP = "story"
SOCKET = "curl -sS --fail-with-body --unix-socket /run/docker.sock"
PROGRAM = """
import http.server, json, os, signal, sys, threading, time
kind, busy, lock = os.environ["KIND"], [0], threading.Lock()
print("starting as", kind, flush=True)
if kind == "crash":
    time.sleep(1.5)  # long enough to be met running again after its first end
    sys.exit("no way to work: planted reason")
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        with lock:
            busy[0] += 1
        try:
            time.sleep(float(self.path[6:]) if self.path.startswith("/slow/") else 0)
            status = 503 if kind == "sick" and self.path == "/health" else 200
            body = json.dumps({"kind": kind, "args": sys.argv[1:], "store": "planted sickness"})
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())
            self.wfile.flush()
        finally:
            with lock:
                busy[0] -= 1
    do_POST = do_GET
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["STORY_PORT"])), Handler)
server.daemon_threads = True
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
while busy[0]:
    time.sleep(0.01)
"""


@dataclass
class App:
    """A lab with one app host, its registry, and the images in it by kind."""

    site: Site
    overlay: Path
    lab: state.Lab
    images: dict[str, str]
    host: Host
    token: Path
    app: dict[str, Any] = field(default_factory=dict)

    def settings(self, kind: str = "one", *, user: str = "app", **app: Any) -> None:
        """Write the site file: the image of that kind (or a whole reference) and settings."""
        self.app = {
            "image": self.images.get(kind, kind),
            "ready_s": 30,
            "registry": {"user": user, "ca": str(registry.ca(self.lab))},
            **app,
        }
        hosts = [
            {"name": self.host.name, "role": "app", "size": "nano"},
            {"name": "search-1", "role": "opensearch", "size": "micro"},
        ]
        text = {
            "site": {"blueprint": "debian_13"},
            "hosts": hosts,
            "app": self.app,
            "secrets": {"registry_token": {"file": str(self.token)}},
        }
        self.overlay.write_text(tomli_w.dumps(text))

    def run(self, *flags: str) -> tuple[int, str]:
        """Converge the app host; exit code and everything printed."""
        done = self.site.pyinfra(DEPLOY, "--limit", self.host.name, *(flags or ("-y",)))
        text = done.stdout + done.stderr
        assert "Traceback" not in text, text
        return done.returncode, text

    def converge(self, *flags: str) -> str:
        code, text = self.run(*flags)
        assert code == 0, text
        return text

    def refused(self, *flags: str) -> str:
        code, text = self.run(*flags)
        assert code == 1, text
        return text

    def ssh(self, command: str, *, check: bool = True) -> str:
        return self.site.ssh(self.host.name, command, check=check)

    def containers(self) -> dict[str, tuple[str, str, str]]:
        """name -> (id, start time, image) of everything the engine runs."""
        ids = json.loads(self.ssh(f"{SOCKET} 'http://engine/containers/json?all=1'"))
        out = {}
        for item in ids:
            text = self.ssh(f"{SOCKET} http://engine/containers/{item['Id']}/json")
            found = json.loads(text)
            name = found["Name"].lstrip("/")
            out[name] = (found["Id"], found["State"]["StartedAt"], found["Config"]["Image"])
        return out

    def connection(self, role: str = "gateway", name: str = NAME) -> Connection:
        secrets = world(self.site.env).secrets
        pki = Pki(secrets, self.site.env)
        context = ssl.create_default_context(cafile=str(pki.ca_path))
        if role:
            context.load_cert_chain(*map(str, pki.client_paths(role)))
        return Connection(self.host.private_address, name, context)

    def ask(self, path: str = "/", role: str = "gateway", name: str = NAME) -> tuple[int, Any]:
        """Status and parsed answer of one request to the host's nginx."""
        connection = self.connection(role, name)
        try:
            return connection.get(path)
        finally:
            connection.close()

    def kind(self) -> str:
        """Which image answers."""
        status, answer = self.ask()
        assert status == 200, answer
        return str(answer["kind"])

    @contextmanager
    def load(self, per_second: float = 20, *, repeats: bool = False) -> Iterator[list[str]]:
        """Requests as the gateway sends them, over two kept connections and by new ones; gives
        the list of what was not answered with 200. With `repeats`, one that met the end of a kept
        connection is asked again on a new one, as proxies do."""
        failed: list[str] = []
        count = [0]
        stop = threading.Event()

        def work(keep: bool) -> None:
            connection = self.connection()
            while not stop.wait(3 / per_second):
                try:
                    try:
                        status, answer = connection.get("/some/path")
                    except http.client.RemoteDisconnected:
                        if not (keep and repeats):
                            raise
                        connection.close()
                        status, answer = connection.get("/some/path")
                    if status != 200:
                        failed.append(f"{status} {answer}")
                except (OSError, http.client.HTTPException) as error:
                    failed.append(repr(error))
                    connection.close()
                count[0] += 1
                if not keep:
                    connection.close()
            connection.close()

        threads = [threading.Thread(target=work, args=(keep,)) for keep in (True, True, False)]
        for thread in threads:
            thread.start()
        try:
            yield failed
        finally:
            stop.set()
            for thread in threads:
                thread.join()
            print(f"load: {count[0]} requests, {len(failed)} failed")


class Connection(http.client.HTTPSConnection):
    """A connection to an address under another name, as the gateway makes it."""

    def __init__(self, address: str, name: str, context: ssl.SSLContext) -> None:
        super().__init__(name, 8443, context=context, timeout=20)
        self._to, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._to, 8443), timeout=20)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)

    def get(self, path: str) -> tuple[int, Any]:
        self.request("GET", path)
        answer = self.getresponse()
        text = answer.read()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text


def variants(lab: state.Lab, tmp: Path) -> dict[str, str]:
    """Images in the lab's registry: three that work, one that ends, one that never can."""
    built, out = image.build(), {}
    for kind in ("one", "two", "three", "crash", "sick"):

        def change(found: dict[str, Any], kind: str = kind) -> None:
            config = found["config"]
            config["Entrypoint"] = ["/opt/story/bin/python3", "-I", "-c", PROGRAM]
            config["Env"] = [*config["Env"], f"KIND={kind}"]

        folder = tmp / f"image-{kind}"
        shutil.rmtree(folder, ignore_errors=True)
        oci.variant(built, folder, change)
        out[kind] = registry.push(lab, folder)
    return out


@contextmanager
def app_host(env: str, tmp: Path, memory_mb: int = 512) -> Iterator[App]:
    """A lab with a fresh app host and a full registry; nothing is converged yet. The search host
    is only a name: these images do not ask it."""
    overlay = tmp / f"{env}.toml"
    with site(env, {"app-1": ("app", memory_mb)}, overlay=overlay) as made:
        lab = state.find(env)
        assert lab is not None
        with state.locked(lab.directory, what=f"lab {env}"):
            registry.start(lab)
        images = variants(lab, tmp)
        (host,) = made.hosts
        search = host.model_copy(
            update={
                "name": "search-1", "role": "opensearch", "address": lab.gateway,
                "private_address": lab.gateway,
            }
        )  # fmt: skip
        write_inventory(env, [host, search])
        app = App(made, overlay, lab, images, host, registry.token(lab))
        app.settings()
        yield app
