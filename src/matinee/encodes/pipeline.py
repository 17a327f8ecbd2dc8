"""Carries a job from its lease to its end: source out of the object store, revision into it, then the word that it is.

Files go up before anything is said of them, and one transaction ends the job and tells of it; so a revision is whole or
unknown. What was finished of it is kept in the job's depot; whoever leases the job next, anywhere, goes on from there.
"""

import errno
import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import obstore
import structlog
from obstore.store import ObjectStore
from prometheus_client import Counter, Histogram

from matinee.commands.commands import PRESET
from matinee.encodes.jobs import REFUSED, Job, Jobs, JobState, JobsUnavailable
from matinee.encoding.depot import Depot, Finished, StoreUnavailable, identity_of, kept_work
from matinee.encoding.ffmpeg import Tools
from matinee.encoding.orders import LadderKind, Order, Produced
from matinee.encoding.production import Production
from matinee.encoding.steps import Place, Source
from matinee.inspection.inspection import Film
from matinee.model.errors import Conflict, EncodingFailed, NotFound, Refused, Unavailable, bare_reason
from matinee.model.ids import RandomBytes, new_id
from matinee.model.media import Codec, Ladder, Presentation
from matinee.ports import Clock, Compute

_log = structlog.get_logger()
_ended = Counter("matinee_encodes", "Encodes that ended, by how.", ["outcome"])
_seconds = Histogram(
    "matinee_encode_seconds", "Seconds from lease to end.", buckets=(5, 15, 30, 60, 120, 300, 900, 3600, 14400)
)

LEASE_SECONDS = 15.0  # beats come every second; a killed worker's job waits this long at most
_BEAT_SECONDS = 1.0
_RETRY_SECONDS = 20.0
_KEPT = timedelta(days=1)  # how long a failed job may be tried again without making anything anew


class Pipeline:
    """The worker's shell around jobs, objects and productions."""

    def __init__(
        self,
        jobs: Jobs,
        open_store: Callable[[], ObjectStore],
        compute: Compute,
        work: Path,
        clock: Clock,
        random_bytes: RandomBytes,
        *,
        open_briefly: Callable[[], ObjectStore] | None = None,
        folder: Path | None = None,
        tools: Tools | None = None,
        font: Path | None = None,
        preset: str = PRESET,
        codecs: tuple[Codec, ...] = (Codec.H264,),
        ladder: LadderKind = LadderKind.PER_TITLE,
        lease_seconds: float = LEASE_SECONDS,
        keep_report: Callable[[ObjectStore, str, str, Produced], None] | None = None,
    ) -> None:
        """``open_store`` and ``work`` go to every machine, pickled; ``folder`` is the store's own, if it is one.

        A task may wait for the store long; what is asked of it here, through ``open_briefly``, must have an answer or
        an error well within ``lease_seconds``, for no beat is written meanwhile. ``tools`` are those of every machine;
        None: each machine finds its own. ``keep_report`` gets the store, a title, a revision and what came of it before
        the job ends.
        """
        self._jobs = jobs
        self._open_store = open_store
        self._open_briefly = open_briefly or open_store
        self._objects = self._open_briefly()
        self._compute = compute
        self._work = work
        self._clock = clock
        self._random_bytes = random_bytes
        self._folder = folder
        self._tools = tools
        self._font = font
        self._preset = preset
        self._codecs = codecs
        self._ladder = ladder
        self._lease_seconds = lease_seconds
        self._keep_report = keep_report
        self._stranded: dict[str, str] = {}  # by owner: the job whose end the database did not hear

    def run_once(self, owner: str, waited_seconds: float = 0.0) -> bool:
        """Lease one job and carry it to its end; False if none waits, or none has so long.

        ``owner`` is unique to who calls.

        Raises Unavailable if compute was closed meanwhile; the job then waits for the next worker. Also if the
        database is away: the owner's next call gives the job back, so that this start is no failure of the film's.
        """
        if owner in self._stranded:
            with suppress(Conflict):  # another worker has it
                self._jobs.give_back(self._stranded[owner], owner)
            del self._stranded[owner]
        job = self._jobs.lease(owner, self._lease_seconds, waited_seconds)
        if job is None:
            return False
        try:
            self._see_through(job, owner)
        except JobsUnavailable:
            self._stranded[owner] = job.id
            raise
        return True

    def _see_through(self, job: Job, owner: str) -> None:
        started = self._clock.now()
        facts: dict[str, object] = {"job": job.id, "title": job.title_id, "source": job.source_name}
        try:
            facts |= self._carry(job, owner)
        except Conflict as error:  # another worker has it: it says how it ends
            facts |= {"outcome": "lost", "reason": str(error)}
        except Refused as error:
            self._jobs.fail(job.id, owner, str(error), refused=True)
            self._forget(job)
            facts |= {"outcome": "refused", "reason": str(error)}
        except EncodingFailed as error:
            self._jobs.fail(job.id, owner, str(error))
            facts |= {"outcome": "failed", "reason": str(error)}
        except CancelledError as error:
            self._jobs.give_back(job.id, owner)
            raise Unavailable(f"The encode of {job.source_name} was stopped; it goes on later.") from error
        except (StoreUnavailable, obstore.exceptions.BaseError) as error:  # the store's fault, not the film's
            reason = str(error).partition("\n")[0]
            says = (
                f"The object store fails the encode of {job.source_name}, which is tried again: {bare_reason(error)}."
            )
            self._jobs.postpone(job.id, owner, says, _RETRY_SECONDS, blames=False)
            facts |= {"outcome": "postponed", "reason": reason}
        except (Unavailable, OSError) as error:
            delay = _RETRY_SECONDS * 3 ** max(job.failures - 1, 0)
            blames = not isinstance(error, JobsUnavailable)
            state = self._jobs.postpone(job.id, owner, _sentence(job, error), delay, blames=blames)
            facts |= {"outcome": "postponed" if state == "queued" else "failed", "reason": str(error)}
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the films behind this one
            _log.exception("encode.broke", **facts)
            self._jobs.fail(job.id, owner, f"The encode of {job.source_name} met a fault of Matinee's: {error}.")
            facts |= {"outcome": "failed", "reason": repr(error)}
        seconds = (self._clock.now() - started).total_seconds()
        _ended.labels(outcome=str(facts["outcome"])).inc()
        _seconds.observe(seconds)
        _log.info("encode.ended", seconds=round(seconds, 3), attempt=job.attempts, **facts)

    def sweep(self) -> None:
        """Delete what the store keeps of jobs that are gone or done, or failed a day ago."""
        for job_id in kept_work(self._objects):
            try:
                job = self._jobs.job(job_id)
            except NotFound:
                job = None
            if job is None or self._is_over(job):
                self._depot(job_id).clear()
                _log.info("encode.swept", job=job_id)

    def _is_over(self, job: Job) -> bool:
        if job.state is JobState.FAILED and job.stage != REFUSED and job.ended_at is not None:
            return self._clock.now() - job.ended_at > _KEPT
        return job.state in {JobState.DONE, JobState.FAILED}

    def _carry(self, job: Job, owner: str) -> dict[str, object]:
        revision = job.revision or new_id(self._random_bytes)
        watcher = _Recorder(self._jobs, job, owner, revision, self._lease_seconds)
        order = Order(
            source=Source(job.source_key, self._identity(job), job.source_name),
            title=job.name or Path(job.source_name).stem,
            place=Place(Depot(self._open_store, job.id, self._work.absolute(), self._folder), self._tools),
            prefix=f"media/{job.title_id}/{revision}",
            preset=self._preset,
            codecs=self._codecs,
            priority=job.priority,
            share=job.id,
            font=self._font,
            ladder=self._ladder,
            early=f"media/{job.title_id}/{early_revision(job.id)}",
        )
        produced = Production(order, self._compute, watcher, self._depot(job.id)).run()
        self._report(job, revision, produced)
        self._jobs.finish(job.id, owner, revision, produced.presentation)
        self._forget(job)
        return {
            "outcome": "done",
            "revision": revision,
            "film_seconds": produced.presentation.duration_seconds,
            "frames": produced.finished[0].frames,
            "bytes": produced.presentation.size_bytes,
            "reused": list(produced.reused),
            **{f"{stage}_seconds": seconds for stage, seconds in produced.seconds.items()},
        }

    def _report(self, job: Job, revision: str, produced: Produced) -> None:
        if self._keep_report is None:
            return
        try:
            self._keep_report(self._objects, job.title_id, revision, produced)
        except obstore.exceptions.BaseError:  # the job is tried again, and finds all that was made
            raise
        except Exception:  # noqa: BLE001 - a film is not lost over a fault in its report
            _log.exception("encode.not_reported", job=job.id)

    def _identity(self, job: Job) -> str:
        """What identifies the source's bytes."""
        try:
            meta = obstore.head(self._objects, job.source_key)
        except FileNotFoundError as error:
            raise Refused(f"{job.source_name} is gone: there is no object {job.source_key}.") from error
        return identity_of(meta["size"], meta["e_tag"])

    def _depot(self, job_id: str) -> Depot:
        """What this process itself asks of a depot."""
        return Depot(self._open_briefly, job_id, self._work.absolute(), self._folder)

    def _forget(self, job: Job) -> None:
        try:
            self._depot(job.id).clear()
        except Unavailable as error:  # the schedule sweeps it
            _log.warning("encode.not_cleared", job=job.id, reason=str(error))


class _Recorder:
    """``production.Watcher`` that writes into the job's row and so keeps its lease."""

    def __init__(self, jobs: Jobs, job: Job, owner: str, revision: str, lease_seconds: float) -> None:
        self._jobs = jobs
        self._job = job
        self._owner = owner
        self._revision = revision
        self._lease_seconds = lease_seconds
        self._said: tuple[str, float] = ("", -1.0)
        self._progress = 0.0
        self._held = time.monotonic()
        self._advanced = False

    def begun(self, film: Film, early: Presentation) -> None:
        """The title can be played from its start while it arrives."""
        _log.info("encode.begun", job=self._job.id, source=film.name, film_seconds=round(film.length_seconds, 3))
        self._jobs.begin(self._job.id, self._owner, early_revision(self._job.id), early)

    def planned(self, film: Film, ladder: Ladder, names: tuple[str, ...]) -> None:
        _log.info(
            "encode.planned",
            job=self._job.id,
            source=film.name,
            film_seconds=round(film.length_seconds, 3),
            rungs=[f"{rung.width}x{rung.height}" for rung in ladder.rungs],
            notes=list(film.notes),
        )
        self._jobs.plan(self._job.id, self._owner, self._revision, names)

    def progressed(self, stage: str, progress: float, renditions: Mapping[str, float]) -> None:
        self._progress = max(progress, self._progress)
        self.beat(stage, renditions)

    def beat(self, stage: str, renditions: Mapping[str, float] | None = None) -> None:
        """Write stage and progress, at most once a second while the stage lasts.

        A database that is away stops nothing before the lease has run out.
        """
        now = time.monotonic()
        if stage == self._said[0] and now - self._said[1] < _BEAT_SECONDS:
            return
        self._said = (stage, now)
        share, seconds = self._progress, self._lease_seconds
        try:
            self._jobs.progress(
                self._job.id, self._owner, stage=stage, progress=share, seconds=seconds, renditions=renditions
            )
        except Unavailable as error:
            if time.monotonic() - self._held >= seconds:
                raise
            _log.warning("encode.unheard", job=self._job.id, reason=str(error))
        else:
            self._held = now

    def advanced(self) -> None:
        if not self._advanced:
            try:
                self._jobs.advanced(self._job.id, self._owner)
            except Unavailable as error:  # the next part that is done tells it
                _log.warning("encode.unheard", job=self._job.id, reason=str(error))
            else:
                self._advanced = True

    def made(self, finished: Finished) -> None:
        self._jobs.made(
            self._job.id,
            self._owner,
            finished.name,
            file=finished.file,
            frames=finished.frames,
            size_bytes=finished.size_bytes,
            seconds=finished.seconds,
        )


def early_revision(job_id: str) -> str:
    """The revision under which a job's first rung is shown while it is made; the same in every run of the job."""
    return new_id(lambda count: hashlib.sha256(f"early {job_id}".encode()).digest()[:count])


def _sentence(job: Job, error: Exception) -> str:
    if isinstance(error, Unavailable):
        return str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"There is no space left on the disk for the encode of {job.source_name}."
    reason = str(error).partition("\n")[0]  # the store's own errors go on for pages
    return f"The encode of {job.source_name} was interrupted: {reason}."
