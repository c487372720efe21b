"""The gateway's configuration: last applied, on the host, running, proven and wanted compared.

Pure. One change says why the configuration is applied; what differs is shown on the redacted
twin, so no key and no digest of one enters a line. A change that would break callers of the
documented interface is a problem that stops the run beforehand.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from deploys.change import Change, keyed
from deploys.compare_files import expectation, since, unified
from deploys.gateway import breaking
from deploys.gateway import diff as semantic
from deploys.gateway.reading import Unreadable, parse
from deploys.model import Gateway, Role
from deploys.observation import Observation

SHOWN = 5  # findings that a refusal names one by one
ALLOW = "`allow_breaking = true` under [kong] in site.toml, or --data allow_breaking=yes"


def entry(role: Role, gateway: Gateway, key: bytes) -> dict[str, dict[str, Any]]:
    """What the record says of an applied configuration."""
    return {
        f"gateway:{gateway.path}": {
            "role": role.name, "digest": keyed(key, gateway.digest), "secret": True,
        }
    }  # fmt: skip


def verify(gateway: Gateway) -> dict[str, str]:
    """path -> sha256 that must stand there once the step is done."""
    return {gateway.path: gateway.digest, gateway.proven_path: gateway.digest}


def text_of(now: Mapping[str, Any] | None) -> bytes | None:
    """The content that was sent with an observation."""
    content = (now or {}).get("content")
    return None if content is None else zlib.decompress(base64.b64decode(content))


def why(gateway: Gateway, seen: Observation, key: bytes) -> str:
    """Why the configuration is applied; "" when it stands, runs and is proven."""
    now = seen.gateway or {}
    file, name = now.get("file"), f"gateway:{gateway.path}"
    before, begun = seen.entry(name), seen.entry(name, pending=True)
    if file is None:
        return f"DELETED ON THE HOST since {since(seen)}" if before else "new"
    want, here = keyed(key, gateway.digest), keyed(key, file.get("digest", file["kind"]))
    if here != want:
        if before is None and begun is None:
            return f"replaces a {file['kind']} that stood there before"
        if here in {(e or {}).get("digest") for e in (before, begun)}:
            return "wanted changed"
        if (before or begun or {}).get("digest") == want:
            return f"CHANGED ON THE HOST since {since(seen)}"
        return f"CHANGED ON BOTH SIDES since {since(seen)}"
    if (now.get("proven") or {}).get("digest") != gateway.digest:
        return "it was written but never proven"
    if now.get("running") != gateway.md5:
        runs = now.get("running")
        if not runs:
            return "nothing answers at the Status API"
        return f"CHANGED ON THE HOST since {since(seen)}: what runs ({runs}) is not the file"
    if not now.get("ready"):
        return "it runs but is not ready"
    if (file["mode"], file["owner"], file["group"]) != (0o640, "root", gateway.owner):
        return f"owner or mode CHANGED ON THE HOST since {since(seen)}"
    for what, path in (("twin", gateway.twin_path), ("documents", gateway.documents_path)):
        found = now.get(what) or {}
        if found.get("kind") != "file" or "content" in found:
            return f"{path} does not say what is applied"
    return ""


def twins(gateway: Gateway, seen: Observation) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The redacted configurations on the host and wanted, as values; None when they are equal,
    or one is not there or not a configuration."""
    now = text_of((seen.gateway or {}).get("twin"))
    try:
        return (parse(now), parse(gateway.twin)) if now is not None else None
    except Unreadable:
        return None


def difference(gateway: Gateway, seen: Observation) -> str:
    """The redacted twins as a unified difference, no secret in them."""
    old = text_of((seen.gateway or {}).get("twin"))
    if old is None and (seen.gateway or {}).get("twin"):
        return ""  # the twin is as wanted already
    both = twins(gateway, seen)
    words = "".join(f"{item}\n" for item in semantic.diff(*both)) if both else ""
    return words + unified(gateway.twin_path, (old or b"").decode(), gateway.twin.decode())


def problems(roles: Sequence[Role], seen: Observation) -> list[str]:
    """Sentences that stop the run: operations that callers of today would miss."""
    out = []
    for gateway in (r.gateway for r in roles if r.gateway):
        text = text_of((seen.gateway or {}).get("documents"))
        if text is None or gateway.allow_breaking:
            continue
        try:
            found = breaking.gate(json.loads(text), json.loads(gateway.documents))
        except (ValueError, TypeError, AttributeError, KeyError):
            continue  # changed by hand: the plan says so and replaces it
        broken = [f"{f.operation}: {f.what}" for f in found]
        if broken:
            more = f"; and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
            out.append(
                f"the new OpenAPI documents break callers of the applied ones: "
                f"{'; '.join(broken[:SHOWN])}{more} "
                f"(make gateway-diff shows all; to go on: {ALLOW})"
            )
    return out


def with_gateway(
    roles: Sequence[Role], seen: Observation, found: list[Change], key: bytes
) -> list[Change]:
    """The changes with those of the gateway: its unit starts, restarts and reloads in the step
    that applies its configuration, because only that step can take both back."""
    out = list(found)
    for gateway in (r.gateway for r in roles if r.gateway):
        unit = next((c for c in out if c.step == "units" and c.target == gateway.unit), None)
        reason = why(gateway, seen, key)
        if unit is None and not reason:
            continue
        if unit is not None:
            out = [replace(c, step="gateway", payload={}) if c is unit else c for c in out]
        payload = _payload(gateway, seen, dict(unit.payload) if unit else {})
        both = twins(gateway, seen) if reason else None
        told = f": {semantic.summary(*both)}" if both else ""
        sign = "~" if (seen.gateway or {}).get("file") else "+"
        out.append(
            Change(
                "gateway",
                gateway.path,
                f"{sign} gateway {gateway.path}: {reason}{told}" if reason
                else f"> prove {gateway.path} again",
                payload,
                difference(gateway, seen) if reason else "",
                reason if "ON THE HOST" in reason or "BOTH SIDES" in reason else "",
                gateway.path if reason else "",
            )
        )  # fmt: skip
    return out


def _payload(gateway: Gateway, seen: Observation, unit: Mapping[str, Any]) -> dict[str, Any]:
    def packed(content: bytes) -> str:
        return base64.b64encode(zlib.compress(content, 6)).decode()

    return {
        "path": gateway.path, "content": packed(gateway.content),
        "expect": expectation((seen.gateway or {}).get("file")),
        "twin_path": gateway.twin_path, "twin": packed(gateway.twin),
        "documents_path": gateway.documents_path, "documents": packed(gateway.documents),
        "proven": gateway.proven_path, "parse": list(gateway.parse), "scratch": gateway.scratch,
        "owner": gateway.owner, "status": list(gateway.status), "public": list(gateway.public),
        "server_name": gateway.server_name, "certificate": gateway.certificate.decode(),
        "probes": [asdict(p) for p in gateway.probes], "probe_key": gateway.probe_key,
        "key_header": gateway.key_header, "hide": list(gateway.hide),
        "timeout_s": gateway.timeout_s, "probe_s": gateway.probe_s,
        "unit": {
            "name": gateway.unit, "action": unit.get("action", ""), "enable": unit.get("enable"),
        },
    }  # fmt: skip
