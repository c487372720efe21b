"""The images of a package, from what its registry says: one value for each, newest first.

Only what can be run is an image: the manifests behind an index, signatures, provenance, caches and
tags that only lead to such are not. What site.toml names and what runs somewhere is looked up even
when no tag leads there any more.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from inventories.images.http import AT_ONCE
from inventories.images.manifests import PLATFORM, Config, Manifest
from inventories.images.names import is_referrers_tag
from inventories.images.registry import Registry

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Image:
    """One image. `parts`: digests of the manifests behind its index, all of them the same image;
    `evidence`: what the registry has about it, of `signed`, `provenance`, `sbom`."""

    digest: str
    tags: tuple[str, ...]
    created: datetime | None
    revision: str | None
    platforms: tuple[str, ...]
    evidence: tuple[str, ...]
    parts: frozenset[str] = frozenset()

    @property
    def runs_here(self) -> bool:
        return PLATFORM in self.platforms

    def is_called(self, digest: str) -> bool:
        return digest == self.digest or digest in self.parts


@dataclass(frozen=True)
class Listing:
    """Everything found: `images` newest first, `missing` wanted digests that do not exist;
    `cut`: the package has more tags than are looked at."""

    images: tuple[Image, ...]
    missing: tuple[str, ...] = ()
    cut: bool = False

    def of(self, digest: str) -> Image | None:
        return next((image for image in self.images if image.is_called(digest)), None)


def tagged(registry: Registry, tags: Collection[str]) -> dict[str, Manifest]:
    """Tag -> what it leads to, for every tag that is not a referrer's; one that has just been
    removed is left out."""
    names = sorted(tag for tag in tags if not is_referrers_tag(tag))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(registry.manifest, names))
    return {tag: manifest for tag, manifest in zip(names, found, strict=True) if manifest}


def listing(registry: Registry, wanted: Collection[str] = ()) -> Listing:
    """All images of the package; `wanted` digests are looked up besides."""
    tags, cut = registry.tags()
    by_tag = tagged(registry, tags)
    manifests = {manifest.digest: manifest for manifest in by_tag.values()}
    behind = {child.digest for manifest in manifests.values() for child in manifest.children}
    missing = []
    for digest in sorted(set(wanted) - manifests.keys() - behind):
        found = registry.manifest(digest)
        if found is None:
            missing.append(digest)
        else:
            manifests[digest] = found
    named: dict[str, list[str]] = {}
    for tag, manifest in by_tag.items():
        named.setdefault(manifest.digest, []).append(tag)
    known = frozenset(tags)

    def make(manifest: Manifest) -> Image | None:
        return look(registry, manifest, tuple(named.get(manifest.digest, ())), known)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        images = [image for image in pool.map(make, manifests.values()) if image]
    images.sort(key=lambda image: image.digest)
    images.sort(key=lambda image: image.created or _NEVER, reverse=True)
    return Listing(tuple(images), tuple(missing), cut)


def look(
    registry: Registry, manifest: Manifest, tags: tuple[str, ...], known: frozenset[str]
) -> Image | None:
    """The image that a manifest is; None when it is none. `known` are all tags of the package."""
    found = configs(registry, manifest)
    if not found:
        return None
    main = found.get(PLATFORM) or next(iter(found.values()))
    return Image(
        manifest.digest,
        tags,
        main.created,
        main.revision,
        tuple(sorted(found)),
        _evidence(registry, manifest, known),
        frozenset(child.digest for child in manifest.children if child.is_image),
    )


def configs(registry: Registry, manifest: Manifest) -> dict[str, Config]:
    """Platform -> configuration, for what can be run."""
    if manifest.kind == "image":
        config = registry.config(manifest)
        return {} if config.platform == "unknown/unknown" else {config.platform: config}
    out = {}
    for child in manifest.children:
        found = registry.manifest(child.digest) if child.is_image else None
        if found is not None and found.kind == "image":
            config = registry.config(found)
            if config.platform != "unknown/unknown":
                out[config.platform] = config
    return out


def _evidence(registry: Registry, manifest: Manifest, known: frozenset[str]) -> tuple[str, ...]:
    """Who may have signed it is not checked here: `gh attestation verify` does that."""
    images = {manifest.digest, *(child.digest for child in manifest.children if child.is_image)}
    about = [child.digest for child in manifest.children if child.subject in images]
    about += registry.referrers(manifest.digest, known)
    found: set[str] = set()
    for digest in dict.fromkeys(about):
        said = registry.manifest(digest)
        found |= said.evidence if said is not None else frozenset()
    return tuple(word for word in ("signed", "provenance", "sbom") if word in found)
