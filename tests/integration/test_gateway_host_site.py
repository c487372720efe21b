"""A gateway host as a site makes it: `deploys/kong.py` over the services' real documents, with the
lab's stand-in for Kong, before an app host that answers for all services."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploys import keys, placement
from deploys.pki import Pki
from deploys.settings import APP_PORT, SERVICES
from inventories.lab.standin import deb
from inventories.spec import load_site
from inventories.worlds import world
from tests.labs import OVERLAY, Site, site, until

# What it holds is sampled by the whole site: test_rehearse.py, test_site.py and make verify.
pytestmark = [pytest.mark.lab, pytest.mark.long]
ENTRY = "deploys/kong.py"
#: Whoever asks with the gateway's certificate is told who was asked for.
UPSTREAM = """
import http.server, json, ssl
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def do_GET(self):
        subject = dict(pair[0] for pair in self.connection.getpeercert()["subject"])
        body = json.dumps({
            "host": self.headers["Host"], "path": self.path, "by": subject["commonName"],
            "consumer": self.headers["X-Consumer-Username"], "key": self.headers["X-API-KEY"],
        }).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/root/up/pem", "/root/up/key")
context.load_verify_locations("/root/up/ca")
context.verify_mode = ssl.CERT_REQUIRED
server = http.server.ThreadingHTTPServer(("0.0.0.0", %d), Answer)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


@dataclass
class Gateway:
    """The site, and its gateway as a storyteller sees it."""

    lab: Site

    def converge(self, *flags: str) -> str:
        done = self.lab.pyinfra(ENTRY, *(flags or ("-y",)))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def key(self) -> str:
        where = world(self.lab.env)
        return keys.consumers(where, load_site(where))["storyteller"][0].reveal().decode()

    def ask(self, path: str, key: str | None) -> tuple[int, dict[str, str]]:
        """From outside, with the certificate checked against the environment's authority."""
        where = world(self.lab.env)
        context = ssl.create_default_context(cafile=str(Pki(where.secrets, where.env).ca_path))
        address = self.lab.hosts[0].address
        request = urllib.request.Request(f"https://{address}{path}")
        if key is not None:
            request.add_header("X-API-KEY", key)
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"{}")

    def ids(self) -> str:
        return self.lab.ssh(
            "gateway-1",
            "sha256sum /etc/kong/kong.yml /etc/kong/kong.conf /etc/kong/applied/* "
            "/var/lib/fountainai/*.json*; curl -s http://127.0.0.1:8007/status | head -c 400 "
            "| grep -o 'configuration_hash[^,]*'; "
            "systemctl show -p MainPID,ExecMainStartTimestampMonotonic kong.service; pgrep kong",
        )


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    overlay = folder / "site.toml"
    overlay.write_text(
        OVERLAY.read_text() + f'\n[kong]\npackage = "standin"\nartefact = "{deb.build(folder)}"\n'
    )
    with site("t-g3", {"gateway-1": ("kong", 512), "app-1": ("app", 512)}, overlay=overlay) as lab:
        serve(lab)
        yield Gateway(lab)


def serve(lab: Site) -> None:
    """Start the services' stand-in on the app host."""
    where = world(lab.env)
    pki = Pki(where.secrets, where.env)
    pki.ensure()
    app = lab.hosts[1]
    names = [placement.upstream_name(service) for service in SERVICES]
    given = pki.host(app.name, [app.private_address, *names])
    files = {
        "pem": given.certificate.decode(), "key": given.key.reveal().decode(),
        "ca": given.ca.decode(), "serve.py": UPSTREAM % APP_PORT,
    }  # fmt: skip
    parts = [f"cat > /root/up/{name} <<'ENDS'\n{text}\nENDS\n" for name, text in files.items()]
    lab.ssh(
        app.name,
        "umask 077; mkdir -p /root/up\n" + "".join(parts)
        + "systemd-run --unit=up --collect python3 /root/up/serve.py",
    )  # fmt: skip
    until(lambda: f":{APP_PORT}" in lab.ssh(app.name, "ss -Hltn"), 20)


def test_a_storyteller_reaches_every_service_with_a_key_and_only_so(gateway: Gateway) -> None:
    text = gateway.converge()
    assert "stands in for Kong here" in text
    for service, path in (("central-sequence", "/sequence"), ("core-script", "/scripts"),
                          ("characters", "/actions"), ("story-factory", "/search")):  # fmt: skip
        status, said = gateway.ask(path, gateway.key)
        assert status == 200, (path, said)
        assert said["host"].split(":")[0] == placement.upstream_name(service)
        assert (said["by"], said["consumer"]) == ("gateway", "storyteller")
        assert said["key"] is None
        assert gateway.ask(path, None)[0] == 401
        assert gateway.ask(path, "fai_wrong")[0] == 401
    for path in ("/health", "/metrics", "/docs", "/openapi.json", "/", "/scripts/"):
        assert gateway.ask(path, gateway.key)[0] == 404, path


def test_a_second_run_changes_nothing(gateway: Gateway) -> None:
    gateway.converge()
    before = gateway.ids()
    assert "no changes" in gateway.converge()
    assert gateway.ids() == before


def test_the_people_on_the_host_see_no_secret(gateway: Gateway) -> None:
    gateway.converge()
    key = gateway.key
    assert key not in "".join(gateway.lab.output)
    readable = gateway.lab.ssh(
        "gateway-1",
        "find / -xdev -type f -perm -o=r -size -20M -not -path '/proc/*' -not -path '/sys/*' "
        f"-exec grep -lF {key} {{}} + 2>/dev/null; journalctl --no-pager | grep -cF {key}; true",
    )
    assert readable.strip() == "0"
    assert "secret:" in gateway.lab.ssh("gateway-1", "cat /etc/kong/applied/gateway.yml")


def test_a_gateway_whose_services_went_away_keeps_what_it_has(gateway: Gateway) -> None:
    """The configuration is as wanted: nothing to do, nothing to undo, and the key still decides."""
    gateway.converge()
    gateway.lab.ssh("app-1", "systemctl stop up.service")
    try:
        before = gateway.ids()
        assert "no changes" in gateway.converge()
        assert gateway.ask("/sequence", gateway.key)[0] in (502, 503, 504)
        assert gateway.ask("/sequence", None)[0] == 401
        assert gateway.ids() == before
    finally:
        serve(gateway.lab)
    until(lambda: gateway.ask("/sequence", gateway.key)[0] == 200, 60)


def test_the_gateway_comes_back_with_its_host(gateway: Gateway) -> None:
    gateway.converge()
    gateway.lab.driver.reboot("gateway-1")
    until(lambda: _answers(gateway), 90)
    assert "no changes" in gateway.converge()


def _answers(gateway: Gateway) -> bool:
    try:
        return gateway.ask("/sequence", gateway.key)[0] == 200
    except OSError:
        return False


def test_it_all_fits_the_host(gateway: Gateway) -> None:
    gateway.converge()
    shown = gateway.lab.ssh("gateway-1", "ps -o rss= -C kong")
    assert 0 < sum(int(kb) for kb in shown.split()) < 180 << 10, shown
