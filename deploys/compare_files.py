"""Files and links: three-way comparison of last applied, now on the host, and wanted.

Pure. A difference that no run of ours made is named as a change on the host, with the run since
which it stands; a secret's text never enters a line or a difference.
"""

from __future__ import annotations

import base64
import difflib
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from deploys.change import Change, keyed
from deploys.model import File, Role
from deploys.observation import Observation

MUST_NOT = "must not be there"


def expectation(now: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What compare-and-swap compares: kind, digest, target."""
    return {k: now[k] for k in ("kind", "digest", "target") if k in now} if now else None


def since(seen: Observation) -> str:
    return f"run {seen.run} ({(seen.applied or {}).get('at', 'never')})"


def reason(file: File, now: Mapping[str, Any] | None, seen: Observation, key: bytes) -> str:
    """Why a file differs, in the words a person needs; drift starts with CHANGED or DELETED."""
    before, begun = seen.entry(f"file:{file.path}"), seen.entry(f"file:{file.path}", pending=True)
    if now is None:
        return f"DELETED ON THE HOST since {since(seen)}" if before else "new"
    here = now.get("digest", now["kind"])
    here = keyed(key, here) if file.secret else here
    want = keyed(key, file.digest) if file.secret else file.digest
    if before is None and begun is None:
        return f"replaces a {now['kind']} that stood there before"
    if here == want:
        return "owner or mode"
    if here in {(e or {}).get("digest") for e in (before, begun)}:
        return "wanted changed"
    if (before or begun or {}).get("digest") == want:
        return f"CHANGED ON THE HOST since {since(seen)}"
    return f"CHANGED ON BOTH SIDES since {since(seen)}"


def unified(path: str, now: str, wanted: str) -> str:
    """A unified difference, lines ended; says so where a last line has no end."""
    lines = difflib.unified_diff(
        now.splitlines(keepends=True), wanted.splitlines(keepends=True),
        f"{path} (on the host)", f"{path} (wanted)",
    )  # fmt: skip
    return "".join(x if x.endswith("\n") else x + "\n\\ no end of line\n" for x in lines)


def difference(file: File, now: Mapping[str, Any] | None, seen: Observation) -> str:
    if file.secret:
        return "secret changed\n" if now else "secret\n"
    if now and now.get("digest") == file.digest:
        return ""
    try:
        wanted = file.content.decode()
    except UnicodeDecodeError:
        return f"binary, {len(file.content)} bytes\n"
    text = seen.text(file.path)
    if now and text is None:
        return f"not shown: the host's {now['kind']} is large, binary or secret\n"
    return unified(file.path, text or "", wanted)


def file_changes(
    roles: Sequence[Role],
    seen: Observation,
    entries: Mapping[str, Any],
    key: bytes,
    keep: Collection[str],
) -> list[Change]:
    out = []
    for file in (f for role in roles for f in role.files if f.path not in keep):
        now = seen.paths.get(file.path)
        same = bool(now) and now["kind"] == "file" and now["digest"] == file.digest  # type: ignore[index]
        rights = (file.mode, file.owner, file.group)
        if same and (now["mode"], now["owner"], now["group"]) == rights:  # type: ignore[index]
            continue
        why = reason(file, now, seen, key)
        content = None if same else base64.b64encode(zlib.compress(file.content, 6)).decode()
        payload = {
            "path": file.path, "mode": file.mode, "owner": file.owner, "group": file.group,
            "content": content, "validate": list(file.validate), "expect": expectation(now) or {},
        }  # fmt: skip
        shown = f"{file.path} ({file.mode:04o} {file.owner}:{file.group}): {why}"
        drift = why if why.startswith(("CHANGED", "DELETED")) else ""
        if same:
            was = f"{now['mode']:04o} {now['owner']}:{now['group']}"  # type: ignore[index]
            shown = f"{file.path}: {was} -> {rights[0]:04o} {rights[1]}:{rights[2]}"
            drift = f"CHANGED ON THE HOST since {since(seen)}" if seen.run else ""
            shown += f": {drift}" if drift else ""
        out.append(
            Change("files", file.path, f"{'~' if now else '+'} file {shown}", payload,
                   difference(file, now, seen), drift, file.path)
        )  # fmt: skip
    return out


def unwanted_changes(
    roles: Sequence[Role],
    seen: Observation,
    entries: Mapping[str, Any],
    key: bytes,
    keep: Collection[str],
) -> list[Change]:
    """What earlier runs of these roles left and nobody wants any more, and what must not be."""
    names = {r.name for r in roles}
    installing = any(not seen.packages.get(p.name) for r in roles for p in r.packages)
    found: dict[str, str] = {p: MUST_NOT for r in roles for p in r.absent}
    for record in (seen.applied, seen.pending):
        for name, entry in (record or {}).get("entries", {}).items():
            kind, _, path = name.partition(":")
            if kind in ("file", "link", "directory") and entry["role"] in names:
                wanted = any(f"{k}:{path}" in entries for k in ("file", "link", "directory"))
                if not wanted:
                    found.setdefault(path, "no longer wanted")
    out = []
    for path in sorted(found, reverse=True):  # what is inside a directory goes before it
        now = seen.paths.get(path)
        if now is None and installing and found[path] == MUST_NOT:
            line = f"- {path}: {MUST_NOT}, should a package of this run bring it"
            out.append(Change("files", path, line, {"remove": [path, None]}, path=path))
        if now is None or path in keep:
            continue
        before = seen.entry(f"file:{path}")
        edited = bool(before) and not before["secret"] and before["digest"] != now.get("digest")  # type: ignore[index]
        drift = f"CHANGED ON THE HOST since {since(seen)}" if edited else ""
        secret = bool((before or seen.entry(f"file:{path}", pending=True) or {}).get("secret"))
        text = None if secret else seen.text(path)
        out.append(
            Change("files", path, f"- {now['kind']} {path}: {drift or found[path]}",
                   {"remove": [path, expectation(now)]},
                   unified(path, text, "") if text else "", drift, path)
        )  # fmt: skip
    return out


def link_changes(roles: Sequence[Role], seen: Observation) -> list[Change]:
    out = []
    for link in (x for role in roles for x in role.links):
        now = seen.paths.get(link.path)
        if now and now["kind"] == "link" and now["target"] == link.target:
            continue
        was = f"{now.get('target', now['kind'])} -> " if now else ""
        payload = {"path": link.path, "target": link.target, "expect": expectation(now) or {}}
        sign = "~" if now else "+"
        out.append(
            Change("links", link.path, f"{sign} link {link.path}: {was}{link.target}",
                   {**payload, "unit": link.unit}, path=link.path)
        )  # fmt: skip
    return out
