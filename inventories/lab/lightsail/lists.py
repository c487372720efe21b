"""Calls that only read: what the region offers, and what became of operations."""

from __future__ import annotations

from inventories.lab.lightsail import views
from inventories.lab.lightsail.catalogue import BLUEPRINTS, bundles, regions
from inventories.lab.lightsail.errors import not_found
from inventories.lab.lightsail.service import Call, Reply, Service, page


def get_regions(service: Service, call: Call) -> Reply:
    return {"regions": regions(call.params.get("includeAvailabilityZones", False))}


def get_bundles(service: Service, call: Call) -> Reply:
    everything = call.params.get("includeInactive", False)
    rows = [b for b in bundles(service.account.region) if everything or b["isActive"]]
    category = call.params.get("appCategory")
    if category:
        rows = [b for b in rows if category in b.get("supportedAppCategories", [])]
    return page(rows, "bundles", call.params)


def get_blueprints(service: Service, call: Call) -> Reply:
    everything = call.params.get("includeInactive", False)
    rows = [b.view() for b in BLUEPRINTS if everything or b.active]
    if call.params.get("appCategory"):
        rows = []
    return page(rows, "blueprints", call.params)


def _operation_view(service: Service, identity: str) -> Reply:
    return views.operation(service.account, service.account.operations[identity])


def get_operation(service: Service, call: Call) -> Reply:
    if call["operationId"] not in service.account.operations:
        raise not_found("Operation", call["operationId"])
    return {"operation": _operation_view(service, call["operationId"])}


def get_operations(service: Service, call: Call) -> Reply:
    newest = [*reversed(service.account.operations)]
    return page([_operation_view(service, i) for i in newest], "operations", call.params)


def get_operations_for_resource(service: Service, call: Call) -> Reply:
    name = call["resourceName"]
    found = [i for i, o in reversed(service.account.operations.items()) if o.resource == name]
    if not found and name not in service.account.names():
        raise not_found("Resource", name)
    return page([_operation_view(service, i) for i in found], "operations", call.params)


HANDLERS = {
    "GetRegions": get_regions,
    "GetBundles": get_bundles,
    "GetBlueprints": get_blueprints,
    "GetOperation": get_operation,
    "GetOperations": get_operations,
    "GetOperationsForResource": get_operations_for_resource,
}
