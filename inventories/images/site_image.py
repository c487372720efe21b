"""The line of a site file that names the image, set without touching any other byte.

`set_image` is pure: the new text, which says the same as the old one but for `app.image`, or a
refusal. `write` puts it in place whole, with the file's own mode, unless somebody has changed the
file since it was read.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from inventories.errors import ProvisionError

_EXAMPLE = re.compile(r"[ \t]*#[ \t]*image[ \t]*=[ \t]*[\"'][^\"'\n]*[\"'](?P<rest>.*)", re.ASCII)
_HEADER = re.compile(r"[ \t]*\[[ \t]*app[ \t]*\][ \t]*(#.*)?", re.ASCII)
_ANY_HEADER = re.compile(r"[ \t]*\[")


def set_image(text: str, reference: str) -> str:
    """`text` with `app.image` = `reference`. ValueError when that cannot be had by one line.

    A line that is there keeps its place and comment; else the commented example of [app] becomes
    the line, else it is the first of [app], else that table is added at the end."""
    before = tomllib.loads(text)
    app = before.get("app", {})
    if not isinstance(app, dict):
        raise ValueError("app is no table")
    if app.get("image") == reference:
        return text
    wanted = {**before, "app": {**app, "image": reference}}
    # A value that is there is replaced; only without one may a line be added.
    ways = (_by_key,) if "image" in app else (_example, _first, _table, _by_key)
    for change in ways:
        after = change(text, reference)
        if after is not None and _is(after, wanted) and _is_one_line(text, after):
            return after
    raise ValueError("app.image is not written on a line of its own")


def _is(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return _same(tomllib.loads(text), wanted)
    except tomllib.TOMLDecodeError:
        return False


def _same(one: Any, other: Any) -> bool:
    """Equal in value and type: TOML's nan, true and 1.0 count as what they are."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or repr(one) == repr(other))


def _is_one_line(before: str, after: str) -> bool:
    """Whether one line was changed or added, or a table was appended to the whole."""
    old, new = before.split("\n"), after.split("\n")
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    lost, made = len(old) - head - tail, len(new) - head - tail
    return (lost <= 1 and made == 1) or after.startswith(before)


def _by_key(text: str, reference: str) -> str | None:
    try:
        document = tomlkit.parse(text)
        document["app"]["image"] = reference
        return tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError, ValueError):
        return None


def _example(text: str, reference: str) -> str | None:
    lines = text.split("\n")
    start = _own_table(lines)
    if start is None:
        return None
    for at in range(start + 1, len(lines)):
        if _ANY_HEADER.match(lines[at]):
            return None
        if match := _EXAMPLE.fullmatch(lines[at]):
            lines[at] = _line(reference) + match["rest"]
            return "\n".join(lines)
    return None


def _first(text: str, reference: str) -> str | None:
    lines = text.split("\n")
    start = _own_table(lines)
    if start is None:
        return None
    end = "\r" if lines[start].endswith("\r") else ""
    if start + 1 == len(lines):  # the header ends the file, without an end of its line
        end = "\r" if "\r\n" in text else ""
        lines[start] += end
        return "\n".join([*lines, _line(reference)])
    return "\n".join([*lines[: start + 1], _line(reference) + end, *lines[start + 1 :]])


def _table(text: str, reference: str) -> str | None:
    end = "\r\n" if "\r\n" in text else "\n"
    closed = not text or text.endswith("\n")
    gap = "" if not text else end if closed else end + end
    return text + gap + f"[app]{end}" + _line(reference) + (end if closed else "")


def _own_table(lines: list[str]) -> int | None:
    return next((n for n, line in enumerate(lines) if _HEADER.fullmatch(line.rstrip("\r"))), None)


def _line(reference: str) -> str:
    return f'image = "{reference}"'


def read_text(path: Path) -> str:
    """The file's text, ends of lines as they are. ProvisionError when there is none."""
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise ProvisionError(f"{path} cannot be read: {said}") from None


def write(path: Path, before: str, after: str) -> None:
    """Replace the file's whole content at once; a crash leaves the one or the other.

    ProvisionError when it no longer says `before`, or cannot be written."""
    target = path.resolve()  # a link stays one
    temporary = ""
    try:
        old = target.stat()
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(after.encode())
            os.fchmod(stream.fileno(), old.st_mode & 0o7777)
            with contextlib.suppress(PermissionError):  # only root gives files away
                os.fchown(stream.fileno(), old.st_uid, old.st_gid)
            stream.flush()
            os.fsync(stream.fileno())
        if read_text(target) != before:
            raise ProvisionError(
                f"{path} was changed by somebody else meanwhile, so it was left alone",
                "run the command again",
            )
        os.replace(temporary, target)
        temporary = ""
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ProvisionError(
            f"{path} cannot be written: {error.strerror}", "mend that, then run the command again"
        ) from None
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
