"""Whose turn it is among films, for every engine of compute: a new one shows something before an old one has it all."""

import secrets
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore

from engines import ray_cluster
from ffmpeg_runs import Runs, counted_ffmpeg
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.compute_ray import RayCompute
from matinee.adapters.events_database import DatabaseOutbox
from matinee.compose.database import open_database
from matinee.compose.encoding import encode_films
from matinee.encodes.jobs import Job, Jobs, JobState
from matinee.encodes.pipeline import Pipeline
from matinee.encoding.orders import LadderKind
from matinee.settings import Settings
from running_demo import until
from sources import draw

_LONG = 48.0  # seconds, of which eighths are encoded by themselves


@pytest.fixture
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """FFmpeg on every machine that is started here; it makes no 360p until it is told to."""
    runs = counted_ffmpeg(tmp_path_factory.mktemp("runs"), held="360p")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("IMAGEIO_FFMPEG_EXE", str(runs.program))
        yield runs


@pytest.fixture(params=["local", "ray"])
def compute(request: pytest.FixtureRequest, runs: Runs) -> Iterator[LocalCompute | RayCompute]:
    """Compute with one core."""
    runs.go.unlink(missing_ok=True)
    if request.param == "local":
        engine = LocalCompute(cores=1)
        yield engine
        engine.close()
        return
    with ray_cluster(nodes=(1,)) as cluster:
        there = RayCompute(cluster.address)
        until("the node", lambda: there.machines)
        yield there
        there.close()


def test_the_first_rung_of_a_new_film_is_made_before_the_last_of_an_old_one(
    compute: LocalCompute | RayCompute, runs: Runs, tmp_path: Path, sqlite_template: bytes
) -> None:
    (tmp_path / "queue.db").write_bytes(sqlite_template)
    engine, clock = open_database(f"sqlite:///{tmp_path / 'queue.db'}"), SystemClock()
    jobs = Jobs(engine=engine, outbox=DatabaseOutbox(), clock=clock, random_bytes=secrets.token_bytes)
    objects = tmp_path / "objects"
    store = partial(LocalStore, objects, mkdir=True)

    def submit(source: Path) -> Job:
        obstore.put(store(), f"sources/{source.name}", source)
        return jobs.submit(f"title-{source.stem}", f"sources/{source.name}", source.name)

    random_bytes, fixed = secrets.token_bytes, LadderKind.FIXED
    pipeline = Pipeline(jobs, store, compute, tmp_path / "work", clock, random_bytes, folder=objects, ladder=fixed)
    stop = threading.Event()
    worker = threading.Thread(target=encode_films, args=(Settings(data=tmp_path), pipeline, compute, "worker", stop))
    worker.start()
    try:
        old = submit(draw(tmp_path / "old.mp4", seconds=_LONG, size="854x480", rate="3", sound=False))
        # The old film has its first rung and makes the start of the others; the rest of them waits.
        until("the first rung", lambda: jobs.job(old.id).stage == "encoding")
        assert _made(runs, old) == []
        new = submit(draw(tmp_path / "new.mp4", seconds=1, sound=False))
        until("the new film's turn", lambda: jobs.job(new.id).stage == "surveying")
        assert _made(runs, new) == []
        runs.go.touch()
        until("the end of both", lambda: all(jobs.job(job.id).state is JobState.DONE for job in (old, new)), 400)
    finally:
        runs.go.touch()
        stop.set()
        worker.join()
        engine.dispose()
    made = [(job.source_name, name) for place, name in runs.order() for job in (old, new) if job.id in place]
    parts = [name for film, name in made if film == "old.mp4" and name.startswith("360p")]
    assert len(parts) > 4
    # Its first rung is made in the turn after the part that was being made.
    (before,) = [count for place, count in runs.surveyed() if new.id in place]
    assert before < made.index(("old.mp4", parts[2]))


def _made(runs: Runs, job: Job) -> list[str]:
    return [name for place, name in runs.order() if job.id in place]
