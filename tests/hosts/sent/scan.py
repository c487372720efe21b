"""Which TCP ports answer at other hosts, all 65,535 of them within seconds.

SYN packets are written straight to the network card: a full scan by `connect` would fill the
connection table of a small host and shut its clients out. A packet can also be handed to a host
for an address that is not its own, which is what a crafted route of an attacker does.
"""

import contextlib
import json
import random
import socket
import struct
import subprocess
import time

BATCH, PAUSE_S = 400, 0.004  # 100,000 packets a second at most: a small host's card keeps up
LINGER_S = 1.0  # the answers to the last packets
NEIGHBOUR_S = 5
SYN, RST, SYN_ACK = 0x02, 0x04, 0x12
IPV4 = 0x0800


def ip(*argv):
    out = subprocess.run(["ip", "-j", *argv], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def way(via):
    """(device, own address, hardware address of the next hop) towards an address."""
    route = ip("route", "get", via)[0]
    hop, device = route.get("gateway", via), route["dev"]
    deadline = time.monotonic() + NEIGHBOUR_S
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as knock:
            knock.sendto(b"", (via, 9))  # makes the kernel ask for the hardware address
        for known in ip("neigh", "show", "to", hop, "dev", device):
            if "lladdr" in known:
                hardware = bytes.fromhex(known["lladdr"].replace(":", ""))
                return device, route["prefsrc"], hardware
        if time.monotonic() > deadline:
            raise SystemExit(f"nobody on {device} has the address {hop}")
        time.sleep(0.05)


def folded(total):
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def words(data):
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


class Target:
    """One address to scan, by way of a host; `own` is the port that its answers come to."""

    def __init__(self, task, own):
        self.task, self.own = task, own
        self.device, source, self.hardware = way(task["via"])
        self.left = set(task["ports"])
        self.found = {"open": [], "refused": []}
        addresses = socket.inet_aton(source) + socket.inet_aton(task["to"])
        head = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0x4000, 64, 6, 0)
        self.head = head[:10] + struct.pack("!H", folded(words(head + addresses))) + addresses
        self.sum = words(addresses) + 6 + 20 + own + (0x5000 | SYN) + 1024

    def packet(self, port):
        # source, destination, sequence, acknowledged, length and flags, window, checksum, urgent
        check = folded(self.sum + port)
        tcp = struct.pack("!HHIIHHHH", self.own, port, 0, 0, 0x5000 | SYN, 1024, check, 0)
        return self.head + tcp


def take(card, targets):
    """All answers that are there now."""
    with contextlib.suppress(BlockingIOError):
        while True:
            data = card.recv(2048)
            start = (data[0] & 15) * 4
            if len(data) < start + 14 or data[9] != 6:
                continue
            port, own = struct.unpack_from("!HH", data, start)
            target, flags = targets.get(own), data[start + 13]
            if target is None or port not in target.left:
                continue
            if flags & SYN_ACK == SYN_ACK or flags & RST:
                target.left.discard(port)
                target.found["refused" if flags & RST else "open"].append(port)


def sweep(card, target, targets, ports):
    goes_to = (target.device, IPV4, 0, 0, target.hardware)
    for number, port in enumerate(sorted(target.left.intersection(ports)), 1):
        while True:
            try:
                card.sendto(target.packet(port), goes_to)
                break
            except (BlockingIOError, OSError) as full:
                if not isinstance(full, BlockingIOError) and full.errno != 105:  # ENOBUFS
                    raise
                time.sleep(PAUSE_S)
        if number % BATCH == 0:
            take(card, targets)
            time.sleep(PAUSE_S)


def run(task):
    """`task`: a list of {via, to, ports, likely}; what answered of each. Without `ports` all of
    them. The likely ones are asked twice: a lost packet is no closed port."""
    first = random.randrange(10_000, 30_000)
    for each in task:
        each.setdefault("ports", range(1, 65536))
    targets = {first + n: Target(each, first + n) for n, each in enumerate(task)}
    card = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(IPV4))
    card.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    card.setblocking(False)
    with card:
        for which in ("ports", "likely"):
            for target in targets.values():
                sweep(card, target, targets, target.task[which])
            deadline = time.monotonic() + LINGER_S
            while time.monotonic() < deadline:
                take(card, targets)
                time.sleep(0.01)
    return [{kind: sorted(ports) for kind, ports in t.found.items()} for t in targets.values()]
