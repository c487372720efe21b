"""What a run gives a host of the operator's secrets, by fingerprint, and noting that it did.

`snapshot` is taken before a host's roles are made and `note` is called when the run has gone
through on it, so that a rotation in between counts as not brought there yet: the safe mistake.
"""

from __future__ import annotations

from collections.abc import Mapping

from deploys import applied, keys
from deploys.pki import Pki
from deploys.rotate_pki import Ca, Leaf, authority_state, leaf_state
from inventories.loader import Host
from inventories.spec import SiteSpec
from inventories.worlds import World


def snapshot(where: World, site: SiteSpec, host: Host) -> dict[str, str]:
    """Item -> fingerprint of what a host is given now; what is not made yet is left out."""
    pki, found = Pki(where.secrets, where.env), dict[str, bytes]()
    if pki.ca_path.exists():
        found[Ca().name] = authority_state(pki)
    for leaf in map(Leaf, pki.leafs()):
        if {host.role, host.name} & set(leaf.users):
            found[leaf.name] = leaf_state(pki, leaf.leaf)
    if host.role == "kong":
        for consumer in site.kong.consumers:
            if valid := keys.present(where, site, consumer.name).valid:
                found[keys.item(consumer.name)] = valid[0].reveal()
    return {item: applied.fingerprint(value) for item, value in found.items()}


def note(where: World, site: SiteSpec, host: Host, items: Mapping[str, str]) -> None:
    """Remember that a run has gone through on the host with this snapshot."""
    applied.note(where, host.name, items)
    if host.role == "kong":
        keys.mirror(where, site)
