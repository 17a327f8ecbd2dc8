"""Processes that append, relay and consume events, for tests that kill some of them half way."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.adapters.events_jetstream import Address, JetStreamEventLog, JetStreamRelay, Keeping
from matinee.adapters.leases_database import DatabaseLeases
from matinee.compose.database import open_database
from matinee.model.events import Event, SearchMade
from matinee.ports import EventLog, Relay

LEASE_SECONDS = 2.0
GROUP = "counted"
STREAM_BYTES = 256 * 1024**2
# Each process is forked from one that has imported these and done nothing: as clean as a spawned one, and quicker.
_clean = multiprocessing.get_context("forkserver")
_clean.set_forkserver_preload(["__main__", "matinee.adapters.events_jetstream", "matinee.compose.database"])


@dataclass(frozen=True, slots=True)
class Where:
    """The addresses of a database and of an event log: ``database:``, or a stream's on NATS, with its replicas."""

    database: str
    events: str = "database:"
    replicas: int = 1

    def open(self, engine: sa.Engine | None = None) -> tuple[EventLog, Relay]:
        """The log and the relay into it; a member that died holds its group up for a second."""
        engine = engine or open_database(self.database)
        if self.events == "database:":
            return DatabaseEventLog(engine, lease_seconds=LEASE_SECONDS), DatabaseRelay(engine)
        log = JetStreamEventLog(
            Address.read(self.events),
            leases=DatabaseLeases(engine, SystemClock()),
            keeping=Keeping(replicas=self.replicas, stream_bytes=STREAM_BYTES),
            lease_seconds=LEASE_SECONDS,
        )
        return log, JetStreamRelay(engine, log.publisher)


def searched(source: str, number: int) -> Event:
    """The source's event of that number; its id says both."""
    facts = SearchMade(profile_id=source, query="film", found=number)
    return Event(id=f"{source}-{number}", time=datetime(2026, 1, 1, tzinfo=UTC), source=source, facts=facts)


def append(url: str, source: str, transactions: int, per_transaction: int) -> None:
    engine = open_database(url)
    for transaction in range(transactions):
        first = transaction * per_transaction
        with engine.begin() as connection:
            DatabaseOutbox().append(connection, [searched(source, first + number) for number in range(per_transaction)])
        time.sleep(0.005)


def append_directly(where: Where | str, source: str, told: Path) -> None:
    """Two threads that append ten events at a time to the log itself, and write down the ids that it took."""
    log, _ = (Where(where) if isinstance(where, str) else where).open()
    numbers = count(step=10)

    def append_for_ever() -> None:
        with told.open("a", buffering=1) as out:
            while True:
                first = next(numbers)
                events = [searched(source, first + place) for place in range(10)]
                log.append(events)
                out.write("".join(f"{event.id}\n" for event in events))

    threading.Thread(target=append_for_ever, daemon=True).start()
    append_for_ever()


def append_once(where: Where, *ids: tuple[str, int]) -> None:
    """Append these events together."""
    log, _ = where.open()
    log.append([searched(source, number) for source, number in ids])


def relay(where: Where, limit: int) -> None:
    _, carrying = where.open()
    while True:
        carrying.forward(limit)
        time.sleep(0.005)


def relay_and_hang(where: Where, hung: Path) -> None:
    """A relay that stands still with the events in the log, in the outbox, and their way's end not committed."""
    engine = open_database(where.database)

    def hang(*arguments: Any) -> None:
        if str(arguments[2]).startswith("DELETE FROM events_outbox"):
            hung.touch()
            time.sleep(600)

    sa.event.listen(engine, "before_cursor_execute", hang)
    where.open(engine)[1].forward()


def consume(where: Where, seen: Path) -> None:
    """A member of the group that writes each event's position and id down before it leaves the body."""
    group = where.open()[0].group(GROUP)
    with seen.open("a", buffering=1) as out:
        while True:
            with group.batch(limit=20, wait_seconds=1.0) as events:
                for recorded in events:
                    out.write(f"{recorded.position} {recorded.event.id}\n")
                    time.sleep(0.001)


def consume_and_hang(where: Where, seen: Path) -> None:
    """A member that writes its first batch down and never leaves the body, renewing its lease all the while."""
    group = where.open()[0].group(GROUP)
    with group.batch(wait_seconds=10.0) as events:
        seen.write_text("".join(f"{recorded.position} {recorded.event.id}\n" for recorded in events))
        time.sleep(600)


@contextmanager
def running(target: Callable[..., None], *arguments: Any) -> Iterator[ForkServerProcess]:
    """A process of its own, killed at the end if it still runs."""
    process = _clean.Process(target=target, args=arguments, daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def until(condition: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    """Wait for a condition; fails with ``what`` if it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:g} s"
        time.sleep(0.02)
