"""Turns data into the bytes of files: templates, flat YAML, JSON. Pure and deterministic.

A template that names something it was not given is an error, never an empty string.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
MANAGED = "# Managed by deploys; changes made here are reported and replaced."


@cache
def _environment() -> Environment:
    # No HTML here: the targets are configuration files, where escaping would be damage.
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701
    )


def template(name: str, **values: Any) -> bytes:
    """The template `name` (path below templates/) filled in; `managed` is always there."""
    return _environment().get_template(name).render(managed=MANAGED, **values).encode()


def static(name: str) -> bytes:
    """A file below templates/ exactly as it is."""
    return (TEMPLATES / name).read_bytes()


def flat_yaml(values: Mapping[str, str | int | bool | Sequence[str]]) -> bytes:
    """One `key: value` per line in the given order; values in JSON, which YAML reads as it is."""
    lines = [f"{key}: {json.dumps(value)}" for key, value in values.items()]
    return ("\n".join([MANAGED, *lines]) + "\n").encode()
