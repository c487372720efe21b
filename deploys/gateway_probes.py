"""The few requests by which a gateway's host proves a new configuration. Pure.

One operation of each service, a reading one that changes nothing, with and without a key, and an
address that nobody documents. That every other operation reaches its route is proven before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deploys.gateway.operations import Operation
from deploys.gateway.policy import Settings
from deploys.gateway.regexes import template
from deploys.model import Probe

NOWHERE = "/no-operation-has-this-address"
_PARAMETER = re.compile(r"{([^}]*)}")


def probes(settings: Mapping[Operation, Settings]) -> tuple[Probe, ...]:
    """The probes for these operations, in a fixed order."""
    found = [Probe("GET", NOWHERE, "no route")]
    reachable = [o for o, chosen in settings.items() if chosen.reachable and o.method == "GET"]
    for service in sorted({o.service for o in reachable}):
        mine = [(o, path) for o in reachable if o.service == service and (path := sample(o))]
        if not mine:
            continue
        operation, path = min(mine, key=lambda pair: (pair[0].path.count("{"), pair[0].path))
        if settings[operation].authentication == "none":
            found.append(Probe("GET", path, "upstream"))
            continue
        found += [Probe("GET", path, "no key"), Probe("GET", path, "upstream", keyed=True)]
    return tuple(found)


def sample(operation: Operation) -> str:
    """An address of the operation, "" when none is found that its route takes."""
    schemas = operation.path_schemas()
    path = _PARAMETER.sub(lambda m: _value(schemas.get(m[1], {})), operation.path)
    route = template(operation.path, schemas).regex
    return path if re.fullmatch(route.removesuffix("$"), path) else ""


def _value(schema: Mapping[str, Any]) -> str:
    if choices := schema.get("enum"):
        return str(choices[0])
    if schema.get("type") in ("integer", "number"):
        return str(max(1, int(schema.get("minimum", 1))))
    if schema.get("format") == "uuid":
        return "00000000-0000-4000-8000-000000000000"
    return "x" * max(5, int(schema.get("minLength", 5)))
