"""Names of packages and digests: what is taken for one, and where a site's package is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deploys.settings import AppSettings
from inventories.errors import ProvisionError
from inventories.images import names

DIGEST = "sha256:" + "0123456789abcdef" * 4
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)


def test_the_package_is_named_or_follows_from_the_image_or_the_repository() -> None:
    """In this order; an owner is written in lower case, as registries demand."""
    image = f"ghcr.io/one/story@{DIGEST}"
    found = [
        names.package_of(AppSettings(package="ghcr.io/two/story", image=image), "Three/x"),
        names.package_of(AppSettings(image=image), "Three/x"),
        names.package_of(AppSettings(), "Three/x"),
        names.package_of(AppSettings(image=f"10.83.1.1:5000/story@{DIGEST}"), None),
    ]
    assert [str(package) for package in found] == [
        "ghcr.io/two/story",
        "ghcr.io/one/story",
        "ghcr.io/three/story",
        "10.83.1.1:5000/story",
    ]
    assert [package.is_github for package in found] == [True, True, True, False]


def test_a_site_that_names_no_package_is_told_what_to_write() -> None:
    with pytest.raises(ProvisionError) as refused:
        names.package_of(AppSettings(), None)
    assert "package = " in refused.value.next_step


def test_a_name_without_a_registry_is_refused() -> None:
    """`owner/story` would be Docker Hub's, which nobody means here."""
    with pytest.raises(ProvisionError) as refused:
        names.package_of(AppSettings(package="owner/story"), None)
    assert "ghcr.io/owner/story" in refused.value.next_step


@pytest.mark.parametrize(
    "name",
    ["ghcr.io", "ghcr.io/Owner/story", "ghcr.io/owner/story:main", f"ghcr.io/o/s@{DIGEST}",
     "https://ghcr.io/o/s", "ghcr.io/../s", "ghcr.io/o//s", "ghcr.io/o/s/", "ghcr.io/o/s?n=1"],
)  # fmt: skip
def test_what_is_no_package_is_refused_by_the_site_file(name: str) -> None:
    with pytest.raises(ValidationError):
        AppSettings(package=name)


@pytest.mark.parametrize(
    ("text", "digest", "prefix"),
    [
        (DIGEST, True, True),
        (DIGEST[:19], False, True),
        (DIGEST[:18], False, False),  # 11 digits
        (DIGEST + "0", False, False),
        (DIGEST.upper(), False, False),
        (DIGEST[7:], False, False),  # could be a tag: the commit
        ("sha256:" + "٠" * 64, False, False),  # digits, but not ASCII's
        (DIGEST + "\n", False, False),
        ("latest", False, False),
        ("", False, False),
    ],
)
def test_digests_are_whole_or_twelve_digits_long(text: str, digest: bool, prefix: bool) -> None:
    assert (names.is_digest(text), names.is_prefix(text)) == (digest, prefix)


def test_tags_that_lead_to_statements_are_told_from_tags_of_images() -> None:
    own = names.referrers_tag(DIGEST)
    assert names.is_tag(own)
    for tag in (own, own + ".sig", own + ".att"):
        assert names.is_referrers_tag(tag)
    for tag in ("sha256-0123", "main", own + "x", "v" + own):
        assert not names.is_referrers_tag(tag)


@given(st.lists(HEX, min_size=1, max_size=6, unique=True), st.data())
def test_a_short_digest_names_one_image_and_can_be_used(digests: list[str], data) -> None:
    """Whatever is shown can be given back: no other begins so, and it is long enough."""
    close = [d[:-1] + ("0" if d[-1] != "0" else "1") for d in digests]  # 63 digits in common
    every = [f"sha256:{d}" for d in {*digests, *close}]
    for digest in every:
        shown = names.short(digest, every)
        assert names.is_prefix(shown)
        assert [other for other in every if other.startswith(shown)] == [digest]
