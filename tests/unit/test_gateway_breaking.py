"""The breaking-change gate, rule by rule: each change of a small document, and its verdict."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from deploys.gateway.breaking import Finding, compare, gate, reachable

Document = dict[str, Any]
KEY = {"type": "apiKey", "in": "header", "name": "X-API-KEY"}


def example() -> Document:
    """One service with everything that has a rule."""
    text = {"type": "string", "minLength": 1, "maxLength": 20}
    return {
        "openapi": "3.1.0",
        "paths": {
            "/plays": {
                "get": {
                    "operationId": "listPlays",
                    "security": [{"ApiKey": []}],
                    "parameters": [
                        {"name": "q", "in": "query", "schema": {"type": "string"}},
                        {"name": "sort", "in": "query", "required": True,
                         "schema": {"enum": ["name", "age"], "type": "string"}},
                    ],
                    "responses": {
                        "200": {
                            "headers": {"X-Total": {
                                "required": True, "schema": {"type": "integer"}}},
                            "content": {"application/json": {"schema": {
                                "type": "array", "items": {"$ref": "#/components/schemas/Play"}}}},
                        },
                        "404": {"description": "none"},
                    },
                },
                "post": {
                    "operationId": "createPlay",
                    "security": [{"ApiKey": []}],
                    "requestBody": {"required": True, "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/NewPlay"}},
                        "text/plain": {"schema": {"type": "string"}},
                    }},
                    "responses": {"201": {"content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/Play"}}}}},
                },
            },
            "/plays/{playId}": {
                "get": {
                    "operationId": "getPlay",
                    "parameters": [{"name": "playId", "in": "path", "required": True,
                                    "schema": {"type": "integer", "minimum": 1}}],
                    "responses": {"200": {"content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/Play"}}}}},
                },
            },
        },
        "components": {
            "securitySchemes": {"ApiKey": {**KEY}},
            "schemas": {
                "Play": {
                    "type": "object", "required": ["name", "kind"],
                    "properties": {
                        "name": text,
                        "kind": {"enum": ["comedy", "tragedy"], "type": "string"},
                        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                        "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Play"}},
                    },
                },
                "NewPlay": {
                    "type": "object", "additionalProperties": False, "required": ["name"],
                    "properties": {
                        "name": {**text},
                        "kind": {"enum": ["comedy", "tragedy"], "type": "string"},
                        "year": {"type": "integer", "minimum": 1500, "maximum": 2000},
                        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    },
                },
                "Open": {"type": "object", "properties": {"a": {"type": "integer"}}},
            },
        },
    }  # fmt: skip


def changed(change: str | Callable[[Document], None]) -> list[Finding]:
    new = example()
    names = {
        "doc": new, "paths": new["paths"], "list": new["paths"]["/plays"]["get"],
        "post": new["paths"]["/plays"]["post"], "get": new["paths"]["/plays/{playId}"]["get"],
        "sent": new["components"]["schemas"]["NewPlay"],
        "shown": new["components"]["schemas"]["Play"],
    }  # fmt: skip
    exec(change, names)
    return compare({"plays": example()}, {"plays": new})


BREAKING = [
    ("del paths['/plays']['post']", "operation-removed"),
    ("paths['/dramas'] = paths.pop('/plays')", "operation-removed"),
    ("list['parameters'].append({'name': 'n', 'in': 'query', 'required': True, 'schema': {}})",
     "required-parameter-added"),
    ("list['parameters'][0]['required'] = True", "parameter-became-required"),
    ("list['parameters'][1]['schema']['enum'].pop()", "request-enum-value-removed"),
    ("list['parameters'][0]['schema']['maxLength'] = 9", "request-maxLength-tightened"),
    ("list['parameters'][0]['schema'] = {'type': 'integer'}", "request-type-changed"),
    ("list['parameters'][0].update(style='spaceDelimited')", "parameter-style-changed"),
    ("get['parameters'][0]['schema']['minimum'] = 5", "request-minimum-tightened"),
    ("get['parameters'][0]['schema']['maximum'] = 5", "request-maximum-tightened"),
    ("del post['requestBody']", "request-body-removed"),
    ("del post['requestBody']['content']['text/plain']", "media-type-removed"),
    ("get['requestBody'] = {**post['requestBody']}", "request-body-added"),
    ("sent['required'].append('year')", "request-field-became-required"),
    ("sent['properties']['x'] = {}; sent['required'].append('x')", "request-required-field-added"),
    ("del sent['properties']['year']", "request-field-removed"),
    ("sent['properties']['kind']['enum'].pop()", "request-enum-value-removed"),
    ("sent['properties']['kind'] = {'const': 'comedy'}", "request-enum-value-removed"),
    ("sent['properties']['note'] = {'type': 'string'}", "request-type-removed"),
    ("sent['properties']['year']['exclusiveMinimum'] = 1500", "request-minimum-tightened"),
    ("sent['properties']['year']['multipleOf'] = 2", "request-multipleOf-changed"),
    ("sent['properties']['year']['type'] = 'string'", "request-type-changed"),
    ("sent['properties']['note']['anyOf'][0]['pattern'] = '^a'", "request-pattern-changed"),
    ("sent['properties']['note']['anyOf'][0]['format'] = 'date'", "request-format-changed"),
    ("sent['minProperties'] = 2", "request-minProperties-tightened"),
    ("sent['not'] = {'required': ['year']}", "request-undecided"),
    ("del list['responses']['200']", "answer-removed"),
    ("del list['responses']['200']['headers']", "answer-header-removed"),
    ("list['responses']['200']['headers']['X-Total']['required'] = False",
     "answer-header-became-optional"),
    ("list['responses']['200']['headers']['X-Total']['schema'] = {'type': 'string'}",
     "response-type-changed"),
    ("c = list['responses']['200']['content']; c['text/csv'] = c.pop('application/json')",
     "media-type-removed"),
    ("del shown['properties']['name']", "response-field-removed"),
    ("del shown['properties']['note']", "response-field-removed"),
    ("shown['required'].remove('name')", "response-field-became-optional"),
    ("shown['properties']['kind']['enum'].append('history')", "response-enum-value-added"),
    ("del shown['properties']['kind']['enum']", "response-enum-unset"),
    ("shown['properties']['name'] = {'type': ['string', 'null'], 'minLength': 1, 'maxLength': 20}",
     "response-type-added"),
    ("shown['properties']['name']['type'] = 'integer'", "response-type-changed"),
    ("shown['properties']['parts']['items'] = {}", "response-type-widened"),
    ("get['security'] = [{'ApiKey': []}]", "authentication-tightened"),
    ("list['security'] = [{'ApiKey': [], 'Other': []}]", "authentication-tightened"),
    ("doc['components']['securitySchemes']['ApiKey'] = {'type': 'http', 'scheme': 'bearer'}",
     "authentication-tightened"),
    ("doc['components']['securitySchemes']['ApiKey']['in'] = 'query'", "authentication-tightened"),
]  # fmt: skip
HARMLESS = [
    ("list['operationId'] = 'findPlays'", "operation-id-changed"),
    ("paths['/plays']['delete'] = get", "operation-added"),
    ("paths['/plays/{id}'] = paths.pop('/plays/{playId}'); get['parameters'][0]['name'] = 'id'",
     "path-parameter-renamed"),
    ("list['parameters'].append({'name': 'n', 'in': 'query', 'schema': {}})", "parameter-added"),
    ("list['parameters'][1]['required'] = False", "parameter-became-optional"),
    ("list['parameters'][1]['schema']['enum'].append('size')", "request-enum-value-added"),
    ("list['parameters'][0]['schema']['default'] = 'x'", "request-default-changed"),
    ("post['requestBody']['required'] = False", "request-body-became-optional"),
    ("sent['properties']['x'] = {'type': 'string'}", "request-field-added"),
    ("sent['required'].clear()", "request-field-became-optional"),
    ("sent['additionalProperties'] = True", "request-object-opened"),
    ("sent['properties']['year']['maximum'] = 2100", "request-maximum-loosened"),
    ("sent['properties']['year']['type'] = 'number'", "request-type-widened"),
    ("list['responses']['409'] = {}", "error-answer-added"),
    ("list['responses']['200']['headers']['X-New'] = {'schema': {}}", "answer-header-added"),
    ("list['responses']['200']['content']['text/csv'] = {}", "media-type-added"),
    ("shown['properties']['x'] = {}; shown['required'].append('x')",
     "response-required-field-added"),
    ("shown['required'].append('note')", "response-field-became-required"),
    ("shown['properties']['kind']['enum'].pop()", "response-enum-value-removed"),
    ("shown['properties']['note'] = {'type': 'string'}", "response-type-removed"),
    ("list['security'] = []", "authentication-loosened"),
    ("list['security'].append({'Other': []})", "authentication-loosened"),
    ("get['deprecated'] = True", "deprecated"),
]  # fmt: skip
POSSIBLE = [
    ("del list['parameters'][0]", "parameter-removed"),
    ("del list['responses']['404']", "answer-removed"),
    ("list['responses']['202'] = {}", "success-answer-added"),
    ("shown['properties']['name']['maxLength'] = 30", "response-maxLength-loosened"),
]
NOTHING = [
    "doc['info'] = {'title': 'x'}; list['summary'] = 'y'; list['tags'] = ['z']",
    "shown['properties']['name']['description'] = 'x'; shown['title'] = 'y'",
    "shown['x-order'] = 1; list['x-kong'] = 2; doc['servers'] = [{'url': '/v2'}]",
    "s = doc['components']['schemas']; s['Work'] = s['Play']; "
    "list['responses']['200']['content']['application/json']['schema']['items']['$ref'] = "
    "'#/components/schemas/Work'",
    "shown['properties']['note'] = {'type': ['null', 'string']}",
    "shown['properties']['note'] = {'oneOf': [{'type': 'null'}, {'type': 'string'}]}",
    "sent['properties']['name'] = {'allOf': [{'type': 'string'}, {'minLength': 1}, "
    "{'maxLength': 20}]}",
    "sent['properties']['year'] = {'type': 'integer', 'exclusiveMinimum': 1499, 'maximum': 2000}",
    "sent['properties']['kind'] = {'anyOf': [{'const': 'tragedy'}, {'const': 'comedy'}]}",
    "doc['components']['schemas']['Unused'] = {}",
    "doc['components']['securitySchemes'] = {'Key': {**doc['components']['securitySchemes']"
    "['ApiKey'], 'name': 'x-api-key'}}; list['security'] = post['security'] = [{'Key': []}]",
    "doc['security'] = []; paths['/plays/{playId}']['parameters'] = get.pop('parameters')",
    "doc['security'] = list.pop('security'); del post['security']; get['security'] = []",
    "doc['components']['parameters'] = {'Q': list['parameters'][0]}; "
    "list['parameters'][0] = {'$ref': '#/components/parameters/Q'}",
    "list['parameters'].append({'name': 'Accept', 'in': 'header', 'required': True})",
]


@pytest.mark.parametrize(("change", "rule"), BREAKING)
def test_break_is_found(change: str, rule: str) -> None:
    found = changed(change)
    assert rule in {f.rule for f in found if f.breaking}, found


@pytest.mark.parametrize(("change", "rule"), HARMLESS)
def test_harmless_change_is_told_and_passes(change: str, rule: str) -> None:
    found = changed(change)
    assert rule in {f.rule for f in found}, found
    assert [f for f in found if f.level.name != "INFO"] == []


@pytest.mark.parametrize(("change", "rule"), POSSIBLE)
def test_what_depends_on_the_client_is_told_and_passes(change: str, rule: str) -> None:
    found = changed(change)
    assert {(f.rule, f.level.name) for f in found} == {(rule, "POSSIBLE")}


@pytest.mark.parametrize("change", NOTHING)
def test_another_way_to_say_the_same_is_no_change(change: str) -> None:
    assert changed(change) == []


def test_open_object_ignores_what_closed_one_refuses() -> None:
    """A field that is gone is only dropped silently where others are let through."""

    def levels(extra: bool) -> set[str]:
        old, new = example(), example()
        for doc in (old, new):
            doc["components"]["schemas"]["NewPlay"]["additionalProperties"] = extra
        del new["components"]["schemas"]["NewPlay"]["properties"]["year"]
        return {f.level.name for f in compare({"a": old}, {"a": new})}

    assert levels(False) == {"BREAKING"}
    assert levels(True) == {"POSSIBLE"}


def test_closing_an_object_is_a_break_for_who_sends_it() -> None:
    old, new = example(), example()
    del old["components"]["schemas"]["NewPlay"]["additionalProperties"]
    assert [f.rule for f in gate({"a": old}, {"a": new})] == ["request-object-closed"]
    assert gate({"a": new}, {"a": old}) == []


def test_first_deploy_has_nothing_to_break() -> None:
    assert compare({}, {"plays": example()}) == []


def test_site_that_loses_a_service_breaks() -> None:
    assert {f.rule for f in gate({"plays": example()}, {})} == {"operation-removed"}


def test_operation_that_moves_to_another_service_stays_what_it_was() -> None:
    found = compare({"plays": example()}, {"dramas": example()})
    assert {f.rule for f in found} == {"service-changed"}
    assert not any(f.breaking for f in found)


def test_only_what_has_a_route_can_break() -> None:
    """Hiding an operation takes it from clients; nobody misses what was hidden."""
    docs = {"plays": example()}
    shown = reachable(docs, {"listPlays", "createPlay"})
    assert [(f.rule, f.operation) for f in gate(docs, shown)] == [
        ("operation-removed", "GET /plays/{playId}")
    ]
    assert gate(shown, docs) == []
    del docs["plays"]["paths"]["/plays/{playId}"]["get"]
    assert gate(shown, reachable(docs, {"listPlays", "createPlay"})) == []


def test_recursive_schemas_end_and_are_compared_everywhere() -> None:
    """Play holds Play; two schemas that hold each other; each with a change below."""

    def tree(depth_type: str) -> Document:
        ref = {"$ref": "#/components/schemas/"}
        schemas = {
            "A": {"type": "object", "properties": {"b": {"$ref": ref["$ref"] + "B"}, "n": {}}},
            "B": {
                "type": "object",
                "properties": {"a": {"$ref": ref["$ref"] + "A"}, "v": {"type": depth_type}},
            },
            "J": {
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"$ref": ref["$ref"] + "J"}},
                    {"type": "object", "additionalProperties": {"$ref": ref["$ref"] + "J"}},
                ]
            },
            "S": {"$ref": ref["$ref"] + "S"},
        }
        body = {
            name: {"content": {"x/y": {"schema": {"$ref": ref["$ref"] + name}}}} for name in schemas
        }
        posts = {
            f"/{name}": {"post": {"requestBody": body[name], "responses": {}}} for name in schemas
        }
        return {"paths": posts, "components": {"schemas": schemas}}

    found = gate({"s": tree("string")}, {"s": tree("integer")})
    assert {(f.operation, f.pointer) for f in found} == {
        ("POST /A", "/components/schemas/B/properties/v"),
        ("POST /B", "/components/schemas/B/properties/v"),
    }
    assert compare({"s": tree("string")}, {"s": tree("string")}) == []


def test_findings_are_plain_data_with_a_place() -> None:
    found = changed("sent['properties']['kind']['enum'].pop()")[0]
    assert found.pointer == "/components/schemas/NewPlay/properties/kind"
    assert str(found) == (
        'POST /plays: request body: no longer "tragedy" '
        "(plays #/components/schemas/NewPlay/properties/kind)"
    )
    assert json.loads(json.dumps(found.as_json()))["breaking"] is True
    new = copy.deepcopy(example())
    del new["paths"]["/plays/{playId}"]
    assert gate({"p": example()}, {"p": new})[0].pointer == "/paths/~1plays~1{playId}/get"
