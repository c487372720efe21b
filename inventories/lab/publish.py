"""What a lab's site runs, brought to the lab: the services' image and the gateway's stand-in.

Guarantees: the overlay names a digest only after the registry has it, and a package only when its
file is there; a repeat with nothing to do changes nothing. An overlay that asks for Kong itself
keeps it. Touches no other lab, and of the project only reads the sources.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from inventories.lab import image as services
from inventories.lab import machine, overlay, registry, state
from inventories.lab.errors import LabError
from inventories.lab.standin import deb
from inventories.lab.state import Lab

WAIT_FOR_OTHERS_S = 30.0


def image(name: str, say: Callable[[str], None] = lambda _: None) -> str:
    """Do all of it for the lab of that name; the image's name by digest."""
    prepare(state.load(name), say)
    built = services.build(say)
    with state.locked(state.ROOT / name, what=f"the lab '{name}'", wait_s=WAIT_FOR_OTHERS_S):
        try:
            lab = state.load(name)  # it may have been removed meanwhile
        except LabError:
            with contextlib.suppress(OSError):
                (state.ROOT / name).rmdir()  # the lock made it
            raise
        registry.start(lab, say)
        reference = registry.push(lab, built)
        overlay.write(lab, {**values(lab, reference), **gateway(lab)})
    return reference


def prepare(lab: Lab, say: Callable[[str], None] = lambda _: None) -> None:
    """Refuse before anything is built; then fetch the programs that are missing."""
    machine.need_root()
    if not Path("/sys/class/net", lab.bridge).exists():
        raise LabError(
            f"The network of lab '{lab.name}' is down, so its registry has no address: "
            f"'rehearse up --name {lab.name}' brings it back, then run this again."
        )
    machine.install(say, machine.IMAGE_TOOLS)
    machine.unpacked(registry.PACKAGE, say)


def gateway(lab: Lab) -> overlay.Values:
    """The stand-in, which Kong's place is taken by in a lab, unless the overlay asks for Kong."""
    if overlay.read(lab).get("kong", {}).get("package") == "kong":
        return {}
    folder = lab.directory / "standin"
    folder.mkdir(mode=0o700, exist_ok=True)
    return {"kong": {"package": "standin", "artefact": str(deb.build(folder))}}


def values(lab: Lab, reference: str) -> overlay.Values:
    """What the site has to say so that app hosts run the image."""
    return {
        "app": {"image": reference},
        "app.registry": {"ca": str(registry.ca(lab)), "user": registry.PULLS},
        "secrets": {"registry_token": {"file": str(registry.token(lab))}},
    }
