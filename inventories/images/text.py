"""What `provision images` shows, as lines and as JSON. Pure: values in, text out."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from inventories.images.listing import Image, Listing
from inventories.images.manifests import PLATFORM
from inventories.images.names import Package, short
from inventories.images.registry import MOST_TAGS
from inventories.images.running import Running

_HEAD = (" ", "DIGEST", "CREATED (UTC)", "COMMIT", "ATTESTATION", "RUNS ON", "TAGS")
_TAGS = 4  # shown of one image
_COMMIT = 12


def lines(
    package: Package,
    found: Listing,
    hosts: Sequence[Running],
    named: str | None,
    notes: Sequence[str] = (),
) -> list[str]:
    """The table, newest first, then what has to be known besides. `named`: the digest of
    site.toml."""
    digests = [image.digest for image in found.images]
    rows = [_HEAD]
    for image in found.images:
        mark = "*" if named is not None and image.is_called(named) else " "
        rows.append(
            (
                mark,
                short(image.digest, digests),
                f"{image.created:%Y-%m-%d %H:%M}" if image.created else "-",
                (image.revision or "-")[:_COMMIT],
                " ".join(image.evidence) or "none",
                " ".join(runs_on(image, hosts)) or "-",
                _tags(image),
            )
        )
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD))]
    out = [f"Images of {package}, newest first; * is the one of site.toml", ""]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        out.append("  ".join(cells).rstrip())
    if not found.images:
        out.append("   no image yet")
    problems = [*_problems(found, hosts, named), *notes]
    return out + [""] * bool(problems) + [f"! {problem}" for problem in problems]


def runs_on(image: Image, hosts: Sequence[Running]) -> list[str]:
    """Names of the hosts that run this image; with groups where a host runs several images."""
    out = []
    for host in hosts:
        groups = [g for digest, gs in host.digests.items() if image.is_called(digest) for g in gs]
        if groups:
            mixed = len(host.digests) > 1
            out.append(f"{host.host} ({', '.join(sorted(groups))})" if mixed else host.host)
    return out


def as_json(
    package: Package,
    found: Listing,
    hosts: Sequence[Running],
    named: str | None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The same for programs, digests in full; dates in UTC, null where the image has none."""
    return {
        "package": str(package),
        "site": named,
        "images": [
            {
                "digest": image.digest,
                "tags": sorted(image.tags),
                "created": image.created and f"{image.created:%Y-%m-%dT%H:%M:%SZ}",
                "commit": image.revision,
                "platforms": list(image.platforms),
                "attestation": list(image.evidence),
                "runs_on": [h.host for h in hosts if any(map(image.is_called, h.digests))],
                "is_in_site": named is not None and image.is_called(named),
            }
            for image in found.images
        ],
        "hosts": {
            host.host: {
                "reached": not host.problem,
                "problem": host.problem or None,
                "digests": {digest: list(groups) for digest, groups in host.digests.items()},
            }
            for host in hosts
        },
        "notes": [*_problems(found, hosts, named), *notes],
    }


def difference(label: str, before: str, after: str) -> list[str]:
    """The change of a file as people read it, without ends of lines."""
    found = difflib.unified_diff(
        before.splitlines(), after.splitlines(), label, label, n=1, lineterm=""
    )
    return list(found)


def next_steps(env: str) -> list[str]:
    """How a digest in site.toml gets to the hosts: looked at first, then done."""
    run = f"DEPLOY_ENV={env} pyinfra inventory.py deploys/app.py"
    return [
        "",
        "Nothing runs it yet. See what it would change, then do it:",
        f"  {run} --dry --diff",
        f"  {run}",
    ]


def _tags(image: Image) -> str:
    names = sorted(image.tags)
    more = f" and {len(names) - _TAGS} more" if len(names) > _TAGS else ""
    told = (" ".join(names[:_TAGS]) or "-") + more
    return told if image.runs_here else f"{told} (not for {PLATFORM})"


def _problems(found: Listing, hosts: Sequence[Running], named: str | None) -> list[str]:
    out = [f"{host.host}: not reached ({host.problem})" for host in hosts if host.problem]
    if found.cut:
        out.append(
            f"only {MOST_TAGS} tags were looked at and the package has more: newer images may be "
            "missing here; remove tags that nobody needs"
        )
    if named is not None and named in found.missing:
        out.append(f"site.toml names {named}, which is not in the package")
    for host in hosts:
        gone = [digest for digest in host.digests if found.of(digest) is None]
        out += [f"{host.host} runs {digest}, which is not in the package" for digest in gone]
    return out
