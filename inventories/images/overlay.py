"""The site file of a world that may be written: site.toml, or in a lab that lab's own overlay.

A lab that shares the project's overlay gets a copy of its own first, as `rehearse image` gives
one; other labs and the project's file never change.
"""

from __future__ import annotations

import json
from pathlib import Path

from inventories.errors import ProvisionError
from inventories.images import site_image
from inventories.lab import state
from inventories.lab.errors import LabError
from inventories.worlds import World, labs_root

_WAIT_S = 30.0  # for another command on the same lab


def written(where: World, before: str, after: str) -> Path:
    """Replace the text of the world's own site file; the file. ProvisionError when it no longer
    says `before`, or cannot be written."""
    shared = where.spec_files[-1]
    folder = labs_root() / where.env
    if not where.is_lab or shared.parent == folder:
        site_image.write(shared, before, after)
        return shared
    own = folder / "site.toml"
    try:
        with state.locked(folder, what=f"the lab '{where.env}'", wait_s=_WAIT_S):
            _adopt(folder / "lab.json", shared, own, before, after)
    except LabError as problem:
        raise ProvisionError(str(problem)) from None
    except (OSError, ValueError) as problem:
        raise ProvisionError(
            f"the overlay of lab {where.env!r} cannot be made its own: {problem}",
            f"rehearse up --name {where.env} --site {shared}",
        ) from None
    return own


def _adopt(record: Path, shared: Path, own: Path, before: str, after: str) -> None:
    """The copy is whole before the lab's record names it."""
    lab = json.loads(record.read_text())
    if lab.get("overlay") != str(shared) or site_image.read_text(shared) != before:
        raise ProvisionError(
            f"{record} or {shared} was changed by somebody else meanwhile; nothing was written",
            "run the command again",
        )
    own.touch(mode=0o644)
    site_image.write(own, site_image.read_text(own), before)
    site_image.write(own, before, after)
    state.write_json(record, lab | {"overlay": str(own)})
