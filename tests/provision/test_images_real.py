"""The commands against Debian's docker-registry behind TLS, with tokens as GHCR gives them.

What the light stand-in might have wrong is checked here: token scopes, media types, TLS, blobs
from another host. The registry itself verifies every token and digest.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ghcr_standin import Contents
from tests.ghcr_standin.contents import SLSA
from tests.ghcr_standin.real import Real, registry
from tests.github_standin import standin
from tests.provision.conftest import Site
from tests.provision.images_support import HEAD, PLANTED, PRIVATE

pytestmark = pytest.mark.lab
NAME = "owner/story"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    with registry(tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture
def held(real: Real, site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Contents]:
    """The package as the workflow leaves it, pushed; the site names it."""
    monkeypatch.setenv("FOUNTAINAI_REGISTRY", real.host)
    monkeypatch.setenv("FOUNTAINAI_REGISTRY_CA", str(real.ca))
    site.file.write_text(HEAD)
    made = Contents()
    old = made.image("v1", created="2026-01-01T00:00:00Z", form="docker")
    part = made.image(created="2026-02-01T00:00:00Z")
    new = made.index({"linux/amd64": part}, "main", predicates=(SLSA,))
    made.tags["build-1"] = old
    made.bundle(new)
    real.push(NAME, made)
    real.public = {NAME}
    real.blobs_elsewhere = False
    real.log.clear()
    yield made
    assert PLANTED not in "".join(site.everything)


def listed(site: Site) -> list[tuple[str, int, list[str]]]:
    result = site.run("images", "--json", "--env", "production")
    assert result.code == 0, result.all
    return [
        (image["digest"], len(image["tags"]), image["attestation"])
        for image in json.loads(result.out)["images"]
    ]


def test_a_public_package_is_listed_and_used_without_a_login(
    real: Real, site: Site, held: Contents
) -> None:
    main, old = held.tags["main"], held.tags["v1"]
    assert listed(site) == [(main, 1, ["signed", "provenance"]), (old, 2, [])]
    assert site.run("images", "use", main[:19], "--env", "production").code == 0
    assert f'image = "ghcr.io/{NAME}@{main}"' in site.file.read_text()
    assert {kind for _, _, kind in real.log} == {"", "bearer"}


def test_blobs_from_another_host_get_no_token(real: Real, site: Site, held: Contents) -> None:
    real.blobs_elsewhere = True
    assert len(listed(site)) == 2
    elsewhere = [kind for _, path, kind in real.log if path.startswith("https://localhost")]
    assert elsewhere
    assert set(elsewhere) == {""}


def test_a_private_package_is_read_with_a_token_that_only_reads(
    real: Real, site: Site, held: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    real.public = set()
    real.users["someone"] = PLANTED
    monkeypatch.setenv("PLANTED", PLANTED)
    site.file.write_text(PRIVATE)
    with standin() as hub:
        monkeypatch.setenv("FOUNTAINAI_GITHUB_API", hub.url)
        hub.world.add_token(PLANTED, scopes=("read:packages", "repo"))
        refused = site.run("images", "--env", "production")
        assert refused.code == 1
        assert "repo" in refused.err
        assert "basic" not in {kind for _, _, kind in real.log}
        hub.world.add_token(PLANTED, scopes=("read:packages",))
        assert len(listed(site)) == 2
    assert {path.partition("?")[0] for _, path, kind in real.log if kind == "basic"} == {"/token"}


def test_a_package_that_nobody_pushed_is_one_sentence(
    real: Real, site: Site, held: Contents
) -> None:
    site.file.write_text(HEAD.replace("owner/story", "owner/none"))
    real.public = {"owner/none"}
    result = site.run("images", "--env", "production")
    assert result.code == 1
    assert "ghcr.io/owner/none does not exist" in result.err


def test_a_certificate_of_a_stranger_is_refused(
    real: Real, site: Site, held: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FOUNTAINAI_REGISTRY_CA")
    result = site.run("images", "--env", "production")
    assert result.code == 1
    assert "shows a certificate that this machine does not trust" in result.err
    assert real.log == []


def test_what_skopeo_pushes_is_what_is_used(
    real: Real, site: Site, held: Contents, tmp_path: Path
) -> None:
    """Another client's idea of the same image: the digest it tells is the one written."""
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    (trusted / "ca.crt").write_bytes(real.ca.read_bytes())
    told = tmp_path / "digest"
    auth = tmp_path / "auth.json"
    auth.touch(mode=0o600)
    login = "Y2k6cHVzaC10b2tlbg=="  # ci and its password, which are made up
    auth.write_text(json.dumps({"auths": {real.host: {"auth": login}}}))
    done = subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "--quiet", f"--authfile={auth}",
         f"--src-cert-dir={trusted}", f"--dest-cert-dir={trusted}", f"--digestfile={told}",
         f"docker://{real.host}/{NAME}:v1", f"docker://{real.host}/owner/copied:v1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    real.public = {"owner/copied"}
    site.file.write_text(HEAD.replace(NAME, "owner/copied"))
    result = site.run("images", "use", told.read_text().strip(), "--env", "production")
    assert result.code == 0, result.all
    assert f"owner/copied@{told.read_text().strip()}" in site.file.read_text()
