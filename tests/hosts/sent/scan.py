"""Which TCP ports answer at other hosts, all 65,535 of them within seconds.

SYN packets are written straight to the network card: a full scan by `connect` would fill the
connection table of a small host and shut its clients out. A packet can also be handed to a host
for an address that is not its own, which is what a crafted route of an attacker does.
"""

import contextlib
import errno
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
    """One address to scan, by way of a host; answers come to the port `own`."""

    def __init__(self, task, own):
        self.own, self.left = own, set(task["ports"])
        self.found = {"open": [], "refused": []}
        device, source, hop = way(task["via"])
        self.card = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(IPV4))
        self.card.bind((device, IPV4))
        self.card.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.card.setblocking(False)
        addresses = socket.inet_aton(source) + socket.inet_aton(task["to"])
        ip_head = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0x4000, 64, 6, 0) + addresses
        ip_head = ip_head[:10] + struct.pack("!H", folded(words(ip_head))) + addresses
        # source, destination, sequence, acknowledged, length and flags, window, checksum, urgent
        tcp = struct.pack("!HHIIHHHH", own, 0, 0, 0, 0x5000 | SYN, 1024, 0, 0)
        self.sum = words(addresses) + 6 + len(tcp) + words(tcp)
        ethernet = hop + self.card.getsockname()[4] + struct.pack("!H", IPV4)
        self.frame = bytearray(ethernet + ip_head + tcp)

    def ask(self, port):
        struct.pack_into("!H", self.frame, 36, port)
        struct.pack_into("!H", self.frame, 50, folded(self.sum + port))
        while True:
            try:
                self.card.send(self.frame)
                return
            except OSError as full:  # the card's queue
                if full.errno not in (errno.EAGAIN, errno.ENOBUFS):
                    raise
                time.sleep(PAUSE_S)

    def take(self):
        """All answers that are there now."""
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self.card.recv(2048)[14:]
                start = (data[0] & 15) * 4
                if len(data) < start + 14 or data[9] != 6:
                    continue
                port, own = struct.unpack_from("!HH", data, start)
                flags = data[start + 13]
                if own != self.own or port not in self.left:
                    continue
                if flags & SYN_ACK == SYN_ACK or flags & RST:
                    self.left.discard(port)
                    self.found["refused" if flags & RST else "open"].append(port)

    def sweep(self, ports):
        for number, port in enumerate(sorted(self.left.intersection(ports)), 1):
            self.ask(port)
            if number % BATCH == 0:
                self.take()
                time.sleep(PAUSE_S)


def run(task):
    """`task`: a list of {via, to, ports, likely}; what answered of each. Without `ports` all of
    them. The likely ones are asked twice: a lost packet is no closed port."""
    first = random.randrange(10_000, 30_000)
    everything = range(1, 65536)
    targets = [Target({"ports": everything} | each, first + n) for n, each in enumerate(task)]
    for again in (False, True):
        for target, each in zip(targets, task, strict=True):
            target.sweep(each["likely"] if again else everything)
        deadline = time.monotonic() + LINGER_S
        while time.monotonic() < deadline:
            for target in targets:
                target.take()
            time.sleep(0.01)
    return [{kind: sorted(ports) for kind, ports in t.found.items()} for t in targets]
