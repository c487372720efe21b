"""Entry for tests of the engine: a small role whose content comes from the environment."""

import os

from pyinfra.context import host

from deploys.converge import converge
from deploys.model import Check, Directory, File, Group, Link, Package, Role, Unit, User

VERSION = os.environ.get("WEB_VERSION", "1")
SERVICE = f"""[Unit]
Description=test service {VERSION}
[Service]
Type=exec
User=web
ExecStart=/usr/bin/python3 -m http.server 8080 --directory /srv/web --bind 127.0.0.1
[Install]
WantedBy=multi-user.target
"""


def web(entry, run, me, machine):
    return [
        Role(
            "web",
            packages=(Package("cpio"),),
            groups=(Group("web"),),
            users=(User("web", "web"),),
            directories=(Directory("/srv/web", "web", "web", 0o750), Directory("/etc/web")),
            files=(
                File("/etc/systemd/system/web.service", SERVICE.encode()),
                File("/etc/web/settings", f"version {VERSION}\nsecond line\n".encode()),
                File("/etc/web/big", b"0123456789abcdef" * 4096),
                File("/srv/web/key", b"PLANTED-KEY-" + VERSION.encode(), "web", "web", 0o400, True),
            ),
            links=(Link("/etc/web/current", f"/etc/web/{VERSION}"),),
            units=(
                Unit(
                    "web.service",
                    restart_on=("/etc/web/settings",),
                    check=Check(("/usr/bin/curl", "-sf", "http://127.0.0.1:8080/"), 20),
                ),
            ),
        )
    ]


if "opensearch" in host.groups or "app" in host.groups:
    converge("web", web)
