"""`provision images` and `provision images use DIGEST`.

The list reads the registry and the app hosts. `use` writes one line of the site file, after the
digest was found to be an image for the hosts, and never deploys: it prints what does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from deploys import trust
from deploys.secrets import SecretError
from inventories import endpoints
from inventories.errors import ProvisionError
from inventories.images import overlay, scopes, site_image, text
from inventories.images.authorization import Login
from inventories.images.choose import chosen
from inventories.images.http import Client
from inventories.images.listing import listing
from inventories.images.names import Package, package_of
from inventories.images.registry import Registry
from inventories.images.running import Running, running
from inventories.loader import load_hosts
from inventories.progress import Progress
from inventories.spec import SiteSpec, load_site
from inventories.worlds import World, project_root, world

app = typer.Typer(
    add_completion=False,
    help="The services' images at their registry: list them, and choose one by its digest.",
)
Env = Annotated[
    str | None,
    typer.Option("--env", help="production, or a lab's name; default: DEPLOY_ENV, else production"),
]
_ATTESTATIONS = "an attestation is shown, not verified: gh attestation verify oci://IMAGE does that"


@dataclass(frozen=True)
class _Given:
    """What every one of these commands reads first."""

    where: World
    site: SiteSpec
    package: Package

    @classmethod
    def of(cls, env: str | None) -> _Given:
        where = world(env)
        site = load_site(where)
        return cls(where, site, package_of(site.app, site.github.repository))

    @property
    def named(self) -> str | None:
        """The digest of site.toml."""
        return self.site.app.image and self.site.app.image.rpartition("@")[2]

    def registry(self) -> Registry:
        name = self.package.registry
        client = Client(name, endpoints.registry(name), _authority(self.site))
        return Registry(self.package, client, self._login)

    def _login(self) -> Login | None:
        try:
            token = trust.registry_token(self.site)
        except SecretError as problem:
            raise ProvisionError(
                f"{self.package} is not public, and its token is not at hand: {problem}",
                "put it there, then run the command again",
            ) from None
        if token is None:
            return None
        if self.package.is_github:
            scopes.check(token)
        return Login(self.site.app.registry.user or self.package.owner, token)


@app.callback(invoke_without_command=True)
def images(
    context: typer.Context,
    env: Env = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="machine-readable result on stdout")
    ] = False,
) -> None:
    """List the images of the package: digests, dates, attestations, and which one runs where."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise ProvisionError(
                f"--json is for the list of images; {context.invoked_subcommand} was not run",
                "leave it away",
            )
        context.obj = env
        return
    given, progress = _Given.of(env), Progress()
    with given.registry() as registry:  # first: what is wrong with its address or authority
        with progress.waiting("Asking the app hosts"):
            hosts, notes = _running(given.where)
        wanted = {digest for host in hosts for digest in host.digests}
        wanted |= {given.named} if given.named is not None else set()
        with progress.waiting(f"Asking {given.package.registry}"):
            found = listing(registry, wanted)
    if as_json:
        whole = text.as_json(given.package, found, hosts, given.named, notes)
        progress.raw(json.dumps({"env": given.where.env} | whole, indent=2))
        return
    if any(image.evidence for image in found.images):
        notes = [*notes, _ATTESTATIONS]
    progress.show(text.lines(given.package, found, hosts, given.named, notes))


@app.command()
def use(
    context: typer.Context,
    digest: Annotated[str, typer.Argument(help="sha256:…, at least 12 of its hex digits")],
    env: Env = None,
) -> None:
    """Write the image's digest into the site file. Deploys nothing; prints what does."""
    where = world(env or context.obj)
    file = where.spec_files[-1]  # a lab's overlay, else site.toml
    before = site_image.read_text(file)
    given, progress = _Given.of(where.env), Progress()
    with given.registry() as registry:
        found = chosen(registry, digest, given.named, env=where.env)
        reference = given.package.reference(found)
    if given.site.app.image == reference:
        progress.show([f"{_label(file)} names it already: nothing to do"])
        return
    try:
        after = site_image.set_image(before, reference)
    except ValueError as problem:
        raise ProvisionError(
            f"{_label(file)} was not changed: {problem}",
            f'write image = "{reference}" under [app] yourself',
        ) from None
    label = _label(overlay.written(where, before, after))
    progress.show([*text.difference(label, before, after), *text.next_steps(where.env)])


def _running(where: World) -> tuple[Sequence[Running], list[str]]:
    """What the app hosts run, and why that is not known."""
    try:
        inventory = load_hosts(where.env, allow_stopped=True)
    except ProvisionError as problem:
        return [], [f"which image runs where is not known: {problem}"]
    hosts = inventory.by_role("app")
    up = [host.name for host in hosts if host.state == "running" and host.address]
    asked = running(up, inventory.paths.ssh_config)
    down = [Running(host.name, problem=host.state) for host in hosts if host.name not in up]
    return sorted([*asked, *down], key=lambda found: found.host), []


def _authority(site: SiteSpec) -> bytes | None:
    """The registry's own authority, from the variable for tests or from `[app.registry] ca`."""
    named = site.app.registry.ca
    path = endpoints.registry_ca() or (project_root() / named if named is not None else None)
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as problem:
        raise ProvisionError(
            f"the registry's authority {path} cannot be read: {problem.strerror}",
            "check [app.registry] ca in site.toml",
        ) from None


def _label(file: Path) -> str:
    root = project_root()
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
