"""The suite for images does its work: the services' own image passes, and each mistake that it is
there for makes it fail for exactly that reason.

It is run as a person or a workflow runs it, against an engine of its own on this machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from inventories.lab import image, machine
from tests.image import own_engine
from tests.integration import image_broken
from tests.integration.image_broken import AT_ONCE, GOOD, KINDS, OTHERS, READABLE, Broken
from tests.labs import ROOT
from tests.services import node_support

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]
SUITE_LIMIT_S = 900


@dataclass(frozen=True)
class Ran:
    """One run of the suite: status, output, and what failed by the test's name."""

    status: int
    text: str
    passed: frozenset[str]
    failed: dict[str, str]


@dataclass(frozen=True)
class Bench:
    """An engine with the good image, a search node, and what mistakes are made of."""

    env: dict[str, str]
    archive: Path
    context: Path
    secret: list[str]

    def suite(self, given: str, folder: Path, *more: str) -> Ran:
        """`make test-image IMAGE=given`, without the installation that it begins with."""
        report = folder / "report.xml"
        flags = f"--junitxml={report} -o junit_logging=no {' '.join(more)}"
        done = subprocess.run(
            ["make", "--no-print-directory", "-o", "setup", "test-image", f"TEST_IMAGE={flags}"],
            cwd=ROOT, env={**self.env, "IMAGE": given}, capture_output=True, text=True,
            timeout=SUITE_LIMIT_S,
        )  # fmt: skip
        return _ran(done, report)


def _ran(done: subprocess.CompletedProcess[str], report: Path) -> Ran:
    passed, failed = set(), {}
    for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():
        name = str(case.get("name")).partition("[")[0]
        bad = [part for part in case if part.tag in ("failure", "error")]
        if bad:
            failed[name] = "".join(f"{part.get('message')}\n{part.text}" for part in bad)
        else:
            passed.add(name)
    return Ran(done.returncode, done.stdout + done.stderr, frozenset(passed), failed)


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    machine.install(lambda _: None, machine.IMAGE_TOOLS)
    folder = tmp_path_factory.mktemp("bench")
    archive = folder / "story.tar"
    copy = ["skopeo", "copy", "--quiet", f"dir:{image.build()}", f"docker-archive:{archive}:{GOOD}"]
    subprocess.run(copy, check=True, capture_output=True)
    context, secret = image_broken.context(folder, large=True)
    node = node_support.shared_node(node_support.the_run(request.config))
    with own_engine.engine() as variables:
        env = {**os.environ, **variables, "FOUNTAINAI_TEST_NODE": node}
        load = ["docker", "load", "--quiet", "--input", str(archive)]
        subprocess.run(load, env=env, check=True, capture_output=True)
        yield Bench(env, archive, context, secret)
        left = ["docker", "ps", "--all", "--quiet"]
        found = subprocess.run(left, env=env, check=True, capture_output=True, text=True).stdout
        volumes = ["docker", "volume", "ls", "--quiet"]
        found += subprocess.run(volumes, env=env, check=True, capture_output=True, text=True).stdout
    assert found == "", "the suite takes away what it made"


def test_the_services_image_passes(bench: Bench, tmp_path: Path) -> None:
    """Given as a file, as whoever has no registry has it."""
    ran = bench.suite(str(bench.archive), tmp_path, "--durations=5")
    print(ran.text)
    assert ran.status == 0, ran.text
    assert ran.failed == {}
    expected = frozenset[str]().union(*(one.fails for one in KINDS.values()))
    assert expected <= ran.passed, "every test that a mistake is for was run"


def fails_for_its_reason(bench: Bench, broken: Broken, folder: Path, *more: str) -> None:
    name = f"story:broken-{os.getpid()}"
    image_broken.build(name, broken, bench.context, bench.env)
    ran = bench.suite(name, folder, *more)
    assert ran.status != 0, ran.text
    assert set(ran.failed) == broken.fails, ran.text
    assert ran.passed
    said = "".join(ran.failed.values())
    for words in broken.words:
        assert words in said, said
    assert not [line for line in bench.secret if line in ran.text + said], "a leak is not repeated"


def test_every_mistake_that_can_be_read_is_found(bench: Bench, tmp_path: Path) -> None:
    """The quick half of the suite, which starts no service; the rest is for the long run."""
    broken = image_broken.together(READABLE)
    fails_for_its_reason(bench, broken, tmp_path, "-k", "test_image_contents")


@pytest.mark.long
@pytest.mark.parametrize("kinds", [AT_ONCE, OTHERS], ids=["some", "others"])
def test_every_mistake_in_one_image_is_found(
    bench: Bench, tmp_path: Path, kinds: tuple[str, ...]
) -> None:
    fails_for_its_reason(bench, image_broken.together(kinds), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_each_mistake_alone_is_the_only_one_found(bench: Bench, tmp_path: Path, kind: str) -> None:
    fails_for_its_reason(bench, KINDS[kind], tmp_path)


@pytest.mark.parametrize(
    ("given", "more", "words"),
    [
        ("", {}, "Say which image: make test-image IMAGE=name:tag"),
        ("story:nowhere", {}, "The engine has no image story:nowhere"),
        (GOOD, {"DOCKER_HOST": "unix:///nowhere/docker.sock"}, "Cannot connect to the Docker"),
        (GOOD, {"DOCKER_HOST": "ssh://host"}, "is not of this machine"),
        ("$(shell touch /tmp/story-was-here)", {}, "The engine has no image $(shell"),
    ],
)
def test_without_a_usable_image_it_says_so(
    bench: Bench, tmp_path: Path, given: str, more: dict[str, str], words: str
) -> None:
    ran = Bench({**bench.env, **more}, bench.archive, bench.context, []).suite(given, tmp_path)
    assert ran.status != 0
    assert words in ran.text
    assert "Traceback" not in ran.text
    assert not Path("/tmp/story-was-here").exists()


HOLDS = """
import sys
from tests.image import own_engine
with own_engine.engine() as variables:
    print(variables["DOCKER_HOST"], flush=True)
    sys.stdin.read()
"""


def test_a_killed_run_leaves_no_engine(bench: Bench) -> None:
    """Its processes end with it; its files and control groups go when the next one starts."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert holder.stdout is not None
    host = holder.stdout.readline().strip()
    env = {**bench.env, "DOCKER_HOST": host}
    subprocess.run(
        ["docker", "load", "--quiet", "--input", str(bench.archive)], env=env, check=True,
        capture_output=True,
    )  # fmt: skip
    started = ["docker", "run", "--detach", "--network", "none", GOOD]
    subprocess.run(started, env=env, check=True, capture_output=True)
    (folder,) = (x for x in own_engine.left_behind() if x.name.startswith(f"{holder.pid}_")
                 and x.parent == own_engine.BASE)  # fmt: skip
    holder.send_signal(signal.SIGKILL)
    holder.wait(30)
    deadline = time.monotonic() + 30
    while found := processes_of(folder):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    subprocess.run(
        [sys.executable, "-c", HOLDS], cwd=ROOT, stdin=subprocess.DEVNULL, check=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert folder.name not in {path.name for path in own_engine.left_behind()}


def processes_of(folder: Path) -> list[str]:
    """Command lines that name the folder of an engine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in text:
            found.append(text)
    return found
