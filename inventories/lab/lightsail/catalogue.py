"""What the service offers in a region: bundles, blueprints, regions. Data only.

Ids, prices and power figures are those of the AWS CLI's own examples and price page of 2026 where
published (`nano_3_0` and so on); the IPv6-only twins, Windows bundles, retired generations and
app blueprints are here because the real lists hold them and a client has to filter them out.
`debian_13` is the rehearsal's own: the real list is not known to have it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

JSON = dict[str, Any]

REGIONS = {
    "us-east-1": ("NA", "Virginia"),
    "us-east-2": ("NA", "Ohio"),
    "us-west-2": ("NA", "Oregon"),
    "ca-central-1": ("NA", "Montreal"),
    "eu-central-1": ("EU", "Frankfurt"),
    "eu-west-1": ("EU", "Ireland"),
    "eu-west-2": ("EU", "London"),
    "eu-west-3": ("EU", "Paris"),
    "eu-north-1": ("EU", "Stockholm"),
    "ap-northeast-1": ("AS", "Tokyo"),
    "ap-northeast-2": ("AS", "Seoul"),
    "ap-south-1": ("AS", "Mumbai"),
    "ap-southeast-1": ("AS", "Singapore"),
    "ap-southeast-2": ("OC", "Sydney"),
}
# Some regions end their bundle ids differently, which is why a client names a size, not an id.
ID_SUFFIX = {"ap-south-1": "1", "ap-southeast-2": "2"}

#   size      ram   cpu disk  transfer power  price  ipv6-only  windows
_SIZES: list[tuple[str, float, int, int, int, int, float, float, float]] = [
    ("nano", 0.5, 2, 20, 1024, 298, 5.0, 3.5, 9.5),
    ("micro", 1.0, 2, 40, 2048, 500, 7.0, 5.0, 14.0),
    ("small", 2.0, 2, 60, 3072, 1000, 12.0, 10.0, 22.0),
    ("medium", 4.0, 2, 80, 4096, 2000, 24.0, 20.0, 44.0),
    ("large", 8.0, 2, 160, 5120, 3000, 44.0, 40.0, 74.0),
    ("xlarge", 16.0, 4, 320, 6144, 4000, 84.0, 80.0, 124.0),
    ("2xlarge", 32.0, 8, 640, 7168, 5000, 164.0, 160.0, 244.0),
    ("4xlarge", 64.0, 16, 1280, 8192, 6000, 384.0, 368.0, 574.0),
]


@dataclass(frozen=True)
class Blueprint:
    """An image. `user` is its login, which the API shows on the instance, not here."""

    id: str
    name: str
    group: str
    version: str
    user: str
    type: str = "os"
    active: bool = True
    platform: str = "LINUX_UNIX"
    min_power: int = 0

    def view(self) -> JSON:
        return {
            "blueprintId": self.id,
            "name": self.name,
            "group": self.group,
            "type": self.type,
            "description": f"{self.name} {self.version}",
            "isActive": self.active,
            "minPower": self.min_power,
            "version": self.version,
            "versionCode": "1",
            "productUrl": "https://aws.amazon.com/lightsail/",
            "licenseUrl": "https://aws.amazon.com/lightsail/",
            "platform": self.platform,
        }


BLUEPRINTS = [
    Blueprint("amazon_linux_2023", "Amazon Linux 2023", "amazon_linux_2023", "2023", "ec2-user"),
    Blueprint("ubuntu_20_04", "Ubuntu", "ubuntu_20", "20.04 LTS", "ubuntu", active=False),
    Blueprint("ubuntu_22_04", "Ubuntu", "ubuntu_22", "22.04 LTS", "ubuntu"),
    Blueprint("ubuntu_24_04", "Ubuntu", "ubuntu_24", "24.04 LTS", "ubuntu"),
    Blueprint("debian_10", "Debian", "debian", "10.8", "admin", active=False),
    Blueprint("debian_12", "Debian", "debian_12", "12.7", "admin"),
    Blueprint("debian_13", "Debian", "debian_13", "13.1", "admin"),
    Blueprint("centos_7_2009_01", "CentOS", "centos", "7 2009-01", "centos", active=False),
    Blueprint("wordpress", "WordPress", "wordpress", "6.8.1", "bitnami", type="app"),
    Blueprint("nodejs", "Node.js", "node", "22.4.0", "bitnami", type="app", active=False),
    Blueprint(
        "windows_server_2022",
        "Windows Server 2022",
        "windows_2022",
        "2026.10.14",
        "Administrator",
        platform="WINDOWS",
    ),
    Blueprint(
        "windows_server_2022_sql_2022_express",
        "SQL Server 2022 Express",
        "windows_2022_sql",
        "2026.10.14",
        "Administrator",
        type="app",
        platform="WINDOWS",
        min_power=1000,
    ),
]


def find_blueprint(blueprint_id: str) -> Blueprint | None:
    return next((b for b in BLUEPRINTS if b.id == blueprint_id), None)


def bundles(region: str) -> list[JSON]:
    """Every bundle of a region in wire form, retired ones included."""
    end = ID_SUFFIX.get(region, "0")
    result: list[JSON] = []
    for size, ram, cpu, disk, transfer, power, price, v6_price, win_price in _SIZES:

        def bundle(
            bundle_id: str,
            price: float,
            size: str = size,
            addresses: int = 1,
            platform: str = "LINUX_UNIX",
            active: bool = True,
            plain: tuple[float, int, int, int, int] = (ram, cpu, disk, transfer, power),
        ) -> JSON:
            return {
                "price": price,
                "cpuCount": plain[1],
                "diskSizeInGb": plain[2],
                "bundleId": bundle_id,
                "instanceType": size,
                "isActive": active,
                "name": size.capitalize(),
                "power": plain[4],
                "ramSizeInGb": plain[0],
                "transferPerMonthInGb": plain[3],
                "supportedPlatforms": [platform],
                "publicIpv4AddressCount": addresses,
            }

        result.append(bundle(f"{size}_2_{end}", price, active=False))
        result.append(bundle(f"{size}_ipv6_3_{end}", v6_price, addresses=0))
        result.append(bundle(f"{size}_win_3_{end}", win_price, platform="WINDOWS"))
        result.append(bundle(f"{size}_3_{end}", price))
        if size in ("xlarge", "2xlarge", "4xlarge"):  # the research desktops: same memory, dearer
            research = bundle(f"app_standard_{size}_1_{end}", price * 2)
            result.append(research | {"supportedAppCategories": ["LfR"]})
    return result


def find_bundle(region: str, bundle_id: str) -> JSON | None:
    return next((b for b in bundles(region) if b["bundleId"] == bundle_id), None)


def zones(region: str) -> list[str]:
    return [region + letter for letter in "abc"]


def regions(with_zones: bool) -> list[JSON]:
    return [
        {
            "continentCode": continent,
            "description": f"This region is recommended for users near {place}",
            "displayName": place,
            "name": name,
            "availabilityZones": [
                {"zoneName": z, "state": "available"} for z in (zones(name) if with_zones else [])
            ],
            "relationalDatabaseAvailabilityZones": [],
        }
        for name, (continent, place) in REGIONS.items()
    ]
