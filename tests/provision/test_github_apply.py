"""`provision github plan | apply` against a GitHub that decrypts what it is given."""

from __future__ import annotations

import io
import json
import os
import re
import sys

import pexpect
import pytest

from deploys import keys
from inventories.repository.names import MAX_BYTES, RECORD
from tests.github_standin.world import Held
from tests.provision.github_support import ROOT, Desk

STAMP = "2026-01-01T00:00:00Z"


VALUES = {
    "LINES": "first\nsecond\r\n\nlast\n",
    "QUOTES": """it's "quoted" \\ $HOME `id` ${{ secrets.X }}""",
    "LETTERS": "zażółć gęślą jaźń 🎭 \u2028 e\u0301",
    "LARGE": "ä" * (MAX_BYTES // 2),
    "SPACES": "  padded\t ",
}


def test_values_arrive_byte_for_byte(desk: Desk) -> None:
    """A shell, a JSON encoder or a line-based tool in between would change one of these."""
    for name, value in VALUES.items():
        desk.secret(name, value)
    places = "".join(f'{name} = {{ env = "{name}" }}\n' for name in VALUES)
    desk.want(
        f"[github.secrets]\n{places}[github.environments.publish.secrets]\n{places}"
        '[github.variables]\nTEXT = "a\\nb \\"c\\" ä"\n'
    )
    desk.apply()
    for name, value in VALUES.items():
        assert desk.repo.secrets.plain(name) == value.encode()
        assert desk.repo.environments["publish"].secrets.plain(name) == value.encode()
    assert len(desk.repo.secrets.plain("LARGE")) == MAX_BYTES
    assert any("actions/secrets/LINES" in line for line in desk.logged)  # logs were on
    assert desk.repo.variables.value("TEXT") == 'a\nb "c" ä'


def test_a_byte_too_many_is_refused_before_any_call(desk: Desk) -> None:
    """Everything that is wrong comes at once, each with its line, and GitHub hears nothing."""
    desk.secret("FINE", "fine-value-of-a-secret")
    desk.secret("LARGE", "x" * (MAX_BYTES + 1))
    desk.secret("NOTEXT", b"\xff\xfe-value-of-a-secret")
    desk.want(
        '[github.secrets]\nFINE = { env = "FINE" }\nLARGE = { env = "LARGE" }\n'
        "[github.environments.publish.secrets]\n"
        'NOTEXT = { env = "NOTEXT" }\nABSENT = { env = "IS_NOT_SET" }\n'
    )
    for command in (["plan"], ["apply", "--yes"]):
        said = desk.run(*command)
        assert said.code == 1
        assert "site.toml line 21: github.secrets.LARGE (env LARGE) is 49153 bytes" in said.err
        assert "line 23: github.environments.publish.secrets.NOTEXT (env NOTEXT) is no" in said.err
        assert "line 24: github.environments.publish.secrets.ABSENT (env IS_NOT_SET) is" in said.err
        assert "FINE" not in said.err
    assert desk.hub.log == []


def test_the_second_apply_writes_nothing(desk: Desk) -> None:
    desk.secret("ONE", "value-of-the-first")
    desk.secret("TWO", "value-of-the-second")
    desk.want(
        '[github.secrets]\none = { env = "ONE" }\n[github.variables]\nplace = "here"\n'
        '[github.environments.publish.secrets]\nTWO = { env = "TWO" }\n'
        '[github.environments.publish.variables]\nplace = "there"\n[github.environments.empty]\n'
    )
    assert set(desk.kinds().values()) == {"add"}
    desk.apply()
    written = desk.hub.writes
    assert desk.kinds() == {
        "ONE": "unchanged",
        "PLACE": "unchanged",
        "publish/TWO": "unchanged",
        "publish/PLACE": "unchanged",
    }
    said = desk.apply()
    assert "nothing to do: 4 as site.toml says" in said.out
    assert desk.hub.writes == written
    assert desk.run("plan").code == 0


def test_a_changed_value_is_shown_by_name_and_written_alone(desk: Desk) -> None:
    desk.secret("ONE", "value-of-the-first")
    desk.secret("TWO", "value-of-the-second")
    desk.want('[github.secrets]\nONE = { env = "ONE" }\nTWO = { env = "TWO" }\n')
    desk.apply()
    desk.secret("TWO", "another-value-of-the-second")
    desk.hub.log.clear()
    said = desk.run("plan")
    assert said.code == 2
    assert "~ secret TWO: change (another value here)" in said.out
    assert "ONE" not in said.out
    assert desk.hub.writes == 0
    desk.apply()
    puts = [path.rpartition("/")[2] for (method, path) in desk.hub.effects if method == "PUT"]
    assert puts == ["TWO"]
    assert desk.repo.secrets.plain("TWO") == b"another-value-of-the-second"


def test_a_secret_changed_by_hand_is_named_as_such(desk: Desk) -> None:
    desk.secret("ONE", "value-of-the-first")
    desk.want('[github.secrets]\nONE = { env = "ONE" }\n')
    desk.apply()
    held = desk.repo.secrets.held["ONE"]
    held.value, held.updated_at = b"by hand", desk.hub.world.clock.stamp()
    said = desk.run("plan")
    assert f"changed at GitHub on {held.updated_at}, after it was written from here" in said.out
    desk.apply()
    assert desk.repo.secrets.plain("ONE") == b"value-of-the-first"
    assert desk.kinds() == {"ONE": "unchanged"}


def test_a_lost_key_makes_everything_unknown_and_is_repaired(desk: Desk) -> None:
    """Never "unchanged": without the key nobody can say what GitHub holds."""
    desk.secret("ONE", "value-of-the-first")
    desk.want('[github.secrets]\nONE = { env = "ONE" }\n')
    desk.apply()
    key = desk.project.secrets / "github.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.unlink()
    assert (
        "? secret ONE: unknown, will be written (written with another key" in desk.run("plan").out
    )
    assert not key.exists()  # a plan makes nothing
    desk.apply()
    assert desk.kinds() == {"ONE": "unchanged"}


def test_only_what_was_written_from_here_is_removed(desk: Desk) -> None:
    """--prune must not take away what a colleague put there, even when both left site.toml."""
    desk.secret("OURS", "value-of-ours-here")
    desk.want(
        '[github.secrets]\nOURS = { env = "OURS" }\n[github.variables]\nMINE = "1"\n'
        '[github.environments.publish.secrets]\nOURS = { env = "OURS" }\n'
    )
    desk.apply()
    stamp = desk.hub.world.clock.stamp()
    desk.repo.secrets.held["THEIRS"] = Held(b"x", stamp, stamp)
    desk.repo.variables.held["YOURS"] = Held(b"x", stamp, stamp)
    desk.want("")
    expected = {"OURS": "remove", "MINE": "remove", "publish/OURS": "remove"}
    expected |= {"THEIRS": "unknown", "YOURS": "unknown"}
    assert desk.kinds() == expected
    assert desk.run("plan").code == 0
    before = desk.hub.writes
    desk.apply()
    assert desk.hub.writes == before
    assert desk.run("plan", "--prune").code == 2
    desk.apply("--prune")
    assert set(desk.repo.secrets.held) == {"THEIRS"}
    assert set(desk.repo.variables.held) == {"YOURS", RECORD}
    assert desk.repo.environments["publish"].secrets.held == {}
    assert desk.run("plan", "--prune").code == 0


def test_an_environment_keeps_its_protection_rules(desk: Desk) -> None:
    """A PUT of an environment replaces every rule, so an existing one never gets one."""
    policy = {"protected_branches": True, "custom_branch_policies": False}
    there = desk.hub.world.add_environment(
        desk.repo, "Publish", wait_timer=30, reviewers=[{"type": "User", "id": 7}],
        prevent_self_review=True, deployment_branch_policy=policy,
    )  # fmt: skip
    desk.secret("ONE", "value-of-the-first")
    desk.want('[github.environments.publish.secrets]\nONE = { env = "ONE" }\n')
    desk.apply()
    assert (there.wait_timer, there.reviewers) == (30, [{"type": "User", "id": 7}])
    assert there.prevent_self_review
    assert there.deployment_branch_policy == policy
    assert there.secrets.plain("ONE") == b"value-of-the-first"
    assert not desk.hub.requests("PUT", r"/environments/[^/]+$")


def test_more_than_a_page_is_read_to_its_end(desk: Desk) -> None:
    """GitHub gives 30 variables and 100 secrets a page at most; missing one would add it anew."""
    names = [f"NAME_{number:03}" for number in range(130)]
    desk.want("[github.variables]\n" + "".join(f'{n} = "{n}"\n' for n in names))
    desk.apply()
    assert len(desk.repo.variables.held) == 131
    assert set(desk.kinds().values()) == {"unchanged"}
    assert desk.hub.requests("GET", "/variables.*page=5")


def test_secrets_of_the_hosts_are_kept_in_step(desk: Desk) -> None:
    """same_as: one place for a value, two that use it."""
    desk.secret("TOKEN_OF_REGISTRY", "ghp_of-the-registry-0123456789")
    desk.secret("EDITOR_KEY", "key-of-the-editor-0123456789abcdef")
    above = (
        '[secrets]\nregistry_token = { env = "TOKEN_OF_REGISTRY" }\n'
        '[secrets.api_keys]\neditor = { env = "EDITOR_KEY" }\n'
        '[[kong.consumers]]\nname = "editor"\n'
    )
    desk.want(
        '[github.secrets]\nPULL = { same_as = "registry_token" }\n'
        'KEY = { same_as = "api_keys.editor" }\n',
        above=above,
    )
    desk.apply()
    assert desk.repo.secrets.plain("PULL") == b"ghp_of-the-registry-0123456789"
    assert desk.repo.secrets.plain("KEY") == b"key-of-the-editor-0123456789abcdef"


def test_apply_asks_and_shows_the_plan_first(desk: Desk) -> None:
    desk.want('[github.variables]\nNAME = "value"\n')
    said = desk.run("apply")
    assert said.code == 1
    assert "+ variable NAME: add" in said.out
    assert "no terminal to ask on" in said.err
    assert desk.hub.writes == 0


def test_an_apply_for_programs(desk: Desk) -> None:
    """Stdout is JSON alone, and nobody is asked a question that would stand in it."""
    desk.secret("ONE", "value-of-the-first")
    desk.want('[github.secrets]\nONE = { env = "ONE" }\n')
    said = desk.run("apply", "--json")
    assert (said.code, said.out) == (1, "")
    assert "Next: add --yes" in said.err
    assert desk.hub.log == []
    done = json.loads(desk.apply("--json").out)
    assert (done["repository"], done["pending"]) == ("Fountain/story", False)
    assert [(i["name"], i["kind"], i["will"]) for i in done["items"]] == [("ONE", "add", "write")]
    done = json.loads(desk.apply("--json").out)
    assert [(i["name"], i["kind"], i["will"]) for i in done["items"]] == [
        ("ONE", "unchanged", None)
    ]


def test_who_waits_is_told_for_what(desk: Desk) -> None:
    """A network that swallows everything takes two minutes to be told from a slow one."""
    desk.hub.fail("GET", "/repos/", 502, 99)
    assert desk.run("plan").err.startswith("Asking GitHub about Fountain/story\n")
    assert desk.run("dispatch").err.startswith("Starting images.yml of Fountain/story\n")


def test_values_are_in_no_argument_and_no_environment_of_a_child(desk: Desk) -> None:
    """Who may list processes must not see them: a password manager's program looks around."""
    spy = desk.project.folder / "spy.py"
    spy.write_text(
        "import pathlib, sys\n"
        "seen = b''\n"
        "for p in pathlib.Path('/proc').glob('[0-9]*'):\n"
        "    try:\n"
        "        seen += (p / 'cmdline').read_bytes() + b'\\n'\n"
        "    except OSError:\n"
        "        pass\n"
        "seen += pathlib.Path('/proc/self/environ').read_bytes()\n"
        "pathlib.Path('seen').write_bytes(seen)\n"
        "sys.stdout.write('value-that-the-spy-prints')\n"
    )
    file = desk.project.folder / "secret.txt"
    file.write_text("value-that-lies-in-a-file\n")
    file.chmod(0o600)
    desk.planted += [b"value-that-lies-in-a-file", b"value-that-the-spy-prints"]
    argv = json.dumps([sys.executable, "spy.py"])
    desk.want(
        f'[github.secrets]\nA_FILE = {{ file = "secret.txt" }}\nSPY = {{ command = {argv} }}\n'
        f"Z_SPY = {{ command = {json.dumps([sys.executable, 'spy.py', 'again'])} }}\n"
    )
    desk.apply()
    assert desk.repo.secrets.plain("SPY") == b"value-that-the-spy-prints"
    assert desk.repo.secrets.plain("A_FILE") == b"value-that-lies-in-a-file"
    seen = (desk.project.folder / "seen").read_bytes()
    assert b"spy.py" in seen
    for value in (b"value-that-lies-in-a-file", b"value-that-the-spy-prints"):
        assert value not in seen


def test_no_room_is_told_before_anything_is_written(desk: Desk) -> None:
    """GitHub would refuse the 101st, with half of the others written."""
    desk.secret("ONE", "value-of-the-first")
    for number in range(99):
        desk.hub.repository.secrets.held[f"THEIRS_{number}"] = Held(b"x", STAMP, STAMP)
    desk.want('[github.secrets]\nA = { env = "ONE" }\nB = { env = "ONE" }\n')
    for command in (["plan"], ["apply", "--yes"]):
        said = desk.run(*command)
        assert said.code == 1
        assert "the repository would have 101 secrets; GitHub takes 100 at most" in said.err
    assert desk.hub.writes == 0
    desk.want('[github.secrets]\nA = { env = "ONE" }\n')
    desk.apply()
    desk.want('[github.secrets]\nZ = { env = "ONE" }\n')
    desk.apply("--prune")  # one goes before the other comes
    assert len(desk.repo.secrets.held) == 100


def test_nothing_of_environments_is_asked_without_any(desk: Desk) -> None:
    """A token without Actions: read is enough then."""
    token = desk.hub.world.tokens[desk.hub.token]
    token.permissions = {"metadata": "read", "secrets": "write", "variables": "write"}
    desk.repo.private = True
    desk.want('[github.variables]\nA = "x"\n')
    desk.apply()
    assert not desk.hub.requests("*", "environments")


@pytest.mark.parametrize(
    ("typed", "writes"),
    [("yes\r", True), ("y\r", False), ("\r", False), ("\x03", False), ("ye\x03", False),
     ("\x04", False)],
)  # fmt: skip
def test_at_a_terminal_only_yes_is_yes(desk: Desk, typed: str, writes: bool) -> None:
    desk.want('[github.variables]\nA = "x"\n')
    argv = ["-m", "inventories.provision", "github", "apply"]
    child = pexpect.spawn(
        sys.executable, argv, cwd=str(ROOT), env=dict(os.environ), encoding="utf-8", timeout=60
    )
    child.logfile_read = (seen := io.StringIO())
    child.expect("Type yes to write this to Fountain/story: ")
    assert "variable A: add" in seen.getvalue()
    child.send(typed)
    child.expect(pexpect.EOF)
    child.close()
    desk.shown.append(seen.getvalue())
    assert child.exitstatus == (0 if writes else 1)
    no = re.search(r"(?m)^(\x1b\[\d+m)?nothing was done: not confirmed", seen.getvalue())
    assert (no is None) == writes
    assert bool(desk.hub.writes) == writes


def test_a_lab_does_not_write_to_github(desk: Desk) -> None:
    """Its keys and tokens are of no use there, and would replace production's."""
    labs = desk.project.folder / "labs"
    (labs / "lab").mkdir(parents=True)
    overlay = desk.project.folder / "overlay.toml"
    overlay.write_text("")
    lab = {"name": "lab", "gateway": "127.83.0.1", "api": "http://127.0.0.1:9", "rtt_ms": 0}
    (labs / "lab" / "lab.json").write_text(json.dumps(lab | {"overlay": str(overlay)}))
    desk.patch.setenv("FOUNTAINAI_LABS", str(labs))
    desk.patch.delenv("FOUNTAINAI_GITHUB_API")
    for command in (["plan"], ["apply", "--yes"], ["dispatch"]):
        said = desk.run(*command, "--env", "lab")
        assert said.code == 1
        assert "the repository at GitHub belongs to production" in said.err


def test_a_key_that_the_gateways_do_not_have_yet_is_not_given(desk: Desk) -> None:
    """Between rotate and converge the new key is refused by the gateway; the one before works."""
    desk.want('[github.secrets]\nKEY = { same_as = "api_keys.storyteller" }\n')
    said = desk.run("apply", "--yes")
    assert said.code == 1
    assert "api-key/storyteller: there is no key yet; the first converge makes it" in said.err
    assert desk.hub.log == []
    where, site = desk.project.where, desk.project.site
    (old,) = keys.consumers(where, site)["storyteller"]
    desk.project.gone_through()
    desk.apply()
    keys.rotate(where, "storyteller")
    new = keys.consumers(where, site)["storyteller"][0]
    desk.planted += [old.reveal(), new.reveal()]
    assert desk.kinds() == {"KEY": "unchanged"}
    desk.project.gone_through()
    assert desk.kinds() == {"KEY": "change"}
    assert desk.repo.secrets.plain("KEY") == old.reveal()
    desk.apply()
    assert desk.repo.secrets.plain("KEY") == new.reveal()
