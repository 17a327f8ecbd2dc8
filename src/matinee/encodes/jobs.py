"""Encoding jobs: submitted by the studio, leased by workers, watched by everyone.

A lease makes a job one worker's until it runs out; a worker that dies leaves its job to the next. A worker that comes
back under its old name goes on at once. Whoever no longer holds a job gets Conflict and leaves it alone.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from matinee.encodes import store
from matinee.encodes.lifecycle import Job, JobRendition, JobState, RenditionState
from matinee.model.errors import Conflict, Invalid, NotFound, Unavailable
from matinee.model.events import Event, Facts, TitleEncoded, TitleEncodingFailed
from matinee.model.ids import RandomBytes, new_id
from matinee.model.media import Presentation, presentation_to_json
from matinee.ports import Clock, Outbox

__all__ = ["Job", "JobRendition", "JobState", "Jobs", "RenditionState"]

LARGEST_FAILURES = 3  # starts that finish nothing before a job is given up

REFUSED = "refused"
"""The last stage of an encode whose source cannot be right, which is no fault of ours."""


class JobsUnavailable(Unavailable):
    """The jobs' database does not answer, which is not the film's fault."""


class Jobs:
    """The queue of encodes, in the database."""

    def __init__(self, engine: sa.Engine, outbox: Outbox, clock: Clock, random_bytes: RandomBytes) -> None:
        self._engine = engine
        self._outbox = outbox
        self._clock = clock
        self._random_bytes = random_bytes

    def submit(
        self,
        title_id: str,
        source_key: str,
        source_name: str,
        priority: int = 100,
        name: str = "",
        job_id: str | None = None,
    ) -> Job:
        """Queue a source (a key in the object store). ``name`` is the title's; the lowest priority goes first.

        Who decided on an id beforehand and asks again gets the job that is there.
        """
        if not title_id or not source_key:
            raise Invalid("An encode needs a title and a source.")
        values: dict[str, Any] = {
            "id": job_id or new_id(self._random_bytes),
            "title_id": title_id,
            "name": name,
            "source_key": source_key,
            "source_name": source_name or source_key,
            "priority": priority,
            "created_at": self._clock.now(),
        }
        try:
            with self._changing() as connection:
                store.insert_job(connection, values)
        except sa.exc.IntegrityError:
            if job_id is None:
                raise
        return self.job(values["id"])

    def job(self, job_id: str) -> Job:
        """One job; NotFound if there is none."""
        with self._reading() as connection:
            job = store.read_job(connection, job_id)
        if job is None:
            raise NotFound(f"There is no encode {job_id!r}.")
        return job

    def jobs(self, limit: int = 200) -> list[Job]:
        """The latest jobs, newest first."""
        with self._reading() as connection:
            return store.read_jobs(connection, limit)

    def retry(self, job_id: str) -> Job:
        """Queue a failed job again; what it had finished and still lies in a work folder is used."""
        self.job(job_id)
        fresh = {"stage": "waiting", "progress": 0.0, "message": None, "failures": 0, "not_before": None}
        values = {**fresh, "owner": None, "held_until": None, "ended_at": None}
        with self._changing() as connection:
            moved = store.change_state(connection, job_id, JobState.QUEUED, values, source=JobState.FAILED)
        job = self.job(job_id)
        if not moved:
            raise Conflict(f"The encode of {job.source_name} is {job.state}: only a failed one can be tried again.")
        return job

    # --- for workers ---------------------------------------------------------------------------------------------

    def lease(self, owner: str, seconds: float, waited_seconds: float = 0.0) -> Job | None:
        """Take the next job for so long; None if none waits. The lowest priority first, then the oldest.

        One that came less than ``waited_seconds`` ago is left to others. A job that was started three times and
        finished nothing fails here instead.
        """
        now = self._clock.now()
        with self._changing() as connection:
            while True:
                job = store.next_job(connection, owner, now, now - timedelta(seconds=waited_seconds))
                if job is None:
                    return None
                if job.failures < LARGEST_FAILURES:
                    store.take_job(connection, job.id, owner, now, seconds)
                    return store.read_job(connection, job.id)
                message = f"The encode of {job.source_name} broke off {job.failures} times without finishing anything."
                self._end(connection, job, JobState.FAILED, TitleEncodingFailed(job.title_id, message), message)

    def renew(self, job_id: str, owner: str, seconds: float) -> None:
        """Hold a job for so long from now; Conflict if it is no longer the owner's."""
        with self._changing() as connection:
            self._hold(connection, job_id, owner, {"held_until": self._clock.now() + timedelta(seconds=seconds)})

    def begin(self, job_id: str, owner: str, revision: str, presentation: Presentation) -> None:
        """A title can be played from its start while the rest arrives, as a revision of its own."""
        with self._changing() as connection:
            self._hold(connection, job_id, owner, {})
            facts = TitleEncoded(self._read(connection, job_id).title_id, revision, presentation_to_json(presentation))
            self._outbox.append(connection, [Event(new_id(self._random_bytes), self._clock.now(), "encoding", facts)])

    def plan(self, job_id: str, owner: str, revision: str, names: tuple[str, ...]) -> None:
        """Say which renditions a job makes, in order, and as which revision of its title."""
        with self._changing() as connection:
            self._hold(connection, job_id, owner, {"revision": revision})
            store.put_renditions(connection, job_id, names)

    def progress(
        self,
        job_id: str,
        owner: str,
        *,
        stage: str,
        progress: float,
        seconds: float,
        renditions: Mapping[str, float] | None = None,
    ) -> None:
        """Say how far a job and those of its renditions are that run; renews the lease."""
        held_until = self._clock.now() + timedelta(seconds=seconds)
        with self._changing() as connection:
            values = {"stage": stage, "progress": min(max(progress, 0.0), 1.0), "held_until": held_until}
            self._hold(connection, job_id, owner, values)
            for name, share in (renditions or {}).items():
                running = {"state": RenditionState.RUNNING.value, "progress": min(max(share, 0.0), 1.0)}
                store.change_rendition(connection, job_id, name, running)

    def advanced(self, job_id: str, owner: str) -> None:
        """Something that lasts was finished: the starts that failed before it no longer count."""
        with self._changing() as connection:
            self._hold(connection, job_id, owner, {"failures": 0})

    def made(
        self, job_id: str, owner: str, name: str, *, file: str, frames: int | None, size_bytes: int, seconds: float
    ) -> None:
        """Record a finished rendition; the starts that failed before it no longer count."""
        values = {"state": RenditionState.DONE.value, "progress": 1.0, "file": file, "frames": frames}
        with self._changing() as connection:
            self._hold(connection, job_id, owner, {"failures": 0})
            store.change_rendition(connection, job_id, name, {**values, "size_bytes": size_bytes, "seconds": seconds})

    def finish(self, job_id: str, owner: str, revision: str, presentation: Presentation) -> None:
        """End a job well: its revision stands in the object store, and everyone may learn of it."""
        facts = TitleEncoded(self.job(job_id).title_id, revision, presentation_to_json(presentation))
        with self._changing() as connection:
            self._hold(connection, job_id, owner, {"revision": revision, "progress": 1.0})
            self._end(connection, self._read(connection, job_id), JobState.DONE, facts, None)

    def fail(self, job_id: str, owner: str, message: str, *, refused: bool = False) -> None:
        """End a job badly; ``message`` is a sentence. Its stage then says whether the source was ``refused``."""
        with self._changing() as connection:
            self._hold(connection, job_id, owner, {})
            job = self._read(connection, job_id)
            facts = TitleEncodingFailed(job.title_id, message)
            self._end(connection, job, JobState.FAILED, facts, message, stage=REFUSED if refused else None)

    def postpone(self, job_id: str, owner: str, message: str, seconds: float, *, blames: bool = True) -> JobState:
        """Put a job back to be tried again after so long; after three such starts in a row it fails.

        One that nobody ``blames`` (a part it needs was away) waits for as long as it takes.
        """
        with self._changing() as connection:
            self._hold(connection, job_id, owner, {})
            job = self._read(connection, job_id)
            if blames and job.failures >= LARGEST_FAILURES:
                self._end(connection, job, JobState.FAILED, TitleEncodingFailed(job.title_id, message), message)
                return JobState.FAILED
            waiting: dict[str, Any] = {"stage": "waiting", "message": message, "owner": None, "held_until": None}
            if not blames:
                waiting["failures"] = max(job.failures - 1, 0)
            not_before = self._clock.now() + timedelta(seconds=seconds)
            store.change_state(connection, job_id, JobState.QUEUED, {**waiting, "not_before": not_before})
        return JobState.QUEUED

    def give_back(self, job_id: str, owner: str) -> None:
        """Put a job back because its worker stops; the start does not count as a failure."""
        with self._changing() as connection:
            self._hold(connection, job_id, owner, {})
            job = self._read(connection, job_id)
            waiting = {"stage": "waiting", "owner": None, "held_until": None, "failures": max(job.failures - 1, 0)}
            store.change_state(connection, job_id, JobState.QUEUED, waiting)

    def _hold(self, connection: sa.Connection, job_id: str, owner: str, values: Mapping[str, Any]) -> None:
        """Change a job that is the owner's; Conflict if it is not."""
        if not store.change_held(connection, job_id, owner, {"owner": owner, **values}):
            raise Conflict(f"The encode {job_id} is no longer held by {owner}.")

    def _read(self, connection: sa.Connection, job_id: str) -> Job:
        job = store.read_job(connection, job_id)
        if job is None:
            raise NotFound(f"There is no encode {job_id!r}.")
        return job

    def _end(
        self,
        connection: sa.Connection,
        job: Job,
        state: JobState,
        facts: Facts,
        message: str | None,
        stage: str | None = None,
    ) -> None:
        now = self._clock.now()
        values = {"stage": stage or state.value, "message": message, "owner": None, "held_until": None, "ended_at": now}
        store.change_state(connection, job.id, state, values)
        self._outbox.append(connection, [Event(new_id(self._random_bytes), now, "encoding", facts)])

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        with _database_answers(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with _database_answers(), self._engine.connect().execution_options(read_only=True) as connection:
            yield connection


@contextmanager
def _database_answers() -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise JobsUnavailable(f"The database of the encodes does not answer: {reason}.") from error
