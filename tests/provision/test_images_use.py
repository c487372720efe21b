"""`provision images use`: one line of the site file, and only for an image that hosts can run."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator

import pytest

from tests.ghcr_standin.contents import SLSA
from tests.provision.conftest import Site
from tests.provision.images_support import PACKAGE, Shop, shop


@pytest.fixture
def images(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with shop(site, monkeypatch) as made:
        yield made


def test_a_digest_is_written_and_the_next_command_shown(images: Shop) -> None:
    digest = images.held.index({"linux/amd64": images.held.image()}, "main", predicates=(SLSA,))
    before = images.file.read_text()
    result = images.use(digest)
    assert result.code == 0, result.all
    line = f'image = "{PACKAGE}@{digest}"'
    assert images.file.read_text() == before.replace('# image = "x"', line)
    assert f"+{line}" in result.out.splitlines()
    assert '-# image = "x"' in result.out.splitlines()
    command = "DEPLOY_ENV=production pyinfra inventory.py deploys/app.py"
    told = [line.strip() for line in result.out.splitlines() if "pyinfra" in line]
    assert told == [f"{command} --dry --diff", command]


def test_the_same_digest_again_leaves_the_file_untouched(images: Shop) -> None:
    digest = images.held.image("main")
    assert images.use(digest).code == 0
    os.utime(images.file, ns=(1, 1))
    inode = images.file.stat().st_ino
    result = images.use(digest[:19])
    assert result.code == 0
    assert "nothing to do" in result.out
    assert (images.file.stat().st_mtime_ns, images.file.stat().st_ino) == (1, inode)


def test_another_digest_replaces_it_and_the_way_back_gives_the_file_back(images: Shop) -> None:
    one, two = images.held.image("v1", salt="1"), images.held.image("v2", salt="2")
    images.file.write_text(images.file.read_text() + "\r\n# kept  \t\n[base]# no end")
    for digest in (one, two, one):
        assert images.use(f"{PACKAGE}@{digest}").code == 0
        assert tomllib.loads(images.file.read_bytes().decode())["app"]["image"].endswith(digest)
        texts = images.file.read_bytes()
        assert texts.endswith(b"\r\n# kept  \t\n[base]# no end")


def test_in_a_lab_its_own_overlay_is_written(images: Shop) -> None:
    """The overlay that labs share belongs to the project: this lab gets a copy, others do not."""
    one, two = images.held.image("v1", salt="1"), images.held.image("v2", salt="2")
    shared = images.site.root / "inventories" / "lab" / "site.toml"
    folder = images.site.labs / "lab"
    kept = {file: file.read_bytes() for file in (images.file, shared)}
    for digest in (one, two):
        result = images.use(digest, env="lab")
        assert result.code == 0, result.all
        assert tomllib.loads((folder / "site.toml").read_text()) == {
            "site": {"blueprint": "debian_13"},
            "app": {"image": f"{PACKAGE}@{digest}"},
        }
        assert "DEPLOY_ENV=lab pyinfra" in result.out
        assert images.site.run("images", "--env", "lab").out.count("*  sha256:") == 1
    assert {file: file.read_bytes() for file in kept} == kept
    assert sorted(os.listdir(folder)) == ["lab.json", "site.toml"]
    assert json.loads((folder / "lab.json").read_text())["name"] == "lab"


def test_the_environment_may_stand_before_the_word_use(images: Shop) -> None:
    digest = images.held.image("main")
    assert images.site.run("images", "--env", "production", "use", digest).code == 0
    assert digest in images.file.read_text()


def test_every_next_command_names_its_environment(images: Shop) -> None:
    """Without it the digest of a tag, tried in a lab, would be written into production's file."""
    digest = images.held.image("main")
    result = images.use("main", env="lab")
    assert f"Next: provision images use {digest} --env lab" in result.err
    for given in ("none", "", "sha256:" + "0" * 12, "sha256:" + "0" * 64):
        assert "Next: provision images --env lab shows" in images.use(given, env="lab").err
    assert "what was given is no digest" in images.use("", env="lab").err


def test_json_is_not_taken_for_use(images: Shop) -> None:
    digest = images.held.image("main")
    result = images.images("--json", "use", digest)
    assert result.code == 1
    assert "--json is for the list of images" in result.err
    assert digest not in images.file.read_text()


def refused(images: Shop, given: str) -> str:
    """What is said; the file is as it was, and nothing lies beside it."""
    before, folder = images.file.read_bytes(), sorted(os.listdir(images.file.parent))
    result = images.use(given)
    assert result.code == 1, result.all
    assert images.file.read_bytes() == before
    assert sorted(os.listdir(images.file.parent)) == folder
    assert "Traceback" not in result.all
    return " ".join(result.err.split())


def test_a_tag_is_refused_with_its_digest_of_today(images: Shop) -> None:
    digest = images.held.image("main")
    said = refused(images, "main")
    assert f"a tag can move; its digest today is {digest}" in said
    assert f"Next: provision images use {digest}" in said


def test_a_commit_is_a_tag_as_well(images: Shop) -> None:
    """Forty hex digits name no digest, and must not be taken for the beginning of one."""
    images.held.image("0123456789abcdef0123456789abcdef01234567")
    said = refused(images, "0123456789abcdef0123456789abcdef01234567")
    assert "is a tag" in said


@pytest.mark.parametrize(
    "given",
    ["nothing", "sha256:", "sha256:0123", "sha256:XYZ", "sha512:" + "0" * 64, "--", "a b",
     "\x1b[31m", "ghcr.io/owner/story:main", "ghcr.io/other/story@sha256:" + "0" * 64,
     "../../token"],
)  # fmt: skip
def test_what_is_no_digest_is_refused(images: Shop, given: str) -> None:
    images.held.image("main")
    said = refused(images, given)
    assert "\x1b" not in said


def test_a_digest_that_the_package_does_not_have_is_refused(images: Shop) -> None:
    images.held.image("main")
    for given in ("sha256:" + "0" * 64, "sha256:" + "0" * 12):
        assert "sha256:000000000000" in refused(images, given)


def test_a_beginning_that_two_digests_share_is_refused_with_both(images: Shop) -> None:
    """Found by making digests until two begin alike would take long: the registry holds another
    name for what it lists, as an index may."""
    one = images.held.image("main", salt="1")
    twin = one[:-1] + ("0" if one[-1] != "0" else "1")
    entry = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": twin, "size": 1}
    images.held.manifest(
        "application/vnd.oci.image.index.v1+json", {"manifests": [entry]}, "listed"
    )
    said = refused(images, one[:30])
    assert one in said
    assert twin in said


def test_attestations_are_refused(images: Shop) -> None:
    held = images.held
    image = held.image()
    index = held.index({"linux/amd64": image}, "main", predicates=(SLSA,))
    bundle = held.bundle(index)
    statement = held.attestation((SLSA,), image)
    fallback = held.tags[index.replace(":", "-")]
    for digest in (bundle, statement, statement[:19], fallback):
        assert "is no image but an attestation" in refused(images, digest)


def test_an_image_for_other_machines_is_refused(images: Shop) -> None:
    arm = images.held.image(platform="linux/arm64")
    for digest in (arm, images.held.index({"linux/arm64": arm}, "main")):
        assert "is for linux/arm64, and the hosts are linux/amd64" in refused(images, digest)


def test_one_of_several_platforms_is_enough(images: Shop) -> None:
    held = images.held
    both = {p: held.image(platform=p) for p in ("linux/amd64", "linux/arm64")}
    digest = held.index(both, "main")
    assert images.use(digest).code == 0


def test_an_index_that_hides_its_image_is_refused(images: Shop) -> None:
    """Its list says linux/amd64, and what lies there is for another machine."""
    arm = images.held.image(platform="linux/arm64")
    lying = images.held.index({"linux/amd64": arm}, "main")
    assert "is for linux/arm64" in refused(images, lying)


def test_a_site_file_that_cannot_be_completed_is_left_alone(images: Shop) -> None:
    text = images.file.read_text().replace("[app]", "[app]\nimage = '''\n" + PACKAGE
                                           + "@sha256:" + "0" * 64 + "'''")  # fmt: skip
    images.file.write_text(text)
    digest = images.held.image("main")
    assert f'image = "{PACKAGE}@{digest}"' in refused(images, digest)
