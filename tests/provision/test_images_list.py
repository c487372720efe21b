"""`provision images`: what a package has, told from what only belongs to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inventories.images.registry import MOST_TAGS
from tests.ghcr_standin.contents import SLSA, SPDX
from tests.provision.conftest import Site
from tests.provision.images_support import Shop, shop


@pytest.fixture
def images(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with shop(site, monkeypatch) as made:
        yield made


def full(images: Shop) -> tuple[str, str, str]:
    """A package as the workflow leaves it: digests of the old, the middle and the new image."""
    held = images.held
    old = held.image("v1", created="2026-01-01T00:00:00Z", revision="1" * 40, form="docker")
    part = held.image(created="2026-02-01T00:00:00Z", revision="2" * 40)
    middle = held.index({"linux/amd64": part}, "v2", predicates=(SLSA,))
    part = held.image(created="2026-03-01T12:30:00+01:00", revision="3" * 40)
    new = held.index({"linux/amd64": part}, "main", predicates=(SLSA, SPDX))
    held.tags["v3"] = new
    held.bundle(new)
    held.image(created="2026-04-01T00:00:00Z", salt="a leftover without a tag")
    return old, middle, new


def test_images_are_listed_newest_first_with_what_is_known_of_each(images: Shop) -> None:
    old, middle, new = full(images)
    found = images.listed()["images"]
    assert [(i["digest"], i["tags"], i["created"], i["commit"][:1]) for i in found] == [
        (new, ["main", "v3"], "2026-03-01T11:30:00Z", "3"),
        (middle, ["v2"], "2026-02-01T00:00:00Z", "2"),
        (old, ["v1"], "2026-01-01T00:00:00Z", "1"),
    ]
    assert [i["attestation"] for i in found] == [
        ["signed", "provenance", "sbom"],
        ["provenance"],
        [],
    ]
    # A tag that only leads to a signature is followed once, for its image, and is none itself.
    assert len([path for path, _ in images.shelf.log if "/manifests/sha256-" in path]) == 1


def test_no_login_is_sent_for_a_public_package(images: Shop) -> None:
    """A token's source need not even be at hand."""
    full(images)
    images.file.write_text(images.file.read_text() + '[secrets]\nregistry_token = { env = "NO" }\n')
    assert images.images().code == 0
    assert {kind for _, kind in images.shelf.log} == {"", "bearer"}
    assert len([path for path, _ in images.shelf.log if path.startswith("/token")]) == 1


def test_the_table_is_for_people(images: Shop) -> None:
    _, _, new = full(images)
    images.file.write_text(images.file.read_text().replace('# image = "x"',
                           f'image = "ghcr.io/owner/story@{new}"'))  # fmt: skip
    result = images.images()
    assert result.code == 0, result.all
    lines = result.out.splitlines()
    first = next(line for line in lines if new[:19] in line)
    assert first.startswith("*")
    assert "2026-03-01 11:30" in first
    assert "signed provenance sbom" in first
    assert "main v3" in first
    assert len([line for line in lines if "sha256:" in line]) == 3
    assert "! which image runs where is not known" in result.out
    assert "not verified" in result.out


def test_hosts_that_do_not_answer_are_named_and_nothing_fails(images: Shop) -> None:
    full(images)
    images.hosts("app-1", "app-2")
    result = images.images()
    assert result.code == 0
    assert "! app-1: not reached (" in result.out
    assert "! app-2: not reached (" in result.out
    assert images.listed()["hosts"]["app-1"]["reached"] is False


def test_the_sites_image_is_shown_without_a_tag_and_said_to_be_gone(images: Shop) -> None:
    """A tag may have moved on; only what nobody names is a leftover."""
    full(images)
    untagged = images.held.image(created="2026-05-01T00:00:00Z", salt="without a tag")
    whole = images.file.read_text()
    for digest, said in ((untagged, ""), ("sha256:" + "0" * 64, "which is not in the package")):
        line = f'image = "ghcr.io/owner/story@{digest}"'
        images.file.write_text(whole.replace('# image = "x"', line))
        found = images.listed()
        assert found["site"] == digest
        rows = [i for i in found["images"] if i["is_in_site"]]
        assert [i["digest"] for i in rows] == ([] if said else [untagged])
        assert any(said in note for note in found["notes"])


@pytest.mark.parametrize("has_referrers", [False, True])
def test_a_signature_is_found_by_either_way(images: Shop, has_referrers: bool) -> None:
    """The registry's own list of referrers, or the tag that stands in for it at GHCR."""
    images.shelf.has_referrers = has_referrers
    image = images.held.image("v1")
    images.held.bundle(image, by_tag=not has_referrers)
    (found,) = images.listed()["images"]
    assert found["attestation"] == ["signed"]
    asked = [path for path, _ in images.shelf.log if "/referrers/" in path]
    assert len(asked) == 1


def test_where_there_is_no_list_of_referrers_it_is_asked_for_once(images: Shop) -> None:
    """GHCR limits requests; one answer is enough to know. Threads may overlap at the start."""
    for number in range(30):
        images.held.image(f"v{number}", salt=str(number))
    assert len(images.listed()["images"]) == 30
    assert len([path for path, _ in images.shelf.log if "/referrers/" in path]) <= 8


def test_cosigns_older_signature_counts(images: Shop) -> None:
    held = images.held
    image = held.image("v1")
    kind = "application/vnd.dev.cosign.simplesigning.v1+json"
    layer = held.descriptor(kind, held.blob(b"signature"))
    config = held.descriptor("application/vnd.oci.image.config.v1+json", held.blob(b"{}"))
    held.manifest(
        "application/vnd.oci.image.manifest.v1+json",
        {"config": config, "layers": [layer]},
        image.replace(":", "-") + ".sig",
    )
    (found,) = images.listed()["images"]
    assert (found["digest"], found["attestation"]) == (image, ["signed"])


def test_many_tags_come_in_pages(images: Shop) -> None:
    images.shelf.page = 7
    digest = images.held.image("v0")
    images.held.tags |= {f"v{number}": digest for number in range(50)}
    (found,) = images.listed()["images"]
    assert len(found["tags"]) == 50
    assert "and 46 more" in images.images().out


def test_an_image_for_other_machines_is_marked(images: Shop) -> None:
    images.held.image("arm", platform="linux/arm64")
    assert "arm (not for linux/amd64)" in images.images().out


def test_a_package_with_nothing_but_statements_has_no_image(images: Shop) -> None:
    images.held.bundle(images.held.image(), by_tag=True)
    assert images.listed()["images"] == []
    assert "no image yet" in images.images().out


def test_a_private_package_needs_no_github_when_it_is_elsewhere(images: Shop) -> None:
    """A registry of one's own, by name and password: the kind that rehearsals have."""
    images.shelf.scheme = "basic"
    images.shelf.users = {"app": "word"}
    images.held.image("v1")
    host = images.shelf.url.removeprefix("http://")
    text = images.file.read_text().replace("ghcr.io/owner", f"{host}/owner")
    images.file.write_text(
        text + '[app.registry]\nuser = "app"\n[secrets]\nregistry_token = { env = "WORD" }\n'
    )
    images.patch.setenv("WORD", "word")
    assert [i["tags"] for i in images.listed()["images"]] == [["v1"]]


def test_a_package_with_too_many_tags_says_so_and_its_beginnings_mean_nothing(
    images: Shop,
) -> None:
    """What is not looked at may be newer than what is shown, or begin with the same digits."""
    digest = images.held.image("v0")
    images.held.tags |= {f"v{number}": digest for number in range(MOST_TAGS)}
    assert not [note for note in images.listed()["notes"] if "tags" in note]
    images.held.tags["one-more"] = digest
    (note,) = [note for note in images.listed()["notes"] if "tags" in note]
    assert "only 2000 tags were looked at and the package has more" in note
    before = images.file.read_bytes()
    refused = images.use(digest[:19])
    assert (refused.code, images.file.read_bytes()) == (1, before)
    assert "may mean more than one image" in refused.err
    assert "give the whole digest" in refused.err
    assert images.use(digest).code == 0
