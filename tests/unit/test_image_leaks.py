"""The rules for what an image must not hold, without an image."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from deploys.pki import Pki
from tests.image import layers, leaks
from tests.image.layers import Entry
from tests.image.leaks import Builder

PUBLIC = "usr/share/ca-certificates/mozilla/One.crt"
FORMATS = (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.OpenSSH,
           serialization.PrivateFormat.TraditionalOpenSSL)  # fmt: skip


def a_key(form: serialization.PrivateFormat) -> bytes:
    plain = serialization.NoEncryption()
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, form, plain
    )


def entry(content: bytes, path: str = "opt/some", layer: int = 0) -> Entry:
    return Entry(layer, path, 0o644, content)


@pytest.mark.parametrize("form", FORMATS)
@given(before=st.binary(max_size=50), after=st.binary(max_size=50))
def test_a_key_is_found_wherever_it_is_in_a_file(
    form: serialization.PrivateFormat, before: bytes, after: bytes
) -> None:
    found = leaks.in_files([entry(before + a_key(form) + after, layer=3)], Builder())
    assert found == ["a private key in /opt/some (layer 3)"]


def test_a_key_with_a_password_or_of_windows_counts_as_well() -> None:
    body = b"MIIEpAIBAAKCAQEA0123456789"
    locked = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,B\n\n" + body
    for content in (locked, b"-----BEGIN PRIVATE KEY-----\r\n" + body):
        assert len(leaks.in_files([entry(content)], Builder())) == 1


def test_the_words_of_a_library_are_no_key() -> None:
    words = b'"-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"\0-----BEGIN %s-----\0'
    assert leaks.in_files([entry(words)], Builder()) == []


def test_only_public_authorities_may_be_there(tmp_path: Path) -> None:
    one, other = (Pki(tmp_path / name, name).ca_path for name in ("one", "other"))
    for name in ("one", "other"):
        Pki(tmp_path / name, name).ensure()
    public, foreign = one.read_bytes(), other.read_bytes()
    bundle = "etc/ssl/certs/ca-certificates.crt"
    assert leaks.in_files([entry(public, PUBLIC), entry(public, bundle)], Builder()) == []
    for place in (bundle, "run/secrets/pip_ca", "opt/story/lib/x/site-packages/certifi/cacert.pem"):
        found = leaks.in_files([entry(public, PUBLIC), entry(public + foreign, place)], Builder())
        assert found == [f"a certificate that is not of a public authority in /{place} (layer 0)"]
    # Also where public ones are, when it is known for the machine's own.
    own = Builder(authorities=frozenset(leaks.certificates(foreign)))
    assert leaks.in_files([entry(foreign, PUBLIC)], own) == [
        f"an authority of the build machine in /{PUBLIC} (layer 0)"
    ]


@pytest.mark.parametrize(
    "path",
    ["root/.netrc", "etc/pip.conf", "root/.config/pip/pip.conf", "root/.docker/config.json",
     "root/.ssh/id_ed25519", "opt/a.p12", "root/.aws/credentials"],
)  # fmt: skip
def test_files_of_credentials_are_found_by_their_names(path: str) -> None:
    assert leaks.in_files([entry(b"x", path)], Builder()) != []
    assert leaks.in_files([entry(b"", path)], Builder()) == []


@given(value=st.text(st.characters(codec="ascii", min_codepoint=33), min_size=12, max_size=40))
def test_a_value_is_found_everywhere_and_told_nowhere(value: str) -> None:
    secret = "planted" + value
    builder = Builder(values={"DEPLOY_TOKEN": secret})
    said = leaks.in_files([entry(b"a\0" + secret.encode() + b"\0b")], builder)
    said += leaks.in_settings([f"MODE={secret}"], "", builder)
    said += leaks.in_settings([], f"RUN echo {secret}", builder)
    assert sum("the value of DEPLOY_TOKEN" in line for line in said) == 3
    assert secret not in "".join(said)


@pytest.mark.parametrize(
    ("env", "history", "found"),
    [
        (["PATH=/bin", "STORY_PORT=8000", "GPG_KEY=ABCDEF", "LANG=C.UTF-8"], "RUN true", 0),
        (["GITHUB_TOKEN=x"], "", 1),
        (["PIP_INDEX_URL=https://packages.example"], "", 1),
        (["https_proxy=http://proxy.example"], "", 1),
        (["URL=https://user:word@host.example/"], "", 1),
        ([], "|2 BASE=python TOKEN=abc /bin/sh -c true", 1),
        ([], "RUN pip install --index-url https://user:word@host.example/simple x", 1),
    ],
)
def test_settings_and_history(env: list[str], history: str, found: int) -> None:
    assert len(leaks.in_settings(env, history, Builder())) == found


def test_secrets_of_the_environment_are_known_by_their_names() -> None:
    env = {"A_TOKEN": "0123456789ab", "PASSWORD": "short", "PATH": "/usr/bin:/usr/local/bin",
           "TOKEN_FILE": "/run/secrets/of/somebody"}  # fmt: skip
    assert leaks.secrets_of(env) == {"A_TOKEN": "0123456789ab"}


def layer(*files: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return out.getvalue()


def test_what_a_later_layer_deletes_is_still_read(tmp_path: Path) -> None:
    parts = [
        layer(("opt/kept", b"1"), ("opt/key", b"secret"), ("srv/a/b", b"2"), ("etc/c", b"3")),
        layer(("opt/.wh.key", b""), ("srv/.wh.a", b""), ("etc/.wh..wh..opq", b""), ("etc/d", b"4")),
    ]
    listing = json.dumps([{"Config": "c", "Layers": ["0.tar", "1.tar"]}]).encode()
    path = tmp_path / "image.tar"
    names = [("0.tar", parts[0]), ("1.tar", parts[1]), ("manifest.json", listing)]
    path.write_bytes(layer(*names))
    found = list(layers.entries(path))
    assert [e.where for e in found if e.content == b"secret"] == ["/opt/key (layer 0)"]
    assert set(layers.visible(iter(found))) == {"opt/kept", "etc/d"}
    plain, packed = layers.sizes(path)
    assert plain == sum(map(len, parts))
    assert 0 < packed < plain
