"""Requests at nginx of an app host, from the host itself: nobody else but the gateway may come.

Keys stay in memory; only the address of a file without a name is given to the TLS library.
"""

import http.client
import os
import socket
import ssl


def in_memory(text):
    handle = os.memfd_create("pem")
    os.write(handle, text.encode())
    return f"/proc/self/fd/{handle}"


def answer(task, case):
    context = ssl.create_default_context(cadata=task["ca"])
    if case.get("pair"):
        context.load_cert_chain(*map(in_memory, case["pair"]))
    if case.get("old"):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    name = case["name"]
    try:
        with (
            socket.create_connection((task["address"], task["port"]), timeout=30) as plain,
            context.wrap_socket(plain, server_hostname=case.get("shown", name)) as channel,
        ):
            connection = http.client.HTTPConnection(name, timeout=30)
            connection.sock = channel
            connection.request("GET", case["path"], headers={"Host": name})
            said = connection.getresponse()
            return [said.status, said.read(4096).decode(errors="replace")]
    except (OSError, http.client.HTTPException) as problem:
        return [0, f"{type(problem).__name__}: {problem}"]


def run(task):
    """`task`: {address, port, ca, cases: [{name, path, pair, old, shown}]}; [status, text] each."""
    return [answer(task, case) for case in task["cases"]]
