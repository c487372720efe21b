"""The gateway as everybody meets it: who gets in, where to, how much, and what it tells of itself.

Asked from outside, over the same address and certificate as any client.
"""

from __future__ import annotations

import json
import secrets
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from testinfra.host import Host as Shell

from deploys.debs import STANDIN
from deploys.gateway.policy import Settings
from deploys.gateway_probes import NOWHERE, probes, sample
from deploys.roles.kong import APPLIED, CONFIG, UNIT
from deploys.settings import KONG_STATUS_PORT
from deploys.trust import gateway_pair
from inventories.loader import Host
from story_services.main import services
from story_services.openapi import documents
from tests.hosts.gates import Gate, a_uuid, promised, undocumented
from tests.hosts.support import Site

LEAST_DAYS = 14  # of a pair of the operator's own; the environment's are renewed at 30
INSIDE = (
    "/", "/admin", "/config", "/docs", "/health", "/kong", "/metrics", "/openapi.json", "/redoc",
    "/routes", "/status", "/status/ready", "/_cluster/health", "/../health", "/%2e%2e/metrics",
)  # fmt: skip
METHODS = {"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"}
NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"


@pytest.fixture(scope="session")
def shell(site: Site, gateway: Host) -> Shell:
    return site.shell(gateway)


def policy_of(method: str, path: str) -> Settings:
    return next(s for o, s in promised().items() if (o.method, o.path) == (method, path))


def test_every_service_answers_to_a_key_and_only_to_a_key(gate: Gate) -> None:
    """One reading operation of each service: with the key, without, with a wrong one, and with
    the right one at a wrong place."""
    asked = [probe for probe in probes(promised()) if probe.keyed]
    assert asked
    wrong = []
    for probe in asked:
        tries = {
            "key": gate.ask(probe.method, probe.path).status,
            "none": gate.ask(probe.method, probe.path, key=None).status,
            "wrong": gate.ask(probe.method, probe.path, key="fai_" + "0" * 43).status,
            "query": gate.ask(probe.method, f"{probe.path}?apikey={gate.key}", key=None).status,
        }
        if tries["key"] >= 500 or tries["key"] in (401, 403):
            wrong.append((probe.path, tries))
        if {tries["none"], tries["wrong"], tries["query"]} != {401}:
            wrong.append((probe.path, tries))
    assert wrong == []


def test_a_refusal_says_nothing_of_the_inside(gate: Gate) -> None:
    """Neither which key was sent nor who stands behind."""
    sent = "fai_" + secrets.token_hex(20)
    reply = gate.ask("GET", "/scripts", key=sent)
    told = reply.body.decode() + json.dumps(reply.headers)
    assert reply.status == 401
    assert sent not in told
    assert "fountainai.internal" not in told


def test_what_nobody_documents_is_nowhere(gate: Gate) -> None:
    """With a good key: addresses of the inside, of the services' own pages, of Kong, and
    documented addresses with any other method."""
    hidden = {
        (o.method, sample(o)) for o, chosen in promised().items() if not chosen.reachable
    }  # fmt: skip
    asked = {("GET", NOWHERE), *(("GET", path) for path in INSIDE), *hidden, *undocumented()}
    with_connection = gate.open()
    try:
        answers = {each: gate.ask(*each, over=with_connection) for each in sorted(asked)}
    finally:
        with_connection.close()
    reached = {each: a.status for each, a in answers.items() if not a.nowhere}
    assert reached == {}
    assert len(answers) > 40


def test_certificate_is_for_the_gateway_and_lasts(site: Site, gateway: Host, gate: Gate) -> None:
    """The connection itself checks chain and name; another name must not pass."""
    with gate.connect() as channel:
        shown = channel.getpeercert(binary_form=True) or b""
    certificate = x509.load_der_x509_certificate(shown)
    days = (certificate.not_valid_after_utc - datetime.now(UTC)) // timedelta(days=1)
    own = gateway_pair(site.spec)
    whose = "the operator's own" if own else "of the environment's authority"
    site.notes.append(f"Certificate of {gateway.name}: {whose}, {days} days left")
    assert days >= (LEAST_DAYS if own else 30), "renew it, then converge"
    with pytest.raises(ssl.SSLCertVerificationError):
        gate.connect(name="elsewhere.example.org")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_no_older_tls_than_1_2(gate: Gate, version: ssl.TLSVersion) -> None:
    """The refusal has to be the gateway's, with or without a word, and not this client's."""
    refused = r"(?i)alert protocol version|unexpected.eof|reset by peer"
    with pytest.raises((ssl.SSLError, ConnectionResetError), match=refused):
        gate.connect(gate.context(version))


def test_tls_1_2_and_1_3_are_spoken(gate: Gate) -> None:
    for newest, spoken in (
        (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
    ):
        with gate.connect(gate.context(newest)) as channel:
            assert channel.version() == spoken


def test_a_body_above_the_limit_is_not_taken(gate: Gate) -> None:
    """Refused by its length, before a service hears of it; just below, the service decides."""
    limit = policy_of("POST", "/scripts").max_body_kb * 1024
    above = gate.ask("POST", "/scripts", {"title": "x" * limit})
    assert above.status == 413, above.body[:200]
    below = gate.ask("POST", "/scripts", {"title": "x" * (limit - 1024)})
    assert below.status == 400, below.body[:200]


def test_answers_tell_the_limit_of_the_policy(gate: Gate) -> None:
    limit = policy_of("GET", "/scripts").rate_limit
    headers = gate.ask("GET", "/scripts").headers
    assert headers["x-ratelimit-limit-minute"] == str(limit.minute)
    assert headers["x-ratelimit-limit-hour"] == str(limit.hour)
    assert 0 < int(headers["x-ratelimit-remaining-minute"]) < (limit.minute or 0)
    assert {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"} <= set(headers)


def test_a_client_that_asks_too_much_has_to_wait(gate: Gate, disruptive: None) -> None:
    """The operation with the tightest limit, until it is reached: a 429 that says how long."""
    per_minute = {o: s.rate_limit.minute for o, s in promised().items() if s.rate_limit.minute}
    tightest = min(per_minute, key=lambda o: (per_minute[o], o.operation_id))
    connection = gate.open()
    try:
        for _ in range(2 * per_minute[tightest] + 1):  # a new minute may begin on the way
            reply = gate.ask(tightest.method, sample(tightest), {}, over=connection)
            if reply.status == 429:
                break
    finally:
        connection.close()
    assert reply.status == 429
    assert 0 < int(reply.headers["retry-after"]) <= 60
    assert gate.ask("GET", "/scripts").status == 200  # every operation counts for itself


def test_every_answer_has_an_id(gate: Gate) -> None:
    """A client's own is kept, so that its log and ours tell the same story."""
    for path in ("/scripts", NOWHERE):
        assert a_uuid(gate.ask("GET", path).headers["x-request-id"]), path
    mine = f"verify-{secrets.token_hex(8)}"
    assert (
        gate.ask("GET", "/scripts", headers={"X-Request-Id": mine}).headers["x-request-id"] == mine
    )


def test_pages_of_other_origins_get_what_the_policy_gives(gate: Gate) -> None:
    """Preflights are answered for the origins of the policy, and for no other."""
    wrong = []
    for operation, chosen in promised().items():
        if not chosen.reachable or not (path := sample(operation)):
            continue
        for origin in ("https://elsewhere.example.org", *chosen.cors):
            asked = {"Origin": origin, "Access-Control-Request-Method": operation.method}
            reply = gate.ask("OPTIONS", path, headers=asked, key=None)
            given = reply.headers.get("access-control-allow-origin")
            if (given == origin) != (origin in chosen.cors) or given == "*":
                wrong.append((operation.label, origin, given))
    assert wrong == []


def test_what_runs_is_the_file_that_was_proven(shell: Shell) -> None:
    """A reload that failed is told by nobody: only the hash of what runs shows it."""
    status = json.loads(
        shell.check_output(
            "python3 -c 'import urllib.request as r; "
            f'print(r.urlopen("http://127.0.0.1:{KONG_STATUS_PORT}/status").read().decode())\''
        )
    )
    sums = shell.check_output(f"md5sum {CONFIG} {APPLIED}/kong.yml").split()
    assert sums == [status["configuration_hash"], CONFIG, sums[0], f"{APPLIED}/kong.yml"]


def test_what_was_applied_is_what_the_services_document(shell: Shell, gate: Gate) -> None:
    """Of this very checkout. What people may read has no secret in it."""
    applied = json.loads(shell.file(f"{APPLIED}/openapi.json").content_string)
    ours = json.loads(json.dumps(documents(services())))
    there = {
        (service, method.upper(), path)
        for service, document in applied.items()
        for path, methods in document["paths"].items()
        for method in methods
        if method.upper() in METHODS
    }
    reachable = [o for o, chosen in promised().items() if chosen.reachable]
    assert there == {(o.service, o.method, o.path) for o in reachable}
    for o in reachable:
        place = o.path, o.method.lower()
        said, is_now = (each[o.service]["paths"][place[0]][place[1]] for each in (applied, ours))
        assert said == is_now, f"{o.label}: converge the gateway"
    twin = shell.file(f"{APPLIED}/gateway.yml").content_string
    secret = gate.key in twin or "PRIVATE KEY" in twin
    assert not secret, "the twin for people holds a secret"
    for path, mode, group in (
        (CONFIG, 0o640, "kong"), (f"{APPLIED}/kong.yml", 0o600, "root"),
        ("/etc/kong/tls/gateway.key", 0o640, "kong"),
    ):  # fmt: skip
        file = shell.file(path)
        assert (file.user, file.group, file.mode) == ("root", group, mode), path


def test_gateway_runs_without_rights_and_comes_back_at_boot(shell: Shell) -> None:
    assert shell.service(UNIT).is_enabled
    assert shell.service(UNIT).is_running
    pid = shell.check_output(f"systemctl show -p MainPID --value {UNIT}")
    status = dict(
        line.split(":", 1) for line in shell.check_output(f"cat /proc/{pid}/status").splitlines()
    )
    assert status["Uid"].split() == [str(shell.user("kong").uid)] * 4
    assert int(status["CapBnd"], 16) == 1 << 10, "CAP_NET_BIND_SERVICE and nothing else"
    assert status["NoNewPrivs"].strip() == "1"
    assert shell.file(CONFIG).user == "root"


def test_status_is_closed_to_other_users_of_its_host(shell: Shell) -> None:
    connect = f"timeout 5 bash -c '</dev/tcp/127.0.0.1/{KONG_STATUS_PORT}'"
    tried = shell.run(f"{NOBODY} {connect}")
    assert tried.rc != 0
    assert "refused" in tried.stderr, tried.stderr
    assert shell.run(connect).rc == 0


def test_it_is_kong(site: Site, gateway: Host, shell: Shell) -> None:
    """Or in a lab its stand-in, which is no proof of what Kong does: the report says which."""
    form = "${db:Status-Status}|${Package}|${Version}\\n"
    found = shell.run(f"dpkg-query -W -f '{form}' kong {STANDIN}").stdout.splitlines()
    installed = [line.split("|")[1:] for line in found if line.startswith("installed|")]
    assert len(installed) == 1, found
    name, version = installed[0]
    told = "Kong itself" if name == "kong" else "a stand-in for Kong, in the lab only"
    site.notes.append(f"Gateway of {gateway.name}: {told} ({name} {version})")
    assert name == "kong" or site.where.is_lab
    if name == "kong":
        assert version.startswith(site.spec.kong.version)
