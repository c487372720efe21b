"""Every version and checksum the project pins, in one place. Never looked up at run time.

A checksum is the sha256 of the file as published; it was recorded when the version was tried.
To add a version: fetch it once, record its sha256 here, run the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Maven coordinate of OpenSearch without a JDK; its zip has all modules of the distribution.
OPENSEARCH_GROUP = "org.opensearch.distribution.integ-test-zip"
OPENSEARCH_ARTEFACT = "opensearch"

OPENSEARCH_SHA256: dict[str, str] = {
    "3.8.0": "196c3cf4602c394f2e40e6174ccbf2a924eae37246f08fa6bbb6b75f9fd5ff1f",
    "3.7.0": "c5c8eb3828a2aead77e9d3bb9d280f54c4de190b0b67f0e412c38663627f1b06",
}
OPENSEARCH_DEFAULT = "3.8.0"

#: The OS package with the Java that runs OpenSearch; in Ubuntu 24.04 and Debian 13.
JAVA_PACKAGE = "openjdk-21-jre-headless"


#: Kong OSS as Kong itself packs it, by version, then by (OS, release, architecture). The sums are
#: those that Kong pins in its own images. A system that is missing here has no package that
#: installs: its dependency libpcre3 is gone since Debian 13 and Ubuntu 25.10.
KONG_DEFAULT = "3.9.3"
KONG_DEBS: dict[str, dict[tuple[str, str, str], tuple[str, str]]] = {
    "3.9.3": {
        ("ubuntu", "24.04", "amd64"): (
            "ubuntu/pool/noble/main/k/ko/kong_3.9.3/kong_3.9.3_amd64.deb",
            "3b0bcaf6701b02c10fc2afd692f8e4411b981f0ed1b765f3c3b0f036fe373872",
        ),
        ("ubuntu", "24.04", "arm64"): (
            "ubuntu/pool/noble/main/k/ko/kong_3.9.3/kong_3.9.3_arm64.deb",
            "fd62644015296c70f29802da287dec8f7d46ac0715f844e52c84a0df6b479763",
        ),
        ("debian", "12", "amd64"): (
            "debian/pool/bookworm/main/k/ko/kong_3.9.3/kong_3.9.3_amd64.deb",
            "3b6c05db3ee5ed95e497b93c30293e3c870878fcc23820868e28cc2e15ced1bd",
        ),
    }
}
#: Where Kong publishes them.
KONG_SITE = "https://packages.konghq.com/public/gateway-39/deb/"
#: Kong's Enterprise packages: unlicensed they serve what was loaded and take nothing new.
KONG_ENTERPRISE = ("kong-enterprise-edition", "kong-enterprise-edition-fips")


@dataclass(frozen=True)
class Pinned:
    """One archive: `name` and `version` as people say them, `sha256` in hex."""

    name: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """The file's name in an artefact folder, e.g. `opensearch-3.8.0.zip`."""
        return f"{self.name}-{self.version}.zip"


def opensearch(version: str) -> Pinned:
    """The pinned OpenSearch of that version; KeyError for one that was never tried."""
    return Pinned("opensearch", version, OPENSEARCH_SHA256[version])
