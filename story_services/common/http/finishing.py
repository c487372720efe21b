"""Makes a raw OpenAPI document the true contract of the services. Pure.

Guarantees for every operation: all answers it can give, each with an example, errors in the
contract's shape and never 422; the key of the gateway, `Idempotency-Key` on POST, X-Total-Count
on lists, links to follow. The same routes give the same document, whatever the process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from story_services.common.http import free_data
from story_services.common.http.common_answers import (
    GATEWAY,
    HEALTH_PATH,
    IDEMPOTENCY,
    RESPONSES,
    SCHEMAS,
    SECURITY,
    TOTAL_HEADER,
    named,
)
from story_services.common.http.examples import example_of
from story_services.common.http.links import add_links

LONGEST = 300  # characters of a description, for clients that are language models
_METHODS = ("get", "post", "put", "patch", "delete")
_LITERAL = ("example", "examples", "default", "const", "enum")
_REF = re.compile(r"^#/components/schemas/(.+)$")

Document = dict[str, Any]


def finish(raw: Mapping[str, Any], servers: list[dict[str, str]]) -> Document:
    """The finished document. ValueError for what only its author can put right."""
    document: Document = {
        "openapi": "3.1.0",
        "info": dict(raw["info"]),
        "servers": servers,
        "tags": list(raw.get("tags", ())),
    }
    given = raw.get("components", {}).get("schemas", {})
    schemas = {name: _schema(s) for name, s in given.items()} | SCHEMAS
    schemas[free_data.VALUE_NAME] = free_data.VALUE_SCHEMA
    paths: Document = {"/health": HEALTH_PATH}
    for path in sorted(raw["paths"]):
        item = raw["paths"][path]
        paths[path] = {m: _operation(path, m, item[m], schemas) for m in _METHODS if m in item}
    document["paths"] = dict(sorted(paths.items()))
    used = _used(document["paths"], schemas)
    document["components"] = {
        "schemas": {name: schemas[name] for name in sorted(used)},
        "responses": {named(status): RESPONSES[status] for status in sorted(RESPONSES)},
        "securitySchemes": SECURITY,
    }
    add_links(document)
    return document


def _operation(path: str, method: str, raw: Mapping[str, Any], schemas: Document) -> Document:
    where = f"{method.upper()} {path}"
    if len(raw.get("description", "")) > LONGEST:
        raise ValueError(f"{where}: the description is longer than {LONGEST} characters")
    if not raw.get("tags"):
        raise ValueError(f"{where}: no tag")
    operation = {k: raw[k] for k in ("tags", "summary", "description", "operationId") if k in raw}
    operation.setdefault("description", f"{raw['summary']}.")
    operation["security"] = [{name: []} for name in SECURITY]
    parameters = [_parameter(p, schemas) for p in raw.get("parameters", ())]
    if method == "post":
        parameters.append(IDEMPOTENCY)
    if parameters:
        operation["parameters"] = parameters
    if body := raw.get("requestBody"):
        operation["requestBody"] = {**body, "content": _content(body["content"], schemas)}
    operation["responses"] = _responses(path, method, raw, schemas)
    extra = {k: v for k, v in raw.items() if k == "deprecated" or k.startswith("x-")}
    return operation | extra


def _parameter(raw: Mapping[str, Any], schemas: Document) -> Document:
    """A parameter is there or not, it is never null; what is said of it is said once."""
    schema = _schema(raw["schema"])
    options = [s for s in schema.get("anyOf", ()) if s.get("type") != "null"]
    if len(options) == 1:
        rest = {k: v for k, v in schema.items() if k != "anyOf"}
        schema = {**options[0], **rest}
    parameter = {k: v for k, v in raw.items() if k not in ("schema", "examples")}
    told = schema.pop("description", None)
    parameter.setdefault("description", told or _words(raw["name"]))
    examples = raw.get("examples") or schema.pop("examples", None)
    schema.pop("examples", None)
    made = examples[0] if isinstance(examples, list) else example_of(schema, schemas)
    return {"example": made, **parameter, "schema": schema}


def _words(name: str) -> str:
    """`scriptId` → "Script id": a description where the author gave none."""
    return re.sub("(?<=[a-z])([A-Z])", lambda m: " " + m[1].lower(), name).capitalize() + "."


def _responses(path: str, method: str, raw: Mapping[str, Any], schemas: Document) -> Document:
    declared = {s: r for s, r in raw.get("responses", {}).items() if s != "422"}
    found: Document = {}
    for status, response in declared.items():
        if int(status) < 400:
            found[status] = _success(method, response, schemas)
        else:
            standard = RESPONSES.get(status, RESPONSES["400"])
            found[status] = {**standard, **_without_content(response)}
    for status in _possible(path, method, raw):
        found.setdefault(status, {"$ref": f"#/components/responses/{named(status)}"})
    return dict(sorted(found.items()))


def _possible(path: str, method: str, raw: Mapping[str, Any]) -> set[str]:
    """The errors that an operation can give by what it is; it may not find what it is told to
    look at, in the path or in a query parameter that must be there."""
    statuses = {"400", "500", "503", *GATEWAY}
    if any(parameter.get("required") for parameter in raw.get("parameters", ())):
        statuses.add("404")
    if method != "get":
        statuses.add("409")
    if "requestBody" in raw:
        statuses |= {"413", "415"}
    return statuses


def _without_content(response: Mapping[str, Any]) -> Document:
    return {k: v for k, v in response.items() if k != "content"}


def _success(method: str, raw: Mapping[str, Any], schemas: Document) -> Document:
    response = dict(raw)
    if "content" in raw:
        response["content"] = _content(raw["content"], schemas)
        schema = response["content"].get("application/json", {}).get("schema", {})
        if method == "get" and schema.get("type") == "array":
            response["headers"] = {**response.get("headers", {}), **TOTAL_HEADER}
    return response


def _content(raw: Mapping[str, Any], schemas: Document) -> Document:
    content: Document = {}
    for media, given in raw.items():
        said = {**given, "schema": _schema(given.get("schema", {}))}
        if "example" not in said and "examples" not in said:
            said["example"] = example_of(said["schema"], schemas)
        content[media] = said
    return content


def _schema(raw: Any) -> Any:
    """Without the titles that only repeat the names, and with what free data may be."""
    if isinstance(raw, list):
        return [_schema(item) for item in raw]
    if not isinstance(raw, Mapping):
        return raw
    schema = {
        key: value
        if key in _LITERAL
        else {name: _schema(s) for name, s in value.items()}
        if key in ("properties", "$defs")
        else _schema(value)
        for key, value in raw.items()
        if not (key == "title" and isinstance(value, str))
    }
    if schema.pop(free_data.MARK, None):
        schema["additionalProperties"] = free_data.VALUE_REF
        schema["propertyNames"] = free_data.KEYS_SCHEMA
    return schema


def _used(value: Any, schemas: Document) -> set[str]:
    """Names of all schemas that the paths and the common answers lead to."""
    found: set[str] = set()
    todo: list[Any] = [value, RESPONSES]
    while todo:
        item = todo.pop()
        if isinstance(item, Mapping):
            match = _REF.match(str(item.get("$ref", "")))
            if match and match.group(1) not in found:
                found.add(match.group(1))
                todo.append(schemas[match.group(1)])
            todo += item.values()
        elif isinstance(item, list):
            todo += item
    return found
