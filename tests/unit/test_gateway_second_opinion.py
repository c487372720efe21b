"""Two readings of Kong's rules, written apart: the validator and simulator here, and the lab's
stand-in. Where both speak they agree; and ours works where only Python and its YAML are."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploys.gateway import validate
from deploys.gateway.plugin_schemas import CONFIGS
from deploys.gateway.proof import METHODS, NEVER
from deploys.gateway.request_path import accepted, normalised
from deploys.gateway.router import Router
from deploys.gateway.samples import HOSTILE, variations
from inventories.lab.standin.program import uri
from inventories.lab.standin.program.declarative import DeclarativeError, parse
from inventories.lab.standin.program.router import Asked
from inventories.lab.standin.program.router import Router as StandIn
from tests.gateway_example import example
from tests.unit.test_gateway_proof import shipped  # noqa: F401
from tests.unit.test_gateway_router import PATHS, kong, routes
from tests.unit.test_gateway_validate import OURS

#: What Kong would load and the stand-in has not: it says so.
MISSING = frozenset(["dangling authority", "bundled, not ours", "entity, not ours", "older format"])


def refused(document: dict[str, Any]) -> bool:
    try:
        parse(json.dumps(document).encode(), CONFIGS)
    except DeclarativeError:
        return True
    return False


def test_both_take_a_valid_file() -> None:
    assert not refused(example())


@pytest.mark.parametrize("case", sorted(set(OURS) - MISSING))
def test_the_stand_in_loads_what_kong_would_load(case: str) -> None:
    """So that a rehearsal shows what such a file would do, were it not refused before."""
    document = example()
    OURS[case][0](document)
    assert not refused(document)


def unmixed(raw: dict[str, Any]) -> dict[str, Any]:
    """Without empty lists, which the stand-in drops, and with paths of one kind: parts of a split
    route have ids of their own in Kong, which the stand-in does not need."""
    kinds = ["~" if path[0] == "~" else len(path) for path in raw.get("paths", ())]
    same = [
        path for path, kind in zip(raw.get("paths", ()), kinds, strict=True) if kind == kinds[0]
    ]
    return {k: v for k, v in (raw | {"paths": same}).items() if v != []}


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        routes.map(unmixed),
        min_size=1,
        max_size=6,
        unique_by=(lambda r: r["name"], lambda r: r["id"]),
    ),
    st.sampled_from(["GET", "POST", "OPTIONS"]),
    st.sampled_from(PATHS),
    st.sampled_from(["x.org", "y.org", "z.com"]),
    st.sampled_from([{}, {"h": "1"}, {"h": "1", "k": "1"}]),
)
def test_both_route_alike(
    found: list[dict[str, Any]], method: str, path: str, host: str, headers: dict[str, str]
) -> None:
    ours = Router(kong(*found)).match(method, path, host=host, headers=headers)
    theirs = StandIn(found).find(Asked(method, path, host, tuple(headers.items())))
    assert (ours and ours.name) == (theirs and theirs.route["name"])


def test_both_route_the_real_file_alike(shipped: Any) -> None:  # noqa: F811
    _, document, reachable = shipped
    ours = Router(document)
    theirs = StandIn([r for s in document["services"] for r in s["routes"]])
    probes = [*NEVER, *(f"/{bad}" for bad in HOSTILE)]
    for operation in reachable:
        path = operation.path.replace("{", "").replace("}", "")
        probes += [path, *variations(path), *variations("/actions/7")]
    asked = 0
    for path in dict.fromkeys(probes):
        seen = normalised(path) if accepted(path) else None
        for method in METHODS if seen else ():
            asked += 1
            there = theirs.find(Asked(method, str(seen)))
            here = ours.match(method, path)
            assert (here and here.name) == (there and there.route["name"]), (method, path)
    assert asked > 5000


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["/", ".", "..", "%2e", "%2F", "a", "%41", "%25", "é", "%20"])))
def test_both_see_the_same_path(parts: list[str]) -> None:
    path = "/" + "".join(parts)
    assert normalised(path) == uri.normalise(path)


def test_the_portable_modules_need_only_python_and_yaml(tmp_path: Path) -> None:
    """Copied into one folder they validate and route, with no other package in reach."""
    package = tmp_path / "checker"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for name in validate.PORTABLE:
        shutil.copy(Path(validate.__file__).with_name(f"{name}.py"), package)
    (tmp_path / "kong.yml").write_text(json.dumps(example()))
    program = f"""
import sys
import yaml
known = set(sys.stdlib_module_names) | {{"checker", "yaml", "_yaml"}}
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in known:
            raise ImportError(name)
sys.meta_path.insert(0, Refusing())
sys.path.insert(0, {str(tmp_path)!r})
from checker import router, validate
document = validate.parse(open({str(tmp_path / "kong.yml")!r}, "rb").read())
assert validate.problems(document) == []
assert router.match(document, "GET", "/characters/7").name == "getCharacter"
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, timeout=60)
