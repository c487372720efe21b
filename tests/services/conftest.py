"""Search nodes for the tests of the story services."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest

from story_services.local import LocalNode
from tests.services import node_support

NODE_VARIABLE = "FOUNTAINAI_TEST_NODE"  # address of a node to use instead of one of our own


@pytest.fixture(scope="session")
def node_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of the one real node that all tests of this run share."""
    if given := os.environ.get(NODE_VARIABLE):
        yield given.rstrip("/")
        return
    run = node_support.the_run(request.config)
    yield node_support.shared_node(run)
    if not hasattr(request.config, "workerinput"):  # other workers may still use it
        node_support.end_shared_node(run)


@pytest.fixture
def index_prefix(node_url: str) -> Iterator[str]:
    """A prefix for indices of one test; they are deleted afterwards."""
    prefix = f"story-t{secrets.token_hex(4)}-"
    yield prefix
    node_support.delete_indices(node_url, prefix)


@pytest.fixture(scope="module")
def _module_node(request: pytest.FixtureRequest) -> Iterator[LocalNode]:
    with node_support.private_node(node_support.the_run(request.config)) as node:
        yield node


@pytest.fixture
def own_node(_module_node: LocalNode) -> LocalNode:
    """A node that only the tests of one file use: they may kill and restart it as they like."""
    if not _module_node.running:
        _module_node.start()
    return _module_node
