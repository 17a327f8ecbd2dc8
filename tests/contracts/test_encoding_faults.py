"""What an encode makes of a database that is away, and of a source that is replaced."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import obstore
import pytest
import sqlalchemy as sa
from obstore.store import LocalStore, ObjectStore

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.encodes.jobs import Jobs, JobState, JobsUnavailable
from matinee.encodes.pipeline import LEASE_SECONDS, Pipeline
from matinee.encoding.depot import Depot, identity_of
from matinee.model.errors import Refused, Unavailable
from matinee.ports import Task


class _Jobs(Jobs):
    """Jobs whose database is away for so many changes."""

    away = 0

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        if self.away:
            self.away -= 1
            raise JobsUnavailable("The database of the encodes does not answer.")
        with super()._changing() as connection:
            yield connection


class _Inspection:
    """Compute that loses the database for so many changes when work begins, and finds no film when it is back."""

    def __init__(self, jobs: _Jobs, away: int) -> None:
        self._jobs = jobs
        self._away = away

    def submit(self, task: Task, on_progress: Callable[[float], None] | None = None) -> "Future[Any]":
        del on_progress
        future: Future[Any] = Future()
        self._jobs.away = self._away

        def inspect() -> None:
            while self._jobs.away and not future.cancelled():
                Event().wait(0.02)
            if future.set_running_or_notify_cancel():
                future.set_exception(Refused(f"{task.name} holds no film."))

        Thread(target=inspect).start()
        return future

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def jobs(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> _Jobs:
    return _Jobs(engine=database, outbox=DatabaseOutbox(), clock=clock, random_bytes=random_bytes)


@pytest.fixture
def start(
    jobs: _Jobs, clock: ManualClock, random_bytes: Callable[[int], bytes], tmp_path: Path
) -> Callable[[int, float], Pipeline]:
    def made(away: int, lease_seconds: float) -> Pipeline:
        folder = tmp_path / "objects"
        open_store = partial(LocalStore, folder, mkdir=True)
        obstore.put(open_store(), "sources/night.mp4", b"film")
        compute, work = _Inspection(jobs, away), tmp_path / "work"
        return Pipeline(
            jobs, open_store, compute, work, clock, random_bytes, folder=folder, lease_seconds=lease_seconds
        )

    return made


def test_a_database_that_is_away_for_two_beats_does_not_stop_the_work(
    jobs: _Jobs, start: Callable[[int, float], Pipeline]
) -> None:
    job = jobs.submit("title-night", "sources/night.mp4", "night.mp4")
    assert start(2, LEASE_SECONDS).run_once("one")
    ended = jobs.job(job.id)
    assert (ended.state, ended.attempts) == (JobState.FAILED, 1)
    assert ended.message is not None
    assert "holds no film" in ended.message


def test_starts_that_a_database_ended_are_no_failures_of_the_film(
    jobs: _Jobs, start: Callable[[int, float], Pipeline]
) -> None:
    job = jobs.submit("title-night", "sources/night.mp4", "night.mp4")
    pipeline = start(2, 0.0)  # the first beat that is missed ends the start, and its end is not written either
    for attempts in range(1, 6):
        with pytest.raises(Unavailable, match="does not answer"):
            pipeline.run_once("one")
        held = jobs.job(job.id)
        assert (held.state, held.attempts, held.failures) == (JobState.RUNNING, attempts, 1)


def test_a_source_that_was_replaced_is_not_fetched_as_the_one_that_it_was(objects: ObjectStore, tmp_path: Path) -> None:
    depot = Depot(lambda: objects, "night", tmp_path / "shelves")
    obstore.put(objects, "sources/night.mp4", b"first")
    seen = obstore.head(objects, "sources/night.mp4")
    identity = identity_of(seen["size"], seen["e_tag"])
    assert depot.source("sources/night.mp4", identity).read_bytes() == b"first"
    elsewhere = Depot(lambda: objects, "night", tmp_path / "elsewhere")
    obstore.put(objects, "sources/night.mp4", b"other")
    with pytest.raises(Unavailable, match=r"The source sources/night\.mp4 was replaced"):
        elsewhere.source("sources/night.mp4", identity)
