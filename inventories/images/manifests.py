"""Manifests and configurations of a registry as typed values. Pure.

`read` takes bytes only when their SHA-256 is the digest that was asked for, so a registry cannot
hand out another image. An index, an image and what merely refers to an image (signatures,
provenance) are told apart by their content. Formats: OCI image specification 1.1 and Docker's
image manifest 2.2; buildx's attestation manifests: docs.docker.com, "Image attestation storage".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from inventories.images.names import is_digest

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
IMAGES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_CONFIGS = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
_IN_TOTO = "application/vnd.in-toto+json"
#: What cosign and GitHub's attest action leave: bundles, and cosign's older forms.
_SIGNATURES = (
    "application/vnd.dev.sigstore.bundle",
    "application/vnd.dev.cosign.",
    "application/vnd.dsse.envelope",
)
PLATFORM = "linux/amd64"  # of every Lightsail host
_PREDICATE = "in-toto.io/predicate-type"
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_REVISION = re.compile(r"[0-9a-f]{7,64}", re.ASCII)


class Malformed(Exception):
    """An answer that is not what it should be; the rest of a sentence about it."""


@dataclass(frozen=True)
class Child:
    """One entry of an index. `platform` is `os/architecture`, "" when it is not said."""

    digest: str
    platform: str
    subject: str  # the digest that an attestation manifest of buildx is about, else ""

    @property
    def is_image(self) -> bool:
        return not self.subject and self.platform != "unknown/unknown"


@dataclass(frozen=True)
class Manifest:
    """What one digest is. `evidence`: what it says about another one, if that is all it is."""

    digest: str
    kind: Literal["index", "image", "other"]
    children: tuple[Child, ...] = ()
    config: str = ""  # digest of an image's configuration
    evidence: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Config:
    """An image's configuration, as far as people choose by it."""

    platform: str
    created: datetime | None = None  # UTC
    revision: str | None = None  # the commit, from the image's label


def digest_of(raw: bytes) -> str:
    """The name of these bytes in a registry."""
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def checked_json(raw: bytes, digest: str | None) -> dict[str, Any]:
    """The object in `raw`, whose digest has to be `digest` if there is one to compare."""
    if digest is not None and digest_of(raw) != digest:
        raise Malformed(f"is {digest_of(raw)} instead: the registry or a proxy changed it")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed("is no JSON") from None
    if not isinstance(found, dict):
        raise Malformed("is no JSON object")
    return found


def read(raw: bytes, digest: str | None, content_type: str = "") -> Manifest:
    """The manifest in `raw`. Without `digest` (asked by a tag) the bytes say what it is."""
    data = checked_json(raw, digest)
    name = digest_of(raw)
    media = str(data.get("mediaType") or content_type.partition(";")[0].strip())
    if media in INDEXES or (media not in IMAGES and isinstance(data.get("manifests"), list)):
        return Manifest(name, "index", children(data))
    if not isinstance(data.get("layers"), list):
        raise Malformed("has a format that is not known here; push the image with a newer builder")
    config = data.get("config")
    if not isinstance(config, Mapping) or not is_digest(str(config.get("digest"))):
        raise Malformed("names no configuration")
    said = evidence(data)
    if said or "subject" in data or config.get("mediaType") not in _CONFIGS:
        return Manifest(name, "other", evidence=said)
    return Manifest(name, "image", config=str(config["digest"]))


def children(data: Mapping[str, Any]) -> tuple[Child, ...]:
    """The entries of an index; Malformed when one has no digest."""
    found = data.get("manifests")
    if not isinstance(found, list):
        raise Malformed("lists no manifests")
    out = []
    for item in found:
        if not isinstance(item, Mapping) or not is_digest(str(item.get("digest"))):
            raise Malformed("lists a manifest without a digest")
        notes, where = _table(item, "annotations"), _table(item, "platform")
        attests = notes.get("vnd.docker.reference.type") == "attestation-manifest"
        subject = str(notes.get("vnd.docker.reference.digest", "")) if attests else ""
        out.append(Child(str(item["digest"]), _platform(where), subject))
    return tuple(out)


def evidence(data: Mapping[str, Any]) -> frozenset[str]:
    """What a manifest says about another one: `signed`, `provenance`, `sbom`; empty for an image.

    The type is looked for in the manifest itself: what GHCR's list of referrers says of it is
    the type of its empty configuration (NVIDIA/aicr issue 1957)."""
    layers = [x for x in data["layers"] if isinstance(x, Mapping)]
    types = [str(data.get("artifactType", "")), str(_table(data, "config").get("mediaType", ""))]
    types += [str(layer.get("mediaType", "")) for layer in layers]
    if any(kind.startswith(_SIGNATURES) for kind in types):
        return frozenset({"signed"})
    out = set()
    for layer in layers:
        if layer.get("mediaType") == _IN_TOTO:
            predicate = str(_table(layer, "annotations").get(_PREDICATE, ""))
            is_list = "spdx" in predicate or "cyclonedx" in predicate
            out.add("sbom" if is_list else "provenance")
    return frozenset(out)


def read_config(raw: bytes, digest: str) -> Config:
    """The configuration in `raw`; the label's date counts before the builder's, which a
    reproducible build sets to a constant."""
    data = checked_json(raw, digest)
    labels = _table(_table(data, "config"), "Labels")
    revision = str(labels.get("org.opencontainers.image.revision", ""))
    return Config(
        _platform(data) or "unknown/unknown",
        _time(labels.get("org.opencontainers.image.created")) or _time(data.get("created")),
        revision if _REVISION.fullmatch(revision) else None,
    )


def _platform(data: Mapping[str, Any]) -> str:
    """`os/architecture`, or "" when either is missing or no plain word."""
    words = [str(data.get(key, "")) for key in ("os", "architecture")]
    return "/".join(words) if all(re.fullmatch(r"[a-z0-9]+", x) for x in words) else ""


def _time(value: object) -> datetime | None:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        return datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}
