"""Suites that have no place in a plain run: their subject is named by whoever runs them."""

from __future__ import annotations

from pathlib import Path

import pytest


def asked(config: pytest.Config, folder: Path) -> bool:
    """Whether a run was given this folder, or something in it, by its path."""
    paths = [Path(config.invocation_params.dir, arg.split("::")[0]) for arg in config.args]
    return any(path.resolve() == folder or folder in path.resolve().parents for path in paths)
