"""Which digest a person means, and whether hosts could run it.

Takes a digest or enough of its beginning; a tag is refused with the digest it has today. What is
returned exists in the package, is an image, and is for the hosts' platform.
"""

from __future__ import annotations

from inventories.errors import ProvisionError
from inventories.images.listing import configs, tagged
from inventories.images.manifests import PLATFORM, Manifest
from inventories.images.names import SHORT, is_digest, is_prefix, is_tag
from inventories.images.registry import MOST_TAGS, Registry

_FORM = f"a digest is sha256: and 64 hex digits, of which the first {SHORT} are enough"


def chosen(registry: Registry, given: str, known: str | None = None, *, env: str) -> str:
    """The whole digest. `known` is the one of site.toml, which needs no tag to be found; `env` is
    for the commands in messages: without it they would mean another environment."""
    package, look = registry.package, f"provision images --env {env} shows what there is"
    name, _, digest = given.rpartition("@")
    if name and name != str(package):
        raise ProvisionError(
            f"{name} is not the package of this site, which is {package}",
            "check package under [app] in site.toml",
        )
    if not is_prefix(digest):
        raise _no_digest(registry, digest, env, look)
    if not is_digest(digest):
        digest = _whole(registry, digest, known, look)
    manifest = registry.manifest(digest)
    if manifest is None:
        raise ProvisionError(f"{package} has no {digest}; site.toml was not changed", look)
    _check(registry, manifest, look)
    return digest


def _no_digest(registry: Registry, given: str, env: str, look: str) -> ProvisionError:
    if not is_tag(given):
        shown = given if given and given.isprintable() else "what was given"
        return ProvisionError(f"{shown} is no digest: {_FORM}", look)
    manifest = registry.manifest(given)
    if manifest is None:
        return ProvisionError(
            f"{given} is neither a digest nor a tag of {registry.package}: {_FORM}", look
        )
    return ProvisionError(
        f"{given} is a tag, and a tag can move; its digest today is {manifest.digest}",
        f"provision images use {manifest.digest} --env {env}",
    )


def _whole(registry: Registry, prefix: str, known: str | None, look: str) -> str:
    tags, cut = registry.tags()
    if cut:  # another digest with this beginning may be behind the others
        raise ProvisionError(
            f"{registry.package} has more than {MOST_TAGS} tags, so {prefix} may mean more than "
            "one image; site.toml was not changed",
            "give the whole digest, sha256: and 64 hex digits",
        )
    manifests = tagged(registry, tags).values()
    digests = {manifest.digest for manifest in manifests}
    digests |= {child.digest for manifest in manifests for child in manifest.children}
    digests |= {known} if known is not None else set()
    found = sorted(digest for digest in digests if digest.startswith(prefix))
    if not found:
        raise ProvisionError(
            f"no image of {registry.package} with a tag begins with {prefix}; site.toml was not "
            "changed",
            f"{look}; one without a tag needs its whole digest",
        )
    if len(found) > 1:
        raise ProvisionError(
            f"{prefix} is the beginning of {len(found)} digests: {', '.join(found)}",
            "give more of the one that you mean",
        )
    return found[0]


def _check(registry: Registry, manifest: Manifest, look: str) -> None:
    found = configs(registry, manifest)
    what = f"{manifest.digest} of {registry.package}"
    if not found:
        about = f" ({', '.join(sorted(manifest.evidence))})" if manifest.evidence else ""
        raise ProvisionError(
            f"{what} is no image but an attestation or another attachment{about}; site.toml was "
            "not changed",
            look,
        )
    if PLATFORM not in found:
        raise ProvisionError(
            f"{what} is for {', '.join(sorted(found))}, and the hosts are {PLATFORM}; site.toml "
            "was not changed",
            f"build it for {PLATFORM}",
        )
