"""The services' image in a lab: built, pushed, named, kept to itself, and gone with the lab."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_support import (
    REHEARSE,
    Login,
    fresh_name,
    lab,
    left_behind,
    marks,
    rehearse,
    status,
)

from inventories.lab import image, machine, oci, overlay, process, registry, rootfs, state
from inventories.lab.driver import LabDriver
from inventories.spec import load_site
from inventories.worlds import world
from tests import image_variants
from tests.lints.test_project import configured_hosts

pytestmark = pytest.mark.lab
BUILD = [REHEARSE[0], "-c", "from inventories.lab import image; image.build()"]


@pytest.fixture(scope="module", autouse=True)
def built() -> Path:
    """The image, built before anything is timed."""
    machine.install(lambda _: None)
    machine.install(lambda _: None, machine.IMAGE_TOOLS)
    return image.build()


@pytest.fixture(scope="module")
def driver(built: Path) -> Iterator[LabDriver]:
    """A lab without hosts that has the image."""
    with lab() as made:
        done = rehearse("image", "--name", made.lab.name)
        assert done.returncode == 0, done.stderr
        yield made


def curl(url: str, lab: state.Lab, user: str = "", password: str = "") -> str:
    """The status of a request to the lab's registry, 000 when there was no answer."""
    login = f'user = "{user}:{password}"\n' if user else ""
    return subprocess.run(
        ["curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*",
         "--cacert", registry.ca(lab), "-K", "-", url],
        input=login, capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip


def test_one_command_brings_the_image_into_the_overlay(driver: LabDriver, built: Path) -> None:
    name = driver.lab.name
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = rehearse("image", "--name", name)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    # Processor time: how long it takes says how busy the machine is (0.5 s when it is not).
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 1.5, "nothing was left to do"
    reference = done.stdout.strip()
    assert reference == f"{driver.lab.gateway}:5000/story@{oci.digest(built)}"
    now = state.load(name)
    assert now.overlay == str(now.directory / "site.toml")
    found = tomllib.loads(Path(now.overlay).read_text())
    assert found["app"]["image"] == reference
    assert found["app"]["registry"]["user"] == "app"
    token = Path(found["secrets"]["registry_token"]["file"])
    assert curl(f"https://{registry.address(now)}/v2/", now, "app", token.read_text()) == "200"
    assert status(name)["urls"]["registry"] == f"https://{driver.lab.gateway}:5000"


def test_nobody_comes_in_without_a_password(driver: LabDriver) -> None:
    url = f"https://{registry.address(driver.lab)}/v2/story/tags/list"
    assert curl(url, driver.lab) == "401"
    assert curl(url, driver.lab, "app", "wrong") == "401"
    assert curl(url, driver.lab, "app", registry.token(driver.lab).read_text()) == "200"
    assert curl(url.replace("https", "http"), driver.lab) != "200"
    system = subprocess.run(["curl", "-s", "-m", "5", "--noproxy", "*", url], capture_output=True)
    assert system.returncode == 60, "only those who were given the lab's authority trust it"


def test_passwords_and_keys_are_where_root_alone_reads_them(driver: LabDriver) -> None:
    name, place = driver.lab.name, driver.lab.directory
    done = rehearse("image", "--name", name)
    shown = rehearse("status", "--name", name, "--json")
    said = done.stdout + done.stderr + shown.stdout + (place / "lab.json").read_text()
    said += (place / "site.toml").read_text() + (place / "overlay.json").read_text()
    said += (place / "log/registry.log").read_text()
    tokens = [registry.token(driver.lab, user).read_text() for user in ("ci", "app")]
    for process_ in Path("/proc").glob("[0-9]*/cmdline"):
        said += process_.read_text(errors="replace") if process_.exists() else ""
    for token in tokens:
        assert len(token) > 40
        assert token not in said
    assert registry.folder(driver.lab).stat().st_mode & 0o777 == 0o700
    for path in registry.folder(driver.lab).iterdir():
        assert path.is_dir() or path.stat().st_mode & 0o777 == 0o600, path


def test_a_killed_registry_comes_back_with_its_images(driver: LabDriver) -> None:
    name = driver.lab.name
    other = image_variants.push(driver.lab, "other")
    process.signal_recorded(registry.record(driver.lab), signal.SIGKILL)
    assert process.gone(registry.record(driver.lab), 10)
    assert status(name)["urls"]["registry"] is None
    site = driver.lab.directory / "given.toml"
    site.write_text("# given\n[site]\nzone = 'b'\n\n[app]\nmemory_mb = 200\n")
    up = rehearse("up", "--bare", "--name", name, "--site", str(site))
    assert up.returncode == 0, up.stderr
    assert registry.has(driver.lab, other)
    assert not registry.has(driver.lab, other[:-64] + "0" * 64)
    text = Path(str(state.load(name).overlay)).read_text()
    assert text.startswith("# given\n[site]\nzone = 'b'\n")
    assert tomllib.loads(text)["app"].keys() == {"memory_mb", "image", "registry"}


def test_kong_is_stood_in_for_unless_the_overlay_asks_for_it(
    driver: LabDriver, tmp_path: Path
) -> None:
    name = driver.lab.name
    assert rehearse("image", "--name", name).returncode == 0
    kong = overlay.read(state.load(name))["kong"]
    assert kong["package"] == "standin"
    package = subprocess.run(
        ["dpkg-deb", "--field", kong["artefact"], "Package"], capture_output=True, text=True
    )
    assert package.stdout.strip() == "fountainai-kong-standin"
    assert load_site(world(name)).kong.artefact == kong["artefact"]
    with lab() as made:
        (tmp_path / "site.toml").write_text('[kong]\npackage = "kong"\n')
        site = ("--site", str(tmp_path / "site.toml"))
        assert rehearse("up", "--bare", "--name", made.lab.name, *site).returncode == 0
        assert rehearse("image", "--name", made.lab.name).returncode == 0
        assert overlay.read(state.load(made.lab.name))["kong"] == {"package": "kong"}


def test_variants_differ_in_their_digest_alone(driver: LabDriver, built: Path) -> None:
    kinds: list[image_variants.Kind] = ["services", "other", "crash", "hang", "unready"]
    started = time.monotonic()
    names = [image_variants.push(driver.lab, kind) for kind in kinds]
    assert len(set(names)) == len(kinds)
    assert names[0].endswith(oci.digest(built))
    assert all(registry.has(driver.lab, name) for name in names)
    assert time.monotonic() - started < 30
    assert not list(registry.folder(driver.lab).glob(".push-*"))


def test_only_hosts_of_the_lab_reach_its_registry(driver: LabDriver, tmp_path: Path) -> None:
    rootfs.image()
    login = Login.make(tmp_path)
    with lab() as foreign:
        ours = driver.create("ours-1", 256, 8, "admin", [login.public])
        theirs = foreign.create("theirs-1", 256, 8, "admin", [login.public])
        ask = (
            f"curl -sk -m 5 -o /dev/null -w '%{{http_code}}' https://{driver.lab.gateway}:5000/v2/"
        )
        assert login.run(ours, ask) == "401"
        assert login.ssh(theirs, ask).stdout == "000"
        driver.delete("ours-1")


def test_the_image_names_nothing_of_this_machine(built: Path, tmp_path: Path) -> None:
    oci.unpack(built, tmp_path)
    own = [
        block.strip()
        for path in rootfs.LOCAL_CAS.rglob("*.crt")
        for block in re.findall(r"-----BEGIN[^-]+-----\n(\S+)", path.read_text())
    ]
    public = ("localhost", "pypi.org", ".debian.org")  # in any system's own files
    hosts = [host for host in configured_hosts() if not host.endswith(public)]
    long = [os.uname().nodename] if len(os.uname().nodename) > 6 else []
    needles = [text.encode() for text in (*own, *hosts, *long)]
    bundle = (tmp_path / "etc/ssl/certs/ca-certificates.crt").read_bytes()
    assert b"BEGIN CERTIFICATE" in bundle, "the system's own authorities are there"
    found = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and not path.is_symlink()
        and any(text in path.read_bytes() for text in needles)
    ]  # fmt: skip
    assert found == []
    for name in ("etc/apt/sources.list", "build"):
        assert not (tmp_path / name).exists()
    for name in ("etc/hostname", "etc/hosts", "etc/resolv.conf"):  # the builder mounted its own
        assert (tmp_path / name).read_bytes() == b""
    assert json.dumps(oci.config(built)).count("pip") == 0


@pytest.mark.long
def test_the_same_sources_give_the_same_digest(built: Path) -> None:
    before = oci.digest(built)
    assert oci.digest(image.build(again=True)) == before


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another project, whose Dockerfile the test writes."""
    (tmp_path / "story_services").mkdir()
    (tmp_path / "requirements.lock").write_text("")
    monkeypatch.setenv("FOUNTAINAI_PROJECT", str(tmp_path))
    before = set(rootfs.CACHE.glob("story-image-*"))
    yield tmp_path
    for path in set(rootfs.CACHE.glob("story-image-*")) - before:
        if oci.config(path)["config"].get("Labels", {}).get("made") == "by a test":
            shutil.rmtree(path)


def dockerfile(project: Path, *lines: str) -> None:
    text = "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nLABEL made='by a test'\n" + "\n".join(lines) + "\n"
    (project / "story_services/Dockerfile").write_text(text)


def test_a_build_that_fails_says_why_in_a_sentence(project: Path) -> None:
    dockerfile(project, "RUN echo it is broken >&2; exit 3")
    with pytest.raises(image.LabError, match=r"(?s)could not be built; mend .*it is broken"):
        image.build()
    assert not list(rootfs.CACHE.glob(".build-*-image"))


def test_a_killed_build_leaves_no_process_and_no_mount(project: Path) -> None:
    """What it leaves on disk goes with the next build."""
    pause = f"sleep 4{os.getpid()}"
    dockerfile(project, f"RUN {pause}")
    building = subprocess.Popen(BUILD)
    deadline = time.monotonic() + 120
    while not _commands(pause):
        assert building.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    building.send_signal(signal.SIGKILL)
    building.wait()
    deadline = time.monotonic() + 10
    while _commands(pause) or f".build-{building.pid}-image" in _mounts():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    dockerfile(project, "RUN touch /there")
    made = image.build()
    assert not list(rootfs.CACHE.glob(".build-*-image"))
    assert oci.config(made)["config"]["Labels"]["made"] == "by a test"


def test_a_lab_that_goes_away_meanwhile_stays_away(project: Path) -> None:
    pause = f"sleep 5.{os.getpid()}"
    dockerfile(project, f"RUN {pause}")
    with lab() as made:
        name = made.lab.name
        running = subprocess.Popen(
            [*REHEARSE, "image", "--name", name], stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 120
        while not _commands(pause):
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert rehearse("down", "--name", name).returncode == 0
        said = running.communicate(timeout=120)[1]
        assert running.returncode == 1
        assert f"There is no lab '{name}'" in said
        assert not (state.ROOT / name).exists()


def _commands(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
        except OSError:
            continue
    return [line for line in found if line.endswith(text)]


def _mounts() -> str:
    texts = []
    for path in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            texts.append(path.read_text())
        except OSError:
            continue
    return "".join(texts)


def test_killed_while_pushing_then_down_leaves_nothing() -> None:
    name = fresh_name()
    with lab(name=name):
        running = subprocess.Popen(
            [*REHEARSE, "image", "--name", name],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        uploads = state.ROOT / name / "registry/data"
        deadline = time.monotonic() + 60
        while not list(uploads.glob("**/_uploads/*")):
            assert running.poll() is None, "it ended before the moment came"
            assert time.monotonic() < deadline
        running.kill()
        running.wait()
        again = rehearse("image", "--name", name)
        assert again.returncode == 0, again.stderr
        texts = marks(name)
        assert rehearse("down", "--name", name).returncode == 0
        assert left_behind(texts) == []


def test_refusals_come_before_anything_is_built() -> None:
    nowhere = rehearse("image", "--name", "t-nowhere")
    assert nowhere.returncode == 1
    assert "There is no lab 't-nowhere'" in nowhere.stderr
    assert not (state.ROOT / "t-nowhere").exists()
    with lab() as made:
        subprocess.run(["ip", "link", "delete", made.lab.bridge], check=True)
        down = rehearse("image", "--name", made.lab.name)
        assert down.returncode == 1
        assert f"'rehearse up --name {made.lab.name}' brings it back" in down.stderr
        assert not registry.folder(made.lab).exists()
