"""The rehearsal's own requests, beside the API: set faults, read what was called.

`GET /_lab/health`, `GET|DELETE /_lab/calls`, `GET|POST|DELETE /_lab/faults`. POST takes one fault
or a list of them. DELETE of the faults also lets stuck instances go on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from inventories.lab.lightsail.faults import Fault

if TYPE_CHECKING:
    from inventories.lab.lightsail.server import StandIn


def control(stand_in: StandIn, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """HTTP status and JSON body of a control request."""
    match method, path:
        case "GET", "/_lab/health":
            return 200, {"ok": not stand_in.bugs, "bugs": stand_in.bugs}
        case "GET", "/_lab/calls":
            return 200, [{"operation": o, "params": p} for o, p in [*stand_in.calls]]
        case "DELETE", "/_lab/calls":
            stand_in.calls.clear()
            return 200, []
        case "GET", "/_lab/faults":
            return 200, stand_in.faults.pending()
        case "DELETE", "/_lab/faults":
            stand_in.clear_faults()
            return 200, []
        case "POST", "/_lab/faults":
            try:
                data = json.loads(body)
                faults = [Fault.from_json(f) for f in (data if isinstance(data, list) else [data])]
            except ValueError as e:
                return 400, {"message": str(e)}
            stand_in.faults.add(*faults)
            return 200, stand_in.faults.pending()
    return 404, {"message": f"no {method} {path}"}
