"""Names of packages, tags and digests, by the rules of registries. Pure.

What comes from outside is checked here before it is shown or becomes part of an address; a tag is
never taken for a digest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploys.settings import AppSettings
from inventories.errors import ProvisionError

GITHUB = "ghcr.io"
DEFAULT_NAME = "story"  # of the services' package at GitHub
SHORT = 12  # hex digits that are enough to name an image when no other begins the same
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_PREFIX = re.compile(r"sha256:[0-9a-f]{12,64}", re.ASCII)
#: OCI distribution specification 1.1, "Pulling manifests".
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)
#: The referrers tag of that specification, and the ones with a suffix that cosign uses.
_REFERRERS = re.compile(r"sha256-[0-9a-f]{64}(\.[A-Za-z0-9._-]+)?", re.ASCII)


@dataclass(frozen=True)
class Package:
    """One repository of one registry: `registry` is `host` or `host:port`."""

    registry: str
    repository: str

    def __str__(self) -> str:
        return f"{self.registry}/{self.repository}"

    @property
    def is_github(self) -> bool:
        return self.registry == GITHUB

    @property
    def owner(self) -> str:
        return self.repository.partition("/")[0]

    def reference(self, digest: str) -> str:
        """What `[app] image` says about this digest."""
        return f"{self}@{digest}"


def package_of(app: AppSettings, github: str | None) -> Package:
    """Where images are listed: `[app] package`, else what `[app] image` names, else the package
    of the repository `github` (`OWNER/NAME`). ProvisionError when nothing names it."""
    if app.package is not None:
        name = app.package
    elif app.image is not None:
        name = app.image.partition("@")[0]
    elif github:
        name = f"{GITHUB}/{github.partition('/')[0].lower()}/{DEFAULT_NAME}"
    else:
        raise ProvisionError(
            "site.toml does not say where the services' images are",
            'write package = "ghcr.io/OWNER/story" under [app], then run the command again',
        )
    registry, _, repository = name.partition("/")
    if not repository or not (set(".:") & set(registry) or registry == "localhost"):
        raise ProvisionError(
            f"{name!r} names no registry; in [app] it has to begin with one",
            f'write package = "ghcr.io/{name}" under [app], if that is what you mean',
        )
    return Package(registry, repository)


def is_digest(text: str) -> bool:
    """Whether this is a whole digest, the only algorithm known here being SHA-256."""
    return _DIGEST.fullmatch(text) is not None


def is_prefix(text: str) -> bool:
    """Whether this is a digest or enough of one's beginning."""
    return _PREFIX.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    return _TAG.fullmatch(text) is not None


def is_referrers_tag(tag: str) -> bool:
    """Whether a tag only leads from an image to what is said about it."""
    return _REFERRERS.fullmatch(tag) is not None


def referrers_tag(digest: str) -> str:
    """The tag that lists what refers to `digest` at a registry without the referrers API."""
    return digest.replace(":", "-")


def short(digest: str, among: list[str] | None = None) -> str:
    """The shortest beginning, of 12 hex digits or more, that no other of `among` has."""
    length = len("sha256:") + SHORT
    others = [other for other in among or () if other != digest]
    while length < len(digest) and any(o.startswith(digest[:length]) for o in others):
        length += 1
    return digest[:length]
