"""The rules that every OpenAPI document of the services keeps, as one check. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
from openapi_spec_validator import OpenAPIV31SpecValidator

METHODS = ("get", "post", "put", "patch", "delete")
WORDS = frozenset(
    ["$ref", "type", "properties", "required", "additionalProperties", "propertyNames", "items",
     "prefixItems", "anyOf", "oneOf", "allOf", "not", "enum", "const", "default", "examples",
     "description", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
     "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems",
     "minProperties", "maxProperties", "discriminator", "readOnly", "writeOnly", "deprecated"]
)  # fmt: skip
Document = dict[str, Any]


def broken_rules(document: Document) -> list[str]:
    """What is wrong with a document; empty for a good one."""
    found = [
        f"not valid: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()
    ]
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    found += [f"operationId {name} twice" for name in sorted({i for i in ids if ids.count(i) > 1})]
    for path, method, operation in operations(document):
        where = f"{method.upper()} {path}"
        found += [
            f"{where}: {problem}" for problem in _operation(path, method, operation, document)
        ]
    for name, schema in document["components"]["schemas"].items():
        if not re.fullmatch("[A-Z][A-Za-z0-9]*", name):
            found.append(f"schema {name}: not a plain name")
        found += [f"schema {name}: {problem}" for problem in _words(schema)]
    return found


def _words(schema: Any) -> Iterator[str]:
    """Keywords that JSON Schema does not have: pydantic writes `ge` where it is given validators
    in an order in which it cannot say `minimum`."""
    if isinstance(schema, bool):
        return
    for key, value in schema.items():
        if key not in WORDS:
            yield f"{key} is not a word of JSON Schema"
        if key == "properties":
            for below in value.values():
                yield from _words(below)
        elif key in ("items", "additionalProperties", "propertyNames", "not"):
            yield from _words(value)
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            for below in value:
                yield from _words(below)


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def resolved(part: Document, document: Document) -> Document:
    if "$ref" not in part:
        return part
    at: Any = document
    for step in part["$ref"].removeprefix("#/").split("/"):
        at = at[step]
    return at  # type: ignore[no-any-return]


def _operation(path: str, method: str, operation: Document, document: Document) -> Iterator[str]:
    if not re.fullmatch("[a-z][A-Za-z0-9]*", operation["operationId"]):
        yield "operationId is not camelCase"
    if not 0 < len(operation.get("description", "")) <= 300:
        yield "description has not 1 to 300 characters"
    if not set(operation["tags"]) <= {tag["name"] for tag in document["tags"]}:
        yield "a tag that the document does not describe"
    statuses = set(operation["responses"])
    health = path == "/health"
    wanted = {"400", "503"} if health else {"400", "401", "429", "500", "503"}
    wanted |= {"404"} if "{" in path else set()
    wanted |= {"409"} if method != "get" else set()
    wanted |= {"413", "415"} if "requestBody" in operation else set()
    if missing := wanted - statuses:
        yield f"no answer declared for {sorted(missing)}"
    if "422" in statuses:
        yield "declares 422"
    if not any(status.startswith("2") for status in statuses):
        yield "no success declared"
    if operation["security"] != ([] if health else [{"ApiKey": []}]):
        yield "not under the key"
    names = {(p["in"], p["name"]) for p in operation.get("parameters", ())}
    if method == "post" and ("header", "Idempotency-Key") not in names:
        yield "no Idempotency-Key"
    for parameter in operation.get("parameters", ()):
        if not parameter.get("description") or "example" not in parameter:
            yield f"parameter {parameter['name']}: no description or no example"
        yield from _words(parameter["schema"])
        yield from _fits(f"parameter {parameter['name']}", parameter, document)
    if "requestBody" in operation:
        yield from _contents("the body", operation["requestBody"], document)
    for status, part in operation["responses"].items():
        response = resolved(part, document)
        yield from _contents(status, response, document)
        if status != "204" and "content" not in response:
            yield f"{status}: no content"
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        error = {"401": "GatewayError", "429": "GatewayError"}.get(status, "Error")
        if status >= "400" and not health and not schema.get("$ref", "").endswith(f"/{error}"):
            yield f"{status}: not the schema {error}"
        headers = response.get("headers", {})
        if method == "get" and schema.get("type") == "array" and "X-Total-Count" not in headers:
            yield f"{status}: a list without X-Total-Count"


def _contents(where: str, part: Document, document: Document) -> Iterator[str]:
    for media, content in part.get("content", {}).items():
        if "example" not in content and "examples" not in content:
            yield f"{where}: {media} has no example"
        else:
            yield from _words(content["schema"])
            yield from _fits(f"{where} {media}", content, document)


def _fits(where: str, part: Document, document: Document) -> Iterator[str]:
    if "example" not in part:
        return
    schema = {**part["schema"], "components": document["components"]}
    validator = jsonschema.Draft202012Validator(schema)
    for error in validator.iter_errors(part["example"]):
        yield f"{where}: the example does not fit: {error.message[:200]}"
