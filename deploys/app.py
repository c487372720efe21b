"""Entry: app hosts. `--data rollback=yes` goes back to the image that served before."""

from pyinfra.context import host

from deploys.converge import converge

if "app" in host.groups:
    converge("app")
