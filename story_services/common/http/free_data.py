"""Free data: an object with any keys that a storyteller needs. Pure.

Everything that passes can be stored and searched: the bounds are those of the store's field for
it, where one value becomes one term of at most 32,766 bytes together with its keys.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from story_services.common.http.problems import RULE
from story_services.common.http.types import CONTROLS, MAX_ID, check_text

DEPTH = 12
ENTRIES = 5000  # of all objects and lists together
KEY = 200  # characters; with the depth at most 9,600 bytes of keys
VALUE = 5000  # characters, at most 20,000 bytes


def _refuse(message: str, kind: str = "free_data") -> PydanticCustomError:
    return PydanticCustomError(kind, message)


def check_data(data: dict[str, Any]) -> dict[str, Any]:
    """The object as it is; ValueError (of pydantic) if it cannot be stored."""
    level: list[Any] = [data]
    entries = 0
    for _ in range(DEPTH):
        below: list[Any] = []
        for container in level:
            entries += len(container)
            if isinstance(container, dict):
                for key in container:
                    _key(key)
            for value in container.values() if isinstance(container, dict) else container:
                if isinstance(value, dict | list):
                    below.append(value)
                else:
                    _value(value)
        if entries > ENTRIES:
            raise _refuse(f"must not have more than {ENTRIES} entries", RULE)
        if not below:
            return data
        level = below
    raise _refuse(f"must not be nested more than {DEPTH} deep", RULE)


def _key(key: Any) -> None:
    if not isinstance(key, str) or not 0 < len(key) <= KEY:
        raise _refuse(f"must have keys of 1 to {KEY} characters")
    check_text(key)


def _value(value: Any) -> None:
    if isinstance(value, str):
        if len(value) > VALUE:
            raise _refuse(f"must not hold a text of more than {VALUE} characters")
        check_text(value)
    elif isinstance(value, int | float) and not -MAX_ID <= value <= MAX_ID:  # nan fails, too
        raise _refuse(f"must not hold numbers beyond {MAX_ID}")


#: The name under which a document describes what a value may be; it may hold itself.
VALUE_NAME = "FreeValue"
VALUE_REF = {"$ref": f"#/components/schemas/{VALUE_NAME}"}
_TEXT = {"type": "string", "pattern": f"^[^{CONTROLS}]*$"}
KEYS_SCHEMA: dict[str, Any] = {**_TEXT, "minLength": 1, "maxLength": KEY}
VALUE_SCHEMA: dict[str, Any] = {
    "description": f"Any JSON value, nested up to {DEPTH} deep.",
    "examples": ["bitter cold"],
    "anyOf": [
        {**_TEXT, "maxLength": VALUE},
        {"type": "number", "minimum": -MAX_ID, "maximum": MAX_ID},
        {"type": "boolean"},
        {"type": "null"},
        {"type": "array", "items": VALUE_REF},
        {"type": "object", "propertyNames": KEYS_SCHEMA, "additionalProperties": VALUE_REF},
    ],
}
#: Marks a schema whose values are free; what finishes a document puts VALUE_REF there.
MARK = "x-free-data"

FreeData = Annotated[
    dict[str, Any],
    AfterValidator(check_data),
    Field(
        json_schema_extra={MARK: True},
        examples=[{"weather": "bitter cold", "watch": {"hour": 12}}],
    ),
]
