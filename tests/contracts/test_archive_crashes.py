"""Whatever is told and whichever process dies at whichever step: in the end each event is in the archive once."""

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore
from pyarrow import parquet

from archive_processes import NOW, watched
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog
from matinee.compose.database import open_database
from matinee.model.errors import Unavailable
from matinee.recommender.archive import PREFIX, Archive
from matinee.recommender.upkeep import Upkeep

DAY_SECONDS = 86_400.0
PEOPLE = ("ada", "bob", "cyd")

# How many events are told, on how many days; or who does what, and at which step it dies, if it comes to it.
STEPS = st.one_of(
    st.tuples(st.just("tell"), st.integers(1, 12), st.integers(1, 3)),
    st.tuples(st.just("write"), st.none() | st.integers(0, 8), st.just(0)),
    st.tuples(st.just("compact"), st.none() | st.integers(0, 8), st.just(0)),
    st.tuples(st.just("retain"), st.none() | st.integers(0, 8), st.just(0)),
    st.tuples(st.just("forget"), st.none() | st.integers(0, 20), st.integers(0, 1)),
    st.tuples(st.just("wait"), st.integers(1, 40), st.just(0)),
)


# Days that are past, in several parts.
BEGUN = (("tell", 6, 2), ("write", None, 0), ("tell", 6, 2), ("write", None, 0), ("wait", 8, 0))


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class World:
    """A log and its archive, and workers that die."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.log = DatabaseEventLog(engine)
        self.objects = MemoryStore()
        self.clock = ManualClock(NOW)
        self.told: dict[str, str] = {}
        self.gone: dict[str, float] = {}
        self._chance = random.Random(1)

    def worker(self) -> Upkeep:
        archive = Archive(self.engine, self.objects, self.log, self.clock, range_events=4)
        return Upkeep(archive, self._chance.randbytes, events_days=30)

    def tell(self, number: int, days: int) -> None:
        """Events of the last days, by three people in turn; who was forgotten tells no more."""
        first = len(self.told)
        for place in range(first, first + number):
            person = next(who for who in PEOPLE[place % 3 :] + PEOPLE[: place % 3] if who not in self.gone)
            event = watched(place, person, self.clock.now() - timedelta(days=place % days))
            self.told[event.id] = person
            self.log.append([event])

    def forget(self, who: str, step: int | None) -> None:
        until = self.gone.setdefault(who, self.clock.now().timestamp())
        worker = self.worker()
        with self.dying(worker.archive, step):
            worker.forget(who, until)

    @contextmanager
    def dying(self, archive: Archive, step: int | None) -> Iterator[None]:
        """Kill the worker at its step of that number: around what it puts or removes, or as it commits."""
        left = -1 if step is None else step

        def passed(*_: object) -> None:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1

        def around(function: Callable[..., Any]) -> Callable[..., Any]:
            def stepping(*arguments: Any) -> Any:
                passed()
                result = function(*arguments)
                passed()
                return result

            return stepping

        archive.put = around(archive.put)  # type: ignore[method-assign]
        archive.remove = around(archive.remove)  # type: ignore[method-assign]
        sa.event.listen(self.engine, "commit", passed)
        try:
            with suppress(Killed, Unavailable):
                yield
        finally:
            sa.event.remove(self.engine, "commit", passed)

    def archived(self) -> list[str]:
        """The ids in all objects there are, as who reads the folder finds them."""
        bodies = [
            bytes(obstore.get(self.objects, one["path"]).bytes())
            for one in obstore.list(self.objects, PREFIX).collect()
        ]
        return sorted(name for body in bodies for name in parquet.read_table(pa.BufferReader(body))["id"].to_pylist())


@settings(max_examples=60)
@given(steps=st.lists(STEPS, min_size=1, max_size=10))
def test_whatever_dies_each_event_is_archived_once_and_who_is_forgotten_is_gone(
    sqlite_template: bytes, steps: list[tuple[str, int | None, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "matinee.db"
        path.write_bytes(sqlite_template)
        engine = open_database(f"sqlite:///{path}")
        world = World(engine)
        for what, number, other in [*BEGUN, *steps]:
            if what == "tell":
                world.tell(number or 1, other)
            elif what == "wait":
                world.clock.advance((number or 1) * DAY_SECONDS / 4)
            elif what == "forget":
                world.forget(PEOPLE[other], number)
            else:
                worker = world.worker()
                run = {"write": worker.archive.write, "compact": worker.compact, "retain": worker.retain}[what]
                with world.dying(worker.archive, number):
                    run()
        # Then somebody lives long enough.
        world.clock.advance(2 * DAY_SECONDS)
        for who in world.gone:
            world.forget(who, None)
        last = world.worker()
        last.archive.write()
        last.compact()
        last.retain()
        assert world.archived() == sorted(name for name, who in world.told.items() if who not in world.gone)
        assert {event.id for _, event in last.archive.events()} == set(world.archived())
        engine.dispose()
