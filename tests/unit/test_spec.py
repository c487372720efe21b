"""Laws of the site file: it is refused in words or it is a whole site, and merging is plain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli_w
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inventories import worlds
from inventories.errors import ProvisionError, SpecError
from inventories.loader import Host, HostKey, as_json, env_paths, load_hosts
from inventories.site_file import read_layers
from inventories.spec import SiteSpec, load_site
from inventories.ssh import dialled, known_hosts, ssh_config
from inventories.worlds import World, world

REPO = Path(__file__).parents[2]
SITE = {
    "site": {"name": "x1", "region": "eu-central-1", "operator_networks": ["9.9.9.9/32"]},
    "hosts": [
        {"name": "search-1", "role": "opensearch", "size": "micro"},
        {"name": "app-1", "role": "app", "size": "nano"},
    ],
}
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=4)
)
tree = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), st.floats(), st.text(max_size=6)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
wild = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def in_world(folder: Path, *texts: str | bytes) -> World:
    files = []
    for number, text in enumerate(texts):
        files.append(folder / f"{number}.toml")
        files[-1].write_bytes(text if isinstance(text, bytes) else text.encode())
    return World("production", False, files, None, {}, folder / "g", folder / "s")


@pytest.mark.parametrize("env", ["production", "lab"])
def test_shipped_site_files_are_valid(env: str) -> None:
    files = [REPO / "inventories" / "site.toml", REPO / "inventories" / "lab" / "site.toml"]
    some = World(env, env == "lab", files[: 2 if env == "lab" else 1], None, {}, REPO, REPO)
    spec = load_site(some)
    assert {(h.name, h.role, h.size) for h in spec.hosts} == {
        ("gateway-1", "kong", "nano"),
        ("app-1", "app", "nano"),
        ("search-1", "opensearch", "micro"),
    }
    assert spec.base.operator_networks == spec.site.operator_networks
    assert spec.site.blueprint == ("debian_13" if env == "lab" else "ubuntu_24_04")


@wild
@given(text=st.text(max_size=200))
@example(text="[site]\nname = 1979-05-27T07:32:00Z")
@example(text="site = [[[[[[[[[[[[[]]]]]]]]]]]]]")
@example(text='[[hosts]]\nname = "a\\u0000b"')
@example(text="[[hosts]]\nname = inf")
def test_any_text_is_refused_in_words(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpecError) as refused:
        load_site(in_world(tmp_path, text.encode(errors="surrogatepass")))
    assert "0.toml" in refused.value.what
    assert refused.value.next_step


@wild
@given(
    table=st.sampled_from(["site", "opensearch", "app", "kong", "base", "hosts", "more"]),
    key=st.sampled_from([*SiteSpec.model_fields, "name", "size", "heap_mb", "region", "x y", ""]),
    value=tree,
)
def test_any_value_anywhere_is_accepted_or_refused_in_words(
    tmp_path: Path, table: str, key: str, value: object
) -> None:
    """Never another exception, whatever stands where."""
    data = json.loads(json.dumps(SITE))
    if table == "hosts":
        data["hosts"][0][key] = value
    else:
        data.setdefault(table, {})[key] = value
    try:
        text = tomli_w.dumps(data)
    except (TypeError, ValueError):
        return
    try:
        spec = load_site(in_world(tmp_path, text))
    except SpecError as refused:
        assert refused.what  # noqa: PT017 (either outcome is right; another exception is not)
        return
    assert isinstance(spec, SiteSpec)


@wild
@given(order=st.permutations(SITE["hosts"]), tables=st.permutations(["site", "hosts"]))
def test_order_of_tables_does_not_matter(tmp_path: Path, order: list, tables: list) -> None:
    data = {t: (order if t == "hosts" else SITE[t]) for t in tables}
    spec = load_site(in_world(tmp_path, tomli_w.dumps(data)))
    plain = load_site(in_world(tmp_path, tomli_w.dumps(SITE)))
    assert sorted(spec.hosts, key=str) == sorted(plain.hosts, key=str)
    assert spec.site == plain.site


def test_empty_overlay_changes_nothing(tmp_path: Path) -> None:
    one = load_site(in_world(tmp_path, tomli_w.dumps(SITE)))
    assert load_site(in_world(tmp_path, tomli_w.dumps(SITE), "# nothing\n")) == one


def test_layers_are_merged_deeply_and_overrides_lie_between(tmp_path: Path) -> None:
    low = in_world(tmp_path, 'a = 1\n[t]\nx = 1\ny = 1\nz = 1\n[[hosts]]\nname = "h"\nsize = 1\n')
    high = tmp_path / "high.toml"
    high.write_text('[t]\nz = 3\n[[hosts]]\nname = "h"\nrole = 2\n[[hosts]]\nname = "i"\n')
    merged = read_layers([*low.spec_files, high], tmp_path, {"t": {"y": 2, "z": 2}}).merged
    assert merged == {
        "a": 1,
        "t": {"x": 1, "y": 2, "z": 3},
        "hosts": [{"name": "h", "size": 1, "role": 2}, {"name": "i"}],
    }


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("site", "region"), 3),
        (("hosts", "b", "size"), 9),
        (("hosts", "b", "role"), 7),  # missing: where its table begins
        (("site", "quoted-key"), 4),
        (("other", "deep", "key"), 12),
    ],
)
def test_keys_are_traced_to_their_line(tmp_path: Path, path: tuple[str, ...], line: int) -> None:
    text = (
        '[site]\nname = "x"\nregion = "y"\n"quoted-key" = 1\n[[hosts]]\nname = "a"\n'
        '[[hosts]]\nname = "b"\nsize = 1\n# comment\n[other.deep]\nkey = 1\n'
    )
    layers = read_layers(in_world(tmp_path, text).spec_files, tmp_path, {})
    assert layers.place(path) == f"0.toml line {line}"


@pytest.mark.parametrize("env", ["../etc", "a/b", "Lab", "", "-x", "l b", "lab\n"])
def test_environment_name_cannot_leave_its_folder(
    env: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOUNTAINAI_LABS", str(tmp_path))
    monkeypatch.setenv("DEPLOY_ENV", env or "../etc")
    with pytest.raises(ProvisionError, match="no environment name"):
        world(env)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no lab is called"),
        ("", "cannot be read"),
        ("{}", "lacks overlay, api, gateway"),
        ('{"overlay": null, "api": "x", "gateway": "y"}', "lacks overlay"),
    ],
)
def test_lab_that_is_not_up_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, says: str
) -> None:
    monkeypatch.setenv("FOUNTAINAI_LABS", str(tmp_path))
    if text is not None:
        (tmp_path / "lab").mkdir()
        (tmp_path / "lab" / "lab.json").write_text(text)
    with pytest.raises(ProvisionError, match=says) as refused:
        world("lab")
    assert "rehearse up --name lab" in refused.value.next_step


HOST = Host(
    name="search-1",
    role="opensearch",
    address="192.0.2.1",
    private_address="10.0.0.1",
    port=22,
    user="ubuntu",
    size="micro",
    bundle_id="micro_3_0",
    memory_mb=1024,
    created_at="2026-01-01T00:00:00+00:00",
    arn="arn:x",
    state="running",
    host_keys=(HostKey(algorithm="ssh-rsa", key="AAAA"),),
)


def test_other_port_is_named_in_brackets_as_ssh_does() -> None:
    assert dialled(HOST) == "192.0.2.1"
    other = HOST.model_copy(update={"port": 2222})
    assert known_hosts([other]) == "[192.0.2.1]:2222 ssh-rsa AAAA\n"


def test_rsa_host_key_is_accepted_by_its_sha2_signatures_only() -> None:
    text = ssh_config([HOST], env_paths(world("production")))
    assert "HostKeyAlgorithms rsa-sha2-512,rsa-sha2-256\n" in text


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose production inventory is whole."""
    monkeypatch.setenv("FOUNTAINAI_PROJECT", str(tmp_path))
    where = worlds.world("production")
    paths = env_paths(where)
    for file in (paths.known_hosts, paths.ssh_config, paths.private_key):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    text = as_json([HOST], env="production", site="x1", region="eu-central-1")
    (where.generated / "hosts.json").write_text(text)
    return where.generated


def test_inventory_comes_back_as_it_was_written(generated: Path) -> None:
    inventory = load_hosts("production")
    assert inventory.hosts == {"search-1": HOST}
    assert inventory.groups() == {"opensearch": [HOST]}


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda d: None, "is missing"),
        (lambda d: "", "is damaged"),
        (lambda d: "{", "is damaged"),
        (lambda d: d | {"hosts": {}}, "is damaged: hosts"),
        (lambda d: d | {"env": "lab"}, "is about 'lab'"),
        (lambda d: {k: v for k, v in d.items() if k != "site"}, "is damaged: site"),
        (lambda d: d | {"hosts": {"h": {}}}, "is damaged: role"),
        (lambda d: d | {"hosts": {"h": d["hosts"]["search-1"] | {"port": 0}}}, "damaged: port"),
        (lambda d: d | {"hosts": {"h": d["hosts"]["search-1"] | {"state": "stopped"}}}, "stopped"),
        (lambda d: d | {"hosts": {"h": d["hosts"]["search-1"] | {"address": ""}}}, "no address"),
    ],
)
def test_damaged_inventory_fails_closed_with_the_next_command(
    generated: Path, edit: object, says: str
) -> None:
    """pyinfra would exit 0 on an empty inventory; ours never gets that far."""
    file = generated / "hosts.json"
    new = edit(json.loads(file.read_text()))
    file.unlink()
    if new is not None:
        file.write_text(new if isinstance(new, str) else json.dumps(new))
    with pytest.raises(ProvisionError, match=says) as refused:
        load_hosts("production")
    assert "provision " in refused.value.next_step


@pytest.mark.parametrize("name", ["known_hosts", "ssh_config", "id_rsa"])
def test_inventory_without_its_trust_files_fails_closed(generated: Path, name: str) -> None:
    paths = env_paths(worlds.world("production"))
    next(
        p for p in (paths.known_hosts, paths.ssh_config, paths.private_key) if p.name == name
    ).unlink()
    with pytest.raises(ProvisionError, match=name):
        load_hosts("production")
