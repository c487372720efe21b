"""A wrong site file is refused before any call, with file, line, key, reason and what is valid."""

from __future__ import annotations

import pytest

from tests.provision.conftest import SITE, Site


@pytest.fixture(autouse=True)
def production(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged as production, where nothing stands over the file; calls would reach the stand-in."""
    monkeypatch.setenv("DEPLOY_ENV", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_LIGHTSAIL", site.api.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.delenv("AWS_PROFILE")


OVERLAY = '[site]\nblueprint = "debian_13"\n'
WORLD = 'operator_networks = ["0.0.0.0/0"]'
OPERATORS = 'operator_networks = ["203.0.113.7/32"]'
SEARCH = 'name = "search-1"\nrole = "opensearch"\nsize = "micro"\n'
VERSION = 'version = "3.8.0"\n'

# what is replaced, by what, the key that is named, what the message says besides
CASES = [
    ('name = "fountainai"', 'name = "Fountain AI"', "site.name", "2 to 63 of a-z, 0-9 and -"),
    ('name = "fountainai"', 'name = "-rf"', "site.name", "a letter first"),
    ('name = "fountainai"', "name = 7", "site.name", "valid string"),
    ('name = "fountainai"\n', "", "site.name", "is missing"),
    ('region = "eu-central-1"', 'region = "eu-centrl-1"', "site.region", "valid: ap-east-1"),
    ('region = "eu-central-1"', 'region = ""', "site.region", "no Lightsail region"),
    ('region = "eu-central-1"\n', "", "site.region", "is missing (Lightsail region)"),
    ('zone = "a"', 'zone = "eu-central-1a"', "site.zone", "a to f"),
    ('zone = "a"', "zone = 1", "site.zone", "valid string"),
    ('blueprint = "ubuntu_24_04"', 'blueprint = "Ubuntu 24.04"', "site.blueprint", "ubuntu_24_04"),
    (OPERATORS, WORLD, "site.operator_networks.0", "the whole internet"),
    (OPERATORS, 'operator_networks = ["::/0"]', "site.operator_networks.0", "(IPv4 networks"),
    (OPERATORS, "operator_networks = []", "site.operator_networks", "at least 1"),
    (OPERATORS, 'operator_networks = "203.0.113.7/32"', "site.operator_networks", "IPv4 networks"),
    (OPERATORS, 'operator_networks = ["203.0.113.7/33"]', "site.operator_networks.0", "network"),
    (OPERATORS, 'operator_networks = ["10.0.0.1/8"]', "site.operator_networks.0", "host bits"),
    (OPERATORS, 'operator_networks = ["home"]', "site.operator_networks.0", "(IPv4 networks"),
    ('zone = "a"', 'zone = "a"\nregoin = "x"', "site.regoin", "valid here: name, region, zone"),
    ("[opensearch]", "[opnsearch]", "opnsearch", "valid here: site, hosts, base, opensearch"),
    ('name = "search-1"', 'name = "app-1"', "hosts.app-1", "used twice"),
    ('name = "search-1"', 'name = "search_1"', "hosts.search_1.name", "2 to 63"),
    ('name = "search-1"', 'name = "search 1"', "hosts.search 1.name", "2 to 63"),
    ('name = "search-1"', 'name = "search-1; rm -rf /"', "hosts.", "2 to 63"),
    ('name = "search-1"', 'name = "se\\u0430rch-1"', "hosts.", "2 to 63"),
    ('name = "search-1"', 'name = "search-1\\n"', "hosts.", "2 to 63"),
    ('name = "search-1"', 'name = "opensearch"', "hosts.opensearch.name", "use opensearch-1"),
    ('name = "search-1"', f'name = "{"s" * 300}"', "hosts.", "2 to 63"),
    ('name = "search-1"', "name = 1", "hosts[2].name", "missing or no string"),
    ('name = "search-1"\n', "", "hosts[2].name", "missing or no string"),
    (
        'role = "opensearch"',
        'role = "elastic"',
        "hosts.search-1.role",
        "'opensearch', 'app', 'kong'",
    ),
    ('role = "opensearch"\n', "", "hosts.search-1.role", "is missing"),
    ('size = "micro"', 'size = "tiny"', "hosts.search-1.size", "'nano', 'micro', 'small'"),
    ('size = "micro"', 'size = "micro_3_0"', "hosts.search-1.size", "'nano', 'micro', 'small'"),
    ('size = "micro"', "size = 1024", "hosts.search-1.size", "'nano', 'micro', 'small'"),
    ('size = "micro"', 'size = "micro"\nstatic_ip = "yes"', "hosts.search-1.static_ip", "boolean"),
    (
        'size = "micro"',
        'size = "micro"\nprice = 1',
        "hosts.search-1.price",
        "valid here: name, role",
    ),
    # a search host that cannot hold its heap, by size and by wish
    ('size = "micro"', 'size = "nano"', "hosts.search-1.size", "allow_undersized = true"),
    (VERSION, f"{VERSION}heap_mb = 700\n", "opensearch.heap_mb", "more than 75 %"),
    (VERSION, f"{VERSION}heap_mb = 0\n", "opensearch.heap_mb", "greater than or equal to 64"),
    (VERSION, f'{VERSION}heap_mb = "300"\n', "opensearch.heap_mb", "valid integer"),
    (VERSION, f"{VERSION}allow_undersized = 1\n", "opensearch.allow_undersized", "boolean"),
    (
        VERSION,
        f'{VERSION}door_networks = ["0.0.0.0/0"]\n',
        "opensearch.door_networks.0",
        "internet",
    ),
    (
        VERSION,
        f'{VERSION}door_networks = ["0.0.0.0/1"]\n',
        "opensearch.door_networks.0",
        "internet",
    ),
    (VERSION, f"{VERSION}swap = 1\n", "opensearch.swap", "unknown key"),
    ('version = "3.8.0"', 'version = "2.19.0"', "opensearch.version", "valid: 3."),
    (VERSION, f'{VERSION}[app]\nimage = "app:latest"\n', "app.image", "never a tag"),
    (VERSION, f"{VERSION}[base]\noperator_networks = ['10.9.0.0/16']\n", "base.", "under [site]"),
]


@pytest.mark.parametrize(("old", "new", "key", "says"), CASES)
def test_wrong_field_is_refused_with_key_and_line_before_any_call(
    site: Site, old: str, new: str, key: str, says: str
) -> None:
    assert SITE.count(old) >= 1
    site.file.write_text(new.join(SITE.rsplit(old, 1)))
    for command in (["plan"], ["apply", "--yes"]):
        result = site.run(*command)
        assert result.code == 1
        assert f": {key}" in result.err
        assert says in result.err
        assert "inventories/site.toml line " in result.err
        assert "Next: edit" in result.err
        assert "Traceback" not in result.err
    assert site.api.calls == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("# only a comment\n", "site: is missing"),
        ("[site\n", "line 1"),
        ('[site]\nname = "a"\nname = "b"\n', "line 3"),
        ("[site]\nname = fountainai\n", "line 2"),
        ("[site]\n[hosts]\nname = 'x'\n", "begin each with [[hosts]]"),
        ("hosts = [1, 2]\n", "begin each with [[hosts]]"),
        ("site = 3\n", "site: 3"),
        (SITE.replace("[[hosts]]", "[[nodes]]"), "nodes: unknown key"),
        (SITE.split("[[hosts]]")[0], "hosts: is missing"),
    ],
)
def test_file_that_is_no_site_is_refused(site: Site, text: str, says: str) -> None:
    site.file.write_text(text)
    result = site.run("plan")
    assert result.code == 1
    assert says in result.err
    assert "inventories/site.toml" in result.err
    assert site.api.calls == []


def test_file_that_cannot_be_read_is_refused(site: Site) -> None:
    site.file.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in site.run("plan").err
    site.file.unlink()
    assert "does not exist" in site.run("plan").err
    assert site.api.calls == []


def test_error_in_the_overlay_names_the_overlay_and_its_line(site: Site) -> None:
    overlay = site.root / "inventories" / "lab" / "site.toml"
    overlay.write_text(OVERLAY + '\n[[hosts]]\nname = "search-1"\nsize = "tiny"\n')
    result = site.run("plan", "--env", "lab")
    assert "inventories/lab/site.toml line 6: hosts.search-1.size" in result.err


def test_all_problems_are_told_at_once(site: Site) -> None:
    site.file.write_text(SITE.replace('"micro"', '"tiny"').replace("eu-central-1", "mars-1"))
    err = site.run("plan").err
    assert "hosts.search-1.size" in err
    assert "site.region" in err


def test_example_address_is_refused_for_real_hosts(site: Site) -> None:
    """The address in the shipped file is nobody's: real hosts would be locked for everyone."""
    result = site.run("apply", "--yes")
    assert result.code == 1
    assert "203.0.113.7/32 is an example" in result.err
    assert site.api.calls == []


def test_the_same_file_with_a_real_address_is_planned(site: Site) -> None:
    """The counterproof: the refusals above are due to what was changed."""
    site.file.write_text(SITE.replace("203.0.113.7", "9.9.9.9"))
    assert site.run("plan").code == 2
