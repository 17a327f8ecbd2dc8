"""Far lines between hosts, in user space: what a host sends into its device ``far0`` comes out at another's, later.

The kernel here can shape a rate but not delay or lose a packet (no netem). A process of its own, ``python -m
network.relay``: it hears one JSON object a line and answers each with ``ok``. First the hosts, by name, with the files
of their namespaces and their addresses; then lines, as ``{"from", "to", "line"}``. Between hosts without a line nothing
goes. It ends when nobody speaks to it any more, and its devices end with it, however it ended.

About 250 Mb/s is what it carries on one core.
"""

import ctypes
import fcntl
import heapq
import itertools
import json
import os
import select
import struct
import sys
import time
from collections.abc import Mapping
from random import Random
from typing import Any

from network.line import Line, Span, Traffic

DEVICE = "far0"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
# So many packets of one host before the others have their turn.
_TURN_PACKETS = 64
_MOST_BYTES = 65536
_VERSION_4 = 4


def enter(namespace: int) -> None:
    """Let this thread's sockets and devices from now on be those of a network namespace, an open file (setns(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def open_device(namespace: str) -> int:
    """The device ``far0`` in a namespace, which packets are read from and written to; it is gone when closed."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(namespace, os.O_RDONLY)
    try:
        enter(there)
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
    finally:
        enter(home)
        os.close(there)
        os.close(home)
    return device


class Relay:
    """Hosts' devices, the lines between them, and the packets on their way."""

    def __init__(self, hosts: Mapping[str, Mapping[str, str]], seed: int) -> None:
        self._seed = seed
        self._devices = {name: open_device(host["namespace"]) for name, host in hosts.items()}
        self._names = {device: name for name, device in self._devices.items()}
        self._by_address = {bytes(map(int, host["address"].split("."))): name for name, host in hosts.items()}
        self._lines: dict[tuple[str, str], Traffic] = {}
        self._flying: list[tuple[float, int, int, bytes]] = []
        self._order = itertools.count()

    def set_line(self, told: Mapping[str, Any]) -> None:
        """Lay a line in one direction, in the place of what was there; what flies already arrives."""
        values = {**told["line"], "trace": tuple(Span(**span) for span in told["line"]["trace"])}
        ends = (told["from"], told["to"])
        self._lines[ends] = Traffic(Line(**values), Random(f"{self._seed} {ends}"), time.monotonic())

    def run(self) -> None:
        """Carry packets until nobody speaks to us any more."""
        told = sys.stdin.fileno()
        poll = select.epoll()
        for place in (told, *self._names):
            poll.register(place, select.EPOLLIN)
        while True:
            wait = self._flying[0][0] - time.monotonic() if self._flying else -1.0
            for place, _ in poll.poll(max(wait, 0.0) if self._flying else None):
                if place != told:
                    self._take(place)
                elif not self._hear(told):
                    return
            self._deliver()

    def _hear(self, told: int) -> bool:
        # One line at a time, each answered before the next is sent: a read never holds two.
        words = os.read(told, _MOST_BYTES * 64)
        while words and not words.endswith(b"\n"):
            words += os.read(told, _MOST_BYTES * 64)
        if words:
            self.set_line(json.loads(words))
            answer("ok")
        return bool(words)

    def _take(self, device: int) -> None:
        name = self._names[device]
        for _ in range(_TURN_PACKETS):
            try:
                packet = os.read(device, _MOST_BYTES)
            except BlockingIOError:
                return
            now = time.monotonic()
            to = self._by_address.get(packet[16:20]) if packet[0] >> 4 == _VERSION_4 else None
            traffic = self._lines.get((name, to)) if to else None
            out = traffic.carry(now, len(packet)) if traffic else None
            if out is not None and to is not None:
                heapq.heappush(self._flying, (out, next(self._order), self._devices[to], packet))

    def _deliver(self) -> None:
        now = time.monotonic()
        while self._flying and self._flying[0][0] <= now:
            _, _, device, packet = heapq.heappop(self._flying)
            try:
                os.write(device, packet)
            except OSError:
                continue  # a device that is down or full loses packets, as others do


def answer(word: str) -> None:
    """Say a word to whoever tells us."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    first = json.loads(sys.stdin.readline())
    relay = Relay(first["hosts"], first["seed"])
    answer("ok")
    relay.run()


if __name__ == "__main__":
    main()
