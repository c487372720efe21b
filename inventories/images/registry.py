"""A package at its registry, by the registry's own API (OCI distribution specification 1.1).

Asks without a login first, so a public package needs no token. Manifests and blobs are taken only
when their bytes have the digest that was asked for. Reads only, every answer bounded; safe to use
from several threads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urljoin

from inventories.endpoints import origin
from inventories.errors import ProvisionError
from inventories.images.authorization import Authorization, Login
from inventories.images.http import Answer, Client
from inventories.images.manifests import (
    IMAGES,
    INDEXES,
    Config,
    Malformed,
    Manifest,
    checked_json,
    children,
    read,
    read_config,
)
from inventories.images.names import Package, is_digest, is_referrers_tag, is_tag, referrers_tag
from inventories.images.sentences import MISSING, REFUSED, believed, refusal, unbelievable

MANIFEST_LIMIT = 4 * 1024 * 1024  # bytes; registries are advised to accept no larger ones
CONFIG_LIMIT = 1024 * 1024
MOST_TAGS = 2000
_PAGE, _MOST_PAGES = 200, 50
_ACCEPT = ", ".join(INDEXES + IMAGES)
#: RFC 8288: the address of the following page.
_NEXT = re.compile(r'<([^<>]{1,2000})>\s*;[^,]*\brel="?next"?', re.ASCII)


class Tags(NamedTuple):
    """Tags of a package; `cut`: it has more of them, which were not asked for."""

    names: tuple[str, ...]
    cut: bool


class Registry:
    """One package. `login` is asked at most once, and only when the registry wants one."""

    def __init__(self, package: Package, client: Client, login: Callable[[], Login | None]) -> None:
        self.package, self._client = package, client
        self._path = f"/v2/{package.repository}"
        self._right = Authorization(package, client, login)
        self._has_referrers = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.__exit__(kind, value, trace)

    def tags(self) -> Tags:
        """The tags, the referrers' own included; no more than `MOST_TAGS` of them, as each costs
        requests. ProvisionError when there is no such package."""
        out: dict[str, None] = {}
        what, target = "the list of tags", f"{self._path}/tags/list?n={_PAGE}"
        for _ in range(_MOST_PAGES):
            answer = self._get(target, what, MANIFEST_LIMIT)
            if answer is None:
                raise ProvisionError(
                    f"{self.package} does not exist, or nothing was pushed to it yet",
                    "check package under [app] in site.toml, or push an image",
                )
            out |= dict.fromkeys(believed(self.package, what, partial(_tags, answer.body)))
            following = _NEXT.search(answer.headers.get("link", ""))
            if following is None or len(out) >= MOST_TAGS:
                cut = following is not None or len(out) > MOST_TAGS
                return Tags(tuple(out)[:MOST_TAGS], cut)
            target = urljoin(urljoin(self._client.url, target), following[1])
            if origin(target) != origin(self._client.url):
                raise unbelievable(self.package, what, "continues at another server")
        raise unbelievable(self.package, what, f"has more than {_MOST_PAGES} pages")

    def manifest(self, reference: str) -> Manifest | None:
        """What a tag or digest is; None when the package does not have it."""
        path = f"{self._path}/manifests/{reference}"
        answer = self._get(path, reference, MANIFEST_LIMIT, _ACCEPT)
        if answer is None:
            return None
        digest = reference if is_digest(reference) else None
        kind = answer.headers.get("content-type", "")
        return believed(self.package, reference, lambda: read(answer.body, digest, kind))

    def config(self, manifest: Manifest) -> Config:
        """The configuration of an image's manifest."""
        digest = manifest.config
        answer = self._get(f"{self._path}/blobs/{digest}", digest, CONFIG_LIMIT)
        if answer is None:
            raise unbelievable(self.package, digest, f"is missing, though {manifest.digest} has it")
        return believed(self.package, digest, lambda: read_config(answer.body, digest))

    def referrers(self, digest: str, tags: frozenset[str]) -> list[str]:
        """Digests of what refers to `digest`: by the registry's own list, and by the tags that
        take its place where there is none, as at GHCR. `tags` are all tags of the package."""
        found: dict[str, None] = {}
        if self._has_referrers:
            what = f"what refers to {digest}"
            answer = self._get(f"{self._path}/referrers/{digest}", what, MANIFEST_LIMIT)
            if answer is None:
                self._has_referrers = False
            else:
                listed = believed(
                    self.package, what, lambda: children(checked_json(answer.body, None))
                )
                found |= dict.fromkeys(child.digest for child in listed)
        own = referrers_tag(digest)
        for tag in sorted(t for t in tags if is_referrers_tag(t) and t.startswith(own)):
            manifest = self.manifest(tag)
            if manifest is not None and manifest.kind == "index":
                found |= dict.fromkeys(child.digest for child in manifest.children)
            elif manifest is not None:
                found[manifest.digest] = None
        return list(found)

    def _get(self, target: str, what: str, limit: int, accept: str = "*/*") -> Answer | None:
        """A 200's answer, None for 404; ProvisionError for everything else."""
        for _ in range(3):  # without a login, with one, and once more when a token ran out
            header = self._right.header
            answer = self._client.get(target, limit=limit, accept=accept, authorization=header)
            if answer.status not in REFUSED:
                self._right.worked(header)
                break
            if not self._right.renew(answer, header):
                break
        if answer.is_ok:
            return answer
        if answer.status == MISSING:
            return None
        raise refusal(self.package, answer.status, what, answer.headers.get("retry-after", ""))


def _tags(body: bytes) -> list[str]:
    found = checked_json(body, None).get("tags")
    if not isinstance(found, list | None):
        raise Malformed("names no tags")
    return [tag for tag in found or () if isinstance(tag, str) and is_tag(tag)]
