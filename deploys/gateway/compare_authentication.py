"""The ways to authenticate that a documented operation accepts, by what they ask for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploys.gateway.compare_places import Place, canonical

#: All that one way asks for at once: schemes and scopes.
Asked = frozenset[str]


def alternatives(operation: Place) -> list[Asked]:
    """Each way to authenticate as the set of all that it asks for; an empty one asks nothing.

    Schemes are compared by what they are, not by their name.
    """
    wanted = operation.node.get("security", operation.document.get("security"))
    if not wanted:
        return [frozenset()]
    schemes = (operation.document.get("components") or {}).get("securitySchemes") or {}
    return [
        frozenset(
            asked
            for name, scopes in requirement.items()
            for asked in (_scheme(schemes.get(name), name), *(f"{name}:{s}" for s in scopes))
        )
        for requirement in wanted
    ]


def _scheme(node: Mapping[str, Any] | None, name: str) -> str:
    if not node:
        return name
    if node.get("type") == "apiKey":
        key = str(node.get("name"))
        key = key.lower() if node.get("in") == "header" else key
        return f"key in {node.get('in')} {key}"
    return canonical({k: v for k, v in node.items() if k not in ("description", "bearerFormat")})


def said(asked: Asked) -> str:
    return " and ".join(sorted(asked)) or "nothing"
