"""The 24 things that every contender keeps as they are: pure data, no tool in it.

Packages (one operation), a group, a user, 4 directories, 8 templates, 3 lines, 3 links and 3
services. Each contender has names and paths of its own, so that they do not undo each other;
`benchmarks/ansible/playbook.yml` says the same in YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("cpio", "less")
TEMPLATES = Path(__file__).resolve().parent / "templates"
OPERATIONS = 24


@dataclass(frozen=True)
class Template:
    """One file made from a template below `benchmarks/templates/`."""

    source: str
    path: str
    values: Mapping[str, str | int]


@dataclass(frozen=True)
class Items:
    """What one contender (`tool`) wants of a host."""

    tool: str

    @property
    def account(self) -> str:
        return f"bench-{self.tool}"

    @property
    def root(self) -> str:
        return f"/etc/bench-{self.tool}"

    @property
    def directories(self) -> list[str]:
        return [self.root, *(f"{self.root}/{name}" for name in ("conf.d", "lines", "links"))]

    @property
    def templates(self) -> list[Template]:
        def one(source: str, path: str, number: int) -> Template:
            return Template(source, path, {"tool": self.tool, "number": number})

        settings = [one("app.conf.j2", f"{self.root}/conf.d/app-{n}.conf", n) for n in range(1, 6)]
        units = [
            one("unit.service.j2", f"/etc/systemd/system/{name}", n)
            for n, name in enumerate(self.services, 1)
        ]
        return [*settings, *units]

    @property
    def lines(self) -> list[tuple[str, str]]:
        """(path, line): the line has to be in the file."""
        return [(f"{self.root}/lines/limits-{n}", f"limit = {n}") for n in (1, 2, 3)]

    @property
    def links(self) -> list[tuple[str, str]]:
        """(path, target)."""
        return [
            (f"{self.root}/links/current-{n}", f"{self.root}/conf.d/app-{n}.conf")
            for n in (1, 2, 3)
        ]

    @property
    def services(self) -> list[str]:
        return [f"bench-{self.tool}-{n}.service" for n in (1, 2, 3)]
