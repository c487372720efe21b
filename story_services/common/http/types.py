"""The types that requests are made of, shared by all services: ids, numbers, texts, names. Pure.

What a type lets through is kept exactly as given: nothing is trimmed, normalised or converted.
Ids in bodies are integers as JSON Schema has them (`1` and `1.0`, but no `true` and no `"1"`), in
paths and queries plain digits. Texts may hold any language, right-to-left and emoji, with `\\n`
and `\\t` as the only control characters; names are one line without characters that hide or
reorder others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StrictBool,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

#: Largest integer that every JSON reader keeps exactly.
MAX_ID = 2**53 - 1

#: Control characters that no text may hold: all but `\n` and `\t`.
CONTROLS = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
_SURROGATES = r"\ud800-\udfff"
#: Lines, directions and characters of no width, by which one name can pass for another. Joiners
#: are missing on purpose: Persian, Indic scripts and emoji are spelt with them.
_SPOOFS = r"\u0009\u000a\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
_SPACES = r"\u0020\u00a0\u1680\u2000-\u200d\u202f\u205f\u3000"  # and joiners: nothing to see

_BAD_TEXT = re.compile(f"[{CONTROLS}{_SURROGATES}]")
_BAD_NAME = re.compile(f"[{CONTROLS}{_SURROGATES}{_SPOOFS}\U000e0000-\U000e007f]")
_VISIBLE = re.compile(f"[^{_SPACES}]")
_DIGITS = re.compile(r"-?[0-9]{1,16}")


def _refuse(kind: str, message: str) -> PydanticCustomError:
    return PydanticCustomError(kind, message)


def check_text(value: str) -> str:
    """The text as it is; ValueError (of pydantic) on a control character."""
    if found := _BAD_TEXT.search(value):
        raise _refuse("text", f"must not contain the control character {_code(found.group())}")
    return value


def check_name(value: str) -> str:
    """The name as it is; ValueError (of pydantic) if it hides something or shows nothing."""
    if found := _BAD_NAME.search(value):
        raise _refuse("name", f"must not contain the invisible character {_code(found.group())}")
    if not _VISIBLE.search(value):
        raise _refuse("name", "must not be blank")
    return value


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"


@dataclass(frozen=True)
class _Characters:
    """A JSON string of so many characters; numbers and the like are not converted."""

    max_length: int
    min_length: int = 0
    check: ClassVar[Callable[[str], str]] = staticmethod(check_text)
    pattern: ClassVar[str] = f"^[^{CONTROLS}]*$"

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            type(self).check,
            core_schema.str_schema(
                strict=True, min_length=self.min_length or None, max_length=self.max_length
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}


class Text(_Characters):
    """`Annotated[str, Text(2000)]`: prose of up to 2,000 characters, lines and tabs allowed."""


@dataclass(frozen=True)
class Name(_Characters):
    """`Annotated[str, Name(100)]`: one line that shows something."""

    min_length: int = 1
    check: ClassVar[Callable[[str], str]] = staticmethod(check_name)
    pattern: ClassVar[str] = (
        f"^[^{CONTROLS}{_SPOOFS}]*[^{CONTROLS}{_SPOOFS}{_SPACES}][^{CONTROLS}{_SPOOFS}]*$"
    )


#: Why a change is made: kept in the change log.
Comment = Annotated[
    str,
    Text(1000),
    Field(description="Why this change is made.", examples=["Second thoughts on the ghost."]),
]


def _digits(value: object) -> object:
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise _refuse("digits", "must be a whole number, written in digits")
    return value


def _word(value: object) -> object:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise _refuse("word", "must be true or false")
        return value == "true"
    return value


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


#: The id of an entity in a body.
EntityId = Annotated[
    int, Field(strict=True, ge=1, le=MAX_ID, examples=[1]), BeforeValidator(_whole)
]
#: A sequence number, a version or a revision in a body.
Number = EntityId
#: The same in a path or a query, where everything arrives as text. Bounds stand before the
#: validator: behind it, the document would not show them.
PathId = Annotated[int, Field(ge=1, le=MAX_ID, examples=[1]), BeforeValidator(_digits)]
QueryId = PathId
QueryNumber = PathId
QueryBool = Annotated[StrictBool, BeforeValidator(_word)]
#: Paging. Without a limit a list is whole.
Limit = Annotated[
    int,
    Field(ge=1, le=1000, description="At most so many; without it, all.", examples=[100]),
    BeforeValidator(_digits),
]
Offset = Annotated[
    int,
    Field(ge=0, le=MAX_ID, description="Leave out so many from the start.", examples=[0]),
    BeforeValidator(_digits),
]


class Input(BaseModel):
    """Base of every request body: a field that does not exist is refused, not ignored.

    `read_only` names fields of the entity that a caller may send back unchanged, as it got them;
    they are dropped.
    """

    model_config = ConfigDict(extra="forbid")
    read_only: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _drop_read_only(cls, value: Any) -> Any:
        if cls.read_only and isinstance(value, dict):
            return {k: v for k, v in value.items() if k not in cls.read_only}
        return value

    def given(self) -> dict[str, Any]:
        """The fields that the caller wrote: an absent one stays as it is, null empties it."""
        return {name: getattr(self, name) for name in self.model_fields_set}
