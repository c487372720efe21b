"""The hosts of DEPLOY_ENV as fixtures: `me`/`host` is each host, `search`/`node` each search host,
`app` each app host, `gateway`/`gate` each gateway.

Collected only when it is asked for by its path (`make verify`): a plain run of the tests has no
hosts. Without a usable environment it ends at once with one sentence and exit code 1.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from testinfra.host import Host as Shell

from deploys.model import Machine
from deploys.secrets import SecretError
from inventories.errors import ProvisionError
from inventories.loader import Host
from tests.asked import asked
from tests.hosts import gates
from tests.hosts.doors import Door, door
from tests.hosts.gates import Gate
from tests.hosts.support import Site, machine_of

HERE = Path(__file__).parent
SITE: pytest.StashKey[Site] = pytest.StashKey()


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return None if asked(config, HERE) else True


def pytest_configure(config: pytest.Config) -> None:
    if not asked(config, HERE):
        return
    control = Path(tempfile.mkdtemp(prefix="verify-"))
    try:
        site = Site.load(control)
    except ProvisionError as problem:
        shutil.rmtree(control)
        pytest.exit(f"verify: {problem}. Next: {problem.next_step}", returncode=1)
    config.stash[SITE] = site
    if reason := site.unreachable():
        pytest_unconfigure(config)
        where = "rehearse status --name" if site.where.is_lab else "provision status --env"
        pytest.exit(f"verify: {reason}. Next: {where} {site.where.env}", returncode=1)


def pytest_unconfigure(config: pytest.Config) -> None:
    if SITE in config.stash:
        config.stash[SITE].close()
        shutil.rmtree(config.stash[SITE].control, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.hosts)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    site = metafunc.config.stash[SITE]
    of = site.by_role
    named = {"me": site.hosts, "search": of("opensearch"), "app": of("app"), "gateway": of("kong")}
    for name, hosts in named.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, hosts, ids=[h.name for h in hosts], scope="session")


def pytest_report_header(config: pytest.Config) -> str:
    site = config.stash.get(SITE, None)
    return f"hosts of {site.where.env}: {', '.join(h.name for h in site.hosts)}" if site else ""


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for note in config.stash[SITE].notes if SITE in config.stash else ():
        terminalreporter.write_line(note)


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Site:
    return request.config.stash[SITE]


@pytest.fixture(scope="session")
def host(site: Site, me: Host) -> Shell:
    return site.shell(me)


@pytest.fixture(scope="session")
def machine(host: Shell) -> Machine:
    return machine_of(host)


@pytest.fixture(scope="session")
def node(site: Site, search: Host) -> Shell:
    return site.shell(search)


@pytest.fixture(scope="session")
def at_door(site: Site, search: Host) -> Iterator[Door]:
    with door(site, search) as opened:
        yield opened


@pytest.fixture(scope="session")
def gate(site: Site, gateway: Host) -> Gate:
    try:
        return gates.gate(site, gateway)
    except SecretError as problem:
        pytest.fail(f"{gateway.name}: {problem}", pytrace=False)


@pytest.fixture(scope="session")
def disruptive(site: Site) -> None:
    """Tests that stop something for half a minute run in a lab, elsewhere only when asked for."""
    if os.environ.get("VERIFY_DISRUPTIVE", "1" if site.where.is_lab else "0") != "1":
        pytest.skip(
            "this stops a host or a client for a while: set VERIFY_DISRUPTIVE=1 to allow it"
        )
