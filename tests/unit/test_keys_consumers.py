"""API keys: one per consumer, two while one follows the other, never wider open than 0600."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deploys import keys
from deploys.secrets import Secret, SecretError
from tests.kill_support import every_death
from tests.secrets_support import ROOT, Project

GIVEN, OTHER = "A" * 40, "b.-_~+/=:@" * 4


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("FOUNTAINAI_PROJECT", str(tmp_path))
    return Project(tmp_path)


def valid(project: Project, name: str = "storyteller") -> list[bytes]:
    return [key.reveal() for key in keys.consumers(project.where, project.site)[name]]


def forget(project: Project, *, all_made: bool) -> None:
    seen = keys.present(project.where, project.site, "storyteller")
    keys.retire(project.where, "storyteller", seen, all_made=all_made)


def test_key_is_recognised_random_and_of_one_length() -> None:
    made = {keys.new_key() for _ in range(2000)}
    assert len(made) == 2000
    assert all(re.fullmatch(r"fai_[0-9A-Za-z]{43}", key) for key in made)
    assert len({key[5] for key in made}) == 62  # the whole alphabet in every place but the first


def test_key_is_made_once_for_each_consumer(project: Project) -> None:
    project.write('[[kong.consumers]]\nname = "app"\n[[kong.consumers]]\nname = "editor"\n')
    found = keys.consumers(project.where, project.site)
    assert list(found) == ["app", "editor"]
    assert [len(k) for k in found.values()] == [1, 1]
    assert found["app"] != found["editor"]
    assert keys.consumers(project.where, project.site) == found
    assert (project.secrets / "api_key").read_bytes() == found["app"][0].reveal()


def test_only_the_owner_reads_them(project: Project) -> None:
    valid(project)
    for path in (project.secrets, *project.secrets.rglob("*")):
        if path.name != ".lock":
            assert path.stat().st_mode & 0o077 == 0, path


def test_two_runs_at_once_agree(project: Project) -> None:
    code = (
        "from deploys import keys; from inventories.worlds import world\n"
        "from inventories.spec import load_site\n"
        "w = world('production'); k = keys.consumers(w, load_site(w))\n"
        "import sys; sys.stdout.buffer.write(k['storyteller'][0].reveal())"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    assert len({process.communicate(timeout=60)[0] for process in running}) == 1


def test_rotation_keeps_both_and_shows_what_the_gateway_knows(project: Project) -> None:
    """Who reads api_key is refused at no moment: it changes only when every gateway has it."""
    project.hosts("gateway-1=kong", "gateway-2=kong", "app-1=app")
    shown = project.secrets / "api_key"
    (old,) = valid(project)
    project.gone_through()
    keys.rotate(project.where, "storyteller")
    new, before = valid(project)
    assert before == old != new
    assert shown.read_bytes() == old
    project.gone_through("gateway-1", "app-1")
    assert shown.read_bytes() == old
    project.gone_through("gateway-2")
    assert shown.read_bytes() == new
    forget(project, all_made=False)
    assert valid(project) == [new]


def test_rotating_twice_is_refused(project: Project) -> None:
    """The third key would be the second's end, and its users were never told."""
    with pytest.raises(SecretError, match="first converge makes it"):
        keys.rotate(project.where, "storyteller")
    valid(project)
    keys.rotate(project.where, "storyteller")
    with pytest.raises(SecretError, match="secrets retire api-key/storyteller --env production"):
        keys.rotate(project.where, "storyteller")


def test_retiring_what_another_run_changed_is_refused(project: Project) -> None:
    """Between the check that the gateway has the new key and the end of the old one."""
    valid(project)
    keys.rotate(project.where, "storyteller")
    seen = keys.present(project.where, project.site, "storyteller")
    forget(project, all_made=False)
    keys.rotate(project.where, "storyteller")
    with pytest.raises(SecretError, match="changed meanwhile"):
        keys.retire(project.where, "storyteller", seen, all_made=False)
    assert len(valid(project)) == 2


def test_given_key_is_used_with_its_previous_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_NOW", GIVEN)
    monkeypatch.setenv("KEY_BEFORE", OTHER)
    line = 'storyteller = { env = "KEY_NOW", previous = { env = "KEY_BEFORE" } }'
    project.write(f"[secrets.api_keys]\n{line}\n")
    assert valid(project) == [GIVEN.encode(), OTHER.encode()]
    assert not list((project.secrets / "keys").glob("*.json"))
    assert (project.secrets / "api_key").read_text() == OTHER  # no gateway was given the new one
    project.gone_through()
    assert (project.secrets / "api_key").read_text() == GIVEN


def test_moving_between_generated_and_given_interrupts_nobody(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_NOW", GIVEN)
    (made,) = valid(project)
    project.write('[secrets.api_keys]\nstoryteller = { env = "KEY_NOW" }\n')
    assert valid(project) == [GIVEN.encode(), made]
    forget(project, all_made=True)
    assert valid(project) == [GIVEN.encode()]
    project.write('[secrets.api_keys]\nstoryteller = { previous = { env = "KEY_NOW" } }\n')
    again, before = valid(project)
    assert before == GIVEN.encode()
    assert again.startswith(b"fai_")
    assert again != made


def test_generated_key_may_move_into_a_vault(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made,) = valid(project)
    monkeypatch.setenv("KEY_NOW", made.decode())
    project.write('[secrets.api_keys]\nstoryteller = { env = "KEY_NOW" }\n')
    assert valid(project) == [made]


@pytest.mark.parametrize(
    "value",
    ["short", "x" * 31, "y" * 513, "{vault://env/planted}" + "p" * 40, "ü" * 40, "a b" * 20],
)
def test_unusable_key_is_refused_without_showing_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """A value such as {vault://…} would be looked up by Kong instead of compared."""
    monkeypatch.setenv("KEY_NOW", value)
    project.write('[secrets.api_keys]\nstoryteller = { env = "KEY_NOW" }\n')
    with pytest.raises(SecretError, match=r"api_keys\.storyteller \(env KEY_NOW\)") as refused:
        valid(project)
    assert value not in str(refused.value)


def test_one_key_for_two_consumers_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_NOW", GIVEN)
    project.write(
        '[secrets.api_keys]\na1 = { env = "KEY_NOW" }\nb1 = { env = "KEY_NOW" }\n'
        '[[kong.consumers]]\nname = "a1"\n[[kong.consumers]]\nname = "b1"\n'
    )
    with pytest.raises(SecretError, match="a1 and b1 have the same API key"):
        valid(project, "a1")
    line = 'a1 = { env = "KEY_NOW", previous = { env = "KEY_NOW" } }'
    project.write(f'[secrets.api_keys]\n{line}\n[[kong.consumers]]\nname = "a1"\n')
    with pytest.raises(SecretError, match="are the same"):
        valid(project, "a1")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"[{}]",
        b'[{"key": 1, "since": ""}]',
        b'[{"key": "x", "since": ""}]',
        b"[",
    ],
)
def test_damaged_file_is_said_not_replaced(project: Project, content: bytes) -> None:
    """A new key in silence would lock out whoever has the old one."""
    valid(project)
    path = project.secrets / "keys" / "storyteller.json"
    path.write_bytes(content)
    with pytest.raises(SecretError, match="is damaged; restore it"):
        valid(project)
    path.chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600"):
        valid(project)


def test_killed_rotation_is_before_or_after(project: Project) -> None:
    (old,) = valid(project)
    path, before = project.secrets / "keys" / "storyteller.json", b""

    def prepare() -> Callable[[], object]:
        nonlocal before
        before = before or path.read_bytes()
        path.write_bytes(before)
        return lambda: (
            keys.rotate(project.where, "storyteller"),
            keys.consumers(project.where, project.site),
            forget(project, all_made=False),
        )

    deaths = 0
    for _ in every_death(prepare):
        deaths += 1
        found = valid(project)
        assert old in found
        assert (project.secrets / "api_key").read_bytes() in found
    assert deaths >= 2


def test_note_forgets_hosts_that_are_gone(project: Project) -> None:
    valid(project)
    project.gone_through()
    project.hosts("gateway-1=kong")
    project.gone_through()
    assert list(json.loads((project.secrets / "applied.json").read_text())) == ["gateway-1"]


def test_notes_hold_no_key(project: Project) -> None:
    (key,) = valid(project)
    project.gone_through()
    text = (project.secrets / "applied.json").read_bytes()
    assert key not in text
    assert b"api-key/storyteller" in text
    assert Secret(key) == Secret(key)
