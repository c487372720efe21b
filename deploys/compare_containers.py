"""Containers: wanted against observed, and the way back to an earlier image. Pure.

A container is replaced when anything that decides about it differs: image, settings, or a file it
reads as a secret. What was done to it by hand is named as such and repaired the same way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from deploys.change import Change, keyed
from deploys.compare_files import since, unified
from deploys.model import Container, Role, RoleError
from deploys.observation import Observation

RECIPE = 1  # of deploys/agent/containers.py: a new number makes new containers
MB = 1024 * 1024


def settings_of(item: Container) -> str:
    """All that decides about a container but its image and its secrets, as a label keeps it."""
    values = {
        "recipe": RECIPE, "command": item.command, "environment": dict(item.environment),
        "secrets": item.secrets, "user": item.user, "memory_mb": item.memory_mb,
        "pids": item.pids, "ports": item.ports,
    }  # fmt: skip
    return json.dumps(values, sort_keys=True)


def secrets_digest(role: Role, item: Container, key: bytes) -> str:
    """One keyed digest of every file of the role in the folder that the container reads."""
    if item.secrets is None:
        return ""
    folder = item.secrets[0] + "/"
    files = sorted((f.path, f.digest) for f in role.files if f.path.startswith(folder))
    return keyed(key, hashlib.sha256(json.dumps(files).encode()).hexdigest())


def entry(role: Role, item: Container) -> dict[str, Any]:
    """What the record says of a container once it serves."""
    settings = hashlib.sha256(settings_of(item).encode()).hexdigest()
    return {"role": role.name, "image": item.image, "settings": settings}


def short(image: str) -> str:
    """`sha256:` and the first twelve digits: what people compare."""
    return image.partition("@")[2][:19] or image or "unknown"


def limits_of(item: Container) -> dict[str, Any]:
    memory = item.memory_mb * MB
    return {"memory": memory, "swap": memory, "pids": item.pids, "restart": "unless-stopped"}


def reason(
    item: Container, secrets: str, now: Mapping[str, Any] | None, seen: Observation
) -> tuple[str, str]:
    """(why it has to be replaced or "", the drift in it or "")."""
    if now is None:
        if seen.entry(f"container:{item.name}") is None:
            return "new", ""
        drift = f"GONE ON THE HOST since {since(seen)}"
        return drift, drift
    why = []
    if now["image"] != item.image:
        why.append(f"image {short(now['image'])} -> {short(item.image)}")
    elif item.image not in now["digests"]:
        drift = f"runs ANOTHER IMAGE since {since(seen)}"
        return drift, drift
    if now["settings"] != settings_of(item):
        why.append("settings changed")
    if now["secrets"] != secrets:
        why.append("a certificate or secret changed")
    if why:
        return ", ".join(why), ""
    drift = ""
    if not now["running"]:
        drift = f"{now['state'].upper()} ON THE HOST since {since(seen)}"
    elif now["limits"] != limits_of(item):
        drift = f"its limits were CHANGED ON THE HOST since {since(seen)}"
    return drift, drift


def _settings_diff(item: Container, now: Mapping[str, Any] | None) -> str:
    """The settings as they are and as they will be, one line each."""
    wanted = json.dumps(json.loads(settings_of(item)), indent=1, sort_keys=True)
    try:
        before = json.dumps(json.loads((now or {})["settings"]), indent=1, sort_keys=True)
    except (KeyError, ValueError):
        before = ""
    return unified(f"container {item.name}", before, wanted) if before != wanted else ""


def _payload(item: Container, secrets: str, expect: str | None) -> dict[str, Any]:
    return {
        "group": item.name, "image": item.image, "command": list(item.command),
        "environment": [list(x) for x in item.environment], "ports": list(item.ports),
        "switch": item.switch, "secrets": list(item.secrets) if item.secrets else None,
        "user": item.user, "memory_mb": item.memory_mb, "pids": item.pids,
        "health": item.health, "ready_s": item.ready_s, "drain_s": item.drain_s,
        "settings": settings_of(item), "secrets_digest": secrets, "expect": expect,
        "login": {"user": item.login.user, "token": item.login.token.decode()}
        if item.login else None,
    }  # fmt: skip


def container_changes(roles: Sequence[Role], seen: Observation, key: bytes) -> list[Change]:
    """Replacements first, then what is left over from runs that died or is no longer wanted."""
    wanted = [(role, item) for role in roles for item in role.containers]
    groups = [item.name for _, item in wanted]
    found: Mapping[str, Mapping[str, Any]] = seen.containers.get("seen", {})
    here = set(seen.containers.get("images", ()))
    out, known = [], set()
    for role, item in wanted:
        colour = seen.containers.get("active", {}).get(item.name, "blue")
        name = f"{item.name}-{colour}"
        now, secrets = found.get(name), secrets_digest(role, item, key)
        known.add(name)
        why, drift = reason(item, secrets, now, seen)
        if not why:
            continue
        # The other colour is taken over or replaced by the same request.
        known |= {f"{item.name}-blue", f"{item.name}-green"}
        how = "" if item.image in here else ", pull"
        line = f"{'~' if now else '+'} container {item.name} ({short(item.image)}{how}): {why}"
        payload = {**_payload(item, secrets, now["id"] if now else None), "groups": groups}
        diff = _settings_diff(item, now)
        out.append(Change("containers", item.name, line, payload, diff=diff, drift=drift))
    drain = max((item.drain_s for _, item in wanted), default=30)
    for name in sorted(set(found) - known):
        left = found[name]["group"] in groups
        why = "left by a run that did not finish" if left else "no longer wanted"
        payload = {"retire": name, "drain_s": drain, "groups": groups}
        out.append(Change("containers", name, f"- container {name}: {why}", payload))
    return out


def rolled_back(roles: Sequence[Role], seen: Observation) -> tuple[Role, ...]:
    """The roles with the image that each container had before the one the site file names.

    Asking twice changes nothing more. RoleError when the host keeps no such image."""
    kept = seen.containers.get("kept", {})
    here = set(seen.containers.get("images", ()))
    out = []
    for role in roles:
        items, notes = [], []
        for item in role.containers:
            both = [(kept.get(item.name) or {}).get(k) for k in ("previous", "image")]
            back = next((x for x in both if x and x != item.image and x in here), None)
            if back is None:
                raise RoleError(
                    f"no earlier image of container {item.name} is kept here; name the digest "
                    "you want in site.toml and converge"
                )
            items.append(replace(item, image=back))
            notes.append(
                f"container {item.name} goes back to {short(back)}; site.toml still names "
                f"{short(item.image)}, and the next run without rollback=yes returns to it"
            )
        out.append(replace(role, containers=tuple(items), notes=(*role.notes, *notes)))
    if not any(role.containers for role in roles):
        raise RoleError("this host has no containers to roll back: [app] names no image")
    return tuple(out)
