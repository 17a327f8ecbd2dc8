"""What a line of the world really does: round trips, loss and rate, measured with plain sockets."""

import itertools
import socket
import statistics
import struct
import time
from collections.abc import Sequence
from contextlib import suppress

from network.world import World

_NUMBER = struct.Struct("!I")
_CHUNK = b"\0" * 65536
_SILENCE_SECONDS = 2.0


def _datagrams(world: World, name: str) -> socket.socket:
    def bound() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((world[name].address, 0))
        made.settimeout(_SILENCE_SECONDS)
        return made

    return world.inside(name, bound)


def round_trips(world: World, one: str, other: str, count: int = 20) -> list[float]:
    """Seconds until each of so many datagrams came back, one after another; TimeoutError if one does not."""
    with _datagrams(world, one) as asking, _datagrams(world, other) as answering:

        def echo() -> None:
            for _ in range(count):
                answering.sendto(*answering.recvfrom(2048))

        echoing = world.threads.submit(echo)
        found = []
        for number in range(count):
            began = time.monotonic()
            asking.sendto(_NUMBER.pack(number), answering.getsockname())
            while _NUMBER.unpack(asking.recv(2048))[0] != number:
                pass
            found.append(time.monotonic() - began)
        echoing.result()
    return found


def arrivals(world: World, one: str, other: str, count: int, every_seconds: float = 0.001) -> list[int]:
    """The numbers of those datagrams, of so many sent from one host to another, that arrived, as they came."""
    with _datagrams(world, one) as sending, _datagrams(world, other) as hearing:

        def hear() -> list[int]:
            heard: list[int] = []
            with suppress(TimeoutError):
                while len(heard) < count:
                    heard.append(_NUMBER.unpack(hearing.recv(2048))[0])
            return heard

        listening = world.threads.submit(hear)
        for number in range(count):
            sending.sendto(_NUMBER.pack(number), hearing.getsockname())
            time.sleep(every_seconds)
        return listening.result()


def throughput_bps(world: World, one: str, other: str, seconds: float, windows: int = 1) -> Sequence[float]:
    """What one TCP connection carries from one host to another, in so many windows one after another.

    Its first half second does not count.
    """

    def listening() -> socket.socket:
        return socket.create_server((world[other].address, 0))

    with world.inside(other, listening) as server:

        def send() -> None:
            connection = world.inside(one, lambda: socket.create_connection(server.getsockname(), 10))
            with connection, suppress(OSError):
                while True:
                    connection.sendall(_CHUNK)

        sending = world.threads.submit(send)
        server.settimeout(10)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            rates = [_received_bps(connection, length) for length in (0.5, *itertools.repeat(seconds, windows))]
        sending.result(10)
    return rates[1:]


def _received_bps(connection: socket.socket, seconds: float) -> float:
    began, size_bytes = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        size_bytes += len(connection.recv(1 << 20))
    return size_bytes * 8 / (time.monotonic() - began)


def carried_bps(
    world: World, one: str, other: str, offered_bps: float, seconds: float, windows: int
) -> Sequence[float]:
    """What a line carries of datagrams offered at a rate, in so many windows one after another, first one first.

    Unlike a TCP connection they slow down for nobody: what arrives is what the line lets through.
    """
    datagram = b"\0" * 1400
    counted = [0] * windows
    with _datagrams(world, one) as sending, _datagrams(world, other) as hearing:
        ends = time.monotonic() + seconds * windows

        def hear() -> None:
            while (left := ends - time.monotonic()) > 0:
                with suppress(TimeoutError):
                    size_bytes = len(hearing.recv(2048))
                    counted[max(0, windows - 1 - int(left / seconds))] += size_bytes * 8

        listening = world.threads.submit(hear)
        began, sent = time.monotonic(), 0
        while time.monotonic() < ends:
            # As much as the time so far is worth, so that a late wake-up is made up for.
            while sent < (time.monotonic() - began) * offered_bps / 8 / len(datagram):
                sending.sendto(datagram, hearing.getsockname())
                sent += 1
            time.sleep(0.002)
        listening.result(10)
    return [bits / seconds for bits in counted]


def median_ms(seconds: Sequence[float]) -> float:
    """The median, in milliseconds."""
    return statistics.median(seconds) * 1000
