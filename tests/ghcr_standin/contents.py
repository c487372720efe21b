"""What one package holds: blobs, manifests and tags, as builders and signers leave them.

Forms: OCI image specification 1.1, Docker's image manifest 2.2, buildx's attestation manifests
(docs.docker.com, "Image attestation storage"), cosign's bundles (sigstore/cosign BUNDLE_SPEC.md).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

OCI, DOCKER = "application/vnd.oci.image", "application/vnd.docker.distribution"
MEDIA = {
    "oci": (f"{OCI}.manifest.v1+json", f"{OCI}.config.v1+json", f"{OCI}.layer.v1.tar",
            f"{OCI}.index.v1+json"),
    "docker": (f"{DOCKER}.manifest.v2+json", "application/vnd.docker.container.image.v1+json",
               "application/vnd.docker.image.rootfs.diff.tar.gzip",
               f"{DOCKER}.manifest.list.v2+json"),
}  # fmt: skip
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
EMPTY = "application/vnd.oci.empty.v1+json"
SLSA, SPDX = "https://slsa.dev/provenance/v1", "https://spdx.dev/Document"


def digest_of(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()


@dataclass
class Contents:
    """The package; methods return the digest of what they have added."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # media type, bytes
    tags: dict[str, str] = field(default_factory=dict)

    def blob(self, raw: bytes) -> str:
        digest = digest_of(raw)
        self.blobs[digest] = raw
        return digest

    def manifest(self, media: str, data: dict[str, Any], tag: str = "") -> str:
        raw = json.dumps({"schemaVersion": 2, "mediaType": media} | data, indent=1).encode()
        digest = digest_of(raw)
        self.manifests[digest] = (media, raw)
        if tag:
            self.tags[tag] = digest
        return digest

    def image(
        self, tag: str = "", *, platform: str = "linux/amd64", created: str = "",
        revision: str = "", form: str = "oci", salt: str = "",
    ) -> str:  # fmt: skip
        """An image for one platform; `created` and `revision` as labels."""
        system, architecture = platform.split("/")
        labels = {"org.opencontainers.image.created": created} if created else {}
        labels |= {"org.opencontainers.image.revision": revision} if revision else {}
        config = {
            "os": system, "architecture": architecture, "created": "1970-01-01T00:00:00Z",
            "config": {"Labels": labels}, "rootfs": {"type": "layers", "diff_ids": []},
            "author": salt,
        }  # fmt: skip
        media = MEDIA[form]
        layer = self.blob(f"layer of {tag}{platform}{created}{salt}".encode())
        return self.manifest(
            media[0],
            {
                "config": self.descriptor(media[1], self.blob(json.dumps(config).encode())),
                "layers": [self.descriptor(media[2], layer)],
            },
            tag,
        )

    def index(
        self, images: dict[str, str], tag: str = "", *, predicates: tuple[str, ...] = (),
        form: str = "oci",
    ) -> str:  # fmt: skip
        """platform -> digest as one index; `predicates` as buildx attests each image."""
        entries = []
        for platform, digest in images.items():
            system, architecture = platform.split("/")
            entry = self.descriptor(self.manifests[digest][0], digest)
            entries.append(entry | {"platform": {"os": system, "architecture": architecture}})
        if predicates:
            for digest in images.values():
                found = self.descriptor(MEDIA["oci"][0], self.attestation(predicates, digest))
                notes = {
                    "vnd.docker.reference.type": "attestation-manifest",
                    "vnd.docker.reference.digest": digest,
                }
                platform_ = {"os": "unknown", "architecture": "unknown"}
                entries.append(found | {"platform": platform_, "annotations": notes})
        return self.manifest(MEDIA[form][3], {"manifests": entries}, tag)

    def attestation(self, predicates: tuple[str, ...], subject: str) -> str:
        """buildx's manifest about an image: a configuration that means nothing, in-toto layers."""
        config = {"os": "unknown", "architecture": "unknown", "config": {}, "author": subject}
        layers = []
        for predicate in predicates:
            layer = self.blob(json.dumps({"predicateType": predicate, "of": subject}).encode())
            found = self.descriptor("application/vnd.in-toto+json", layer)
            layers.append(found | {"annotations": {"in-toto.io/predicate-type": predicate}})
        own = self.descriptor(MEDIA["oci"][1], self.blob(json.dumps(config).encode()))
        return self.manifest(MEDIA["oci"][0], {"config": own, "layers": layers})

    def bundle(self, subject: str, *, by_tag: bool = True) -> str:
        """A signed attestation as actions/attest pushes it; `by_tag`: listed as GHCR needs it."""
        layer = self.blob(json.dumps({"mediaType": BUNDLE, "about": subject}).encode())
        media = self.manifests[subject][0]
        made = self.manifest(
            MEDIA["oci"][0],
            {
                "artifactType": BUNDLE,
                "config": self.descriptor(EMPTY, self.blob(b"{}")),
                "layers": [self.descriptor(BUNDLE, layer)],
                "subject": self.descriptor(media, subject),
            },
        )
        if by_tag:
            # GHCR names the type of the empty configuration here, not the bundle's.
            entry = self.descriptor(MEDIA["oci"][0], made) | {"artifactType": EMPTY}
            tag = subject.replace(":", "-")
            self.manifest(MEDIA["oci"][3], {"manifests": [entry]}, tag)
        return made

    def descriptor(self, media: str, digest: str) -> dict[str, Any]:
        raw = self.blobs[digest] if digest in self.blobs else self.manifests[digest][1]
        return {"mediaType": media, "digest": digest, "size": len(raw)}
