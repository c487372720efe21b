"""Settings: unknown keys, wrong values and dangerous networks are refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deploys import versions
from deploys.settings import AppSettings, BaseSettings, KongSettings, OpenSearchSettings

MODELS = (BaseSettings, OpenSearchSettings, AppSettings, KongSettings)


@pytest.mark.parametrize("model", MODELS)
def test_defaults_are_valid_and_described(model: Any) -> None:
    """The README's table is made from the descriptions."""
    model()
    assert all(field.description for field in model.model_fields.values())


@pytest.mark.parametrize("model", MODELS)
def test_unknown_key_is_refused(model: Any) -> None:
    with pytest.raises(ValidationError, match="heapmb"):
        model(heapmb=1)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("version", "3.9.9", "valid: 3.7.0, 3.8.0"),
        ("cluster_name", "A b", "pattern"),
        ("heap_mb", 1, "64"),
        ("heap_mb", "much", "integer"),
        ("swap_mb", -1, "0"),
        ("max_body_mb", 0, "1"),
        ("log_mb", 1, "16"),
        ("allow_undersized", "perhaps", "boolean"),
        ("door_networks", ["0.0.0.0/0"], "whole internet"),
        ("door_networks", ["0.0.0.0/1"], "whole internet"),
        ("door_networks", ["10.0.0.1/8"], "IPv4 network"),
        ("door_networks", ["::/0"], "IPv4"),
        ("door_networks", "10.0.0.0/8", "tuple"),
    ],
)
def test_wrong_value_is_refused_with_the_reason(key: str, value: Any, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        OpenSearchSettings(**{key: value})
    assert key in str(caught.value)
    assert reason in str(caught.value)


def test_operator_networks_may_not_be_the_internet() -> None:
    with pytest.raises(ValidationError, match="whole internet"):
        BaseSettings(operator_networks=("0.0.0.0/0",))


@pytest.mark.parametrize("image", ["x:latest", "x@sha256:12", "x"])
def test_image_is_a_digest_never_a_tag(image: str) -> None:
    with pytest.raises(ValidationError):
        AppSettings(image=image)


def test_every_pinned_version_has_a_whole_checksum() -> None:
    assert versions.OPENSEARCH_DEFAULT in versions.OPENSEARCH_SHA256
    for version, digest in versions.OPENSEARCH_SHA256.items():
        assert len(bytes.fromhex(digest)) == 32
        assert versions.opensearch(version).filename == f"opensearch-{version}.zip"
