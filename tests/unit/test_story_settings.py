"""Settings of the story services: what wins, and how a wrong one is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from story_services.common.settings import SERVICES, Settings, SettingsError, load


def test_defaults_need_no_variable() -> None:
    assert load(environ={}) == Settings()
    assert Settings().store_url == "http://127.0.0.1:9200"


def test_a_cluster_has_several_addresses() -> None:
    given = load(None, {"STORY_STORE_URL": "https://10.0.0.1:9200/, https://10.0.0.2:9200"})
    assert given.store_url == "https://10.0.0.1:9200,https://10.0.0.2:9200"


def test_own_variable_of_a_service_wins_for_that_service_only() -> None:
    environ = {"STORY_PORT": "9000", "CENTRAL_SEQUENCE_PORT": "9001"}
    assert load("central-sequence", environ).port == 9001
    assert load("central_sequence", environ).port == 9001
    assert load("characters", environ).port == 9000
    assert load(None, environ).port == 9000


def test_story_factory_shares_a_prefix_and_is_not_confused() -> None:
    """`STORY_FACTORY_PORT` begins with `STORY_` but is no setting called `factory_port`."""
    environ = {"STORY_FACTORY_PORT": "9005", "STORY_PORT": "9000"}
    assert load("story_factory", environ).port == 9005
    assert load("characters", environ).port == 9000


def test_every_package_of_a_service_is_known() -> None:
    here = Path(__file__).resolve().parents[2] / "story_services"
    packages = {p.parent.name for p in here.glob("*/routes.py")}
    assert packages <= set(SERVICES)


def test_variables_of_others_are_left_alone_and_slips_are_not() -> None:
    assert load(None, {"STORY_API_KEY": "x", "PATH": "/bin", "CHARACTERS_FOO": "1"}) == Settings()
    with pytest.raises(SettingsError, match="STORY_STORE_DEADLNE is not a setting; STORY_STORE_DE"):
        load(None, {"STORY_STORE_DEADLNE": "1"})


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("STORY_PORT", "65536", "less than or equal to 65535"),
        ("STORY_PORT", "eighty", "valid integer"),
        ("CHARACTERS_PORT", "-1", "greater than or equal to 0"),
        ("STORY_STORE_URL", "search:9200", "http://127.0.0.1:9200"),
        ("STORY_STORE_URL", "http://me:secret@host:1", "without a user"),
        ("STORY_STORE_URL", "http://one:1,two:2", "several with commas"),
        ("STORY_STORE_URL", "http://one:1,https://two:2", "all http or all https"),
        ("STORY_INDEX_PREFIX", "*", "story-"),
        ("STORY_INDEX_PREFIX", "story-../", "story-"),
        ("STORY_STORE_DEADLINE", "nan", "number"),
        ("STORY_LOG_LEVEL", "loud", "'debug', 'info'"),
        ("STORY_PUBLIC_URL", "gateway", "pattern"),
    ],
)
def test_a_value_that_does_not_fit_names_its_variable(variable: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load("characters", {variable: value})
    assert variable in str(caught.value)
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_certificate_needs_its_key(tmp_path: Path) -> None:
    cert = tmp_path / "story.pem"
    cert.touch()
    with pytest.raises(SettingsError, match=r"STORY_STORE_CERT and STORY_STORE_KEY must be given"):
        load(None, {"STORY_STORE_CERT": str(cert)})


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match=r"STORY_STORE_CA='/no/ca.pem' .* not point to a file"):
        load(None, {"STORY_STORE_CA": "/no/ca.pem"})


def test_a_program_ends_with_a_sentence_and_status_1() -> None:
    code = "from story_services.common.settings import load_or_exit; load_or_exit()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "STORY_PORT": "0x50"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: STORY_PORT='0x50'")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
