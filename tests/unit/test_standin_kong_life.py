"""The stand-in's life: start, reload with good and bad files, the end; targets that fail.

What `systemctl reload` learns, which hash is served and what keeps serving are the points a deploy
depends on, so each is tried on the running program.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploys.pki import Pki
from tests.labs import until
from tests.standin_kong import (
    NAME,
    Standin,
    Upstream,
    free_port,
    ident,
    route,
    service,
    standin,
)  # fmt: skip

EMPTY = "0" * 32
LIMIT = {"name": "rate-limiting", "id": ident(50), "config": {"year": 5, "policy": "local"}}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("secrets"), "lab")


@pytest.fixture
def upstream(pki: Pki) -> Iterator[Upstream]:
    made = Upstream(pki)
    yield made
    made.close()


def with_route(kong: dict[str, Any], *routes: dict[str, Any]) -> dict[str, Any]:
    kong["services"][0]["routes"] += routes
    return kong


BAD = {
    "does not parse": "_format_version: '3.0'\nservices: [\n",
    "unknown plugin": '{"_format_version": "3.0", "plugins": [{"name": "no-such-plugin"}]}',
    "dangling": '{"_format_version": "3.0", "services": [{"name": "a", "host": "b", '
    '"protocol": "https", "client_certificate": {"id": "x"}}]}',
}  # fmt: skip


def test_a_bad_file_reloads_with_success_and_never_goes_live(
    pki: Pki, upstream: Upstream, tmp_path: Path
) -> None:
    with standin(tmp_path, pki, service(pki, upstream.port)) as kong:
        good, (before, _) = kong.file.read_text(), kong.running() or ("", 0)
        for what, text in BAD.items():
            kong.write(text)
            assert kong.nginx("-s", "reload").returncode == 0, what
            until(lambda: kong.running() == (before, 503))
            assert kong.get("/open").status == 200, what
            assert "reload failed" in (kong.prefix / "logs/error.log").read_text()
        kong.reload(good)
        assert kong.running() == (before, 200)
        kong.write(BAD["unknown plugin"])
        kong.close()
        # The file that a reload could hide keeps the next start from happening.
        started = kong.nginx()
        assert started.returncode == 1
        assert "plugin 'no-such-plugin' not enabled" in started.stderr


def test_requests_in_flight_end_and_new_ones_see_the_new_file(
    pki: Pki, upstream: Upstream, tmp_path: Path
) -> None:
    before = service(pki, upstream.port, read_timeout=20_000)
    after = with_route(service(pki, upstream.port), route("new", "~/new$"))
    with standin(tmp_path, pki, before) as kong:
        kept = kong.connection()
        kept.request("GET", "/open")
        assert kept.getresponse().read()
        flying = kong.connection()
        flying.request("GET", "/open/slow?5")
        until(lambda: ("GET", "/open/slow?5") in upstream.seen)
        kong.reload(after)
        kept.request("GET", "/new")
        assert kept.getresponse().status == 200
        ended = flying.getresponse()
        assert (ended.status, ended.getheader("connection")) == (200, "close")
        kept.close()
        flying.close()


def test_reloads_under_load_lose_nothing(pki: Pki, upstream: Upstream, tmp_path: Path) -> None:
    """Connections kept open and new ones, while the file and the certificate change."""
    statuses: list[int] = []
    stop = threading.Event()

    def keep(kong: Standin, alive: bool) -> None:
        connection = kong.connection()
        while not stop.is_set():
            try:
                connection.request("GET", "/open")
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
            except OSError:
                statuses.append(0)
            if not alive:
                connection.close()
        connection.close()

    with standin(tmp_path, pki, service(pki, upstream.port)) as kong:
        threads = [threading.Thread(target=keep, args=(kong, n % 2 == 0)) for n in range(4)]
        for thread in threads:
            thread.start()
        for number in range(5):
            kong.reload(with_route(service(pki, upstream.port), route(f"r{number}", "~/r$")))
        stop.set()
        for thread in threads:
            thread.join(20)
    assert len(statuses) > 50
    assert set(statuses) == {200}


def test_many_reloads_at_once_end_with_the_last_file(
    pki: Pki, upstream: Upstream, tmp_path: Path
) -> None:
    with standin(tmp_path, pki, service(pki, upstream.port)) as kong:
        assert kong.process is not None
        for number in range(30):
            text = with_route(service(pki, upstream.port), route(f"r{number}", f"~/r{number}$"))
            digest = kong.write(text)
            kong.process.send_signal(signal.SIGHUP)
        until(lambda: kong.running() == (digest, 200))
        assert [kong.get(f"/r{n}").status for n in (28, 29)] == [404, 200]


def test_counters_and_keys_over_a_reload(pki: Pki, upstream: Upstream, tmp_path: Path) -> None:
    def document(*keys: str) -> dict[str, Any]:
        auth = {"name": "key-auth", "config": {"key_names": ["x-api-key"]}}
        kong = with_route(
            service(pki, upstream.port), route("limited", "~/limited$", LIMIT, auth, id=ident(51))
        )
        creds = [{"key": key} for key in keys]
        kong["consumers"] = [{"id": ident(9), "username": "s", "keyauth_credentials": creds}]
        return kong

    with standin(tmp_path, pki, document("old")) as kong:
        for _ in range(3):
            assert kong.get("/limited", x_api_key="old").status == 200
        kong.reload(document("old", "new"))
        assert kong.get("/limited", x_api_key="old").status == 200
        kong.reload(document("new"))
        assert kong.get("/limited", x_api_key="old").status == 401
        assert kong.get("/limited", x_api_key="new").headers["ratelimit-remaining"] == "0"
        assert kong.get("/limited", x_api_key="new").status == 429


def test_no_file_is_an_empty_configuration(pki: Pki, tmp_path: Path) -> None:
    kong = Standin(tmp_path, pki)
    kong.conf(declarative_config="")
    try:
        kong.start(None)
        assert kong.running() == (EMPTY, 503)
        assert kong.get("/open").status == 404
    finally:
        kong.close()


def test_the_end_waits_for_answers(pki: Pki, upstream: Upstream, tmp_path: Path) -> None:
    with standin(tmp_path, pki, service(pki, upstream.port)) as kong:
        flying = kong.connection()
        flying.request("GET", "/open/slow?0.8")
        until(lambda: bool(upstream.seen))
        assert kong.nginx("-s", "quit").returncode == 0
        assert flying.getresponse().status == 200
        assert kong.process is not None
        assert kong.process.wait(10) == 0
        assert not (kong.prefix / "pids/nginx.pid").exists()
        assert kong.nginx("-s", "reload").returncode == 1


@pytest.mark.parametrize(("path", "status"), [
    ("/open/hangup", 502), ("/open/slow?3", 504), ("/open/status?503", 503),
])  # fmt: skip
def test_upstream_failures(
    pki: Pki, upstream: Upstream, tmp_path: Path, path: str, status: int
) -> None:
    """A request that was sent is repeated only where that is harmless."""
    with standin(tmp_path, pki, service(pki, upstream.port)) as kong:
        answer = kong.get(path)
        assert answer.status == status
        tries = 1 if status == 503 else 2
        assert upstream.seen == [("GET", path)] * tries
        upstream.seen.clear()
        assert kong.ask("POST", path, b"x").status == status
        assert upstream.seen == [("POST", path)]
        if status != 503:
            said = {502: "An invalid response was received from the upstream server",
                    504: "The upstream server is timing out"}  # fmt: skip
            assert answer.json["message"] == said[status]


def test_idle_connections_that_an_upstream_closed_are_not_used(
    pki: Pki, upstream: Upstream, tmp_path: Path
) -> None:
    """What may be sent once only would be lost on them, as during a reload of an app host."""
    upstream.idle_s = 0.3
    with standin(tmp_path, pki, service(pki, upstream.port)) as kong:
        for number in range(3):
            assert kong.ask("POST", "/open", b"x").status == 200
            until(lambda number=number: upstream.ended > number)  # type: ignore[misc]
    assert len(upstream.seen) == 3


def test_an_answer_that_breaks_off_does_not_look_whole(
    pki: Pki, upstream: Upstream, tmp_path: Path
) -> None:
    with standin(tmp_path, pki, service(pki, upstream.port)) as kong:
        connection = kong.connection()
        connection.request("GET", "/open/broken")
        response = connection.getresponse()
        with pytest.raises(Exception, match=r"IncompleteRead|EOF"):
            response.read()
        connection.close()


def test_the_upstream_must_be_who_the_authority_says(
    pki: Pki, upstream: Upstream, tmp_path: Path
) -> None:
    other = Pki(tmp_path / "other", "lab")
    kong_file = service(pki, upstream.port)
    other.ensure()
    kong_file["ca_certificates"][0]["cert"] = other.ca_path.read_text()
    with standin(tmp_path, pki, kong_file) as kong:
        assert kong.get("/open").status == 502
        assert upstream.seen == []
        kong_file = service(pki, upstream.port)
        kong_file["upstreams"][0]["host_header"] = "not.in.the.certificate"
        kong.reload(kong_file)
        assert kong.get("/open").status == 502
        # Without a host_header an address is all there is to ask for: no name in the handshake.
        del kong_file["upstreams"][0]["host_header"]
        kong.reload(kong_file)
        answer = kong.get("/open").json
        assert answer["sni"] == [None]
        assert answer["headers"]["host"] == f"127.0.0.1:{upstream.port}"


def test_load_is_spread_by_weight_and_around_a_dead_target(pki: Pki, tmp_path: Path) -> None:
    one, two = Upstream(pki, "one"), Upstream(pki, "two")
    dead = free_port()
    kong_file = service(pki, one.port, two.port, dead)
    targets = kong_file["upstreams"][0]["targets"]
    targets[0]["weight"] = 300
    passive = {"unhealthy": {"tcp_failures": 1}}
    kong_file["upstreams"][0]["healthchecks"] = {"passive": passive}
    try:
        with standin(tmp_path, pki, kong_file) as kong:
            answers = [kong.get("/open") for _ in range(41)]
            assert {a.status for a in answers} == {200}
            who = [a.json["who"] for a in answers[1:]]
            assert who.count("one") == 3 * who.count("two")
            health = kong.ask("GET", "/upstreams", port=kong.status, tls=False).json[NAME]
            assert health[f"127.0.0.1:{dead}"] == "UNHEALTHY"
    finally:
        one.close()
        two.close()


def test_probes_take_a_target_out_and_bring_it_back(pki: Pki, tmp_path: Path) -> None:
    one, two = Upstream(pki, "one"), Upstream(pki, "two")
    kong_file = service(pki, one.port, two.port)
    rule = {"http_failures": 1, "tcp_failures": 1, "timeouts": 1, "interval": 0.1}
    kong_file["upstreams"][0] |= {
        "client_certificate": {"id": ident(1)},
        "healthchecks": {"active": {
            "type": "https", "http_path": "/open/health", "https_sni": NAME, "timeout": 1,
            "healthy": {"interval": 0.1, "successes": 1, "http_statuses": [200]},
            "unhealthy": rule | {"http_statuses": [500, 503]},
        }},
    }  # fmt: skip
    try:
        with standin(
            tmp_path, pki, kong_file, lua_ssl_trusted_certificate=str(pki.ca_path)
        ) as kong:
            two.status = 503

            def health() -> dict[str, str]:
                found = kong.ask("GET", "/upstreams", port=kong.status, tls=False).json[NAME]
                assert isinstance(found, dict)
                return found

            until(lambda: health()[f"127.0.0.1:{two.port}"] == "UNHEALTHY")
            assert {kong.get("/open").json["who"] for _ in range(10)} == {"one"}
            one.status = 503
            until(lambda: "HEALTHY" not in health().values())
            refused = kong.get("/open")
            assert refused.status == 503
            assert refused.json["message"] == "failure to get a peer from the ring-balancer"
            one.status = two.status = 200
            until(lambda: "UNHEALTHY" not in health().values())
            assert {kong.get("/open").json["who"] for _ in range(10)} == {"one", "two"}
    finally:
        one.close()
        two.close()


def test_a_probe_that_meets_a_foreign_certificate_leaves_the_target_out(
    pki: Pki, tmp_path: Path
) -> None:
    """Requests would fail there, so nobody may be sent there, whatever it answers to a probe."""
    foreign = Pki(tmp_path / "foreign", "foreign")
    foreign.ensure()
    one, two = Upstream(pki, "one"), Upstream(pki, "two")
    kong_file = service(pki, one.port, two.port)
    kong_file["upstreams"][0] |= {
        "client_certificate": {"id": ident(1)},
        "healthchecks": {"active": {
            "type": "https", "http_path": "/open/health", "https_sni": NAME, "timeout": 1,
            "https_verify_certificate": True,
            "healthy": {"interval": 0.1, "successes": 1, "http_statuses": [200]},
            "unhealthy": {"tcp_failures": 1, "interval": 0.1, "http_statuses": [500]},
        }},
    }  # fmt: skip

    def health(kong: Standin) -> set[str]:
        found = kong.ask("GET", "/upstreams", port=kong.status, tls=False).json[NAME]
        assert isinstance(found, dict)
        return set(found.values())

    try:
        trusted = {"lua_ssl_trusted_certificate": str(foreign.ca_path)}
        with standin(tmp_path, pki, kong_file, **trusted) as kong:
            until(lambda: health(kong) == {"UNHEALTHY"})
            foreign.ca_path.write_bytes(pki.ca_path.read_bytes())  # a reload reads it again
            kong.reload(kong_file)
            until(lambda: health(kong) == {"HEALTHY"} and kong.get("/open").status == 200)
    finally:
        one.close()
        two.close()


def test_an_access_log_in_a_format_of_our_own(pki: Pki, upstream: Upstream, tmp_path: Path) -> None:
    """nginx text that kong.conf includes decides what of a request is ever written."""
    (tmp_path / "format.conf").write_text(
        'log_format story escape=json \'{"path": "$story_path", "who": "$story_who", \'\n'
        '  \'"status": "$status"}\';\n'
        'map "$request_method $request_uri" $story_logged { default 1; "~^GET /open/quiet" 0; }\n'
        'map $request_uri $story_path { default "-"; "~^(?<match>/open/[a-z]+)(?:[?]|$)" '
        "$match; }\n"
        'map $upstream_addr $story_who { default "$http_x_who"; "~^$" "-"; }\n'
    )
    conf = {
        "nginx_http_include": str(tmp_path / "format.conf"),
        "proxy_access_log": f"{tmp_path / 'access.log'} story if=$story_logged",
    }
    with standin(tmp_path, pki, service(pki, upstream.port), **conf) as kong:
        kong.get("/open/a?secret", x_who='me"')
        kong.get("/open/quiet")
        kong.get("/nowhere/secret", x_who="me")
        log = tmp_path / "access.log"
        until(lambda: len(log.read_text().splitlines()) == 2)
        assert log.read_text().splitlines() == [
            '{"path": "/open/a", "who": "me\\"", "status": "200"}',
            '{"path": "-", "who": "-", "status": "404"}',
        ]
        (tmp_path / "access.log").rename(tmp_path / "old.log")
        assert kong.nginx("-s", "reopen").returncode == 0
        kong.get("/open/b")
        until(lambda: kong.get("/open/b").status == 200 and log.exists())
