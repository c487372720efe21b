"""Every small damage that a workflow's text can take, made from the text itself. Pure.

Guarantees that nobody chooses what is tried: each key, item, line of a script, comment, SHA, switch
and pair of neighbouring steps of the file gives its mutant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import yaml

Mutant = tuple[str, str]  # what was done, and the text then
FLIPS = (
    (r": read\b", ": write"),
    (r": write\b", ": read"),
    (r"permissions: \{\}$", "permissions: write-all"),
    (r"permissions: \{\}$", "permissions: read-all"),
    (r": false\b", ": true"),
    (r': "?true"?$', ": false"),
    (r"(?<= )if: .*", "if: true"),
    (r"(?<= )if: .*", "if: always()"),
    ("!=", "=="),
    (" == ", " != "),
    (r"timeout-minutes: \d+", "timeout-minutes: 360"),
    (r"runs-on: .*", "runs-on: self-hosted"),
    ("pull_request:", "pull_request_target:"),
    ("workflow_dispatch:", "workflow_run:"),
    (r"(@[0-9a-f]{39})[0-9a-f] ", r"\1 "),
    (r"@[0-9a-f]{40} # (v\d+).*", r"@\1"),
    (r" # (v\d+)\.\d+\.\d+$", r" # \1"),
    (r"(?<=sha256:)[0-9a-f]", ""),
    (r"\[main\]", "['**']"),
    (r"(\s)runs-on:", r"\1continue-on-error: true\n    runs-on:"),
)


def mutants(text: str) -> Iterator[Mutant]:
    """All of them; a label names the line and what it was."""
    lines = text.splitlines(keepends=True)
    seen = {text}
    for label, mutant in [
        *_without(lines, yaml.compose(text, Loader=yaml.BaseLoader)),
        *_swapped(lines, yaml.compose(text, Loader=yaml.BaseLoader)),
        *_by_line(lines),
    ]:
        if mutant not in seen:
            seen.add(mutant)
            yield label, mutant


def _span(lines: list[str], first: yaml.Node, last: yaml.Node) -> tuple[int, int]:
    """Lines from the start of one node to the end of another, comments of their own left out."""
    end = last.end_mark.line + (1 if last.end_mark.column else 0)
    begin = first.start_mark.line
    while end > begin + 1 and re.match(r"\s*(#|$)", lines[end - 1]):
        end -= 1
    return begin, max(end, begin + 1)


def _without(lines: list[str], node: yaml.Node | None) -> Iterator[Mutant]:
    """Without one key or item, at every depth."""
    if getattr(node, "flow_style", True):
        return
    pairs = node.value if isinstance(node, yaml.MappingNode) else [(i, i) for i in node.value]
    for key, value in pairs:
        begin, end = _span(lines, key, value)
        rest = lines[begin:end]
        if isinstance(node, yaml.MappingNode) and re.match(r"\s*- ", rest[0]):
            # The first key of an item: the dash moves on to the next one.
            after = lines[end : end + 1]
            moved = [re.sub(r"^(\s*)  (\S)", r"\1- \2", line) for line in after]
            yield f"{begin + 1} without {rest[0].strip()}", _join(lines, begin, end + 1, moved)
        else:
            yield f"{begin + 1} without {rest[0].strip()}", _join(lines, begin, end, [])
        yield from _without(lines, value)


def _swapped(lines: list[str], node: yaml.Node | None) -> Iterator[Mutant]:
    """With two neighbouring steps changed for each other."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if key.value == "steps":
            spans = [_span(lines, step, step) for step in value.value]
            for (b1, e1), (b2, e2) in pairwise(spans):
                moved = lines[b2:e2] + lines[e1:b2] + lines[b1:e1]
                yield f"{b1 + 1} after {lines[b2].strip()}", _join(lines, b1, e2, moved)
        else:
            yield from _swapped(lines, value)


def _by_line(lines: list[str]) -> Iterator[Mutant]:
    """Without one line, without one comment, and with each switch turned."""
    for number, line in enumerate(lines):
        if not re.match(r"\s*(#|$)", line):
            yield f"{number + 1} lost {line.strip()}", _join(lines, number, number + 1, [])
        if found := re.match(r"(.*\S)\s+# .*", line):
            bare = found[1] + "\n"
            yield (
                f"{number + 1} uncommented {line.strip()}",
                _join(lines, number, number + 1, [bare]),
            )
        for before, after in FLIPS:
            turned = re.sub(before, after, line)
            if turned != line:
                yield (
                    f"{number + 1} turned {turned.strip()}",
                    _join(lines, number, number + 1, [turned]),
                )


def _join(lines: list[str], begin: int, end: int, instead: list[str]) -> str:
    return "".join([*lines[:begin], *instead, *lines[end:]])
