"""The part of a lab's site overlay that `rehearse` writes itself; everything else is the person's.

Guarantees: only the lab's own copy is written, never the project's file; comments, order and all
other keys stay; the result is read again, and is refused unless it says exactly what the text said
before plus the given values. The same values twice give the same text.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inventories.lab.errors import LabError
from inventories.lab.state import Lab, write_json

#: Table (dotted) -> key -> value.
Values = Mapping[str, Mapping[str, Any]]
MARK = "  # by rehearse image"
_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?")


def write(lab: Lab, values: Values) -> Lab:
    """Lay values over the lab's overlay and make that copy the lab's overlay.

    LabError when the overlay writes one of these tables in a way that cannot be added to.
    """
    target = lab.directory / "site.toml"
    source, before = _text(lab)
    try:
        text = merged(before, values)
    except ValueError as error:
        raise LabError(f"{source} cannot be completed by 'rehearse image': {error}.") from None
    if source != target or text != before:
        _replace(target, text)
    write_json(_record(lab), {**_written(lab), **values})
    return lab if lab.overlay == str(target) else lab.changed(overlay=str(target))


def read(lab: Lab) -> dict[str, Any]:
    """What the lab's overlay says. LabError when it is gone or no TOML."""
    source, text = _text(lab)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LabError(
            f"{source} is not valid TOML: {error}. Mend it, then run this again."
        ) from None


def _text(lab: Lab) -> tuple[Path, str]:
    source = Path(lab.overlay or lab.directory / "site.toml")
    try:
        return source, source.read_text()
    except OSError as error:
        raise LabError(
            f"The overlay {source} of lab '{lab.name}' cannot be read ({error.strerror}): "
            f"'rehearse up --name {lab.name} --site FILE' gives it another one."
        ) from None


def again(lab: Lab) -> Lab:
    """Lay what was written before over an overlay that was changed since; fine when nothing was."""
    written = _written(lab)
    return write(lab, written) if written else lab


def _written(lab: Lab) -> dict[str, dict[str, Any]]:
    try:
        found: dict[str, dict[str, Any]] = json.loads(_record(lab).read_text())
    except FileNotFoundError:
        return {}
    return found


def _record(lab: Lab) -> Path:
    return lab.directory / "overlay.json"


def merged(text: str, values: Values) -> str:
    """The text with the values set. ValueError when it is no TOML, or cannot be added to."""
    wanted = tomllib.loads(text)
    for table, keys in values.items():
        if keys:
            _lay(wanted, table, keys)
    lines = text.removesuffix("\n").split("\n") if text else []
    for table, keys in values.items():
        for key, value in keys.items():
            lines = _set(lines, table, key, value)
    result = "".join(f"{line}\n" for line in lines)
    try:
        found = tomllib.loads(result)
    except tomllib.TOMLDecodeError:
        found = {}
    if found != wanted:
        names = ", ".join(f"[{table}]" for table in values)
        raise ValueError(f"write {names} as plain tables, one key a line, no dotted or inline ones")
    return result


def _lay(data: dict[str, Any], table: str, keys: Mapping[str, Any]) -> None:
    for step in table.split("."):
        data = data.setdefault(step, {})
        if not isinstance(data, dict):
            raise ValueError(f"{table} is no table")
    data.update(keys)


def _set(lines: list[str], table: str, key: str, value: Any) -> list[str]:
    """Replace the key's line, or add one as the first of its table, or add the table."""
    new = f"{key} = {_toml(value)}{MARK}"
    headers = [
        (at, match[1]) for at, line in enumerate(lines) if (match := _HEADER.fullmatch(line))
    ]
    start = next((at for at, name in headers if _plain(name) == table), None)
    if start is None:
        space = [""] if lines and lines[-1].strip() else []
        return [*lines, *space, f"[{table}]", new]
    end = next((at for at, _ in headers if at > start), len(lines))
    for at in range(start + 1, end):
        if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", lines[at]):
            return [*lines[:at], new, *lines[at + 1 :]]
    return [*lines[: start + 1], new, *lines[start + 1 :]]


def _plain(name: str) -> str:
    return ".".join(part.strip(" \t\"'") for part in name.split("."))


def _toml(value: Any) -> str:
    """A value as TOML; strings of JSON are strings of TOML, but for DEL and pairs of escapes."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_toml(item)}' for key, item in value.items())} }}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _replace(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    os.replace(temporary, path)
