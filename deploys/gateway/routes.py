"""Kong routes of the reachable operations. Pure.

Guarantees: one route per operation, whole path as a regex, its operationId as the name; priorities
that never tie; for every address that a browser may ask from elsewhere one more route that answers
its preflight (a route with methods [GET] never matches OPTIONS, Kong/kong#4859) and sends nothing
on. Routes are grouped by what only a Kong service can hold: the story service and its timeouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from deploys.gateway import plugins
from deploys.gateway.ids import entity_id, tag
from deploys.gateway.operations import GatewayError, Operation
from deploys.gateway.plugins import Entity
from deploys.gateway.policy import Settings, Timeouts
from deploys.gateway.regexes import Template, decided, priorities, template

#: A story service, and how long the gateway waits for it.
Group = tuple[str, Timeouts]


def routes(wanted: Mapping[Operation, Settings]) -> dict[Group, list[Entity]]:
    """Routes by group, each group sorted by name. GatewayError for what cannot be told apart."""
    templates = {o: template(o.path, o.path_schemas()) for o in wanted}
    decided(templates.items())
    order = priorities(templates.values())
    found: dict[Group, list[Entity]] = {}
    for operation, settings in wanted.items():
        made = _route(operation.operation_id, [operation.method], templates[operation], order)
        made["tags"] = sorted({tag(t) for t in operation.tags})
        made["plugins"] = plugins.of_route(operation, settings, operation.operation_id)
        found.setdefault((operation.service, settings.timeout_ms), []).append(made)
    for operations in _browsed(wanted, templates):
        first = operations[0]
        name = preflight_name(first)
        made = _route(name, ["OPTIONS"], templates[first], order)
        made["plugins"] = plugins.of_preflight(operations, wanted[first].cors, name)
        found[first.service, wanted[first].timeout_ms].append(made)
    return {group: sorted(made, key=_name) for group, made in found.items()}


def preflight_name(first: Operation) -> str:
    """Name of the preflight route of the address whose first operation this is."""
    return f"preflight-{first.operation_id}"


def _browsed(
    wanted: Mapping[Operation, Settings], templates: Mapping[Operation, Template]
) -> list[list[Operation]]:
    """Operations with origins, by address (templates may name its parameters differently); their
    order decides the preflight's name and group. GatewayError for origins that differ: one
    preflight answers for all of them, so it would let pages call what they must not."""
    by_address: dict[str, list[Operation]] = {}
    for operation in sorted(wanted, key=lambda o: (o.path, o.method)):
        if wanted[operation].cors:
            by_address.setdefault(templates[operation].regex, []).append(operation)
    for first, *others in by_address.values():
        for other in others:
            if set(wanted[other].cors) != set(wanted[first].cors):
                raise GatewayError(
                    f"{other.label} and {first.label} are one address to a browser and need the "
                    "same cors origins in the policy"
                )
    asked = [operations[0] for operations in by_address.values()]
    decided((replace(operation, method="OPTIONS"), templates[operation]) for operation in asked)
    return list(by_address.values())


def _route(name: str, methods: list[str], made: Template, order: Mapping[str, int]) -> Entity:
    return {
        "id": entity_id("route", name),
        "name": name,
        "methods": methods,
        "paths": [f"~{made.regex}"],
        "strip_path": False,
        "preserve_host": False,
        "regex_priority": order[made.path],
        "protocols": ["https"],
    }


def _name(route: Entity) -> str:
    return str(route["name"])
