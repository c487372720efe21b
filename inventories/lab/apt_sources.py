"""Pure: the apt sources of a rehearsal host, from those of the machine it runs on.

Guarantees that a host fetches packages from where the machine does (its own mirror), only with
another suite. Knows no mirror of its own, so it works behind whichever one the machine uses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEBIAN = re.compile(
    r"(?:bookworm|trixie|forky|sid|stable|testing|oldstable)(-security|-updates|/updates)?"
)
# Settings of the machine's apt that a host needs to use the same mirror.
SETTINGS = re.compile(
    r'^Acquire::(?:Check-Valid-Until|Check-Date|https?::Proxy(?:::[^ ]+)?) "[^"]+";$', re.M
)


@dataclass(frozen=True)
class Mirror:
    """Addresses of the Debian archive as the machine uses them; security may be absent."""

    main: str
    security: str | None


def entries(text: str) -> list[tuple[str, list[str], list[str]]]:
    """(address, suites, components) of each enabled `deb` entry, in list or deb822 form."""
    found: list[tuple[str, list[str], list[str]]] = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)\s*(.*)", line)
        if match:
            found.append((match[1], [match[2]], match[3].split("#")[0].split()))
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"]) != ["no"]:
            for address in fields.get("uris", []):
                found.append((address, fields.get("suites", []), fields.get("components", [])))
    return found


def _fields(stanza: str) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    key = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t"):
            fields.setdefault(key, []).extend(line.split())
        elif ":" in line:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.split()
    return fields


def mirror(texts: list[str]) -> Mirror | None:
    """The Debian archive among the machine's sources; None when there is none."""
    main: str | None = None
    security: str | None = None
    for text in texts:
        for address, suites, components in entries(text):
            if "main" not in components or not address.startswith(("http:", "https:")):
                continue
            for suite in suites:
                match = DEBIAN.fullmatch(suite)
                if match and match[1] in ("-security", "/updates"):
                    security = security or address
                elif match and match[1] is None:
                    main = main or address
    return Mirror(main, security) if main else None


def lines(mirror: Mirror) -> list[str]:
    """One-line entries for the bootstrap."""
    result = [f"deb {mirror.main} {SUITE} main", f"deb {mirror.main} {SUITE}-updates main"]
    if mirror.security:
        result.append(f"deb {mirror.security} {SUITE}-security main")
    return result


def deb822(mirror: Mirror) -> str:
    """The same as the file a Debian 13 system keeps in /etc/apt/sources.list.d/debian.sources."""
    stanzas = [(mirror.main, f"{SUITE} {SUITE}-updates")]
    if mirror.security:
        stanzas.append((mirror.security, f"{SUITE}-security"))
    return "\n".join(
        f"Types: deb\nURIs: {address}\nSuites: {suites}\nComponents: main\nSigned-By: {KEYRING}\n"
        for address, suites in stanzas
    )


def settings(apt_config_dump: str) -> str:
    """Those lines of `apt-config dump` that a host needs too (proxy, age checks of a snapshot)."""
    return "".join(f"{line}\n" for line in SETTINGS.findall(apt_config_dump))
