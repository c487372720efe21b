"""What makes a disk one particular host: keys, address, names, memory.

Guarantees: every host gets ssh host keys of its own, made here and written only to its disk; only
their public halves are returned and recorded.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from inventories.lab.state import Lab
from inventories.lab.tree import Files

ALGORITHMS = ("ed25519", "ecdsa", "rsa")


def host_keys(directory: Path) -> tuple[dict[str, tuple[bytes, int]], list[tuple[str, str]]]:
    """Files of fresh host keys, and their public halves as (algorithm, base64).

    They pass through a scratch directory in `directory`, the host's own (0700).
    """
    files: dict[str, tuple[bytes, int]] = {}
    public: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        for algorithm in ALGORITHMS:
            path = Path(scratch) / f"ssh_host_{algorithm}_key"
            subprocess.run(
                ["ssh-keygen", "-q", "-t", algorithm, "-N", "", "-C", "", "-f", str(path)],
                check=True,
                capture_output=True,
            )
            half = path.with_suffix(".pub").read_bytes()
            files[f"etc/ssh/{path.name}"] = (path.read_bytes(), 0o600)
            files[f"etc/ssh/{path.name}.pub"] = (half, 0o644)
            kind, key = half.decode().split()[:2]
            public.append((kind, key))
    return files, public


def files(
    lab: Lab, name: str, address: str, memory_mb: int, user: str, authorized_keys: list[str]
) -> Files:
    """Network, names, memory and login of one host; host keys come apart."""
    network = (
        f"[Match]\nName=host0\n\n[Network]\nAddress={address}/24\nGateway={lab.gateway}\n"
        "LinkLocalAddressing=no\nIPv6AcceptRA=no\n"
    )
    texts = {
        "etc/hostname": (f"{name}\n", 0o644),
        # without its own name here every sudo says "unable to resolve host"
        "etc/hosts": (f"127.0.0.1 localhost\n{address} {name}\n::1 localhost\n", 0o644),
        "etc/resolv.conf": (resolver(), 0o644),
        "etc/systemd/network/10-rehearsal.network": (network, 0o644),
        "etc/rehearsal/memory_mb": (f"{memory_mb}\n", 0o644),
        "etc/rehearsal/authorized_keys": ("".join(f"{k}\n" for k in authorized_keys), 0o600),
        "etc/sudoers.d/90-rehearsal": (f"{user} ALL=(ALL) NOPASSWD:ALL\n", 0o440),
    }
    return {path: (text.encode(), mode) for path, (text, mode) in texts.items()}


def resolver() -> str:
    """The machine's name servers; of a local stub the real ones behind it."""
    text = Path("/etc/resolv.conf").read_text()
    behind = Path("/run/systemd/resolve/resolv.conf")
    return behind.read_text() if "127.0.0.53" in text and behind.exists() else text
