"""Events a second into the log, beside bare nats-py publishing and beside plain PostgreSQL inserts.

Messages of 20 heartbeats each, 64 at once, every one acknowledged before its caller goes on. Ours is ``append`` of the
log, on JetStream and on PostgreSQL, from 64 threads: ids checked, JSON written, told apart from repeats, read-back by
any reader promised. Bare nats-py publishes the same bytes from 64 tasks of one event loop to a stream of its own on the
same three servers, three replicas, and nothing more (it cannot outlive a leader); once with the bytes made beforehand
and once writing the JSON as it goes, which is most of what a client does here. Plain PostgreSQL takes the same bodies
into one table, 20 rows a statement that is its own transaction and its one round trip, from 64 connections, ``fsync``
on. Turn and turn about, after a round each that does not count.
"""

import asyncio
import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, cycle
from typing import Any

import psycopg
import structlog
from deploy.local import nats as nats_engine
from deploy.local import postgresql
from nats.aio.client import Client
from nats.js.api import StreamConfig

from benchmarks.machine import report
from matinee.adapters.events_database import DatabaseEventLog
from matinee.adapters.events_jetstream import Address, JetStreamEventLog, Keeping
from matinee.compose.database import migrate, open_database
from matinee.event_json import to_json
from matinee.model.events import Event, PlaybackHeartbeat
from matinee.ports import EventLog

TOGETHER, AT_ONCE = 20, 64
MOST_A_SECOND = 4000
ROUNDS, ROUND_SECONDS, WARM_SECONDS = 5, 3.0, 1.0
BAR_EVENTS_A_SECOND = 10_000
STREAM_BYTES = 2 * 1024**3
ON_JETSTREAM, ON_POSTGRESQL, NATS, WRITING, INSERTS = (
    "append, JetStream",
    "append, PostgreSQL",
    "bare nats-py",
    "bare nats-py, writing JSON",
    "PostgreSQL inserts",
)


@dataclass(slots=True)
class Round:
    """What a round took: how many messages in how many seconds, each one's own seconds, and this process's CPU."""

    seconds: float
    cpu_seconds: float
    waits: list[float] = field(default_factory=list)

    @property
    def events_a_second(self) -> float:
        """Acknowledged events."""
        return TOGETHER * len(self.waits) / self.seconds

    @property
    def p99_milliseconds(self) -> float:
        """How long the slowest hundredth of the messages took at least."""
        return 1000 * sorted(self.waits)[int(0.99 * len(self.waits))]


def events(message: int) -> list[Event]:
    """A message's events, as a player tells them."""
    at = datetime(2026, 11, 1, tzinfo=UTC)
    facts = PlaybackHeartbeat(
        playback_id=f"playback-{message % 1000}",
        profile_id=f"profile-{message % 1000}",
        title_id=f"title-{message % 100}",
        position_seconds=message % 5000,
        watched_seconds=5.0,
        edge_id="europe-1",
        bitrate_bps=2_400_000,
        buffer_seconds=24.5,
    )
    return [Event(f"{os.getpid()}-{message}-{place}", at, "player", facts) for place in range(TOGETHER)]


def payload(message: Sequence[Event]) -> bytes:
    """The message's bytes, as the log writes them."""
    return "\n".join(to_json(event) for event in message).encode()


def in_threads(take: Callable[[int], None], prepared: Iterator[int], seconds: float) -> Round:
    """Threads that hand over one message after another until the time is over."""
    waits: list[float] = []
    lock, ends = threading.Lock(), time.perf_counter() + seconds

    def work(_: int) -> None:
        mine: list[float] = []
        while (begun := time.perf_counter()) < ends:
            take(next(prepared))
            mine.append(time.perf_counter() - begun)
        with lock:
            waits.extend(mine)

    cpu, begun = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, range(AT_ONCE)))
    return Round(time.perf_counter() - begun, time.process_time() - cpu, waits)


class Ours:
    """``append`` of a log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._numbers = count()

    def round(self, seconds: float) -> Round:
        """Events are made before: a caller has them."""
        made = [events(next(self._numbers)) for _ in range(int(seconds * MOST_A_SECOND))]
        numbers = iter(range(len(made)))

        def take(number: int) -> None:
            assert self._log.append(made[number]) == TOGETHER

        return in_threads(take, numbers, seconds)


class BareNats:
    """``JetStreamContext.publish`` of the same bytes."""

    STREAM = "BARE"

    def __init__(self, hub: nats_engine.Servers, *, writing: bool) -> None:
        self._hub = hub
        self._writing = writing
        self._numbers = count()

    def round(self, seconds: float) -> Round:
        """A connection of its own, as each of ours has; connecting is not in the time."""
        made = [events(next(self._numbers)) for _ in range(500)]
        if self._writing:
            return asyncio.run(self._publish(map(payload, cycle(made)), seconds))
        return asyncio.run(self._publish(cycle([payload(message) for message in made]), seconds))

    async def _publish(self, payloads: Iterator[bytes], seconds: float) -> Round:
        client = Client()
        servers = [f"nats://127.0.0.1:{server.port}" for server in self._hub.servers]
        await client.connect(servers, user=self._hub.user, password=self._hub.password)
        streams = client.jetstream()
        config = StreamConfig(name=self.STREAM, subjects=[self.STREAM], num_replicas=3, max_bytes=STREAM_BYTES)
        await streams.add_stream(config)
        waits: list[float] = []
        cpu, begun = time.process_time(), time.perf_counter()

        async def work() -> None:
            while (asked := time.perf_counter()) < begun + seconds:
                await streams.publish(self.STREAM, next(payloads))
                waits.append(time.perf_counter() - asked)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        done = Round(time.perf_counter() - begun, time.process_time() - cpu, waits)
        await client.close()
        return done


class Inserts:
    """Rows into one table, as many connections as callers."""

    def __init__(self, server: postgresql.Server) -> None:
        self._address = server.create_database("plain").replace("postgresql+psycopg://", "postgresql://")
        self._numbers = count()
        with psycopg.connect(self._address) as connection:
            connection.execute("CREATE TABLE events (position bigserial PRIMARY KEY, id text UNIQUE, body text)")
        # Without autocommit each message would take three round trips: BEGIN, the statement, COMMIT.
        self._connections = [psycopg.connect(self._address, autocommit=True) for _ in range(AT_ONCE)]

    def round(self, seconds: float) -> Round:
        """One statement of 20 rows a transaction."""
        made = [
            [(event.id, to_json(event)) for event in events(next(self._numbers))]
            for _ in range(int(seconds * MOST_A_SECOND))
        ]
        numbers, free = iter(range(len(made))), iter(self._connections)
        own = threading.local()

        def take(number: int) -> None:
            if not hasattr(own, "connection"):
                own.connection = next(free)
            ids, bodies = zip(*made[number], strict=True)
            statement = "INSERT INTO events (id, body) SELECT * FROM unnest(%s::text[], %s::text[])"
            own.connection.execute(statement, [list(ids), list(bodies)])

        return in_threads(take, numbers, seconds)

    def close(self) -> None:
        """Let the connections go."""
        for connection in self._connections:
            connection.close()


@contextmanager
def _engines() -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        hub = stack.enter_context(nats_engine.cluster())
        server = stack.enter_context(postgresql.postgresql(durable=True, connections=AT_ONCE + 40))
        streams = JetStreamEventLog(Address.read(hub.address), keeping=Keeping(stream_bytes=STREAM_BYTES))
        stack.callback(streams.close)
        engine = open_database(server.create_database("matinee"))
        stack.callback(engine.dispose)
        migrate(engine)
        inserts = Inserts(server)
        stack.callback(inserts.close)
        yield {
            ON_JETSTREAM: Ours(streams),
            ON_POSTGRESQL: Ours(DatabaseEventLog(engine)),
            NATS: BareNats(hub, writing=False),
            WRITING: BareNats(hub, writing=True),
            INSERTS: inserts,
        }


def _spread(values: Sequence[float], digits: int = 0) -> str:
    return f"{statistics.median(values):,.{digits}f} [{min(values):,.{digits}f} to {max(values):,.{digits}f}]"


def main() -> None:
    for engine, found, how in (
        ("event_log", nats_engine.find(), nats_engine.INSTALL),
        ("event_log", postgresql.find(), postgresql.INSTALL),
    ):
        if found is None:
            print(f"{engine} is skipped: an engine is not installed here ({how}).")
            return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    busy = os.getloadavg()[0]
    with _engines() as sides:
        results: dict[str, list[Round]] = {name: [] for name in sides}
        for side in sides.values():
            side.round(WARM_SECONDS)
        for number in range(ROUNDS):
            # Nobody always comes after the same one.
            names = list(sides)
            first = number % len(names)
            for name in names[first:] + names[:first]:
                results[name].append(sides[name].round(ROUND_SECONDS))
    _report(results, busy)


def _report(results: dict[str, list[Round]], busy: float) -> None:
    streams, tables = ([one.events_a_second for one in results[name]] for name in (ON_JETSTREAM, ON_POSTGRESQL))
    rows = []
    for name, rounds in results.items():
        rates = [one.events_a_second for one in rounds]
        rows.append(
            {
                "events of 20 a message, 64 at once": name,
                "events/s": _spread(rates),
                "p99 of a message, ms": _spread([one.p99_milliseconds for one in rounds]),
                "client's CPU, s per 100,000": _spread(
                    [100_000 * one.cpu_seconds / (one.events_a_second * one.seconds) for one in rounds], 2
                ),
                "append, JetStream / it": _spread([mine / its for mine, its in zip(streams, rates, strict=True)], 2),
                "append, PostgreSQL / it": _spread([mine / its for mine, its in zip(tables, rates, strict=True)], 2),
            }
        )
    report(
        "event_log",
        f"Events a second into the log (bar: {BAR_EVENTS_A_SECOND:,}), beside its engine alone and beside a table?",
        rows,
        figures=f"median [least to most] of {ROUNDS} rounds of {ROUND_SECONDS:g} s each, in turns",
        durable="JetStream: a majority of three servers has it in its file (synced every two minutes); "
        "PostgreSQL: synced to the disk at every commit",
        load_before=f"{busy:.1f} (over about 1, the figures say more of the other load than of the engines)",
        where="clients and all servers on the same cores",
        rounds=json.dumps({name: [round(one.events_a_second) for one in rounds] for name, rounds in results.items()}),
    )


if __name__ == "__main__":
    main()
