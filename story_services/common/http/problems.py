"""Says in readable words what a validation found. Pure.

Names the field as its sender wrote it (`elements[2].newSequence`, `query limit`) and what it
must be; never shows the value, which may be long, private or hostile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from story_services.common.errors import BadInput

_SHOWN = 10
#: The type of an error that a document cannot express: raised by validators that look at several
#: fields together, or at the whole of free data.
RULE = "rule"
_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this request",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "string_unicode": "must be valid Unicode",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "none_required": "must be null",
    "string_pattern_mismatch": "does not have the expected form",
}
_BOUNDS = {
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
}


def bad_input(errors: Iterable[Mapping[str, Any]]) -> BadInput:
    """One error for all that is wrong, in the order in which it was found."""
    found: list[str] = []
    formal = False
    for error in errors:
        formal = formal or error["type"] != RULE
        sentence = f"{_place(error['loc'])} {_problem(error)}".strip()
        if sentence not in found:
            found.append(sentence)
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    code = "bad_input" if formal or not found else "refused_value"
    return BadInput("The request is not valid.", "; ".join(found[:_SHOWN]) + more, code=code)


def _place(loc: Sequence[str | int]) -> str:
    if not loc:
        return ""
    source, rest = str(loc[0]), loc[1:]
    if source in ("path", "query", "header", "cookie"):
        return " ".join([source, *(str(part) for part in rest)])
    if source != "body":
        rest = loc
    name = ""
    for part in rest:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            name += f".{part[:100]}" if name else part[:100]
    return name or "the body"


def _problem(error: Mapping[str, Any]) -> str:
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in _WORDS:
        return _WORDS[kind]
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context)
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return message[:1].lower() + message[1:]
