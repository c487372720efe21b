"""A registry that refuses, fails, lies or is silent: one sentence each, nothing is written, and no
token is shown or sent to anybody else."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from inventories.images import http
from tests.ghcr_standin import shelf
from tests.github_standin import standin
from tests.github_standin.hub import Hub
from tests.provision.conftest import Site
from tests.provision.images_support import PLANTED, PRIVATE, Shop, shop


@pytest.fixture
def images(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with shop(site, monkeypatch) as made:
        made.held.image("main")
        yield made


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with standin() as made:
        monkeypatch.setenv("FOUNTAINAI_GITHUB_API", made.url)
        yield made


@pytest.fixture
def private(images: Shop, hub: Hub) -> Shop:
    """The package is private, and the site knows a token."""
    images.shelf.public = False
    images.shelf.users = {"someone": PLANTED}
    images.file.write_text(PRIVATE)
    images.patch.setenv("PLANTED", PLANTED)
    return images


def sentence(images: Shop, *args: str) -> str:
    """What a failing command says: exit code 1, a sentence, a next step, the file as it was."""
    before = images.file.read_bytes()
    result = images.images(*args)
    assert result.code == 1, result.all
    assert images.file.read_bytes() == before
    assert "Traceback" not in result.all
    assert "Next: " in result.err
    assert len(result.err.strip().splitlines()) <= 4  # two of progress, one sentence, one next step
    return result.err


@pytest.mark.parametrize(
    ("status", "words"),
    [(429, "fewer requests"), (500, "failed at"), (502, "failed at"), (503, "failed at"),
     (403, "does not show"), (418, "answered 418")],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/tags/list", "/manifests/", "/blobs/"])
def test_every_status_is_a_sentence(images: Shop, path: str, status: int, words: str) -> None:
    images.shelf.fail(path, status, b"<html>")
    said = sentence(images)
    assert words in said
    assert "<html>" not in said


def test_a_wait_that_the_registry_asks_for_is_told(images: Shop) -> None:
    images.shelf.fail("/tags/list", 429, headers={"Retry-After": "37"})
    assert "again in 37 s" in sentence(images)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_a_token_server_that_refuses_is_a_sentence(images: Shop, status: int) -> None:
    images.shelf.fail("^/token", status)
    sentence(images)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"token": 7}', b'{"token": "a\\nb"}'])
def test_a_token_that_is_none_is_refused(images: Shop, body: bytes) -> None:
    """What comes from there goes into a header."""
    images.shelf.fail("^/token", 200, body)
    assert "cannot be believed" in sentence(images)


def test_an_unknown_package_is_named(images: Shop) -> None:
    images.shelf.repository = "owner/another"
    said = sentence(images)
    assert "ghcr.io/owner/story" in said


@pytest.mark.parametrize("path", ["/tags/list", "/manifests/", "/blobs/", "/referrers/"])
@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"tags": 7, "manifests": 7}'])
def test_what_is_no_answer_is_not_believed(images: Shop, path: str, body: bytes) -> None:
    images.shelf.fail(path, 200, body)
    assert "cannot be believed" in sentence(images)


@pytest.mark.parametrize("path", ["/tags/list", "/manifests/", "/blobs/", "/referrers/", "^/token"])
def test_an_answer_without_an_end_is_cut(images: Shop, path: str) -> None:
    images.shelf.fail(path, 200, b" " * (4 * 1024 * 1024 + 1))
    assert "sent more than" in sentence(images)


@pytest.mark.parametrize("path", ["/tags/list", "/manifests/", "/blobs/", "/referrers/", "^/token"])
def test_a_connection_that_ends_is_a_sentence(images: Shop, path: str) -> None:
    images.shelf.fail(path, 0)
    assert "broke off" in sentence(images)


def test_a_registry_that_hands_out_another_image_is_caught(images: Shop) -> None:
    """The digest is of the bytes that came, whatever the headers say."""
    wanted = images.held.image("wanted", salt="wanted")
    other = images.held.image("other", salt="other")
    media, raw = images.held.manifests[other]
    headers = {"Content-Type": media, "Docker-Content-Digest": wanted}
    images.shelf.fail(f"/manifests/{wanted}", 200, raw, headers=headers)
    said = sentence(images, "use", wanted)
    assert "cannot be believed" in said
    assert other in said


def test_a_configuration_that_was_exchanged_is_caught(images: Shop) -> None:
    body = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
    images.shelf.fail("/blobs/", 200, body)
    assert "cannot be believed" in sentence(images, "use", images.held.tags["main"])


def test_pages_that_never_end_are_ended(images: Shop) -> None:
    more = {"Link": '</v2/owner/story/tags/list?n=1>; rel="next"'}
    images.shelf.fail("/tags/list", 200, b'{"tags": ["main"]}', headers=more)
    assert "pages" in sentence(images)


def test_a_list_that_goes_on_elsewhere_is_not_followed(images: Shop) -> None:
    more = {"Link": '<https://elsewhere.example/v2/>; rel="next"'}
    images.shelf.fail("/tags/list", 200, b'{"tags": ["main"]}', headers=more)
    assert "another server" in sentence(images)


def test_redirects_end(images: Shop) -> None:
    images.shelf.fail("/tags/list", 307, headers={"Location": "/v2/owner/story/tags/list"})
    assert "redirects" in sentence(images)
    images.shelf.faults.clear()
    images.shelf.fail("/tags/list", 307, headers={"Location": "http://elsewhere.example/"})
    assert "not HTTPS" in sentence(images)


def test_nobody_listens(images: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    images.patch.setenv("FOUNTAINAI_REGISTRY", f"127.0.0.1:{port}")
    assert "cannot be reached" in sentence(images)


def test_a_name_that_dns_does_not_know(images: Shop) -> None:
    """`.invalid` never exists (RFC 2606)."""
    images.patch.setenv("FOUNTAINAI_REGISTRY", "registry.invalid")
    images.patch.setenv("NO_PROXY", "*")
    assert "has no address in DNS" in sentence(images)


def test_a_server_that_speaks_no_tls(images: Shop) -> None:
    host = images.shelf.url.removeprefix("http://")
    images.patch.setenv("FOUNTAINAI_REGISTRY", host)
    assert "TLS" in sentence(images)


def test_a_server_that_says_nothing(images: Shop) -> None:
    images.patch.setattr(http, "READ_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        images.patch.setenv("FOUNTAINAI_REGISTRY", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert "did not answer in time" in sentence(images)


def test_an_authority_that_is_none(images: Shop) -> None:
    images.patch.setenv("FOUNTAINAI_REGISTRY_CA", str(images.file))
    assert "not a certificate" in sentence(images)
    images.patch.setenv("FOUNTAINAI_REGISTRY_CA", str(images.file) + ".missing")
    assert "cannot be read" in sentence(images)


# A private package, and the token that may read it.


def test_a_token_that_reads_packages_alone_is_used(private: Shop, hub: Hub) -> None:
    hub.world.add_token(PLANTED, scopes=("read:packages",))
    assert private.images().code == 0
    assert private.use(private.held.tags["main"]).code == 0
    kinds = {(path.partition("?")[0], kind) for path, kind in private.shelf.log}
    assert ("/token", "basic") in kinds
    assert not {path for path, kind in kinds if kind == "basic"} - {"/token"}


@pytest.mark.parametrize(
    "scopes", [("read:packages", "repo"), ("write:packages",), ("delete:packages", "read:packages")]
)
def test_a_token_that_may_do_more_is_refused_before_it_is_used(
    private: Shop, hub: Hub, scopes: tuple[str, ...]
) -> None:
    hub.world.add_token(PLANTED, scopes=scopes)
    said = sentence(private)
    assert "may do more than read packages" in said
    assert next(s for s in scopes if s != "read:packages") in said
    assert "settings/tokens/new?scopes=read:packages" in said
    assert not [path for path, kind in private.shelf.log if kind == "basic"]


@pytest.mark.parametrize("kind", ["none", "fine-grained", "unknown", "limit", "broken"])
def test_a_token_whose_scopes_are_not_right_or_not_known_is_not_used(
    private: Shop, hub: Hub, kind: str
) -> None:
    words = {"none": "no scope", "fine-grained": "no classic token", "unknown": "(401)",
             "limit": "fewer requests", "broken": "answered 502"}  # fmt: skip
    if kind == "fine-grained":
        hub.world.add_token(PLANTED, permissions={"metadata": "read"})
    elif kind != "unknown":
        hub.world.add_token(PLANTED, scopes=() if kind == "none" else ("read:packages",))
    if kind == "limit":
        hub.limit_primary("GET", "/user")
    if kind == "broken":
        hub.fail("GET", "/user")
    assert words[kind] in sentence(private)
    assert not [path for path, kind in private.shelf.log if kind == "basic"]


def test_a_token_that_github_takes_and_the_registry_does_not(private: Shop, hub: Hub) -> None:
    hub.world.add_token(PLANTED, scopes=("read:packages",))
    private.shelf.users = {}
    assert "refused the login of someone" in sentence(private)


def test_a_token_that_is_not_at_hand_is_named(private: Shop) -> None:
    private.patch.delenv("PLANTED")
    assert "(env PLANTED) is not set" in sentence(private)


def test_a_private_package_without_a_token_is_told_what_to_set(private: Shop) -> None:
    private.file.write_text(PRIVATE.partition("[app.registry]")[0])
    assert "registry_token" in sentence(private)


def test_the_login_is_not_sent_to_another_server(private: Shop, hub: Hub) -> None:
    """Even one at the same host: a port is somebody else's."""
    hub.world.add_token(PLANTED, scopes=("read:packages",))
    with shelf() as other:
        private.shelf.realm = f"{other.url}/token"
        assert "it was not sent" in sentence(private)
        assert other.log == []


@pytest.mark.parametrize("public", [True, False])
def test_a_token_that_runs_out_is_renewed(private: Shop, hub: Hub, public: bool) -> None:
    """GHCR's live for minutes; the list of a large package may take longer. It is renewed as it
    was got: no login is sent where none was needed before."""
    hub.world.add_token(PLANTED, scopes=("read:packages",))
    private.shelf.public = public
    for number in range(20):
        private.held.image(f"v{number}", salt=str(number))
    private.shelf.expires_after = 30
    assert len(private.listed()["images"]) == 21
    assert private.shelf.issued == 2
    assert any(kind == "basic" for _, kind in private.shelf.log) != public
