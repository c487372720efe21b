"""Pure: a route's regular expression as the Rust engine of Kong's router would read it.

What that engine does not know (look-around, back-references, possessive quantifiers, atomic groups)
is refused, as Kong refuses it; `$` means the very end, also before a line feed.
"""

from __future__ import annotations

import re

_UNKNOWN = (
    (re.compile(r"\(\?<?[=!]"), "look-around"),
    (re.compile(r"\(\?>"), "an atomic group"),
    (re.compile(r"\(\?P=|\\[1-9]|\\[gk][{<]"), "a back-reference"),
    (re.compile(r"[*+?}]\+"), "a possessive quantifier"),
)


def compiled(path: str) -> re.Pattern[str]:
    """The pattern of a path that begins with `~`; re.error says why there is none."""
    source = path.removeprefix("~").replace("(?<", "(?P<")
    plain = _outside_classes(source)
    for pattern, what in _UNKNOWN:
        if pattern.search(plain.replace("(?P<", "(?<") if what == "look-around" else plain):
            raise re.error(f"{what} is not supported")
    return re.compile(_ends(source))


def _outside_classes(source: str) -> str:
    """The pattern with escapes of plain characters and the insides of classes blanked."""
    text = re.sub(r"\\[^1-9gk]", "_", source)
    return re.sub(r"\[\^?\]?[^\]]*\]", "_", text)


def _ends(source: str) -> str:
    out, in_class, skip = list[str](), False, False
    for char in source:
        if skip:
            skip = False
        elif char == "\\":
            skip = True
        elif char in "[]":
            in_class = char == "["
        elif char == "$" and not in_class:
            char = r"\Z"
        out.append(char)
    return "".join(out)
