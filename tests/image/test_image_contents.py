"""What whoever may pull the image can read in it: nothing of the machine that built it.

Every layer counts, also what a later one deletes, and so do the variables and the commands that
the engine shows.
"""

from __future__ import annotations

import stat
from pathlib import Path

from story_services.common.settings import SERVICES
from tests.image import leaks
from tests.image.engine import Image
from tests.image.findings import none_of
from tests.image.layers import Entry, sizes, visible
from tests.image.machine import builder

#: The app role claims 1500 MB of disk: 600 for engine and packages, and room for three images
#: (the one that serves, the one before it, and one that is being pulled).
UNPACKED_MB = 300
#: A pull is most of the time of a deploy: 5-6.5 s for 47 MB were measured.
PACKED_MB = 120


def test_no_layer_holds_a_secret_or_authority_of_the_build_machine(contents: list[Entry]) -> None:
    none_of(leaks.in_files(contents, builder()))


def test_the_public_authorities_are_there(contents: list[Entry]) -> None:
    """Otherwise the test above compares with nothing."""
    bundle = visible(iter(contents))["etc/ssl/certs/ca-certificates.crt"]
    assert len(leaks.certificates(bundle.content)) > 50


def test_variables_and_history_tell_no_secret(subject: Image) -> None:
    none_of(leaks.in_settings(subject.config.get("Env") or [], subject.history(), builder()))
    labels = " ".join(f"{k}={v}" for k, v in (subject.config.get("Labels") or {}).items())
    none_of(leaks.in_settings([], labels, builder()))


def test_no_setuid_file_is_left(contents: list[Entry]) -> None:
    """The flags make them harmless; an image that has none does not depend on the flags."""
    special = stat.S_ISUID | stat.S_ISGID
    found = visible(iter(contents)).values()
    none_of(f"/{e.path} {e.mode & 0o7777:o}" for e in found if e.mode & special)


def test_the_services_own_nothing_that_they_run(contents: list[Entry]) -> None:
    """Who can change the program can stay: nothing outside of /tmp is writable for everybody."""
    found = visible(iter(contents)).values()
    none_of(f"/{e.path}" for e in found if e.mode & stat.S_IWOTH)


def test_nothing_that_builds_is_left(contents: list[Entry]) -> None:
    paths = visible(iter(contents))
    site = {p.partition("/site-packages/")[2].split("/")[0] for p in paths if "opt/story/" in p}
    assert {"story_services", "fastapi", "opensearchpy"} <= site
    assert not {"pip", "setuptools", "boto3", "pyinfra", "pytest"} & site
    served = {p for p in paths if "/site-packages/story_services/" in p}
    assert {name for name in SERVICES if any(f"/{name}/" in p for p in served)} == set(SERVICES)


def test_it_is_no_larger_than_its_host_has_room_for(archive: Path) -> None:
    unpacked, packed = (size / 1e6 for size in sizes(archive))
    print(f"unpacked {unpacked:.0f} MB, packed {packed:.0f} MB")
    assert unpacked <= UNPACKED_MB
    assert packed <= PACKED_MB


def test_it_is_run_as_the_services_own_user(subject: Image) -> None:
    """By the image itself: whoever forgets a flag does not run it as root."""
    assert subject.config["User"] == "10001:10001"
    assert subject.config["Entrypoint"]
    assert set(subject.config["ExposedPorts"]) == {"8000/tcp"}
