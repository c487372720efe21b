"""Entry: search hosts. `pyinfra inventory.py deploys/opensearch.py --dry --diff`, then without."""

from pyinfra.context import host

from deploys.converge import converge

if "opensearch" in host.groups:
    converge("opensearch")
