"""The store behind TLS with client certificates, made as the door's are."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploys.pki import Pki
from story_services.common.errors import Unavailable
from story_services.common.store.outcomes import judge
from tests.services.store_support import a_store, fresh, middleman, shared_indices, word


@pytest.fixture(scope="module")
def prefix(node_url: str) -> Iterator[str]:
    with shared_indices(node_url) as made:
        yield made


def door(pki: Pki, folder: Path) -> ssl.SSLContext:
    """What the door's listener demands."""
    host = pki.host("search1", ["127.0.0.1"])
    certificate, key = folder / "door.pem", folder / "door.key"
    certificate.write_bytes(host.certificate)
    key.write_bytes(host.key.reveal())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki.ca_path))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    return context


def certified(pki: Pki, role: str = "story") -> dict[str, Any]:
    certificate, key = pki.client_paths(role)
    return {"store_ca": pki.ca_path, "store_cert": certificate, "store_key": key}


def test_a_certificate_of_the_authority_opens_the_door(
    node_url: str, prefix: str, tmp_path: Path
) -> None:
    async def run() -> None:
        pki, foreign = Pki(tmp_path / "one", "lab"), Pki(tmp_path / "other", "lab")
        foreign.ensure()
        async with middleman(node_url, door(pki, tmp_path)) as between:
            n = fresh()
            patient = {"store_deadline": 20, **certified(pki)}  # 60 handshakes at once
            async with a_store(between.url, prefix, **patient) as store:
                await store.create("element", f"spokenWord-{n}", word(n))
                many = (store.get("element", f"spokenWord-{n}") for _ in range(60))
                assert all(await asyncio.gather(*many))
            wrong: list[dict[str, Any]] = [
                {"store_ca": pki.ca_path},  # no certificate
                certified(foreign),  # trusts another authority
                {**certified(foreign), "store_ca": pki.ca_path},  # is of another one
            ]
            for settings in wrong:
                async with a_store(between.url, prefix, store_deadline=5, **settings) as store:
                    with pytest.raises(Unavailable) as error:
                        await store.get("element", f"spokenWord-{n}")
                    details = error.value.details or ""  # a busy machine may not get that far
                    assert "connection" in details or "no answer in time" in details

    asyncio.run(run())


def test_what_nginx_says_to_a_wrong_certificate_is_understood() -> None:
    page = "<html><title>400 The SSL certificate error</title></html>"
    failure = judge(400, page)
    assert failure.passing
    assert "certificate" in failure.reason
