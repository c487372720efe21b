"""Which regular expressions Kong's router reads the way we mean them.

A route's pattern is dry-run by PCRE when the file is loaded and matched by the Rust crate `regex`
(atc-router). `fault` accepts only what PCRE, Rust and Python read alike, so that a file never
loads and then fails to route, and so that the simulator's answer is the gateway's. Stdlib only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Escapes of one letter that all three engines read alike.
_CLASSES = frozenset("dDwWsS")
_LETTERS = frozenset("tnrfbB")
_REFUSED = {
    "A": "an anchor that Kong adds itself", "z": "unknown to Python; use $", "Z": "not in Rust",
    "K": "not in Rust", "G": "not in Rust", "R": "not in Rust", "X": "not in Rust",
    "h": "not in Rust", "H": "not in Rust", "N": "not in Rust", "Q": "not in Rust",
    "E": "not in Rust", "k": "a back-reference, which Rust has not",
    "g": "a back-reference, which Rust has not", "p": "unknown to Python",
    "P": "unknown to Python", "v": "means different things in PCRE and Rust",
    "u": "not in PCRE", "U": "not in PCRE", "<": "a word boundary in Rust only",
    ">": "a word boundary in Rust only",
}  # fmt: skip
#: Refused here although Kong loads them: both engines do, and read them differently.
_LOADS = frozenset("AzpPv<>")
_REWRITTEN = "Kong rewrites every ?< as the start of a group name"
_GROUPS = {
    "(?=": "look-ahead", "(?!": "look-ahead", "(?<=": "look-behind", "(?<!": "look-behind",
    "(?>": "an atomic group", "(?|": "a branch reset", "(?#": "a comment", "(?(": "a condition",
    "(?P=": "a back-reference", "(?P>": "a recursion", "(?R": "a recursion", "(?&": "a recursion",
    "(*": "a PCRE verb",
}  # fmt: skip
_NAMED = re.compile(r"\(\?P?<([A-Za-z_][A-Za-z0-9_]{0,31})>")  # PCRE: names up to 32 characters
_COUNT = re.compile(r"\{(\d+)(,(\d*))?\}")
_HEX = re.compile(r"\\x[0-9A-Fa-f]{2}")
MOST_REPEATS = 1000  # Rust refuses patterns whose program grows beyond 10 MB


@dataclass(frozen=True)
class Fault:
    """Why a pattern is refused, and whether Kong itself would refuse it."""

    reason: str
    kong: bool = True


class _Refused(Exception):
    def __init__(self, reason: str, kong: bool = True) -> None:
        super().__init__(reason)
        self.fault = Fault(reason, kong)


def fault(pattern: str) -> Fault | None:
    """Why the pattern (without Kong's `~`) is not read alike by all three, or None."""
    try:
        _Reader(pattern).read()
    except _Refused as refused:
        return refused.fault
    try:
        re.compile(to_python(pattern))
    except re.error as reason:
        return Fault(f"not a regular expression: {reason}")
    return None


def to_python(pattern: str) -> str:
    """The pattern as Kong hands it to the router, for Python: anchored at the start, named groups
    with `P`, and `$` as the very end (Python's own also matches before a last newline)."""
    out, i, inside = ["^"], 0, False
    while i < len(pattern):
        step = 2 if pattern[i] == "\\" else 1
        part = pattern[i : i + step]
        if part == "[" and not inside:
            inside = True
        elif part == "]" and inside:
            inside = False
        out.append(r"\Z" if part == "$" and not inside else part)
        i += step
    return re.sub(r"\?<(?![=!])", "?P<", "".join(out))


class _Reader:
    """One pass over a pattern, with just enough grammar to name what is refused."""

    def __init__(self, pattern: str) -> None:
        self.text, self.at, self.depth = pattern, 0, 0
        self.names: set[str] = set()
        self.repeatable = False  # whether what came before may be repeated

    def read(self) -> None:
        if bad := re.search(r"[^\x20-\x7e]", self.text):
            raise _Refused(
                f"the character {bad[0]!r} is one byte for PCRE and one letter for Rust: "
                "leave it out, or match it with a class of what it is not",
                kong=False,
            )
        while self.at < len(self.text):
            self._one(self.text[self.at])
        if self.depth:
            raise _Refused("a group is not closed")

    def _one(self, char: str) -> None:
        if char == "\\":
            self._escape(inside=False)
            self.repeatable = True
        elif char == "[":
            self._class()
            self.repeatable = True
        elif char == "(":
            self._group()
        elif char == ")":
            if not self.depth:
                raise _Refused("a group is closed that was never opened")
            self.depth, self.at, self.repeatable = self.depth - 1, self.at + 1, True
        elif char in "*+?{":
            self._repeat(char)
        elif char == "|" and not self.depth:
            raise _Refused("| outside a group leaves its second half without an anchor", kong=False)
        else:
            self.at, self.repeatable = self.at + 1, char not in "^$|"

    def _escape(self, *, inside: bool) -> None:
        char = self.text[self.at + 1 : self.at + 2]
        if not char:
            raise _Refused("it ends in a single backslash")
        if char == "x":
            if not _HEX.match(self.text, self.at):
                raise _Refused(r"\x needs two hexadecimal digits")
            self.at += 4
            return
        if char.isdigit():
            raise _Refused(f"\\{char} is a back-reference, which Rust has not")
        allowed = char in _CLASSES or (char in _LETTERS and not (inside and char in "bB"))
        if not allowed and (char in _REFUSED or char.isalnum()):
            why = _REFUSED.get(char, "not known to all engines")
            raise _Refused(f"\\{char} is {why}", kong=char not in _LOADS)
        self.at += 2

    def _group(self) -> None:
        rest = self.text[self.at :]
        for start, what in sorted(_GROUPS.items(), key=lambda item: -len(item[0])):
            if rest.startswith(start):
                raise _Refused(f"{start} is {what}, which Rust has not", kong=start != "(?R")
        self.depth, self.repeatable = self.depth + 1, False
        if named := _NAMED.match(rest):
            if named[1] in self.names:
                raise _Refused(f"the group name {named[1]} is used twice")
            self.names.add(named[1])
            self.at += named.end()
        elif rest.startswith("(?:"):
            self.at += 3
        elif rest.startswith("(?"):
            raise _Refused(
                f"{rest[:4]} is not a group that all engines know",
                kong=not re.match(r"\(\?[imsx]*[:)]", rest),
            )
        else:
            self.at += 1

    def _repeat(self, char: str) -> None:
        if not self.repeatable:
            raise _Refused(f"{char} has nothing to repeat")
        if char == "{":
            count = _COUNT.match(self.text, self.at)
            if not count:
                raise _Refused("{ that is no repetition is an error in Rust: write \\{")
            low, high = int(count[1]), int(count[3] or count[1])
            if low > high or high > MOST_REPEATS:
                reason = f"{count[0]} is no range up to {MOST_REPEATS}"
                raise _Refused(reason, kong=low > high)
            self.at = count.end()
        else:
            self.at += 1
        after = self.text[self.at : self.at + 1]
        if after == "+":
            raise _Refused("possessive repetition is not in Rust", kong=False)
        if after == "?":
            self.at += 1
            if self.text[self.at : self.at + 1] == "<":
                raise _Refused(_REWRITTEN, kong=False)
        if char == "?" and after == "<":
            raise _Refused(_REWRITTEN, kong=False)
        self.repeatable = False

    def _class(self) -> None:
        start = self.at
        self.at += 1
        if self.text[self.at : self.at + 1] == "^":
            self.at += 1
        if self.text[self.at : self.at + 1] == "]":
            raise _Refused("] first in a class: write \\]", kong=False)
        while (char := self.text[self.at : self.at + 1]) != "]":
            if not char:
                raise _Refused("a class is not closed")
            if char == "[":
                raise _Refused("[ inside a class is a nested class in Rust: write \\[", kong=False)
            if self.text[self.at : self.at + 2] in ("&&", "--", "~~", "||", "?<"):
                two = self.text[self.at : self.at + 2]
                raise _Refused(f"{two} inside a class means a set in Rust", kong=False)
            if char == "\\":
                self._escape(inside=True)
            else:
                self.at += 1
        self.at += 1
        if "?<" in self.text[start : self.at]:
            raise _Refused(_REWRITTEN, kong=False)
