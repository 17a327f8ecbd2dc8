"""The archive: all events as Parquet by day in the object store, each exactly once.

``archive/events/day=2026-11-22/part-<first>-<last>.parquet``, zstd, with the columns of ``parts.SCHEMA``; DuckDB, Spark
and pandas read the folder as one table that is partitioned by ``day``.

What is written next is an intent in the database before its parts are put: a range of positions, which begins where
the last one ended. Whoever finds an intent, after a crash or beside a worker that is slow, puts the same parts under
the same keys, and one of them says in one transaction that they stand. The log gives the same events for the same
range as often as it is asked, for nothing is dropped from it that is not archived.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import obstore
import sqlalchemy as sa
import structlog
from obstore.store import ObjectStore
from prometheus_client import Counter, Gauge

from matinee.model.errors import Conflict, Invalid, Unavailable, bare_reason
from matinee.model.events import Event, MemberForgotten
from matinee.ports import Clock, EventLog
from matinee.recommender import store
from matinee.recommender.store import Part, PartState, Range

PREFIX = "archive/events/"

_log = structlog.get_logger()
_archived = Counter("matinee_archive_events", "Events this process wrote into the archive.")
_repeated = Counter("matinee_archive_repeated", "Events that had come before, and were left out of the archive.")
_position = Gauge("matinee_archive_position", "The position of the log up to which the archive has everything.")

RANGE_EVENTS = 50_000
_BATCH = 1000
_WAIT_SECONDS = 1.0
# A log remembers ids for ten minutes at least; whoever tells an event again does it sooner.
_NEIGHBOURHOOD = timedelta(minutes=15)
_NEIGHBOURS = 100_000
_NEIGHBOUR_RANGES = 64


Placed = tuple[int, Event]
"""An event and its position in the log."""


class Archive:
    """The archive as its writer and its readers hold it. Any number of processes may."""

    def __init__(
        self,
        engine: sa.Engine,
        objects: ObjectStore,
        log: EventLog,
        clock: Clock,
        range_events: int = RANGE_EVENTS,
    ) -> None:
        self._engine = engine
        self._objects = objects
        self.log = log
        self._clock = clock
        self._range_events = range_events

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(self) -> int:
        """Bring everything into the archive that the log had when this began; how many events that were.

        Twice at once is harmless. Unavailable if the database, the log or the object store does not answer.
        """
        end, written = self.log.end(), 0
        while self.written_through() < end:
            try:
                events = self._write_next(end)
            except Conflict:
                # Another worker was quicker with the intent; the next round finds it.
                continue
            if events is None:
                break
            written += events
        return written

    def finish(self) -> None:
        """Write the range that somebody meant to write and has not, if there is one."""
        with self.reading() as connection:
            found = store.open_range(connection)
        if found is not None:
            self._write_range(found, self._again(found))

    def _write_next(self, end: int) -> int | None:
        """Write one range; how many events, or None if the log has no more."""
        with self.reading() as connection:
            found = store.open_range(connection)
            after = store.written_through(connection)
            neighbours = self._neighbours(connection, after)
        if found is not None:
            return self._write_range(found, self._again(found))
        placed = self._read(after, end, neighbours, self._range_events)
        if not placed:
            return None
        found = Range(after, placed[-1][0], neighbours, len(placed))
        with self.writing() as connection:
            if not store.add_range(connection, found):
                raise Conflict(f"Another worker archives what comes after {after}.")
        return self._write_range(found, placed)

    def _write_range(self, found: Range, placed: Sequence[Placed]) -> int:
        from matinee import event_parquet as parts  # noqa: PLC0415 - pyarrow is loaded where a part is made

        # Who is forgotten is asked after the intent stands: whoever forgets looks for intents after that is kept.
        forgotten = self.forgotten()
        late = [position for position, event in placed if _late(forgotten, event)] if forgotten else []
        left = set(late)
        # A worker that did not know yet puts other contents: they must not come under the same key.
        token = hashlib.sha256(repr(late).encode()).hexdigest()[:16] if late else ""
        made = parts.drafts([one for one in placed if one[0] not in left])
        events, now = len(placed) - len(late), self._clock.now()
        standing = [
            Part(
                key=key_of(draft.day, found.first, found.through, token),
                day=draft.day,
                first=found.first,
                last=found.through,
                events=draft.events,
                bytes=len(draft.body),
                written_at=now,
            )
            for draft in made
        ]
        for part, draft in zip(standing, made, strict=True):
            self.put(part.key, draft.body)
        with self.writing() as connection:
            mine = store.mark_written(connection, found.after, events, now)
            if mine:
                for part in standing:
                    store.add_part(connection, part, PartState.STANDING)
        if not mine:
            # Another worker finished the range. What was put here is what it put, or of no worth any more.
            self._withdraw([part.key for part in standing])
            return 0
        if late:
            self.log.erase(late)
        _archived.inc(events)
        _position.set(found.through)
        _log.info("archive.written", events=events, parts=len(standing), after=found.after, through=found.through)
        return events

    def _withdraw(self, keys: Sequence[str]) -> None:
        with self.reading() as connection:
            known = store.known_keys(connection, keys)
        self.remove([key for key in keys if key not in known])

    def _again(self, found: Range) -> Sequence[Placed]:
        """The events of a range that was meant to be written. Unavailable unless the log still gives all of them."""
        placed = self._read(found.after, found.through, found.neighbours, None)
        if len(placed) < found.events:
            where = f"at positions {found.first} to {found.through}"
            raise Unavailable(f"The log gives {len(placed)} of the {found.events} events {where}.")
        return placed

    def _read(self, after: int, through: int, neighbours: int, most: int | None) -> list[Placed]:
        """Events out of the log, without those told before; about ``most`` of them, if that is said."""
        tail, seen, placed = self.log.tail(neighbours), set[str](), list[Placed]()
        while most is None or len(placed) < most:
            batch = tail.read(_BATCH, _WAIT_SECONDS)
            for recorded in batch:
                new = recorded.event.id not in seen
                seen.add(recorded.event.id)
                if after < recorded.position <= through:
                    if new:
                        placed.append((recorded.position, recorded.event))
                    else:
                        _repeated.inc()
            if not batch or batch[-1].position >= through:
                break
        return placed

    def _neighbours(self, connection: sa.Connection, after: int) -> int:
        """From where on ids are known: a quarter of an hour back, but no more than so many events."""
        since, events, found = self._clock.now() - _NEIGHBOURHOOD, 0, after
        for begin, count in store.latest_ranges(connection, since, _NEIGHBOUR_RANGES):
            events += count
            if events > _NEIGHBOURS:
                break
            found = begin
        return found

    # --- reading ----------------------------------------------------------------------------------------------------

    def written_through(self) -> int:
        """The position up to which the archive has everything."""
        with self.reading() as connection:
            return store.written_through(connection)

    def check_log(self) -> None:
        """Invalid if the log ends before what is archived. Unavailable if the database or the log does not answer."""
        # In this order: the log may only have grown since.
        written, end = self.written_through(), self.log.end()
        if end < written:
            raise Invalid(
                f"The event log ends at position {end}, and the archive has events up to {written} already: this is "
                "another log, or it lost events. Set MATINEE_EVENTS to the log that was archived; for one that is "
                'lost, see "Back up" in docs/operations.md.'
            )

    def dropped_through(self) -> int:
        """The position up to which the log may have let go of its events."""
        with self.reading() as connection:
            return store.dropped_through(connection)

    def forgotten(self) -> Mapping[str, float]:
        """Up to when each profile is forgotten, in seconds since 1970."""
        with self.reading() as connection:
            return store.read_forgotten(connection)

    def events(self, after: int = 0) -> Iterator[Placed]:
        """Every archived event beyond a position, days in order, within a part by position.

        Unavailable if a part goes away meanwhile, because it was put together with others: begin again.
        """
        from matinee import event_parquet as parts  # noqa: PLC0415 - pyarrow is loaded where a part is read

        with self.reading() as connection:
            standing = store.read_parts(connection, PartState.STANDING, after=after)
        for part in standing:
            with self.fetched([part]) as (path,):
                yield from parts.read(path, after)

    def told(self, after: int, through: int) -> Iterator[Placed]:
        """Every event beyond one position up to another: of the archive, then of the log. Unavailable as ``events``."""
        written = self.written_through()
        for place, event in self.events(after):
            # What is archived while this reads is for the log to tell.
            if place <= min(written, through):
                yield place, event
        position = max(after, written)
        tail = self.log.tail(position)
        while position < through and (batch := tail.read(_BATCH, _WAIT_SECONDS)):
            for recorded in batch:
                position = recorded.position
                if position <= through:
                    yield position, recorded.event

    # --- objects ----------------------------------------------------------------------------------------------------

    def put(self, key: str, body: bytes | Path) -> None:
        """Put an object. Unavailable if the store does not answer."""
        with objects_answer():
            obstore.put(self._objects, key, body)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects that may be there. Unavailable if the store does not answer."""
        for key in keys:
            with objects_answer(), suppress(FileNotFoundError):
                obstore.delete(self._objects, key)

    @contextmanager
    def fetched(self, chosen: Sequence[Part]) -> Iterator[list[Path]]:
        """Parts as files of a folder that goes away. Unavailable if one is not there, or is not whole."""
        with tempfile.TemporaryDirectory(prefix="matinee-archive-") as folder:
            paths = []
            for number, part in enumerate(chosen):
                path = Path(folder) / f"{number}.parquet"
                with objects_answer(), path.open("wb") as file:
                    file.writelines(obstore.get(self._objects, part.key).stream())
                paths.append(path)
            yield paths

    def listed(self, prefix: str, at_once: int) -> Iterator[list[str]]:
        """The keys of all objects below a prefix. Unavailable if the store does not answer."""
        with objects_answer():
            for found in obstore.list(self._objects, prefix, chunk_size=at_once):
                yield [one["path"] for one in found]

    # --- the database -----------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The time."""
        return self._clock.now()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction. Unavailable if the database does not answer."""
        with _database_answers(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that only reads. Unavailable if the database does not answer."""
        with _database_answers(), self._engine.connect() as connection:
            yield connection.execution_options(read_only=True)


def is_forgotten(forgotten: Mapping[str, float], profile_id: str | None, at: float) -> bool:
    """Whether an event of a profile at a time (seconds since 1970) is to be known no more."""
    return profile_id is not None and at <= forgotten.get(profile_id, float("-inf"))


def _late(forgotten: Mapping[str, float], event: Event) -> bool:
    owner = None if isinstance(event.facts, MemberForgotten) else getattr(event.facts, "profile_id", None)
    return is_forgotten(forgotten, owner, event.time.timestamp())


def key_of(day: str, first: int, last: int, token: str = "") -> str:
    """A part's key. Positions have sixteen digits, so that names sort as they do."""
    return f"{PREFIX}day={day}/part-{first:016d}-{last:016d}{token and '-'}{token}.parquet"


def range_of(key: str) -> tuple[int, int] | None:
    """The positions in a part's key; None for an object that is no part."""
    found = re.search(r"/part-(\d+)-(\d+)", key)
    return found and (int(found[1]), int(found[2]))


@contextmanager
def _database_answers() -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unavailable(f"The database of the archive does not answer: {reason}.") from error


@contextmanager
def objects_answer() -> Iterator[None]:
    """What the object store says of itself becomes Unavailable."""
    try:
        yield
    except FileNotFoundError as error:
        raise Unavailable("An object of the archive is not there any more.") from error
    except (obstore.exceptions.BaseError, OSError) as error:
        _log.warning("archive.store_away", reason=str(error).partition("\n")[0])
        raise Unavailable(f"The archive's object store does not answer: {bare_reason(error)}.") from error
