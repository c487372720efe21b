"""What every answer of the services must be, beyond what the checks of schemathesis look at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from tests.services.openapi_rules import Document, operations, resolved

ERROR_FIELDS = {"errorCode", "message", "details"}
#: Rules that JSON Schema cannot say, by the errorCode and the `details` of their refusals. A
#: request that fits its document is refused for one of these only.
_IDS = r"\d+(, \d+)*( and \d+ more)?"
_KIND = r"(script|section|character|action|spokenWord|transition|note|musicSound|performer|session)"
RULES = {
    "unknown_reference": [
        rf"[\w.\[\]]+: no {_KIND} {_IDS}",
        rf"sections: no section of script \d+ with headingId {_IDS}",
    ],
    "refused_value": [
        # what a body names must be of one script, or of the original
        rf"[\w.\[\]]+: {_KIND} \d+ is not of (script \d+|the same script .*)",
        rf"scriptId: {_KIND} \d+ belongs to (script \d+|no script; give it one)",
        r"sessionId: session \d+ is of (script \d+|another script)",
        r"original(Id|Type): is \w+ (by the path|and cannot be changed)",
        # ranges
        r"toSequence: must not be less than fromSequence \(\d+\)",
        r"startSequence: must not be greater than endSequence",
        # fields that go together
        r"versionNumber: is not the version that If-Match names",
        r"headingId: (differs between query and body|is needed in query or body)",
        r"the body must have scriptId or scriptIds, not both",
        r"(sections\[\d+\] must have a headingId or a title(; )?)+(and \d+ more)?",
        r"(elements\[\d+\] must (have one of|not have|have targetType) [^;]*(; )?)+(and \d+ more)?",
        r"target(Type|Id): targetType and targetId go together",
        # orders
        rf"elements: numbers (asked for more than once|outside 1 to \d+): {_IDS}",
        r"elements: named more than once: \w+-\d+(, \w+-\d+)*",
        rf"elements: headingId {_IDS} is named more than once",
        r"sections: a headingId is named more than once",
        r"they belong to: .*",
        r"name the scriptId",
        # data of a version depends on the element's type; free data has a size
        r"newVersionData\..*",
        r".* must not (be nested more than 12 deep|have more than 5000 entries)",
        r"context: must not (have more than \d+ entries|take more than \d+ bytes with data)",
        r"data: must not have more than \d+ keys",
    ],
}


def documented(status: int, body: bytes) -> bool:
    """Whether a refusal of a request in the documented form is for one of the rules."""
    if status != 400:
        return False
    error = json.loads(body)
    patterns = RULES.get(error["errorCode"], [])
    return any(re.fullmatch(pattern, error["details"] or "", re.DOTALL) for pattern in patterns)


def closed(schema: Any) -> Any:
    """The schema without room for a property that it does not name."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: value
        if key in ("example", "examples", "default", "const", "enum")
        else {name: closed(below) for name, below in value.items()}
        if key in ("properties", "schemas")
        else closed(value)
        for key, value in schema.items()
    }
    if isinstance(made.get("properties"), dict) and "type" in made:
        made.setdefault("additionalProperties", False)
    return made


class Answers:
    """Checks answers against a document that leaves them no room."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._components = closed(document["components"])
        self._operations = {
            operation["operationId"]: operation for _, _, operation in operations(document)
        }
        self._validators: dict[tuple[str, int], Any] = {}

    def problems(
        self, operation: str, status: int, headers: dict[str, list[str]], body: bytes
    ) -> Iterator[str]:
        """What is wrong with an answer."""
        if not headers.get("x-request-id") and status != 401:
            yield "no X-Request-Id"
        if status in (401, 429):
            return
        kind = headers.get("content-type", [""])[0]
        if status >= 400:
            yield from self._error(kind, body)
        elif kind == "application/json":
            validator = self._validator(operation, status)
            if validator is not None:
                for error in validator.iter_errors(json.loads(body)):
                    yield f"{error.message[:300]} at {'/'.join(map(str, error.instance_path))}"

    @staticmethod
    def _error(kind: str, body: bytes) -> Iterator[str]:
        if kind != "application/json":
            yield f"an error of type {kind!r}"
            return
        error = json.loads(body)
        if error.keys() != ERROR_FIELDS:
            yield f"an error with the fields {sorted(error)}"
        elif not (
            re.fullmatch("[a-z_]+", error["errorCode"])
            and error["message"]
            and (error["details"] is None or error["details"])
        ):
            yield f"an error that says nothing: {error}"
        elif re.search(r'Traceback|File "', f"{error['message']} {error['details']}"):
            yield "an error with a traceback"

    def _validator(self, operation: str, status: int) -> Any:
        key = (operation, status)
        if key not in self._validators:
            response = self._operations[operation]["responses"].get(str(status))
            content = resolved(response, self._document).get("content", {}) if response else {}
            schema = content.get("application/json", {}).get("schema")
            self._validators[key] = (
                jsonschema_rs.validator_for({**closed(schema), "components": self._components})
                if schema
                else None
            )
        return self._validators[key]
