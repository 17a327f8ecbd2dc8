"""What a line of the world really does: round trips, loss and rate, measured with plain sockets."""

import math
import socket
import struct
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from network.world import World

_NUMBER = struct.Struct("!I")
_CHUNK = b"\0" * 65536
_SILENCE_SECONDS = 2.0
_PATIENCE_SECONDS = 30.0
_BUFFER_BYTES = 8 * 1024**2
_FORCED_RECEIVE_BUFFER = 33  # socket(7): SO_RCVBUFFORCE


def _datagrams(world: World, name: str) -> socket.socket:
    def bound() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((world[name].address, 0))
        made.settimeout(_SILENCE_SECONDS)
        # Who hears may have to wait for its turn, and misses nothing meanwhile.
        made.setsockopt(socket.SOL_SOCKET, _FORCED_RECEIVE_BUFFER, _BUFFER_BYTES)
        return made

    return world.inside(name, bound)


def shortest_ms(world: World, one: str, other: str, near_ms: float, least: int = 3, most: int = 100) -> float:
    """The shortest round trip of datagrams sent one after another, in milliseconds; TimeoutError if one is lost.

    A busy machine makes some longer and none shorter: after the first few it goes on until one is short enough.
    """
    with _datagrams(world, one) as asking, _datagrams(world, other) as answering:
        asking.settimeout(_PATIENCE_SECONDS)
        over = threading.Event()

        def echo() -> None:
            while not over.is_set():
                with suppress(TimeoutError):
                    answering.sendto(*answering.recvfrom(2048))

        echoing = world.threads.submit(echo)
        shortest = math.inf
        try:
            for number in range(most):
                began = time.monotonic()
                asking.sendto(_NUMBER.pack(number), answering.getsockname())
                while _NUMBER.unpack(asking.recv(2048))[0] != number:
                    pass
                shortest = min(shortest, (time.monotonic() - began) * 1000)
                if number >= least and shortest <= near_ms:
                    break
        finally:
            over.set()
        echoing.result()
    return shortest


def arrivals(world: World, one: str, other: str, count: int, every_seconds: float = 0.001) -> list[int]:
    """The numbers of those datagrams, of so many sent from one host to another, that arrived, as they came."""
    with _datagrams(world, one) as sending, _datagrams(world, other) as hearing:

        def hear() -> list[int]:
            heard: list[int] = []
            while len(heard) < count:
                silent = over.is_set()
                try:
                    heard.append(_NUMBER.unpack(hearing.recv(2048))[0])
                except TimeoutError:
                    if silent:
                        break
            return heard

        over = threading.Event()
        listening = world.threads.submit(hear)
        try:
            for number in range(count):
                sending.sendto(_NUMBER.pack(number), hearing.getsockname())
                time.sleep(every_seconds)
        finally:
            over.set()
        return listening.result()


def throughput_bps(
    world: World, one: str, other: str, seconds: float, enough_bps: float, most: int = 12
) -> tuple[float, float]:
    """What one TCP connection carries from one host to another: in its best window, and over all.

    Its first half second does not count among the windows. A busy machine makes some slower: it goes on until one
    carries enough. Only what it carries over all shows that it may not carry more: a window may have in it what came
    in an earlier one and was read late.
    """

    def listening() -> socket.socket:
        return socket.create_server((world[other].address, 0))

    with world.inside(other, listening) as server:

        def send() -> None:
            connection = world.inside(one, lambda: socket.create_connection(server.getsockname(), _PATIENCE_SECONDS))
            with connection, suppress(OSError):
                while True:
                    connection.sendall(_CHUNK)

        sending = world.threads.submit(send)
        server.settimeout(_PATIENCE_SECONDS)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(_PATIENCE_SECONDS)
            began, best_bps = time.monotonic(), 0.0
            bits = _received_bits(connection, 0.5)
            for _ in range(most):
                window = time.monotonic()
                came = _received_bits(connection, seconds)
                bits += came
                best_bps = max(best_bps, came / (time.monotonic() - window))
                if best_bps >= enough_bps:
                    break
            all_bps = bits / (time.monotonic() - began)
        sending.result(_PATIENCE_SECONDS)
    return best_bps, all_bps


def _received_bits(connection: socket.socket, seconds: float) -> int:
    began, size_bytes = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        size_bytes += len(connection.recv(1 << 20))
    return size_bytes * 8


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
        listening.result(_PATIENCE_SECONDS)
    return [bits / seconds for bits in counted]
