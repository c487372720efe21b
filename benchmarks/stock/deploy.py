"""Stock: the 24 things by pyinfra's own operations, one operation each, as its users write them.

Run in this folder, where no config.py of ours is found: `pyinfra inventory.py deploy.py`.
"""

from pyinfra.operations import apt, files, server, systemd

from benchmarks.items import PACKAGES, TEMPLATES, Items

ITEMS = Items("stock")
ROOT = {"user": "root", "group": "root"}

apt.packages(name="Install packages", packages=list(PACKAGES))
server.group(name="Make the group", group=ITEMS.account, system=True)
server.user(
    name="Make the user", user=ITEMS.account, group=ITEMS.account, system=True,
    home="/nonexistent", shell="/usr/sbin/nologin", ensure_home=False,
)  # fmt: skip
for path in ITEMS.directories:
    files.directory(name=f"Make {path}", path=path, mode="755", **ROOT)
for one in ITEMS.templates:
    files.template(
        name=f"Write {one.path}", src=str(TEMPLATES / one.source), dest=one.path,
        mode="644", **ROOT, **one.values,
    )  # fmt: skip
for path, line in ITEMS.lines:
    files.line(name=f"Have a line in {path}", path=path, line=line)
for path, target in ITEMS.links:
    files.link(name=f"Link {path}", path=path, target=target)
for service in ITEMS.services:
    systemd.service(name=f"Run {service}", service=service, running=True, enabled=True)
