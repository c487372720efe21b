"""The hosts' apt sources follow the machine's, in both forms the machine may write them in."""

from __future__ import annotations

import pytest

from inventories.lab import apt_sources
from inventories.lab.apt_sources import Mirror

DEB822 = """Types: deb deb-src
# a comment inside
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main
"""
LIST = """# old form
deb [signed-by=/usr/share/keyrings/x.gpg arch=amd64] https://mirror.example/debian trixie main
deb-src https://other.example/debian trixie main
deb https://mirror.example/security trixie-security main # why
"""


@pytest.mark.parametrize(
    ("text", "main", "security"),
    [
        (DEB822, "http://mirror.example/debian", "http://mirror.example/security"),
        (LIST, "https://mirror.example/debian", "https://mirror.example/security"),
        (
            DEB822.replace("bookworm-security", "bookworm/updates"),
            "http://mirror.example/debian",
            "http://mirror.example/security",
        ),
        (
            "deb http://a.example/debian stable main\n",
            "http://a.example/debian",
            None,
        ),
    ],
)
def test_mirror_is_read_from_either_form(text: str, main: str, security: str | None) -> None:
    assert apt_sources.mirror(["", text]) == Mirror(main, security)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "deb https://packages.example/vendor vendor-stable main\n",
        "deb cdrom:[Debian]/ trixie main\n",
        "#deb http://mirror.example/debian trixie main\n",
        "deb http://mirror.example/debian trixie contrib\n",
        DEB822.split("\n\n")[0] + "\nEnabled: no\n",
        "URIs:\nTypes\n: x\n\x00\n",
    ],
)
def test_what_is_not_the_debian_archive_is_not_taken(text: str) -> None:
    assert apt_sources.mirror([text]) is None


def test_folded_fields_of_deb822_are_read() -> None:
    text = "Types:\n deb\nURIs:\n http://m.example/debian\nSuites: trixie\nComponents: main\n"
    assert apt_sources.mirror([text]) == Mirror("http://m.example/debian", None)


def test_written_sources_are_read_back_as_the_same_mirror() -> None:
    for mirror in (Mirror("http://m.example/d", "http://m.example/s"), Mirror("http://m/d", None)):
        assert apt_sources.mirror([apt_sources.deb822(mirror)]) == mirror
        assert apt_sources.mirror(["\n".join(apt_sources.lines(mirror))]) == mirror


def test_only_what_a_host_needs_is_taken_from_the_apt_configuration() -> None:
    dump = (
        'Acquire::http::Proxy "http://proxy.example:3142";\n'
        'Acquire::http::Proxy::mirror.example "DIRECT";\n'
        'Acquire::Check-Valid-Until "false";\n'
        'Acquire::https::Proxy "";\n'
        'DPkg::Post-Invoke:: "rm -rf /x";\n'
        'Acquire::Languages "none";\n'
    )
    assert apt_sources.settings(dump).splitlines() == dump.splitlines()[:3]
