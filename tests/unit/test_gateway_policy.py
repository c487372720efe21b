"""policy.toml: what it may say, what it comes to, and how a slip in it is told."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from deploys.gateway.operations import Operation
from deploys.gateway.policy import SHIPPED, PolicyError, effective, load, parse

DEFAULTS = SHIPPED.read_text().split("\n[[rules]]")[0] + "\n"
OPERATIONS = (
    Operation("scripts", "GET", "/scripts", "listScripts", ("scripts",)),
    Operation("scripts", "POST", "/scripts", "createScript", ("scripts",)),
    Operation("stories", "GET", "/stories", "getStory", ("stories", "slow")),
)


def settings(rules: str) -> dict[str, Any]:
    made = effective(parse(DEFAULTS + rules), OPERATIONS)
    return {operation.operation_id: chosen for operation, chosen in made.items()}


def refusal(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        effective(parse(text), OPERATIONS)
    return str(caught.value)


def test_defaults_hold_where_no_rule_says_otherwise() -> None:
    plain = settings("")
    assert {s.authentication for s in plain.values()} == {"key"}
    assert {s.cors for s in plain.values()} == {()}
    assert all(s.reachable and s.log and s.cache_seconds == 0 for s in plain.values())


def test_selectors_of_a_rule_must_all_fit_and_names_of_one_any() -> None:
    made = settings("[[rules]]\nservice='scripts'\nmethod=['POST', 'GET']\nlog=false")
    assert {name for name, s in made.items() if not s.log} == {"listScripts", "createScript"}
    made = settings("[[rules]]\nservice='scripts'\nmethod='GET'\nlog=false")
    assert {name for name, s in made.items() if not s.log} == {"listScripts"}
    made = settings("[[rules]]\ntag=['slow']\nlog=false")
    assert {name for name, s in made.items() if not s.log} == {"getStory"}


def test_a_later_rule_wins_and_changes_only_what_it_names() -> None:
    made = settings(
        "[[rules]]\nmethod='GET'\nmax_body_kb=1\nrate_limit={minute=5}\n"
        "[[rules]]\noperation='getStory'\nmax_body_kb=2"
    )
    assert (made["listScripts"].max_body_kb, made["getStory"].max_body_kb) == (1, 2)
    assert made["getStory"].rate_limit.model_dump() == {"minute": 5, "hour": None}


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("[[rules]]\noperaton='x'\nlog=false", "rules[0].operaton: unknown key; valid: operation"),
        ("[[rules]]\ntag='slow'\nrate_limit={second=1}",
         "rules[0].rate_limit.second: unknown key; valid: minute, hour"),
        ("[[rule]]\ntag='slow'", "rule: unknown key; valid: defaults, rules, pages"),
        ("[[rules]]\noperation='getStories'\nlog=false",
         "rules[0].operation: 'getStories' fits nothing; near: getStory"),
        ("[[rules]]\nmethod='get'\nlog=false", "rules[0].method: 'get' fits nothing; near: "),
        ("[[rules]]\ntag='slow'\nmethod='POST'\nlog=false",
         "rules[0]: no operation fits all its selectors together"),
        ("[[rules]]\nlog=false", "rules[0]: a rule needs a selector: operation, tag"),
        ("[[rules]]\ntag='slow'", "rules[0]: a rule needs a setting: reachable, authentication"),
        ("[[rules]]\ntag='slow'\nauthentication='none'", "needs a rule that names the operation"),
        ("[[rules]]\ntag='slow'\nauthentication='basic'", "rules[0].authentication: Input"),
        ("[[rules]]\ntag='slow'\nrate_limit={minute=10,hour=9}", "hour (9) is below minute (10)"),
        ("[[rules]]\ntag='slow'\nrate_limit={}", "a limit needs minute, hour or both"),
        ("[[rules]]\ntag='slow'\nmax_body_kb=0", "rules[0].max_body_kb: Input should be greater"),
        ("[[rules]]\ntag='slow'\ncors=['desk.example.org']", "is no origin; valid: https://name"),
        ("[[rules]]\ntag='slow'\ncors=['https://.*']", "is no origin"),
        ("[[rules]]\nmethod='POST'\ncache_seconds=5",
         "POST /scripts (createScript): only a GET can be cached"),
        ("[[pages]]\npath='/metrics'\nservice='scripts'", "pages[0].path: Input should be"),
        ("[[rules", "policy.toml: "),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_its_key_and_what_is_valid(rules: str, told: str) -> None:
    assert told in refusal(DEFAULTS + rules)


def test_missing_defaults_are_named() -> None:
    text = DEFAULTS.replace("max_body_kb = 256", "")
    assert refusal(text) == "policy.toml: defaults.max_body_kb: Field required"


def test_all_slips_are_told_at_once() -> None:
    told = refusal(DEFAULTS + "[[rules]]\ntag='slow'\nlog=3\nspeed=1\n[[rules]]\nlog=false")
    assert len(told.splitlines()) == 3


def test_a_page_is_an_operation_like_any_other() -> None:
    policy = parse(DEFAULTS + "[[pages]]\npath='/openapi.json'\nservice='scripts'")
    pages = set(policy.operations(OPERATIONS)) - set(OPERATIONS)
    assert [(p.method, p.path, p.service) for p in pages] == [("GET", "/openapi.json", "scripts")]


def test_the_shipped_file_is_read_and_its_digest_is_of_its_text() -> None:
    policy = load()
    assert len(policy.rules) == len(tomllib.loads(SHIPPED.read_text())["rules"])
    assert policy.digest != parse(SHIPPED.read_text() + "# more\n").digest
    with pytest.raises(PolicyError, match=r"nowhere\.toml"):
        load(SHIPPED.with_name("nowhere.toml"))
