"""The parts of a local node that need no node: which Java, which archive, which port, what it is
told."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from deploys import versions
from deploys.heap import HeapPlan
from deploys.roles.node_settings import node_settings
from deploys.settings import OpenSearchSettings
from story_services.local import LocalNodeError, config, home, jdk, ports


def java(place: Path, version: str, modules: str = "java.base jdk.localedata") -> Path:
    """A folder with a command that answers as a Java of that version does (@fake)."""
    command = place / "bin/java"
    command.parent.mkdir(parents=True)
    command.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        f"  *-version) echo '    java.specification.version = {version}' >&2 ;;\n"
        f"  --list-modules) printf '%s\\n' {modules} ;;\n"
        "  *) exit 1 ;;\n"
        "esac\n"
    )
    command.chmod(0o755)
    return place


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of Javas, and a machine that has no other."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").symlink_to("/bin/sh")
    (tmp_path / "jvm").mkdir()
    return tmp_path / "jvm"


# Which Java -------------------------------------------------------------------------------------


def test_a_java_is_asked_and_never_judged_by_its_name(bare: Path) -> None:
    java(bare / "a-jdk-25", "17")
    java(bare / "b-openjdk-8", "21")
    found = jdk.find(folder=bare)
    assert found == jdk.Jdk(bare / "b-openjdk-8/bin/java", 21)


@pytest.mark.parametrize(("version", "major"), [("17", 17), ("1.8", 8), ("20", 20)])
def test_one_that_is_too_old_is_refused_with_a_way_out(
    bare: Path, version: str, major: int
) -> None:
    old = java(bare / "old", version)
    with pytest.raises(LocalNodeError) as refused:
        jdk.checked(old)
    assert str(refused.value) == (
        f"The Java in {old} is {major}, OpenSearch {versions.OPENSEARCH_DEFAULT} needs 21 or "
        "newer; install one ('sudo apt-get install openjdk-21-jre-headless' on Debian 13 and "
        "Ubuntu 24.04) or name its folder in JAVA_HOME."
    )


def test_one_without_locale_data_is_refused(bare: Path) -> None:
    """It would start the node, and then every new index would fail (Thai segmentation)."""
    small = java(bare / "small", "25", modules="java.base java.instrument")
    with pytest.raises(LocalNodeError, match=r"lacks the module jdk\.localedata"):
        jdk.checked(small)
    assert jdk.find(folder=bare) is None


def test_one_that_does_not_run_is_refused(bare: Path) -> None:
    broken = java(bare / "broken", "21")
    (broken / "bin/java").chmod(0o644)
    (bare / "empty").mkdir()
    for place in (broken, bare / "empty", bare / "missing"):
        with pytest.raises(LocalNodeError, match="no Java that runs"):
            jdk.checked(place)


def test_a_person_s_own_choice_comes_first(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, path, other = (java(bare.parent / name, "22") for name in ("mine", "path", "jvm/other"))
    (bare.parent / "bin/java").symlink_to(path / "bin/java")
    for named, wanted in ((mine, mine), (None, path)):
        if named:
            monkeypatch.setenv("JAVA_HOME", str(named))
        else:
            monkeypatch.delenv("JAVA_HOME")
        found = jdk.find(folder=bare)
        assert found
        assert found.java == wanted / "bin/java"
    (bare.parent / "bin/java").unlink()
    found = jdk.find(folder=bare)
    assert found
    assert found.java == other / "bin/java"


def test_a_machine_without_any_says_what_was_there_and_what_to_install(bare: Path) -> None:
    assert jdk.find(folder=bare) is None
    java(bare / "old", "11")
    assert jdk.find(folder=bare) is None
    said = str(jdk.none_found("Inside the lab it needs root.", folder=bare))
    assert f"looked at: {bare / 'old'}" in said
    assert "apt-get install openjdk-21-jre-headless" in said
    assert said.endswith("Inside the lab it needs root.")


# Which archive ----------------------------------------------------------------------------------


def archive(path: Path, names: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in names.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o755 if name.endswith(".sh") else 0o600) << 16
            made.writestr(entry, content)
    return path


def test_an_archive_is_unpacked_without_its_top_folder(tmp_path: Path) -> None:
    packed = archive(tmp_path / "it.zip", {"it-1/": "", "it-1/bin/": "", "it-1/bin/run.sh": "x"})
    home.unpack(packed, tmp_path / "it")
    assert (tmp_path / "it/bin/run.sh").read_text() == "x"
    assert (tmp_path / "it/bin/run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "it").stat().st_mode & 0o777 == 0o755, "the node's user must get in"


@pytest.mark.parametrize(
    "names", [{"a/x": "", "b/x": ""}, {"a/../../x": ""}, {"a//x": ""}], ids=str
)
def test_a_strange_archive_is_refused(tmp_path: Path, names: dict[str, str]) -> None:
    with pytest.raises(zipfile.BadZipFile):
        home.unpack(archive(tmp_path / "it.zip", names), tmp_path / "it")
    assert not (tmp_path / "x").exists()


def test_half_unpacked_is_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed run left is removed; the folder appears under its name when it is complete."""
    pinned = versions.opensearch(versions.OPENSEARCH_DEFAULT)
    left = tmp_path / f".unpack-{pinned.sha256[:16]}"
    left.mkdir()
    (left / "half").write_text("")
    found = home.home(below=tmp_path)
    assert found.name == f"opensearch-{pinned.version}-{pinned.sha256[:16]}"
    assert not left.exists()
    assert not (found / "half").exists()
    assert len(list((found / "modules").iterdir())) == 22
    monkeypatch.setenv("FOUNTAINAI_ARTEFACTS", str(tmp_path / "nowhere"))
    assert home.home(below=tmp_path) == found, "no archive is needed any more"


def test_an_archive_that_cannot_be_had_is_a_plain_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOUNTAINAI_ARTEFACTS", str(tmp_path / "nowhere"))
    with pytest.raises(LocalNodeError, match="nowhere is not a folder"):
        home.home(below=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


# What it is told --------------------------------------------------------------------------------


def test_its_settings_are_production_s_except_for_place_name_and_disk() -> None:
    plan = HeapPlan(512, False, "g1", False, False, 0)
    here = config._Here("search-1")
    production = node_settings(OpenSearchSettings(), plan, here, ())
    ours = config.settings("local-1", PurePosixPath("/there"), 512, 20001)
    different = {key for key in {*production, *ours} if production.get(key) != ours.get(key)}
    assert different == {
        "cluster.name", "node.name", "path.data", "path.logs", "path.repo", "http.port",
        "transport.port", "indices.breaker.total.use_real_memory",
        "cluster.routing.allocation.disk.watermark.low",
        "cluster.routing.allocation.disk.watermark.high",
        "cluster.routing.allocation.disk.watermark.flood_stage",
    }  # fmt: skip
    assert (ours["http.host"], ours["transport.host"]) == ("127.0.0.1", "127.0.0.1")


def test_a_free_port_is_none_that_the_kernel_hands_out() -> None:
    first = int(ports.RANGE.read_text().split()[0])
    for _ in range(50):
        assert ports.FIRST <= ports.free() < max(first, ports.FIRST + 1)


def test_a_port_is_taken_while_somebody_listens() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the node does
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert not ports.is_free(port)
        with socket.create_connection(("127.0.0.1", port)):
            other.accept()[0].close()
    assert ports.is_free(port), "a connection that is only ending does not count"
