"""The certificates a container reads, in a volume of the engine: as an app host has them on disk.

Files of the services' own user, readable by nobody else (0400). Nobody needs root for that: the
engine unpacks an archive that says whose they are.
"""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploys.pki import Pki
from deploys.roles.app import INSIDE, UID
from tests.image.container import LABEL
from tests.image.engine import Image, ask, run


def variables(url: str) -> dict[str, str]:
    """What the app role sets, for the door at `url`."""
    return {
        "STORY_STORE_URL": url,
        "STORY_STORE_CA": f"{INSIDE}/ca.pem",
        "STORY_STORE_CERT": f"{INSIDE}/story.pem",
        "STORY_STORE_KEY": f"{INSIDE}/story.key",
        "STORY_MAX_BODY_BYTES": str(2 * 1024 * 1024),
    }


def mounted(volume: str) -> tuple[str, ...]:
    return ("--mount", f"type=volume,src={volume},dst={INSIDE},readonly")


def files(pki: Pki) -> dict[str, bytes]:
    certificate, key = pki.client_paths("story")
    paths = {"ca.pem": pki.ca_path, "story.pem": certificate, "story.key": key}
    return {name: Path(path).read_bytes() for name, path in paths.items()}


@contextmanager
def volume(image: Image, contents: Mapping[str, bytes], owner: int = UID) -> Iterator[str]:
    """Name of a volume with these files; gone afterwards."""
    name = f"story-image-test-{secrets.token_hex(4)}"
    ask("volume", "create", "--label", LABEL, name)
    try:
        made = ask(
            "create", "--label", LABEL, "--network", "none",
            "--mount", f"type=volume,src={name},dst={INSIDE}", image.name,
        )  # fmt: skip
        try:
            ask("cp", "-", f"{made}:{INSIDE}", stdin=_packed(contents, owner))
        finally:
            run("rm", "--force", made)
        yield name
    finally:
        run("volume", "rm", "--force", name)


def _packed(contents: Mapping[str, bytes], owner: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        folder = tarfile.TarInfo(".")
        folder.type, folder.mode, folder.uid, folder.gid = tarfile.DIRTYPE, 0o750, owner, owner
        archive.addfile(folder)
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid, member.gid = len(content), 0o400, owner, owner
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()
