"""A link between two network namespaces that delays, drops, throttles and dies.

Each namespace has a TUN device; this process holds both and carries packets from one to the other.
What it does to them comes from a seeded generator, so two runs lose the same share. It is told what
to do on standard input, a JSON object a line, and answers each with what it has carried since.
"""

import collections
import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
PACKET_MAX = 65536
# A router's queue: what a link carries in this time, and at least a few packets. More is dropped.
QUEUE_SECONDS = 0.5
QUEUE_LEAST = 20 * 1500
TCP = 6
SYN, RST, ACK = 0x02, 0x04, 0x10


def open_tun(name):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(packet):
    """The TCP segment of an IPv4 packet: addresses, ports, flags; None where it is none."""
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != TCP:
        return None
    head = (packet[0] & 15) * 4
    source, target = packet[12:16], packet[16:20]
    ports = struct.unpack("!HH", packet[head : head + 4])
    return source, target, ports, head, packet[head + 13]


def reset(packet):
    """The segment that ends the connection that a packet belongs to, for whoever sent it."""
    source, target, (here, there), head, flags = segment(packet)
    acknowledged = struct.unpack("!I", packet[head + 8 : head + 12])[0]
    tcp = struct.pack("!HHIIBBHHH", there, here, acknowledged, 0, 5 << 4, RST, 0, 0, 0)
    pseudo = target + source + struct.pack("!BBH", 0, TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, TCP, 0) + target + source
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return ip + tcp


class Way:
    """One direction."""

    def __init__(self, link, source, target):
        self.link, self.source, self.target = link, source, target
        self.free_at = 0.0
        self.waiting = collections.deque()
        self.bytes = self.packets = self.lost = self.payload = 0

    def take(self, packet, now):
        rules = self.link.rules
        # Whoever pays for a link pays for what is lost on it, too.
        self.bytes += len(packet)
        self.packets += 1
        if self.link.random.random() < rules.get("loss", 0.0):
            self.lost += 1
            return
        at = now
        if rules.get("kbit"):
            rate = rules["kbit"] * 1000 / 8
            room = max(rate * QUEUE_SECONDS, QUEUE_LEAST)
            at = max(now, self.free_at)
            if (at - now) * rate + len(packet) > room:
                self.lost += 1
                return
            at += len(packet) / rate
            self.free_at = at
        self.link.later(at + rules.get("rtt_ms", 0) / 2000, self, packet)

    def give(self, packet):
        of = segment(packet)
        if of is not None:
            head = of[3]
            self.payload += len(packet) - head - (packet[head + 12] >> 4) * 4
        try:
            os.write(self.target, packet)
        except OSError:
            # The device is not up yet, or takes no more.
            self.lost += 1


class Link:
    """Both directions, and the times in which there is none."""

    def __init__(self, tuns):
        self.rules, self.random = {}, random.Random(1)
        self.ways = [Way(self, tuns[0], tuns[1]), Way(self, tuns[1], tuns[0])]
        self.due, self.count = [], 0
        self.began = time.monotonic()
        self.dead, self.deaths = False, 0
        # Connections that there were when the link died last, and those that were seen since.
        self.before, self.since = set(), set()

    def tell(self, rules):
        self.rules = rules
        self.random.seed(rules.get("seed", 1))
        self.began = time.monotonic()
        self.dead, self.deaths = False, 0
        for way in self.ways:
            way.bytes = way.packets = way.lost = way.payload = 0

    def later(self, at, way, packet):
        self.count += 1
        heapq.heappush(self.due, (at, self.count, way, packet))

    def look(self, now):
        """Dies and comes back."""
        every = self.rules.get("dies_every_s")
        if not every:
            self.dead = False
            return
        # It lives first.
        dead = (now - self.began) % every >= every - self.rules.get("dead_for_s", 5)
        if dead and not self.dead:
            self.deaths += 1
            self.before |= self.since
            self.since = set()
            self.due.clear()
            for way in self.ways:
                way.free_at = now
        self.dead = dead

    def take(self, way, packet, now):
        if self.dead:
            way.lost += 1
            return
        of = segment(packet)
        if of is not None:
            source, target, (here, there), _, flags = of
            name = tuple(sorted([(source, here), (target, there)]))
            if flags & SYN and not flags & ACK:
                self.before.discard(name)
            if name in self.before:
                # Whoever comes back behind another address finds that nobody knows it.
                if flags & ACK and not flags & RST:
                    os.write(way.source, reset(packet))
                return
            self.since.add(name)
        way.take(packet, now)

    def carry(self):
        commands = sys.stdin.fileno()
        os.set_blocking(commands, False)
        text = b""
        while True:
            now = time.monotonic()
            self.look(now)
            while self.due and self.due[0][0] <= now:
                _, _, way, packet = heapq.heappop(self.due)
                way.give(packet)
            wait = min(self.due[0][0] - now, 0.05) if self.due else 0.05
            ready, _, _ = select.select([w.source for w in self.ways] + [commands], [], [], max(wait, 0))
            now = time.monotonic()
            for way in self.ways:
                if way.source in ready:
                    self.drain(way, now)
            if commands in ready:
                more = os.read(commands, 4096)
                if not more:
                    return
                text += more
                while b"\n" in text:
                    line, text = text.split(b"\n", 1)
                    self.answer(json.loads(line))

    def drain(self, way, now):
        for _ in range(64):
            try:
                packet = os.read(way.source, PACKET_MAX)
            except BlockingIOError:
                return
            self.take(way, packet, now)

    def answer(self, command):
        counts = [
            {"bytes": w.bytes, "payload": w.payload, "packets": w.packets, "lost": w.lost}
            for w in self.ways
        ]
        if "rules" in command:
            self.tell(command["rules"])
        print(json.dumps({"ways": counts, "deaths": self.deaths}), flush=True)


def main():
    names = sys.argv[1:3]
    tuns = [open_tun(name) for name in names]
    print(json.dumps({"ready": names}), flush=True)
    Link(tuns).carry()


main()
