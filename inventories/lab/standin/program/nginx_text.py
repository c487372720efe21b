"""Pure: the little of nginx's language that an access log needs: log_format, map, variables.

`nginx_http_include` of kong.conf brings such text into the real program. Read here: `log_format
NAME [escape=...] '...'`, `map SOURCE $NAME { ... }` with exact values and regular expressions, and
named groups as variables. Anything else is a ConfError, never silently left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .conf import ConfError

_TOKEN = re.compile(
    r"""\s+|#[^\n]*|"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|([{};])|([^\s{};"'#]+)"""
)
_ESCAPES = {'\\"': '"', "\\'": "'", "\\\\": "\\", "\\t": "\t", "\\r": "\r", "\\n": "\n"}
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Map:
    """A variable that follows another text."""

    source: str
    exact: Mapping[str, str]
    patterns: tuple[tuple[re.Pattern[str], str], ...]
    default: str


@dataclass
class Formats:
    """What an include defines."""

    lines: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> escape, text
    maps: dict[str, Map] = field(default_factory=dict)

    def line(self, name: str, known: Callable[[str], str | None]) -> str:
        """A format filled in; `known` gives nginx's own variables."""
        escape, text = self.lines[name]
        values = _Values(self.maps, known)
        change = _json if escape == "json" else _plain
        return _VARIABLE.sub(lambda m: change(values[m[1] or m[2]]), text)

    def value(self, text: str, known: Callable[[str], str | None]) -> str:
        """A text with its variables filled in."""
        return _Values(self.maps, known).fill(text)


class _Values:
    """Variables of one request; maps are looked at when they are asked for."""

    def __init__(self, maps: Mapping[str, Map], known: Callable[[str], str | None]) -> None:
        self._maps, self._known = maps, known
        self._found: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._found:
            rule = self._maps.get(name)
            self._found[name] = self._mapped(rule) if rule else self._known(name) or ""
        return self._found[name]

    def fill(self, text: str) -> str:
        return _VARIABLE.sub(lambda m: self[m[1] or m[2]], text)

    def _mapped(self, rule: Map) -> str:
        source = self.fill(rule.source)
        if source.lower() in rule.exact:
            return self.fill(rule.exact[source.lower()])
        for pattern, value in rule.patterns:
            if found := pattern.search(source):
                self._found |= {k: v or "" for k, v in found.groupdict().items()}
                return self.fill(value)
        return self.fill(rule.default)


def parse(text: str) -> Formats:
    """An include; ConfError names what is not understood."""
    try:
        return _read(_tokens(text))
    except (IndexError, ValueError):
        raise ConfError("nginx_http_include: the text ends in the middle") from None


def _read(tokens: list[str]) -> Formats:
    found = Formats()
    while tokens:
        word = tokens.pop(0)
        if word == "log_format":
            end = tokens.index(";")
            name, rest = tokens[0], tokens[1:end]
            escape = rest.pop(0).removeprefix("escape=") if rest[0][:7] == "escape=" else "default"
            found.lines[name] = (escape, "".join(rest))
            del tokens[: end + 1]
        elif word == "map" and tokens[2] == "{":
            source, name = tokens[0], tokens[1].removeprefix("$")
            end = tokens.index("}")
            found.maps[name] = _map(source, tokens[3:end])
            del tokens[: end + 1]
        else:
            raise ConfError(f"nginx_http_include: the stand-in does not have '{word}'")
    return found


def _map(source: str, tokens: list[str]) -> Map:
    exact: dict[str, str] = {}
    patterns: list[tuple[re.Pattern[str], str]] = []
    default = ""
    for key, value, end in (tokens[i : i + 3] for i in range(0, len(tokens), 3)):
        if end != ";":
            raise ConfError(f"nginx_http_include: a map's entry '{key}' does not end in ;")
        if key == "default":
            default = value
        elif key.startswith("~"):
            flags = re.IGNORECASE if key.startswith("~*") else re.NOFLAG
            regex = key.lstrip("~").removeprefix("*") if flags else key[1:]
            try:
                patterns.append((re.compile(regex.replace("(?<", "(?P<"), flags), value))
            except re.error as error:
                raise ConfError(f"nginx_http_include: regex '{regex}': {error}") from None
        else:
            exact[key.lower()] = value
    return Map(source, exact, tuple(patterns), default)


def _tokens(text: str) -> list[str]:
    found, at = list[str](), 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ConfError(f"nginx_http_include: cannot read '{text[at : at + 20]}'")
        at = match.end()
        quoted = match[1] if match[1] is not None else match[2]
        if quoted is not None:
            found.append(re.sub(r"\\.", lambda m: _ESCAPES.get(m[0], m[0]), quoted))
        elif match[3] or match[4]:
            found.append(match[3] or match[4])
    return found


def _json(value: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return re.sub(r"[\x00-\x1f]", lambda m: named.get(m[0], f"\\u{ord(m[0]):04X}"), escaped)


def _plain(value: str) -> str:
    hexed = re.sub(r'["\\\x00-\x1f\x7f]', lambda m: f"\\x{ord(m[0]):02X}", value)
    return hexed or "-"
