"""Images on a host: pulled whole by their digest, and dropped when no way leads back to them.

A login goes to the engine in a header of one call; it is written to no file and no argument.
"""

import base64
import contextlib
import json
import time
from urllib.parse import quote

from deploys.agent.docker import KEPT, engine, engine_json
from deploys.agent.look import load
from deploys.agent.write import Stop, write_json

PULL_S = 900
PULL_ERRORS = (  # in this order: a refused login often says "not found" as well
    (
        ("unauthorized", "authentication required", "denied", "basic auth", "forbidden"),
        "the registry refused the login; check [app.registry] user and [secrets] registry_token",
    ),
    (
        ("manifest unknown", "not found", "name unknown", "repository does not exist"),
        "the image is missing in the registry; check [app] image, or push it",
    ),
    (
        ("x509", "certificate"),
        "the registry's certificate is not trusted; name its CA under [app.registry] ca",
    ),
    (
        ("refused", "no such host", "timeout", "no route", "unreachable", "deadline", "eof"),
        "the registry cannot be reached; check its address and the host's way out",
    ),
)


def engine_said(text):
    """The reason in an answer of the engine."""
    try:
        return json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace").strip()[-300:]


def engine_must(method, path, what, body=None, timeout=60, fine=()):
    status, text = engine(method, path, body, timeout=timeout)
    if status >= 300 and status not in fine:
        raise Stop(f"{what}: {engine_said(text)}")
    return text


def engine_up(limit_s=60):
    """Wait for an engine that was started a moment ago."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            if engine("GET", "/_ping", timeout=10)[0] == 200:
                return
            said = "it is not ready"
        except OSError as e:
            said = e.strerror or str(e)
        if time.monotonic() > deadline:
            raise Stop(f"the container engine does not answer ({said}); see journalctl -u docker")
        time.sleep(0.3)


def image_here(reference):
    found = engine_json("/images/" + quote(reference, safe="") + "/json")
    return found is not None and reference in (found.get("RepoDigests") or ())


def pull_image(group, reference, login):
    """Have the image on this host, whole; nothing that runs is touched."""
    if image_here(reference):
        return
    headers = {}
    if login:
        server = reference.split("/", 1)[0]
        said = {"username": login["user"], "password": login["token"], "serveraddress": server}
        headers["X-Registry-Auth"] = base64.urlsafe_b64encode(json.dumps(said).encode()).decode()
    path = "/images/create?fromImage=" + quote(reference, safe="")
    try:
        status, text = engine("POST", path, headers=headers, timeout=PULL_S)
    except TimeoutError:
        status, text = 500, b'{"message": "timeout"}'
    error = engine_said(text) if status >= 300 else ""
    for line in text.splitlines():
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            error = json.loads(line).get("error") or error
    if not error and image_here(reference):
        return
    error = error or "the engine does not have it after the pull"
    known = error.lower()
    why = next((said for words, said in PULL_ERRORS if any(w in known for w in words)), "no pull")
    raise Stop(f"{group}: {reference} was not pulled: {why}. What runs was not touched ({error})")


def drop_images(groups):
    """Of our repositories keep what serves and what served before it, for the way back."""
    kept = {g: x for g, x in (load(KEPT) or {}).items() if g in groups}
    write_json(KEPT, kept)
    wanted = {x[k] for x in kept.values() for k in ("image", "previous") if x.get(k)}
    ours = {x.split("@", 1)[0] for x in wanted}
    for image in engine_json("/images/json") or []:
        names = image.get("RepoDigests") or []
        if any(x.split("@", 1)[0] in ours for x in names) and not wanted & set(names):
            engine("DELETE", "/images/" + image["Id"])  # 409: somebody else uses it
