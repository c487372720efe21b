"""Entities of this service in the words of the contract. Pure."""

from __future__ import annotations

from typing import Any

from story_services.common.entities import Entity


def performer(entity: Entity) -> dict[str, Any]:
    """Performer."""
    return {"performerId": entity.id, "name": entity.content["name"], **entity.envelope()}


def casting(entity: Entity) -> dict[str, Any]:
    """Casting."""
    content = entity.content
    return {
        "castingId": entity.id,
        "scriptId": content["scriptId"],
        "characterId": content["characterId"],
        "performerId": content["performerId"],
        **entity.envelope(),
    }
