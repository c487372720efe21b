"""A lab's own image registry: Debian's docker-registry as a process of the lab.

Guarantees: one per lab, on the lab's own address and port 5000, TLS by an authority of the lab's
own, nobody without a password; "started" means that it answers a login. All of it (keys, passwords,
images) is in the lab's folder, readable by root only, and goes with the lab. The registry knows who
may come in, not who may do what: `ci` pushes and `app` pulls by use, not by force.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import bcrypt

from deploys import x509
from inventories.lab import machine, network, oci, process
from inventories.lab.errors import LabError
from inventories.lab.state import Lab

PORT = network.REGISTRY_PORT
PACKAGE = "docker-registry"
NAME = "story"  # of the services' image
PUSHES, PULLS = "ci", "app"
LIMIT_S = 30.0


def record(lab: Lab) -> Path:
    return lab.directory / "registry.pid"


def folder(lab: Lab) -> Path:
    return lab.directory / "registry"


def ca(lab: Lab) -> Path:
    """The authority that hosts have to trust for this registry."""
    return folder(lab) / "ca.crt"


def token(lab: Lab, user: str = PULLS) -> Path:
    """The file with a user's password (0600)."""
    return folder(lab) / f"{user}.token"


def address(lab: Lab) -> str:
    """`host:port`, the first part of the names of its images."""
    return f"{lab.gateway}:{PORT}"


def start(lab: Lab, say: Callable[[str], None] = lambda _: None) -> None:
    """Start the registry unless it runs; its data and passwords stay what they were.

    Call with the lab's lock held. LabError with the end of its log when it does not answer.
    """
    if process.alive(record(lab)) and _answers(lab):
        return
    process.end(record(lab), grace_s=5)
    program = machine.unpacked(PACKAGE, say) / "usr/bin/docker-registry"
    _prepare(lab)
    log = lab.directory / "log/registry.log"
    log.parent.mkdir(mode=0o700, exist_ok=True)
    running = process.spawn(
        [str(program), "serve", str(folder(lab) / "config.yml")],
        record=record(lab),
        log=log,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
    )
    deadline = time.monotonic() + LIMIT_S
    while not _answers(lab):
        if not running.alive() or time.monotonic() > deadline:
            process.end(record(lab), grace_s=5)
            tail = "\n".join(log.read_text(errors="replace").strip().splitlines()[-4:])
            raise LabError(
                f"The registry of lab '{lab.name}' did not start at {address(lab)}; "
                f"{log} ends with:\n{tail}"
            )
        time.sleep(0.05)


def again(lab: Lab) -> None:
    """Start the registry of a lab that had one; call with the lab's lock held."""
    if (folder(lab) / "config.yml").exists():
        start(lab)


def push(lab: Lab, image: Path) -> str:
    """Put an image (see `oci`) into the running registry; its name by digest for site.toml."""
    reference = f"{address(lab)}/{NAME}@{oci.digest(image)}"
    if has(lab, reference):
        return reference
    login = {"auths": {address(lab): {"auth": _basic(lab, PUSHES)}}}
    with tempfile.TemporaryDirectory(dir=folder(lab), prefix=".push-") as work:
        authfile = Path(work, "auth.json")
        authfile.touch(mode=0o600)
        authfile.write_text(json.dumps(login))
        done = subprocess.run(
            [
                *("setpriv", "--pdeathsig", "KILL", "skopeo", "--insecure-policy", "copy"),
                *("--quiet", "--preserve-digests", f"--authfile={authfile}"),
                *(f"--dest-cert-dir={_trusted(lab, Path(work))}", f"dir:{image}"),
                # A registry keeps only what has a tag; nobody pulls by it.
                f"docker://{address(lab)}/{NAME}:{oci.digest(image)[7:19]}",
            ],
            env={**os.environ, "TMPDIR": work, "NO_PROXY": "*", "no_proxy": "*"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0 or not has(lab, reference):
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LabError(
            f"The image did not get into the registry of lab '{lab.name}': {reason}. "
            f"'rehearse image --name {lab.name}' tries again."
        )
    return reference


def has(lab: Lab, reference: str) -> bool:
    """Whether the registry has the image of that name and digest."""
    name, _, digest = reference.removeprefix(f"{address(lab)}/").partition("@")
    return _status(lab, f"/v2/{name}/manifests/{digest}") == 200


def _answers(lab: Lab) -> bool:
    return _status(lab, "/v2/") == 200


def _status(lab: Lab, path: str) -> int | None:
    """The status of a HEAD request of the pulling user; None when nobody answers."""
    request = urllib.request.Request(
        f"https://{address(lab)}{path}",
        method="HEAD",
        headers={
            "Authorization": f"Basic {_basic(lab, PULLS)}",
            "Accept": "application/vnd.docker.distribution.manifest.v2+json",
        },
    )
    try:
        handlers = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca(lab)))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), handlers)
        with opener.open(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, ssl.SSLError):
        return None


def _basic(lab: Lab, user: str) -> str:
    return base64.b64encode(f"{user}:{token(lab, user).read_text()}".encode()).decode()


def _trusted(lab: Lab, work: Path) -> Path:
    """A folder with nothing but the authority, as skopeo wants it."""
    place = work / "certs"
    place.mkdir()
    (place / "ca.crt").write_bytes(ca(lab).read_bytes())
    return place


def _prepare(lab: Lab) -> None:
    """Keys, passwords and settings; config.yml comes last, so what a kill left is made anew."""
    place = folder(lab)
    place.mkdir(mode=0o700, exist_ok=True)
    if (place / "config.yml").exists():
        return
    now = datetime.now(UTC)
    authority = x509.new_ca(f"lab {lab.name} registry", now)
    name = x509.subject(f"lab {lab.name} registry", lab.gateway)
    own = x509.new_leaf(authority, name, now, server=True, alternatives=[lab.gateway])
    lines = []
    for user in (PUSHES, PULLS):
        password = secrets.token_urlsafe(32)
        _write(token(lab, user), password)
        # The least cost: the password is random, and the registry checks it at every request.
        lines.append(f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n")
    _write(place / "ca.crt", authority.pem.decode())
    _write(place / "server.crt", own.pem.decode())
    _write(place / "server.key", own.key_pem.decode())
    _write(place / "htpasswd", "".join(lines))
    settings = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(place / "data")},
            "delete": {"enabled": True},
        },
        "http": {
            "addr": address(lab),
            "secret": secrets.token_hex(16),
            "tls": {
                "certificate": str(place / "server.crt"),
                "key": str(place / "server.key"),
            },
        },
        "auth": {"htpasswd": {"realm": lab.name, "path": str(place / "htpasswd")}},
    }
    _write(place / "config.yml", json.dumps(settings, indent=1))  # JSON is YAML


def _write(path: Path, text: str) -> None:
    """A file of root alone, whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    os.replace(temporary, path)
