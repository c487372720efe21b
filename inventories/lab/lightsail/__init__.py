"""A local server that speaks the part of the Lightsail API that provisioning uses.

Requests and replies are checked against botocore's own model; creating an instance boots a host
through a driver. Use `StandIn` in a process, or `python -m inventories.lab.lightsail --lab NAME`.
"""

from inventories.lab.lightsail.access import PLANTED_SECRETS
from inventories.lab.lightsail.driver_api import Driver
from inventories.lab.lightsail.faults import Fault
from inventories.lab.lightsail.null_driver import NullDriver
from inventories.lab.lightsail.server import StandIn
from inventories.lab.lightsail.service import Delays

__all__ = ["PLANTED_SECRETS", "Delays", "Driver", "Fault", "NullDriver", "StandIn"]
