"""What the operator wants, checked: `site.toml` (and a lab's overlay) as one typed value.

`load_site` either returns a whole `SiteSpec` or refuses with every problem found, each with its
file and line, key, reason and what is valid. It reads files only: no network, no boto3, and no
call is made before a spec exists.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from deploys import placement
from deploys.heap import HeapError, HeapPlan, expected_memory_mb, heap_plan
from deploys.model import RoleError
from deploys.secret_settings import SecretsSettings
from deploys.settings import (
    AppSettings,
    BaseSettings,
    KongSettings,
    Network,
    OpenSearchSettings,
    Service,
)
from inventories import sizes
from inventories.errors import SpecError
from inventories.regions import REGIONS
from inventories.repository.settings import GithubSettings
from inventories.site_file import Layers, read_layers
from inventories.worlds import NAME, NAME_RULE, World, project_root

Role = Literal["opensearch", "app", "kong"]
Size = Literal["nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge"]
ROLES: tuple[Role, ...] = ("opensearch", "app", "kong")
#: Names that mean something else to pyinfra, ssh or the host itself.
RESERVED = frozenset({*ROLES, "base", "site", "all", "inventory", "localhost"})


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no usable name; valid: {NAME_RULE}")
    return value


def _host_name(value: str) -> str:
    if _name(value) in RESERVED:
        raise ValueError(f"{value!r} is the name of a group or of something else; use {value}-1")
    return value


def _region(value: str) -> str:
    if value not in REGIONS:
        raise ValueError(f"{value!r} is no Lightsail region; valid: {', '.join(REGIONS)}")
    return value


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteTable(_Table):
    """`[site]`: where, and who may log in."""

    name: Annotated[str, AfterValidator(_name)] = Field(description="prefix of tags and key pair")
    region: Annotated[str, AfterValidator(_region)] = Field(description="Lightsail region")
    zone: str = Field(default="a", pattern=r"^[a-f]$", description="zone's letter, a to f")
    blueprint: str = Field(
        default="ubuntu_24_04",
        pattern=r"^[a-z][a-z0-9_]{1,60}$",
        description="blueprint id of the OS, for example ubuntu_24_04",
    )
    operator_networks: tuple[Network, ...] = Field(
        min_length=1, description="IPv4 networks that may reach port 22"
    )


class HostTable(_Table):
    """One `[[hosts]]` entry."""

    name: Annotated[str, AfterValidator(_host_name)] = Field(description="name at Lightsail")
    role: Role = Field(description="what the host is for")
    size: Size = Field(description="size by name; prices are shown by provision plan")
    static_ip: bool | None = Field(
        default=None, description="keep its public address for good; unset: only kong hosts"
    )
    services: tuple[Service, ...] = Field(
        default=(), description="story services of this app host; unset: all of them"
    )

    @property
    def memory_mb(self) -> int:
        """Memory in MiB as sold; the host's own /proc/meminfo says less."""
        return sizes.MEMORY_MB[self.size]

    @property
    def wants_static_ip(self) -> bool:
        return self.role == "kong" if self.static_ip is None else self.static_ip


class SiteSpec(_Table):
    """The whole site. Equal files give equal values; the order of hosts is the file's."""

    site: SiteTable
    hosts: tuple[HostTable, ...] = Field(min_length=1, description="[[hosts]] tables")
    base: BaseSettings = BaseSettings()
    opensearch: OpenSearchSettings = OpenSearchSettings()
    app: AppSettings = AppSettings()
    kong: KongSettings = KongSettings()
    secrets: SecretsSettings = SecretsSettings()
    github: GithubSettings = GithubSettings()

    def by_role(self, role: Role) -> tuple[HostTable, ...]:
        return tuple(host for host in self.hosts if host.role == role)

    def heap(self, host: HostTable) -> HeapPlan:
        """The memory plan to expect on a search host; HeapError when it cannot hold."""
        return heap_plan(
            expected_memory_mb(host.memory_mb),
            heap_mb=self.opensearch.heap_mb,
            allow_undersized=self.opensearch.allow_undersized,
            zram=self.opensearch.zram,
            swap_mb=self.opensearch.swap_mb,
        )


def load_site(world: World) -> SiteSpec:
    """The site of `world`, or SpecError with every problem of its files."""
    layers = read_layers(world.spec_files, project_root(), world.overrides)
    if layers.problems:
        raise _refuse(layers.problems, layers)
    text = json.dumps(layers.merged, default=str)  # JSON mode: strict types, lists as tuples
    try:
        spec = SiteSpec.model_validate_json(text, strict=True)
    except ValidationError as error:
        errors = [e for e in error.errors() if not _is_echo(e)]
        raise _refuse([_problem(e, layers) for e in errors], layers) from None
    problems = _cross_problems(spec, layers)
    if spec.kong.package == "standin" and not world.is_lab:
        problems.append(
            f'{layers.place(("kong", "package"))}: kong.package: "standin" is not Kong but a '
            f'stand-in for rehearsals, and {world.env} is none; valid: "kong"'
        )
    if problems:
        raise _refuse(problems, layers)
    base = spec.base.model_copy(update={"operator_networks": spec.site.operator_networks})
    return spec.model_copy(update={"base": base})


def _refuse(problems: list[str], layers: Layers) -> SpecError:
    files = " or ".join(layer.label for layer in layers.layers)
    return SpecError("\n".join(problems), f"edit {files}, then run the command again")


def _cross_problems(spec: SiteSpec, layers: Layers) -> list[str]:
    """What no single key shows: memory that cannot hold, a key that has its place elsewhere."""
    out = []
    if spec.base.operator_networks:
        place = layers.place(("base", "operator_networks"))
        out.append(f"{place}: base.operator_networks: set it under [site]; it serves both")
    consumers = [c.name for c in spec.kong.consumers]
    for name in sorted(set(spec.secrets.api_keys) - set(consumers)):
        place = layers.place(("secrets", "api_keys", name))
        out.append(
            f"{place}: secrets.api_keys.{name}: no [[kong.consumers]] has this name; "
            f"there are {', '.join(consumers)}"
        )
    out += _same_as_problems(spec, layers)
    out += _services_problems(spec, layers)
    for host in spec.by_role("opensearch"):
        try:
            spec.heap(host)
        except HeapError as error:
            own = spec.opensearch.heap_mb is not None and "heap_mb" in str(error)
            path = ("opensearch", "heap_mb") if own else ("hosts", host.name, "size")
            usable = expected_memory_mb(host.memory_mb)
            out.append(
                f"{layers.place(path)}: {'.'.join(path)}: {host.name} is a {host.size} "
                f"({host.memory_mb} MiB, about {usable} usable): {error}"
            )
    return out


def _same_as_problems(spec: SiteSpec, layers: Layers) -> list[str]:
    """GitHub secrets that shall be a secret of the hosts which the hosts do not have."""
    out = []
    for level, table in spec.github.levels.items():
        for name, place in table.secrets.items():
            path = (*(("environments", level) if level else ()), "secrets", name)
            where = f"{layers.place(('github', *path))}: github.{'.'.join(path)}: {place.told}"
            if place.same_as == "registry_token" and spec.secrets.registry_token is None:
                out.append(f"{where}: secrets.registry_token names no place")
            if place.consumer and place.consumer not in {c.name for c in spec.kong.consumers}:
                out.append(f"{where}: no [[kong.consumers]] has this name")
    return out


def _services_problems(spec: SiteSpec, layers: Layers) -> list[str]:
    """Services named for hosts that cannot have any, or left without a host."""
    out = []
    for host in spec.hosts:
        if host.services and host.role != "app":
            place = layers.place(("hosts", host.name, "services"))
            out.append(f"{place}: hosts.{host.name}.services: only app hosts have services")
    apps = spec.by_role("app")
    if not apps or out:
        return out
    try:
        placement.upstreams(
            spec.app, [placement.AppHost(host.name, "", host.services) for host in apps]
        )
    except RoleError as error:
        named = next(host for host in apps if host.services)
        path = ("hosts", named.name, "services")
        out.append(f"{layers.place(path)}: {'.'.join(path)}: {error}")
    return out


def _is_echo(error: Any) -> bool:
    """pydantic calls a list whose only items are wrong too short as well."""
    return error["type"] == "too_short" and bool(error["input"])


def _problem(error: Any, layers: Layers) -> str:
    """One pydantic error as `file line N: key: reason; valid: ...`."""
    loc = error["loc"][:-1] if error["loc"][-1:] == ("[key]",) else error["loc"]
    path = _named_path(loc, layers.merged)
    model, description = _model_at(error["loc"])
    kind, given = error["type"], error.get("input")
    if "secrets" in path:  # a value that stands here by mistake must not be repeated
        given = "what stands here"
    if kind == "extra_forbidden":
        hint = f"unknown key; valid here: {', '.join(model.model_fields)}"
    elif kind == "missing":
        hint = f"is missing ({description})"
    elif kind == "value_error":
        hint = str(error["ctx"]["error"])
        if isinstance(error["loc"][-1], int):  # an item: say what the list is for
            hint += f" ({description})"
    elif kind == "literal_error":
        hint = f"{given!r} is not valid; valid: {error['ctx']['expected'].replace(' or ', ', ')}"
    else:
        hint = f"{given!r}: {error['msg'][:1].lower()}{error['msg'][1:]} ({description})"
    return f"{layers.place(path)}: {'.'.join(path)}: {hint}"


def _named_path(loc: tuple[str | int, ...], merged: dict[str, Any]) -> tuple[str, ...]:
    """pydantic's location with names for indices, as a reader of the file would say it."""
    out: list[str] = []
    here: Any = merged
    for step in loc:
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = None
        named = isinstance(step, int) and isinstance(here, dict) and "name" in here
        out.append(str(here["name"] if named else step))
    return tuple(out)


def _model_at(loc: tuple[str | int, ...]) -> tuple[type[BaseModel], str]:
    """The model that holds `loc`'s last key, and that key's description (empty if unknown)."""
    model: type[BaseModel] = SiteSpec
    description, skip = "", False
    for number, step in enumerate(loc):
        if skip or isinstance(step, int):  # an index, or a key that the operator chose
            skip = False
        elif (field := model.model_fields.get(step)) is None:
            break
        else:
            description = field.description or "a table of its own"
            inner = _model_in(field.annotation)
            if inner is not None and number + 1 < len(loc):
                model, skip = inner, get_origin(field.annotation) is dict
    return model, description


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The table that a field holds, alone, in a list or by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for x in get_args(annotation) if (m := _model_in(x)) is not None), None)
