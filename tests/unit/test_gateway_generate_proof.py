"""Any documents that the generator takes give a file whose routes do what the documents say."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from deploys.gateway import proof
from deploys.gateway.generate import gateway
from deploys.gateway.operations import GatewayError, operations
from deploys.gateway.policy import SHIPPED, parse

POLICY = parse(SHIPPED.read_text().split("\n[[rules]]")[0])
#: Without patterns and lower bounds: the proof leaves those to the services, the routes do not.
SCHEMAS: dict[str, dict[str, Any]] = {
    "number": {"type": "integer", "minimum": -9},
    "text": {"type": "string"},
    "kind": {"type": "string", "enum": ["line", "7", "a.b"]},
}
PARTS = st.sampled_from(["line", "scripts", "7", "a.b", *(f"{{{name}}}" for name in SCHEMAS)])
PATHS = st.lists(PARTS, min_size=1, max_size=4).filter(
    lambda parts: len(set(parts)) == len(parts) or not any(p.startswith("{") for p in parts)
)
METHODS = st.sampled_from(["get", "put", "post", "delete"])
ADDRESSES = st.tuples(PATHS.map(lambda parts: "/" + "/".join(parts)), METHODS)


def documents(found: set[tuple[str, str]]) -> dict[str, Any]:
    """Two services that share the addresses between them."""
    made: dict[str, Any] = {"one": {"paths": {}}, "two": {"paths": {}}}
    for i, (path, method) in enumerate(sorted(found)):
        wanted = [
            {"name": name, "in": "path", "required": True, "schema": schema}
            for name, schema in SCHEMAS.items()
            if f"{{{name}}}" in path
        ]
        item = made[("one", "two")[i % 2]]["paths"].setdefault(path, {})
        item[method] = {"operationId": f"operation{i}", "parameters": wanted}
    return made


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.sets(ADDRESSES, min_size=1, max_size=10))
def test_whatever_is_taken_is_proven(found: set[tuple[str, str]]) -> None:
    documented = operations(documents(found))
    try:
        kong = gateway(
            documented,
            POLICY,
            {"one": ["10.0.0.5"], "two": ["10.0.0.6", "10.0.0.7"]},
            env="lab",
            ca_pem="",
            client_pem="",
            client_key="",
            consumers={},
        )
    except GatewayError as refused:  # two templates that could mean the same address
        assume("can match the same address" not in str(refused))
        raise
    assert proof.prove(documented, kong) == []
