"""The image under test, the search node it works with, and a container of it, as fixtures.

Collected only when it is asked for by its path (`make test-image IMAGE=reference`): a plain run of
the tests has no image. Without a usable one it ends at once with one sentence and exit code 1.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploys.pki import Pki
from tests.asked import asked
from tests.image import certificates, door
from tests.image.container import Running, running
from tests.image.engine import EngineError, Image, ask, image
from tests.image.layers import Entry, entries
from tests.services import node_support

HERE = Path(__file__).parent
VARIABLE = "FOUNTAINAI_IMAGE"  # a reference, or the file of an image
NODE_VARIABLE = "FOUNTAINAI_TEST_NODE"  # address of a node to use instead of one of our own
IMAGE: pytest.StashKey[Image] = pytest.StashKey()


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return None if asked(config, HERE) else True


def pytest_configure(config: pytest.Config) -> None:
    if not asked(config, HERE):
        return
    given = os.environ.get(VARIABLE, "")
    if not given:
        pytest.exit("Say which image: make test-image IMAGE=name:tag", returncode=1)
    try:
        config.stash[IMAGE] = image(given)
    except EngineError as problem:
        pytest.exit(f"test-image: {problem}", returncode=1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.image)


def pytest_report_header(config: pytest.Config) -> str:
    found = config.stash.get(IMAGE, None)
    return f"image {found.name}, {found.found['Id']}" if found else ""


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Image:
    """The image under test."""
    return request.config.stash[IMAGE]


@pytest.fixture(scope="session")
def archive(subject: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All of it as a file, as the engine would hand it on."""
    path = tmp_path_factory.mktemp("image") / "image.tar"
    ask("save", "--output", str(path), subject.name)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def contents(archive: Path) -> list[Entry]:
    return list(entries(archive))


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a real search node on this machine."""
    if given := os.environ.get(NODE_VARIABLE):
        yield given.rstrip("/")
        return
    run = node_support.the_run(request.config)
    yield node_support.shared_node(run)
    node_support.end_shared_node(run)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), "imagetest")


@pytest.fixture(scope="session")
def store(node: str, pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[door.Door]:
    """The door in front of the node, which asks for the services' certificate."""
    context = door.demanding(pki, tmp_path_factory.mktemp("door"))
    with door.opened(node, context) as made:
        yield made


@pytest.fixture(scope="session")
def keys(subject: Image, pki: Pki) -> Iterator[str]:
    """A volume with the services' certificate and key."""
    with certificates.volume(subject, certificates.files(pki)) as name:
        yield name


@pytest.fixture(scope="session")
def env(store: door.Door, node: str) -> Iterator[dict[str, str]]:
    """Variables as the app role sets them, and indices of this run alone."""
    prefix = f"story-t{secrets.token_hex(4)}-"
    yield {**certificates.variables(store.url), "STORY_INDEX_PREFIX": prefix}
    node_support.delete_indices(node, prefix)


@pytest.fixture(scope="session")
def flags(keys: str) -> tuple[str, ...]:
    """What a container gets beside its rights: the certificates, and a look every second."""
    often = ("--health-interval", "1s", "--health-retries", "2")
    return (*certificates.mounted(keys), *often)


@pytest.fixture(scope="session")
def services(subject: Image, env: dict[str, str], flags: tuple[str, ...]) -> Iterator[Running]:
    """All services in one container, ready, for every test that leaves it as it is."""
    with running(subject, env=env, flags=flags) as made:
        made.ready()
        yield made
