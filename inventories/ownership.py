"""What is ours at Lightsail: both tags, or a static IP whose name only this module makes.

Pure. Everything that could change or delete a resource asks here first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from inventories.instructions import Tags
from inventories.remote import Instance, Remote, StaticIp


@dataclass(frozen=True)
class Owner:
    """Whose resources these are: one site in one environment."""

    site: str
    env: str

    @property
    def tags(self) -> Tags:
        return (("environment", self.env), ("project", self.site))

    @property
    def key_name(self) -> str:
        return f"{self.site}-{self.env}-key"

    def ip_name(self, host: str) -> str:
        """`_` separates because no site, environment or host name may hold one."""
        return f"{self.site}_{self.env}_{host}_ip"

    def owns(self, tags: Iterable[tuple[str, str]]) -> bool:
        return set(self.tags) <= set(tags)

    def mine(self, instances: Iterable[Instance]) -> list[Instance]:
        """Those that are ours, by name."""
        return sorted((i for i in instances if self.owns(i.tags)), key=lambda i: i.name)

    def instances(self, remote: Remote) -> list[Instance]:
        return self.mine(remote.instances)

    def static_ips(self, remote: Remote) -> list[StaticIp]:
        """Static IPs of our making that are free or attached to an instance of ours."""
        ours = {"", *(i.name for i in self.instances(remote))}
        start, end = f"{self.site}_{self.env}_", "_ip"
        found = [s for s in remote.static_ips if s.name.startswith(start) and s.name.endswith(end)]
        return sorted((s for s in found if s.attached_to in ours), key=lambda s: s.name)
