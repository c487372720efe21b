"""What a registry's bytes are taken for: images, indexes, statements about them, or nothing."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventories.images.manifests import IMAGES, INDEXES, Malformed, digest_of, read, read_config
from tests.ghcr_standin.contents import SLSA, SPDX, Contents

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from([*IMAGES, *INDEXES, "sha256:" + "0" * 64]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["manifests", "config", "layers", "digest", "mediaType", "platform",
                         "annotations", "os", "architecture", "Labels", "created", "subject"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.fixture
def held() -> Contents:
    return Contents()


def manifest(held: Contents, digest: str):
    media, raw = held.manifests[digest]
    return read(raw, digest, media)


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_an_image_and_its_index_in_both_formats(held: Contents, form: str) -> None:
    image = held.image(form=form, created="2026-11-22T10:00:00.123456789+02:00", revision="a" * 40)
    index = held.index({"linux/amd64": image}, form=form)
    found = manifest(held, image)
    assert found.kind == "image"
    assert manifest(held, index).kind == "index"
    assert [c.platform for c in manifest(held, index).children] == ["linux/amd64"]
    config = read_config(held.blobs[found.config], found.config)
    assert config.created == datetime(2026, 11, 22, 8, 0, 0, tzinfo=UTC)
    assert (config.platform, config.revision) == ("linux/amd64", "a" * 40)


def test_the_label_date_counts_before_the_builders() -> None:
    """A reproducible build sets the builder's own date to a constant."""
    raw = json.dumps({"os": "linux", "architecture": "amd64", "created": "1970-01-01T00:00:00Z"})
    assert read_config(raw.encode(), digest_of(raw.encode())).created == datetime(
        1970, 1, 1, tzinfo=UTC
    )


def test_a_format_that_is_not_said_is_seen_by_its_content(held: Contents) -> None:
    """mediaType is optional in OCI manifests, and a proxy may drop the header."""
    image = held.image()
    for digest, kind in ((image, "image"), (held.index({"linux/amd64": image}), "index")):
        data = json.loads(held.manifests[digest][1])
        del data["mediaType"]
        raw = json.dumps(data).encode()
        assert read(raw, digest_of(raw)).kind == kind


def test_what_is_said_about_an_image_is_no_image(held: Contents) -> None:
    image = held.image()
    index = held.index({"linux/amd64": image}, predicates=(SLSA, SPDX))
    bundle = manifest(held, held.bundle(index))
    assert (bundle.kind, bundle.evidence) == ("other", {"signed"})
    (statement,) = [c for c in manifest(held, index).children if c.subject]
    assert statement.subject == image
    assert not statement.is_image
    said = manifest(held, statement.digest)
    assert (said.kind, said.evidence) == ("other", {"provenance", "sbom"})


def test_an_sbom_alone_is_not_called_provenance(held: Contents) -> None:
    image = held.image()
    said = manifest(held, held.attestation((SPDX,), image))
    assert said.evidence == {"sbom"}


def test_other_artifacts_are_no_images(held: Contents) -> None:
    """A chart or a build cache lies in packages as well."""
    blob = held.descriptor("application/vnd.cncf.helm.config.v1+json", held.blob(b"{}"))
    digest = held.manifest(
        "application/vnd.oci.image.manifest.v1+json", {"config": blob, "layers": []}
    )
    assert manifest(held, digest).kind == "other"


def test_bytes_of_another_digest_are_refused(held: Contents) -> None:
    one, two = held.image(salt="1"), held.image(salt="2")
    with pytest.raises(Malformed, match=two):
        read(held.manifests[two][1], one)
    config = manifest(held, one).config
    with pytest.raises(Malformed):
        read_config(b"{}", config)


def test_what_a_label_says_cannot_reach_the_terminal() -> None:
    """Labels come from whoever pushed: only a commit's form is a commit, only a date a date."""
    labels = {
        "org.opencontainers.image.revision": "\x1b[31mred",
        "org.opencontainers.image.created": "2026-13-77T99:00:00Z",
    }
    raw = json.dumps({"os": "\x1b", "architecture": "amd64", "config": {"Labels": labels}}).encode()
    config = read_config(raw, digest_of(raw))
    assert (config.platform, config.created, config.revision) == ("unknown/unknown", None, None)


@pytest.mark.parametrize(
    "raw",
    [b"", b"<html>", b"[]", b"null", b"{}", b'{"layers": []}', b'{"manifests": [{}]}',
     b'{"manifests": [{"digest": "sha256:no"}]}', b'{"layers": [], "config": {"digest": 7}}',
     b'{"mediaType": "application/vnd.docker.distribution.manifest.v1+json", "fsLayers": []}',
     b'{"mediaType": "application/vnd.oci.image.index.v1+json"}', b"\xff\xfe", b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_manifest_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(Malformed):
        read(raw, None)


@given(JSON)
def test_any_json_is_read_or_refused(data) -> None:
    """Nothing a registry sends ends in a traceback."""
    raw = json.dumps(data).encode()
    for reader in (lambda: read(raw, None), lambda: read_config(raw, digest_of(raw))):
        with contextlib.suppress(Malformed):
            reader()
