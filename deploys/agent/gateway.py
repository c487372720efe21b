"""The gateway's configuration, applied as one step: parse, swap, reload, prove; else back.

Whatever happens, the file, what runs and the answers end as they were or as they were wanted.
Root's copy of the last proven configuration is what a failure goes back to, so a run that was
killed at any point leaves the next one enough to finish or to return.
"""

import hashlib
import http.client
import os
import shutil
import socket
import ssl
import sys
import time

from deploys.agent.gateway_look import gateway_status, md5_of
from deploys.agent.look import look, read, sh, show_units
from deploys.agent.units import explain
from deploys.agent.write import (
    Stop,
    must,
    sync_directory,
    unpack_content,
    write_whole,
)

RELOAD_S = 45  # a reload that failed is told by nobody: what runs simply stays what it was
ANSWER_S = 10  # for one answer


def do_gateway(r):
    for g in r["gateway"]:
        try:
            apply_gateway(g)
        except Stop as reason:
            text = str(reason)
            for secret in g["hide"]:  # the parser quotes what it does not like
                text = text.replace(secret, "<secret>")
            raise Stop(text) from None


def apply_gateway(g):
    content = unpack_content(g["content"])
    wanted = md5_of(content)
    before = {}
    # What nobody answered before is no fault of the new one; but before means what was proven,
    # not what a run that died, or a hand, made live.
    if gateway_status(g["status"])[0] == md5_of(read(g["proven"])):
        before = {n: ask(g, p)[0] for n, p in enumerate(g["probes"])}
    swap(g, content)
    sh(["systemctl", "daemon-reload"])
    try:
        switch(g, wanted, g["unit"]["action"])
        prove(g, before)
    except Stop as reason:
        go_back(g, wanted, str(reason))
    if g["unit"]["enable"] is not None:
        verb = "enable" if g["unit"]["enable"] else "disable"
        must(["systemctl", verb, g["unit"]["name"]], g["unit"]["name"] + " could not be enabled")
    remember(g, content)


def swap(g, content):
    """The new file in place of the old one, once the gateway's own parser has accepted it."""
    now = look(g["path"], secret=True)
    if (now or {}).get("digest") == hashlib.sha256(content).hexdigest():
        shutil.chown(g["path"], "root", g["owner"])
        os.chmod(g["path"], 0o640)
        return
    shutil.rmtree(g["scratch"], ignore_errors=True)
    os.makedirs(g["scratch"], mode=0o700)
    shutil.chown(g["scratch"], g["owner"], g["owner"])
    try:
        write_whole(
            g["path"], content, 0o640, "root", g["owner"], tuple(g["parse"]), g["expect"] or {}
        )
    finally:
        shutil.rmtree(g["scratch"], ignore_errors=True)


def switch(g, wanted, action):
    """Start, restart or reload as far as it takes, then wait until `wanted` runs and is ready."""
    name = g["unit"]["name"]
    running, ready = gateway_status(g["status"])
    state = show_units([name]).get(name, {}).get("ActiveState")
    verb = ""
    if state not in ("active", "reloading"):
        verb = "start"
    elif action == "restart":
        verb = "restart"
    elif action == "reload" or running != wanted or not ready:
        verb = "reload"
    if verb:
        sh(["systemctl", "reset-failed", name])
        code, _, err = sh(["systemctl", verb, name], timeout=300)
        if code:
            raise Stop(f"{name} did not {verb}: {err.strip()}\n  {explain(name)}")
    wait_live(g, wanted, min(g["timeout_s"], RELOAD_S) if verb == "reload" else g["timeout_s"])


def wait_live(g, wanted, limit_s):
    name, deadline = g["unit"]["name"], time.monotonic() + limit_s
    while True:
        running, ready = gateway_status(g["status"])
        if ready and running == wanted:
            return
        state = show_units([name]).get(name, {}).get("ActiveState")
        if state in ("failed", "inactive"):
            raise Stop(f"{name} ended instead of taking the configuration\n  {explain(name)}")
        if time.monotonic() > deadline:
            told = f"runs {running}" if running else "does not answer its Status API"
            if running == wanted:
                told = "has taken it but is not ready"
            raise Stop(
                f"{name} did not take the configuration {wanted} within {limit_s} s: it {told}"
                f"\n  {explain(name)}"
            )
        time.sleep(0.2)


def ask(g, probe):
    """(status, body) of one request to the gateway from its own host; status 0: no answer."""
    # Not verified but compared: it has to be the very certificate of this configuration.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    headers = {"Host": probe["host"] or g["server_name"], "Connection": "close"}
    if probe["keyed"]:
        headers[g["key_header"]] = g["probe_key"]
    try:
        with (
            socket.create_connection(tuple(g["public"]), timeout=ANSWER_S) as plain,
            context.wrap_socket(plain, server_hostname=g["server_name"]) as channel,
        ):
            if channel.getpeercert(True) != ssl.PEM_cert_to_DER_cert(g["certificate"]):
                return 0, b"it shows another certificate than the configured one"
            connection = http.client.HTTPConnection(g["server_name"], timeout=ANSWER_S)
            connection.sock = channel
            connection.request(probe["method"], probe["path"], headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(1 << 16)
    except (OSError, http.client.HTTPException) as e:
        return 0, f"{type(e).__name__}: {e}".encode()


def verdict(probe, status, body):
    """What is wrong with an answer, "" when it is what the probe expects."""
    nowhere = status == 404 and b"no Route matched" in body
    if status == 0:
        return body.decode(errors="replace")
    if probe["expect"] == "no route":
        return "" if nowhere else f"answered {status}, where no route may be"
    if nowhere:
        return "reaches no route"
    if probe["expect"] == "no key":
        return "" if status == 401 else f"answered {status} to a request without a key, not 401"
    if status in (401, 403):
        return f"answered {status}: the key is refused"
    return f"answered {status}: nobody answers behind it" if status >= 500 else ""


def prove(g, before):
    """Every probe answered as expected. A service that did not answer before either is not held
    against the new configuration: a key can be changed while an app host is away."""
    for number, probe in enumerate(g["probes"]):
        old = before.get(number, 0) >= 500
        deadline = time.monotonic() + g["probe_s"]
        while True:
            status, body = ask(g, probe)
            wrong = verdict(probe, status, body)
            if not wrong or time.monotonic() > deadline or (old and status >= 500):
                break
            time.sleep(0.3)
        told = "{} {} {}".format(probe["method"], probe["path"], wrong)
        if wrong and old and status >= 500 and probe["expect"] == "upstream":
            sys.stdout.write(f"{told}, as before this run\n")
        elif wrong:
            raise Stop(told)


def go_back(g, wanted, reason):
    """The configuration proven last is put back and runs again; always ends in Stop."""
    name, proven = g["unit"]["name"], read(g["proven"], None)
    if proven is None:
        sh(["systemctl", "stop", name])
        os.unlink(g["path"])
        sync_directory(os.path.dirname(g["path"]))
        raise Stop(
            f"{reason}\n  it never went live: none was proven before, so {g['path']} was removed "
            f"and {name} stopped; run the same command again once the reason is gone"
        )
    if md5_of(proven) == wanted:
        raise Stop(f"{reason}\n  the configuration is the one proven before, and stays")
    write_whole(g["path"], proven, 0o640, "root", g["owner"])
    try:
        switch(g, md5_of(proven), "")
    except Stop as again:
        raise Stop(f"{reason}\n  and the configuration before did not come back: {again}") from None
    raise Stop(
        f"{reason}\n  the configuration before ({md5_of(proven)}) is back in its place and serves"
    )


def remember(g, content):
    """What is live is proven: from now on it is what a failure goes back to."""
    write_whole(g["proven"], content, 0o600)
    write_whole(g["twin_path"], unpack_content(g["twin"]), 0o644)
    write_whole(g["documents_path"], unpack_content(g["documents"]), 0o644)
