"""The changing steps a plan may hold, as frozen values. `str()` of one is its line in the plan.

Carrying them out is `execute.py`'s work. Every step names one resource and is safe to find
already done: the executor reads before it repeats.
"""

from __future__ import annotations

from dataclasses import dataclass

from inventories.remote import PortRule

Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ImportKey:
    name: str

    def __str__(self) -> str:
        return f"+ key pair {self.name}: import the public SSH key (made first if there is none)"


@dataclass(frozen=True)
class DeleteKey:
    name: str

    def __str__(self) -> str:
        return f"- key pair {self.name}: delete"


@dataclass(frozen=True)
class TagResource:
    name: str
    tags: Tags

    def __str__(self) -> str:
        return f"~ {self.name}: tag {', '.join(f'{k}={v}' for k, v in self.tags)}"


@dataclass(frozen=True)
class CreateInstance:
    name: str
    zone: str
    blueprint_id: str
    bundle_id: str
    key_name: str
    tags: Tags
    usd: float  # a month

    def __str__(self) -> str:
        return (
            f"+ {self.name}: create from {self.blueprint_id} as {self.bundle_id} in {self.zone}, "
            f"${self.usd:.2f} a month"
        )


@dataclass(frozen=True)
class StartInstance:
    name: str

    def __str__(self) -> str:
        return f"~ {self.name}: start"


@dataclass(frozen=True)
class PutPorts:
    """The complete firewall of an instance; what is not in `rules` is closed."""

    name: str
    rules: tuple[PortRule, ...]

    def __str__(self) -> str:
        return f"~ {self.name}: open {'; '.join(map(str, self.rules))}; close everything else"


@dataclass(frozen=True)
class AllocateIp:
    name: str
    host: str

    def __str__(self) -> str:
        return f"+ static IP {self.name}: allocate for {self.host}, free while attached"


@dataclass(frozen=True)
class AttachIp:
    name: str
    host: str

    def __str__(self) -> str:
        return f"~ {self.host}: attach static IP {self.name}"


@dataclass(frozen=True)
class DetachIp:
    name: str

    def __str__(self) -> str:
        return f"~ static IP {self.name}: detach"


@dataclass(frozen=True)
class ReleaseIp:
    name: str

    def __str__(self) -> str:
        return f"- static IP {self.name}: release for good"


@dataclass(frozen=True)
class DeleteInstance:
    name: str
    usd: float

    def __str__(self) -> str:
        return f"- {self.name}: delete with its disk for good, saves ${self.usd:.2f} a month"


Instruction = (
    ImportKey
    | DeleteKey
    | TagResource
    | CreateInstance
    | StartInstance
    | PutPorts
    | AllocateIp
    | AttachIp
    | DetachIp
    | ReleaseIp
    | DeleteInstance
)
