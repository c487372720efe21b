"""Which alternatives of an old and a new schema stand for each other. Pure.

By name first (a schema of the components), then by the constants that tell them apart (a
discriminator), then by type, at last because only one is left on each side.
"""

from __future__ import annotations

import json

from deploys.gateway.compare_views import Shape


def paired(
    before: list[Shape], after: list[Shape]
) -> tuple[list[tuple[Shape, Shape]], list[Shape], list[Shape]]:
    """Alternatives that stand for each other, those that are gone, and those that are new."""
    lost, added = list(before), list(after)
    pairs: list[tuple[Shape, Shape]] = []
    for key in (_name, _constants, _kind, _any):
        for a in list(lost):
            match = next((b for b in added if key(a) is not None and key(a) == key(b)), None)
            if match is not None and (key is not _any or len(lost) == len(added) == 1):
                pairs.append((a, match))
                lost.remove(a)
                added.remove(match)
    return pairs, lost, added


def _name(shape: Shape) -> str | None:
    in_components = shape.pointer.startswith("/components/schemas/")
    return f"{shape.type} {shape.pointer}" if in_components else None


def _constants(shape: Shape) -> str | None:
    """What tells alternatives apart: fields with one value each."""
    fixed = {}
    for name, place in sorted(shape.properties.items()):
        node = place.node
        if isinstance(node, dict) and "const" in node:
            fixed[name] = node["const"]
    return json.dumps(fixed, sort_keys=True) if fixed else None


def _kind(shape: Shape) -> str:
    return shape.type or "any"


def _any(shape: Shape) -> str:
    return "any"


def described(shape: Shape) -> str:
    name = shape.pointer.rpartition("/components/schemas/")[2]
    kind = shape.type or "anything"
    return f"{kind} {name}" if name and "/" not in name else kind
