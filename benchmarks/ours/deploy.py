"""Ours: the 24 things as one role, converged by the engine.

Run as `pyinfra inventory.py benchmarks/ours/deploy.py`. A line in a file is a whole file here:
the engine has no other way to own one.
"""

from jinja2 import Environment, FileSystemLoader

from benchmarks.items import PACKAGES, TEMPLATES, Items
from deploys.converge import converge
from deploys.model import Directory, File, Group, Link, Package, Role, Unit, User

ITEMS = Items("ours")
TEXTS = Environment(loader=FileSystemLoader(TEMPLATES), keep_trailing_newline=True)


def bench(entry, run, me, machine):
    rendered = [
        File(t.path, TEXTS.get_template(t.source).render(t.values).encode())
        for t in ITEMS.templates
    ]
    return [
        Role(
            "bench",
            packages=tuple(map(Package, PACKAGES)),
            groups=(Group(ITEMS.account),),
            users=(User(ITEMS.account, ITEMS.account),),
            directories=tuple(map(Directory, ITEMS.directories)),
            files=(*rendered, *(File(p, f"{line}\n".encode()) for p, line in ITEMS.lines)),
            links=tuple(Link(path, target) for path, target in ITEMS.links),
            units=tuple(map(Unit, ITEMS.services)),
        )
    ]


converge("bench", bench)
