"""`story` at the terminal: what it shows, and that every failure is a sentence and status 1."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pexpect
import pytest

from deploys.pki import Pki
from tests.services.cli_support import LIMIT_S, STORY, Services, clean_env, services, story

PLAY = """Title: [bold]The[/bold] Play
Author: Ann Author

# ACT I

## SCENE I. A room.

Enter ANN and BOB.

@ANN
(Aside)
O'er hill, o'er dale,
Fish & <em>chips</em>.

@BOB
The end.

## SCENE II. The same.

@ANN
Once more.

> CUT TO:
"""


@pytest.fixture(scope="module")
def served(node_url: str) -> Iterator[Services]:
    with services(node_url) as made:
        yield made


@pytest.fixture(scope="module")
def script(served: Services, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("cli") / "play.fountain"
    file.write_text(PLAY)
    return str(story("import", str(file), "--json", url=served.url).json["scriptId"])


def test_list_shows_scripts_as_they_are_written(served: Services, script: str) -> None:
    shown = story("list", url=served.url).out
    assert "[bold]The[/bold] Play" in shown
    assert "Ann Author" in shown
    (listed,) = story("list", "--json", url=served.url).json
    assert (str(listed["scriptId"]), len(listed["sections"])) == (script, 3)


def test_read_shows_the_story_in_order(served: Services, script: str) -> None:
    lines = [line.strip() for line in story("read", script, url=served.url).out.splitlines()]
    assert [line for line in lines if line] == [
        "SCENE I. A room.",
        "1  [Enter ANN and BOB.]",
        "2  [Aside]",
        "ANN",
        "3    O'er hill, o'er dale,",
        "4    Fish & <em>chips</em>.",
        "BOB",
        "5    The end.",
        "SCENE II. The same.",
        "ANN",
        "6    Once more.",
        "7  > CUT TO:",
    ]


def test_read_shows_a_part(served: Services, script: str) -> None:
    for section in ("3", "scene ii"):
        shown = story("read", script, "--section", section, "--json", url=served.url).json
        assert [element["sequence"] for element in shown["story"]] == [6, 7]
    part = story("read", script, "--from", "4", "--to", "6", "--json", url=served.url).json
    assert [element["sequence"] for element in part["sequences"]] == [4, 5, 6]
    several = story("read", script, "--section", "scene", url=served.url)
    assert several.code == 1
    assert "2: SCENE I. A room.; 3: SCENE II. The same." in several.err
    assert story("read", script, "--section", "3", "--from", "1", url=served.url).code == 1
    nothing = story("read", script, "--from", "80", url=served.url)
    assert nothing.code == 1
    assert "nothing between the numbers" in nothing.err


def test_search_finds_any_spelling_and_shows_what_was_written(
    served: Services, script: str
) -> None:
    found = story("search", script, "over", "hill", url=served.url)
    assert "O'er hill, o'er dale," in found.out
    assert "ANN" in found.out
    assert "1 found." in found.err
    marked = story("search", script, "fish", url=served.url)
    assert "Fish & <em>chips</em>." in marked.out
    only = story("search", script, "once", "--section", "2", url=served.url)
    assert (only.code, only.out, only.err.strip()) == (0, "", "0 found.")
    told = story("search", script, "end", "--kind", "spokenWord", "--json", url=served.url).json
    assert [hit["sequence"] for hit in told] == [5]
    assert story("search", script, "end", "--kind", "song", url=served.url).code == 1


def test_undo_and_redo_say_what_they_did(served: Services, script: str) -> None:
    log = story("changes", script, "--json", url=served.url).json
    last = str(log[0]["changeId"])
    other = story("undo", script, "--change", str(log[1]["changeId"]), url=served.url)
    assert other.code == 1
    done = story("undo", script, "--change", last, "--comment", "wrong play", url=served.url)
    assert "Took back" in done.err
    assert served.get("/stories", scriptId=int(script))["story"] == []
    shown = story("changes", script, "--limit", "1", url=served.url).out
    assert "wrong play" in shown
    assert f"of change {last}" in shown
    assert "Did again" in story("redo", script, url=served.url).err
    assert len(served.get("/stories", scriptId=int(script))["story"]) == 7
    assert story("redo", script, url=served.url).code == 1


def test_failures_are_sentences_with_status_1(served: Services, tmp_path: Path) -> None:
    key = tmp_path / "key"
    cases = [
        (["read", "999999"], "There is no script 999999"),
        (["read", "x"], "valid integer"),
        (["reed", "1"], "No such command 'reed'"),
        (["import", "hamlet", "--script", "1", "--as-new"], "exclude each other"),
        (["list", "--key-file", str(key)], "cannot be read"),
        (["list", "--ca", str(key)], "cannot be used"),
    ]
    for arguments, words in cases:
        said = story(*arguments, url=served.url)
        assert (said.code, said.out) == (1, ""), arguments
        assert words in said.err, said.err
    for content, words in (("", "does not hold a key"), ("two words", "does not hold a key")):
        key.write_text(content)
        assert words in story("list", "--key-file", str(key), url=served.url).err
    for url, words in (
        ("http://127.0.0.1:9", "does not answer"),
        ("ftp://example.org", "is no address of services"),
        ("http://me:secret@127.0.0.1", "must not hold a password"),
    ):
        said = story("list", "--wait", "0.2", url=url)
        assert said.code == 1
        assert words in said.err
        assert "Next:" in said.err


class _Gateway(http.server.BaseHTTPRequestHandler):
    """Answers as a gateway does: refuses, is busy, or has the services away."""

    answers: list[tuple[int, str, dict[str, str]]]
    seen: list[dict[str, str]]

    def do_GET(self) -> None:
        self.seen.append(dict(self.headers))
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None: ...


@contextmanager
def gateway(*answers: tuple[int, str, dict[str, str]], tls: ssl.SSLContext | None = None) -> Any:
    handler = type("Handler", (_Gateway,), {"answers": list(answers), "seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    scheme = "https" if tls else "http"
    try:
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}", handler.seen
    finally:
        server.shutdown()
        server.server_close()


JSON = {"Content-Type": "application/json"}
EMPTY = (200, "[]", JSON)


def test_the_key_goes_to_the_gateway_and_nowhere_else(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("s3cret-key\n")
    with gateway(EMPTY) as (other, seen_there):
        moved = (301, "", {"Location": f"{other}/scripts"})
        with gateway(moved) as (url, seen):
            said = story("list", url=url, STORY_API_KEY_FILE=str(key))
            assert said.code == 1
            assert "does not answer like the story services" in said.err
            assert seen[0]["X-API-KEY"] == "s3cret-key"
            assert seen_there == []
            assert "s3cret" not in said.err
    with gateway((401, '{"message": "Unauthorized"}', JSON)) as (url, _):
        said = story("list", url=url)
        assert "refuses the key: Unauthorized" in said.err
        assert "--key-file" in said.err


def test_what_passes_is_waited_out() -> None:
    busy = (429, '{"message": "API rate limit exceeded"}', {**JSON, "Retry-After": "0"})
    html = (502, "<html>Bad gateway</html>", {"Content-Type": "text/html"})
    away = (503, '{"errorCode": "store_unavailable", "message": "Away.", "details": null}', JSON)
    with gateway(busy, html, away, EMPTY) as (url, seen):
        said = story("list", "--json", url=url)
        assert (said.code, said.out) == (0, "[]\n")
        assert len(seen) == 4
        assert "Trying again for 90 s" in said.err
    defect = (500, '{"errorCode": "internal_error", "message": "Wrong.", "details": null}', JSON)
    with gateway(defect) as (url, seen):
        said = story("list", url=url)
        assert len(seen) == 1, "a defect does not pass"
        assert "was answered 500: Wrong." in said.err


def test_what_is_no_export_is_not_written(tmp_path: Path) -> None:
    """A captive portal answers everything, and with 200."""
    portal = (200, "<html>Log in!</html>", {"Content-Type": "text/html"})
    with gateway(portal) as (url, _):
        for arguments in (["list"], ["export", "1", "--out", str(tmp_path / "play.json")]):
            said = story(*arguments, url=url)
            assert said.code == 1
            assert "does not answer like the story services" in said.err
    assert list(tmp_path.iterdir()) == []


def test_letters_that_a_terminal_lacks_are_no_error(served: Services, tmp_path: Path) -> None:
    file = tmp_path / "letters.fountain"
    file.write_text(PLAY.replace("[bold]The[/bold]", "Ünïcode 🎭"), encoding="utf-8")
    assert story("import", str(file), url=served.url, PYTHONIOENCODING="ascii").code == 0
    listed = story("list", url=served.url, PYTHONIOENCODING="ascii")
    assert listed.code == 0
    assert "?n?code ?" in listed.out


def test_a_gateway_is_trusted_by_its_own_authority_only(tmp_path: Path) -> None:
    pki = Pki(tmp_path, "lab", now=lambda: datetime.now(UTC))
    pki.ensure()
    host = pki.host("gateway", ["127.0.0.1"])
    certificate, key = tmp_path / "host.pem", tmp_path / "host.key"
    certificate.write_bytes(host.certificate)
    key.write_bytes(host.key.reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with gateway(EMPTY, tls=context) as (url, _):
        said = story("list", url=url)
        assert said.code == 1
        assert "is not trusted" in said.err
        assert "--ca" in said.err
        assert story("list", "--ca", str(pki.ca_path), url=url).code == 0


def test_a_terminal_sees_a_bar_and_colours(served: Services, tmp_path: Path) -> None:
    file = tmp_path / "seen.fountain"
    file.write_text(PLAY.replace("[bold]The[/bold]", "Seen"))
    env = clean_env(TERM="xterm-256color", STORY_URL=served.url)
    importing = pexpect.spawn(
        STORY, ["import", str(file)], env=env, timeout=LIMIT_S, dimensions=(40, 120)
    )
    importing.expect("Importing Seen Play")
    importing.expect("Imported in")
    importing.expect(r"story read (\d+)")
    script = importing.match[1].decode()
    importing.expect(pexpect.EOF)
    importing.close()
    assert importing.exitstatus == 0
    searching = pexpect.spawn(
        STORY, ["search", script, "over"], env=env, timeout=LIMIT_S, dimensions=(40, 120)
    )
    searching.expect(pexpect.EOF)
    shown = searching.before.decode()
    assert "\x1b[1;33mO'er\x1b[0m hill" in shown, json.dumps(shown)


def test_output_that_nobody_reads_on_is_no_error(served: Services, script: str) -> None:
    shell = pexpect.spawn(
        "sh",
        ["-c", f"{STORY} read {script} --url {served.url} | true; echo done"],
        env=clean_env(),
        timeout=LIMIT_S,
    )
    shell.expect("done")
    assert b"Traceback" not in shell.before
    assert b"Broken" not in shell.before
