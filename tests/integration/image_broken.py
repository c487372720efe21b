"""Images of the services with something wrong in them, each by the Dockerfile of a mistake.

They are built on the good image by the engine itself, without a network. Each says which tests of
the suite have to fail for it, all others have to pass, and what those failures have to say.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploys.pki import Pki

GOOD = "story:good"
PYTHON = "/opt/story/bin/python3"
SERVE = f'{PYTHON} -I -m story_services.main "$@"'


def _shell(text: str) -> str:
    """A shell as the entry point, given the services' names as its arguments."""
    return f"ENTRYPOINT {json.dumps(['/bin/sh', '-c', text, 'sh'])}"


LARGE_MB = 150  # what cannot be packed


@dataclass(frozen=True)
class Broken:
    """Lines of a Dockerfile after `FROM`, the tests that fail and words of the failure."""

    lines: tuple[str, ...]
    fails: frozenset[str]
    words: tuple[str, ...] = ()


def _broken(*lines: str, fails: tuple[str, ...], words: tuple[str, ...] = ()) -> Broken:
    return Broken(lines, frozenset(fails), words)


_LEAK = "test_no_layer_holds_a_secret_or_authority_of_the_build_machine"
#: A key that is deleted again is still there for whoever pulls the image.
_KEY = ("USER 0", "COPY some.key /opt/build.key", "RUN rm /opt/build.key", "USER 10001:10001")
#: A shell in between does not pass the signal on.
_DEAF = _shell(f"trap '' TERM; {SERVE}; exit $?")
_ENDS = ("test_it_ends_at_once_when_nobody_asks", "test_whoever_asked_before_gets_an_answer")

KINDS: Mapping[str, Broken] = {
    "root": _broken(
        "USER 0:0",
        fails=("test_it_is_run_as_the_services_own_user",),
        words=("10001:10001",),
    ),
    "authority": _broken(
        "COPY ca.pem /etc/ssl/extra.pem",
        fails=(_LEAK,),
        words=("a certificate that is not of a public authority in /etc/ssl/extra.pem",),
    ),
    "key": _broken(*_KEY, fails=(_LEAK,), words=("a private key in /opt/build.key (layer",)),
    "sick": _broken(
        'HEALTHCHECK CMD ["/bin/false"]',
        fails=("test_the_health_check_follows_the_store",),
        words=("unhealthy",),
    ),
    "deaf": _broken(_DEAF, fails=_ENDS),
    "setuid": _broken(
        "USER 0", "RUN chmod u+s /usr/bin/su", "USER 10001:10001",
        fails=("test_no_setuid_file_is_left",), words=("/usr/bin/su 4755",),
    ),
    "token": _broken(
        "ENV REGISTRY_TOKEN=planted-in-a-variable",
        fails=("test_variables_and_history_tell_no_secret",),
        words=("the variable REGISTRY_TOKEN",),
    ),
    "pip": _broken(
        "COPY pip.conf /etc/pip.conf",
        fails=(_LEAK,),
        words=("a file of credentials or package sources in /etc/pip.conf",),
    ),
    "large": _broken(
        "COPY large /opt/large",
        fails=("test_it_is_no_larger_than_its_host_has_room_for",),
    ),
    "writes": _broken(
        _shell(f"touch /var/tmp/started; exec {SERVE}"),
        fails=("test_nothing_tries_to_write",),
        words=("/var/tmp/started",),
    ),
}  # fmt: skip
#: Several mistakes in one image, for when there is no time for each; and the others.
AT_ONCE = ("root", "authority", "key", "sick", "deaf")
#: Found in the image's files and settings, without starting it.
READABLE = ("authority", "key", "setuid", "token", "pip", "large")
OTHERS = tuple(kind for kind in KINDS if kind not in AT_ONCE)


def together(kinds: tuple[str, ...]) -> Broken:
    chosen = [KINDS[kind] for kind in kinds]
    # The user comes last: lines in between change it.
    chosen.sort(key=lambda one: one.lines[0].startswith("USER 0:0"))
    return Broken(
        tuple(line for one in chosen for line in one.lines),
        frozenset[str]().union(*(one.fails for one in chosen)),
        tuple(word for one in chosen for word in one.words),
    )


def build(name: str, broken: Broken, context: Path, env: Mapping[str, str]) -> None:
    """Make the image with the engine that `env` names, from files in `context`."""
    (context / "Dockerfile").write_text("\n".join([f"FROM {GOOD}", *broken.lines, ""]))
    done = subprocess.run(
        ["docker", "build", "--quiet", "--network", "none", "--tag", name, str(context)],
        env={**env, "DOCKER_BUILDKIT": "0"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def context(folder: Path, *, large: bool = False) -> tuple[Path, list[str]]:
    """What the mistakes copy, and lines of the key, which nobody may be shown."""
    pki = Pki(folder / "pki", "mistakes")
    key = pki.client_paths("story")[1].read_bytes()
    made = folder / "context"
    made.mkdir()
    (made / "some.key").write_bytes(key)
    (made / "ca.pem").write_bytes(pki.ca_path.read_bytes())
    (made / "pip.conf").write_text("[global]\nindex-url = https://packages.example/simple\n")
    (made / "large").write_bytes(os.urandom(LARGE_MB * 10**6 if large else 1))
    return made, [line for line in key.decode().splitlines()[1:-1] if len(line) > 20]
