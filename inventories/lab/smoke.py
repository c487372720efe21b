"""Hamlet through the services on the rehearsed search host: `python -m inventories.lab.smoke`.

Guarantees: everything it prints was read back over HTTP; it ends with exit 1 and a sentence when
that is not what the play says. The services are a process of their own, as `story serve --env`
starts it: at a free port of this machine, through the door, as the role `story`. They end with
this command; the stories stay. A repeat finds the play there and changes nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import typer
from rich.text import Text

from deploys.secrets import SecretError
from inventories.errors import ProvisionError
from inventories.lab import hamlet
from inventories.lab.errors import LabError
from inventories.worlds import World, labs_root, project_root, world
from story_services.client import pretty
from story_services.client.api import Api, Connection
from story_services.client.console import Output
from story_services.client.errors import ClientError
from story_services.client.importing import Imported, Importer
from story_services.client.wanted import Had
from story_services.corpora import CorpusError, Play, read
from story_services.local import ports

READY_S, END_S = 120.0, 45.0
LOOK_S = 0.1
CHANGED = "--as-new"  # what the import then offers


def smoke(where: World) -> None:
    """Import, read back, ask; LabError or ClientError when anything is not as it must be."""
    play, output = read(hamlet.NAME), Output()
    with services(where, output) as url, Api(Connection(url)) as api:
        script_id = bring_in(api, play, output)
        read_back(api, script_id, output)
        ask(api, script_id, play, output)
    show(output, "The services have ended; the stories stay on the search host.")


@contextmanager
def services(where: World, output: Output) -> Iterator[str]:
    """The services as a process while this is open, ready; their address."""
    port = ports.free()
    url, log = f"http://127.0.0.1:{port}", labs_root() / where.env / "log/story-services.log"
    argv = [sys.executable, "-m", "story_services.cli", "serve"]
    show(output, f"$ story serve --env {where.env} --port {port}")
    began = time.monotonic()
    with _private(log) as file:
        process = subprocess.Popen(
            # Whatever ends us ends it, in order.
            ["setpriv", "--pdeathsig", "TERM", *argv, f"--env={where.env}", f"--port={port}"],
            cwd=project_root(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(process, url, log)
        show(output, f"Ready after {_since(began)}: {url} (what it can do: {url}/docs)")
        yield url
    finally:
        code = _end(process)
    if code != 0:
        raise LabError(f"the services ended with exit {code} instead of 0; they said: {log}")


def bring_in(api: Api, play: Play, output: Output) -> int:
    """Import the play as `story import hamlet` does; the script's number."""
    show(output, "")
    show(output, f"$ story import {hamlet.NAME}")
    began = time.monotonic()
    try:
        done = _import(api, play, output)
    except ClientError as changed:
        if CHANGED not in changed.next_step:
            raise
        show(output, f"{changed.what} That one stays as it is; this is imported as another one.")
        done = _import(api, play, output, as_new=True)
    if done.added:
        show(output, f"Imported in {_since(began)}: script {done.script_id}")
    else:
        show(output, f"Already imported, nothing to do: script {done.script_id}")
    return done.script_id


def _import(api: Api, play: Play, output: Output, *, as_new: bool = False) -> Imported:
    total = len(play.sections) + len(play.cast) + len(play.elements)
    with output.progress(f"Importing {play.title}", total) as advance:

        def told(had: Had) -> None:
            advance(len(had.sections) + len(had.cast) + had.elements)

        comment = f"Import of {hamlet.NAME}"
        return Importer(api, told=told).run(play, comment=comment, as_new=as_new)


def read_back(api: Api, script_id: int, output: Output) -> None:
    """Count the whole play as the services tell it, and show how it begins."""
    times, story = _twice(lambda: api.get("/stories", scriptId=script_id).value)
    counted = hamlet.checked(story)
    show(output, f"Read back in {times}: {counted}.")
    show(output, "Each is there once and in order, as many as the play has.")
    show(output, "")
    show(output, f"$ story read {script_id}")
    for line in pretty.story(story["story"][: hamlet.BEGINNING], hamlet.places(story["sections"])):
        output.show(line)
    show(output, f"        ... {len(story['story']) - hamlet.BEGINNING:,} more")


def ask(api: Api, script_id: int, play: Play, output: Output) -> None:
    """Search for a word that the play spells in another way."""
    show(output, "")
    show(output, f"$ story search {script_id} {hamlet.WORD}")
    asked = {"scriptId": script_id, "q": hamlet.WORD, "elementType": "spokenWord"}
    times, found = _twice(lambda: api.get("/search", **asked).value)
    sections = api.get(f"/scripts/{script_id}/sections").value
    for line in pretty.hits(found, hamlet.places(sections)):
        output.show(line)
    hamlet.checked_hits(found, play)
    show(output, f"{len(found)} found in {times}, in the play's own spelling.")


def show(output: Output, line: str) -> None:
    """A line of the result."""
    output.show(Text(line))


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Until the services and their store work; LabError with their own words when not."""
    deadline = time.monotonic() + READY_S
    with Api(Connection(url, patience_s=0)) as api:
        while True:
            try:
                api.get("/health")
                return
            except ClientError as missing:
                why = missing.what
            if process.poll() is not None:
                said = log.read_text(errors="replace").strip().splitlines()[-5:]
                raise LabError(f"the services did not start: {' '.join(said) or 'without a word'}")
            if time.monotonic() > deadline:
                raise LabError(f"the services are not ready after {READY_S:.0f} s: {why}")
            time.sleep(LOOK_S)


def _end(process: subprocess.Popen[bytes]) -> int:
    """End the services in order, by force when that takes too long; their exit status."""
    process.terminate()
    try:
        return process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _private(path: Path) -> IO[bytes]:
    """An empty file for its owner alone."""
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _twice(what: Callable[[], Any]) -> tuple[str, Any]:
    """How long it took the first and the second time, and what came of it."""
    began = time.monotonic()
    what()
    first, began = _since(began), time.monotonic()
    found = what()
    return f"{first} (again: {_since(began)})", found


def _since(began: float) -> str:
    seconds = time.monotonic() - began
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def main() -> None:
    """The command; DEPLOY_ENV chooses the lab."""
    try:
        where = world()
        if not where.is_lab:
            raise LabError("this imports a play for rehearsal: set DEPLOY_ENV to a lab's name")
        smoke(where)
    except (LabError, ProvisionError, SecretError, CorpusError, ClientError) as error:
        next_step = getattr(error, "next_step", "")
        typer.echo(f"smoke: {error}" + (f" Next: {next_step}" if next_step else ""), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
