"""Players as a load: requests of 20 heartbeats each over kept connections, from a process of its own.

Told over standard input what to do, it answers on standard output with JSON. With a rate it asks at fixed times and
counts from when it meant to ask (an open loop, so that a slow answer does not spare the next); without one each
connection asks again as soon as it is answered. Request ``n`` of a run holds the ids ``RUN-n-0`` to ``RUN-n-19``.
"""

import asyncio
import json
import resource
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlsplit

EVENTS_A_REQUEST = 20
WATCHED_SECONDS = 5.0
_ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Player:
    """Who tells: a sign-in's token and one of its playbacks."""

    token: str
    playback_id: str


@dataclass(frozen=True, slots=True)
class Load:
    """What to do: where, as whom, how long, and at which rate (requests a second; None: as fast as answers come)."""

    run: str
    addresses: tuple[str, ...]
    players: tuple[Player, ...]
    connections: int
    seconds: float
    requests_a_second: float | None


def ids(run: str, request: int) -> list[str]:
    """The ids of a request's events."""
    return [f"{run}-{request}-{place}" for place in range(EVENTS_A_REQUEST)]


def body(run: str, request: int, player: Player) -> bytes:
    """A request's body, as our own player writes it."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    rest = (
        f'","type":"playback.heartbeat","time":"{at}","facts":{{"playback_id":"{player.playback_id}",'
        f'"position_seconds":{request % 5000},"watched_seconds":{WATCHED_SECONDS},"edge_id":"europe-1",'
        '"bitrate_bps":2400000,"buffer_seconds":24.5,"stalls":0,"stalled_seconds":0}}'
    )
    events = ",".join(f'{{"id":"{event_id}{rest}' for event_id in ids(run, request))
    return f'{{"events":[{events}]}}'.encode()


class _Connection(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def __init__(self, load: Load, number: int, run: "_Run") -> None:
        self._load = load
        self._number = number
        self._run = run
        self._player = load.players[number % len(load.players)]
        self._address = urlsplit(load.addresses[number % len(load.addresses)])
        self._transport: asyncio.Transport | None = None
        self._answer = b""
        self._asked: tuple[int, float] | None = None

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self._address.hostname or "", self._address.port or 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: int, due: float) -> None:
        told = body(self._load.run, request, self._player)
        head = (
            f"POST /api/v1/events HTTP/1.1\r\nHost: {self._address.netloc}\r\nAuthorization: Bearer "
            f"{self._player.token}\r\nContent-Type: application/json\r\nContent-Length: {len(told)}\r\n\r\n"
        )
        self._asked = (request, due)
        assert self._transport is not None
        self._transport.write(head.encode() + told)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, rest = self._answer.partition(b"\r\n\r\n")
        if not found or len(rest) < _length(head):
            return
        status, self._answer = int(head[9:12]), b""
        assert self._asked is not None
        request, due = self._asked
        self._asked = None
        self._run.answered(self, request, due, status)

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._asked is not None:
            self._run.answered(None, self._asked[0], self._asked[1], 0)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


class _Run:
    """What was asked and answered."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._numbers: Iterator[int] = count()
        self._free: deque[_Connection] = deque()
        self._due: deque[float] = deque()
        self._begun = 0.0
        self.accepted: list[int] = []
        self.taken: list[float] = []
        self.statuses: Counter[int] = Counter()
        self._open = 0

    async def go(self) -> dict[str, Any]:
        connections = [_Connection(self._load, number, self) for number in range(self._load.connections)]
        await asyncio.gather(*(one.connect() for one in connections))
        self._begun = time.perf_counter()
        self._free.extend(connections)
        if self._load.requests_a_second is None:
            for _ in connections:
                self._ask(time.perf_counter())
            await asyncio.sleep(self._load.seconds)
        else:
            await self._tick(self._load.requests_a_second)
        ended = time.perf_counter()
        while self._open and time.perf_counter() < ended + _ANSWER_SECONDS:  # noqa: ASYNC110 - nothing else goes on
            await asyncio.sleep(0.01)
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "seconds": time.perf_counter() - self._begun,
            "accepted": self.accepted,
            "taken": self.taken,
            "statuses": self.statuses,
            "unanswered": self._open + len(self._due),
            "cpu_seconds": used.ru_utime + used.ru_stime,
        }

    async def _tick(self, rate: float) -> None:
        for number in range(int(rate * self._load.seconds)):
            due = self._begun + number / rate
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            if self._free:
                self._ask(due)
            else:
                self._due.append(due)

    def _ask(self, due: float) -> None:
        self._open += 1
        self._free.popleft().ask(next(self._numbers), due)

    def answered(self, connection: _Connection | None, request: int, due: float, status: int) -> None:
        now = time.perf_counter()
        self._open -= 1
        self.statuses[status] += 1
        if status == 202:
            self.accepted.append(request)
            self.taken.append(now - due)
        if connection is None:
            return
        self._free.append(connection)
        if self._load.requests_a_second is not None:
            if self._due:
                self._ask(self._due.popleft())
        elif now < self._begun + self._load.seconds:
            self._ask(now)


def main() -> None:
    told = json.load(sys.stdin)
    players = tuple(Player(**one) for one in told.pop("players"))
    load = Load(players=players, **{**told, "addresses": tuple(told["addresses"])})
    json.dump(asyncio.run(_Run(load).go()), sys.stdout)


def as_json(load: Load) -> str:
    """What to tell the process."""
    return json.dumps(asdict(load))


if __name__ == "__main__":
    main()
