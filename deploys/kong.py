"""Entry: gateway hosts. `--data allow_breaking=yes` applies documents that break callers."""

from pyinfra.context import host

from deploys.converge import converge

if "kong" in host.groups:
    converge("kong")
