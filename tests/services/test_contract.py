"""Every operation of all services against its own document: generated requests, good and bad, one
by one and following links, on a real node behind the gateway's key."""

from __future__ import annotations

import pytest

from tests.services.contract_fuzz import Found, fuzz
from tests.services.contract_gateway import gateway

PHASES = ["examples", "coverage", "fuzzing", "stateful"]
#: A machine busy with other tests must not look like a store that is away; test_outages.py holds
#: what is promised for that.
PATIENT = {"store_deadline": "20"}


def holds(found: Found) -> None:
    """Nothing failed, and the run was no empty one."""
    assert not found.failures, "\n\n".join(found.failures[:20])
    sent = sum(found.statuses.values())
    assert sum(found.refused.values()) < sent / 20, found.refused
    assert {"positive", "negative"} <= {mode for _, mode, _ in found.statuses}
    never = {name for name, _, _ in found.statuses} - found.done()
    assert never == set(), "operations that never did what they are for"
    assert set(found.calls) >= set(PHASES)


def test_services_keep_their_documents(node_url: str) -> None:
    """A sample: few examples, and a part of the boundary cases."""
    with gateway(node_url, **PATIENT) as behind:
        holds(fuzz(behind, PHASES, examples=2, seed=4, coverage=6))


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("seed", [1, 2])
def test_services_keep_their_documents_whatever_is_asked(node_url: str, seed: int) -> None:
    with gateway(node_url, **PATIENT) as behind:
        found = fuzz(behind, PHASES, examples=100, seed=seed)
        holds(found)
        assert sum(found.calls.values()) > 10_000
        print(f"{sum(found.calls.values())} requests, none failed")
