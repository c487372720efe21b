"""The general-purpose sizes of Lightsail by name: what they are sold with.

Bundle ids differ by region (`nano_3_0`, `medium_2_2`, ...), so a site names a size and the plan
resolves it against `GetBundles` by the memory given here. Source: the price list of 2026-09.
"""

from __future__ import annotations

#: Size name -> memory in MiB as sold; smallest first.
MEMORY_MB: dict[str, int] = {
    "nano": 512,
    "micro": 1024,
    "small": 2048,
    "medium": 4096,
    "large": 8192,
    "xlarge": 16384,
    "2xlarge": 32768,
    "4xlarge": 65536,
}
SIZES: tuple[str, ...] = tuple(MEMORY_MB)
