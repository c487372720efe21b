"""Site files as data: read, merged, and every key traced back to its file and line.

`site.toml` comes first, a lab's overlay over it: tables are merged deeply, `[[hosts]]` by name,
and `absent = true` in an overlay drops a host. Nothing is validated here beyond TOML itself and
the shape that merging needs; `spec.py` does that and asks `Layers.place` where a key stands.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inventories.errors import SpecError

Table = dict[str, Any]


@dataclass(frozen=True)
class Layer:
    """One file: its label for messages, its text and its content."""

    label: str
    text: str
    data: Table


@dataclass
class Layers:
    """All files of one environment, the lowest first, and the `merged` result."""

    layers: list[Layer]
    merged: Table
    problems: list[str] = field(default_factory=list)

    def place(self, path: tuple[str, ...]) -> str:
        """`file line N` of a key path such as `("hosts", "search-1", "size")`.

        The last file that has the key wins; a missing key is placed at its table.
        """
        for depth in range(len(path), 0, -1):
            for layer in reversed(self.layers):
                found = _raw_path(layer.data, path[:depth])
                if found is not None:
                    line = _line(layer.text, found)
                    return f"{layer.label} line {line}" if line else layer.label
        return self.layers[0].label


def read_layers(files: list[Path], root: Path, overrides: Table) -> Layers:
    """Read and merge `files`; `overrides` go over the first file and under the others.

    SpecError when a file is missing, empty or not TOML (with the line)."""
    layers = [_read(file, root) for file in files]
    merged: Table = {}
    problems: list[str] = []
    for number, layer in enumerate(layers):
        problems += _shape_problems(layer)
        merged = _merge(merged, layer.data)
        if number == 0:
            merged = _merge(merged, overrides)
    if isinstance(merged.get("hosts"), list):
        merged["hosts"] = [_present(h) for h in merged["hosts"] if not _is_absent(h)]
    return Layers(layers, merged, problems)


def _read(file: Path, root: Path) -> Layer:
    label = str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
    try:
        text = file.read_bytes().decode()
        data = tomllib.loads(text)
    except FileNotFoundError:
        raise SpecError(f"{label} does not exist", "restore it: git checkout -- " + label) from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{label} is not UTF-8 text (byte {error.start})", "save it so") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{label} is not valid TOML: {error}", f"edit {label}") from None
    except OSError as error:
        raise SpecError(f"{label} cannot be read: {error.strerror}", f"edit {label}") from None
    if not data and "[" not in text and not text.strip():
        raise SpecError(f"{label} is empty", "restore it: git checkout -- " + label)
    return Layer(label, text, data)


def _shape_problems(layer: Layer) -> list[str]:
    """What would make merging guess: hosts that are no list of tables, a name used twice."""
    hosts = layer.data.get("hosts", [])
    if not isinstance(hosts, list) or not all(isinstance(h, dict) for h in hosts):
        return [f"{layer.label}: hosts: has to be a list of tables; begin each with [[hosts]]"]
    problems, seen = [], set()
    for number, host in enumerate(hosts):
        name = host.get("name")
        if not isinstance(name, str):
            line = _line(layer.text, ("hosts", number))
            problems.append(
                f"{layer.label} line {line}: hosts[{number}].name: is missing or no string; "
                'every host has one, for example name = "search-1"'
            )
        elif name in seen:
            line = _line(layer.text, ("hosts", number))
            problems.append(
                f"{layer.label} line {line}: hosts.{name}: this name is used twice; "
                "every host has its own name"
            )
        else:
            seen.add(name)
    return problems


def _merge(below: Table, above: Table) -> Table:
    out = dict(below)
    for key, value in above.items():
        old = out.get(key)
        if key == "hosts" and isinstance(value, list) and isinstance(old, list):
            out[key] = _merge_hosts(old, value)
        elif isinstance(value, dict) and isinstance(old, dict):
            out[key] = _merge(old, value)
        else:
            out[key] = value
    return out


def _merge_hosts(below: list[Any], above: list[Any]) -> list[Any]:
    out = list(below)
    for host in above:
        name = host.get("name") if isinstance(host, dict) else None
        at = _index(out, name)
        if name is None or at is None:
            out.append(host)
        else:
            out[at] = _merge(out[at], host)
    return out


def _index(hosts: list[Any], name: Any) -> int | None:
    """Where the host of that name stands in a list of hosts."""
    named = (i for i, h in enumerate(hosts) if isinstance(h, dict) and h.get("name") == name)
    return next(named, None)


def _is_absent(host: Any) -> bool:
    return isinstance(host, dict) and host.get("absent") is True


def _present(host: Any) -> Any:
    if isinstance(host, dict) and host.get("absent") is False:
        return {k: v for k, v in host.items() if k != "absent"}
    return host


def _raw_path(data: Table, path: tuple[str, ...]) -> tuple[str | int, ...] | None:
    """`path` as it is in one file, host names turned into indices; None when it is not there."""
    out: list[str | int] = []
    here: Any = data
    for step in path:
        if isinstance(here, list):
            at = _index(here, step)
            if at is None and step.isdecimal() and int(step) < len(here):
                at = int(step)
            if at is None:
                return None
            out.append(at)
            here = here[at]
        elif isinstance(here, dict) and step in here:
            out.append(step)
            here = here[step]
        else:
            return None
    return tuple(out)


def _line(text: str, path: tuple[str | int, ...]) -> int | None:
    """The line where `path` is set, or its table begins. Good for plainly written files; a key
    in an inline table is placed at the line of that table."""
    table: tuple[str | int, ...] = ()
    counts: dict[str, int] = {}
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*(\[\[?)\s*([\w.\-\"' ]+?)\s*\]", line)
        key = re.match(r"\s*[\"']?([\w\-]+)[\"']?\s*(?:\.|=)", line)
        if header:
            names = tuple(part.strip(" \"'") for part in header[2].split("."))
            table = names
            if header[1] == "[[":
                counts[header[2]] = counts.get(header[2], -1) + 1
                table = (*names, counts[header[2]])
            here = table
        elif key:
            here = (*table, key[1])
        else:
            continue
        if here == path[: len(here)] and (best is None or len(here) > best[0]):
            best = (len(here), number)
    return best[1] if best else None
