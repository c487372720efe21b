"""The gateway as it is: its file, what runs, what was last proven. Looks only, asks loopback."""

import base64
import hashlib
import http.client
import json
import zlib

from deploys.agent.look import look, read

STATUS_S = 3  # the Status API is on loopback: later is as good as never


def gateway_status(address):
    """(configuration hash, ready) as the Status API says; ("", False) when nobody answers."""
    running, ready = "", False
    for path in ("/status", "/status/ready"):
        connection = http.client.HTTPConnection(address[0], address[1], timeout=STATUS_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(1 << 20)
        except (OSError, http.client.HTTPException):
            return running, False
        finally:
            connection.close()
        if path == "/status":
            try:
                running = str(json.loads(body).get("configuration_hash") or "")
            except (ValueError, AttributeError):
                return "", False
        else:
            ready = answer.status == 200
    return running, ready


def md5_of(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def whole_file(path, digest):
    """Like `look`, with the text however long it is: what was applied decides about a gate."""
    out = look(path, digest)
    if out and out["kind"] == "file" and out["digest"] != digest:
        out["content"] = base64.b64encode(zlib.compress(read(path), 6)).decode()
    return out


def look_gateway(g):
    if not g:
        return None
    running, ready = gateway_status(g["status"])
    file = look(g["path"], secret=True)
    if file and file["kind"] == "file":
        file["md5"] = md5_of(read(g["path"]))
    return {
        "file": file,
        "proven": look(g["proven"], secret=True),
        "running": running,
        "ready": ready,
        "twin": whole_file(*g["twin"]),
        "documents": whole_file(*g["documents"]),
    }
