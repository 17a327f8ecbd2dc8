"""Encodes on Ray nodes that share nothing but an S3: what a lost node has finished is found there by the others."""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import obstore
import pytest
from deploy.local import ray
from deploy.local import swift as swift_engine
from deploy.local.swift import Swift
from structlog.testing import capture_logs

from engines import missing, ray_cluster
from ffmpeg_runs import Runs, counted_ffmpeg
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.compute_ray import RayCompute
from matinee.adapters.events_database import DatabaseOutbox
from matinee.compose.database import open_database
from matinee.compose.objects import OUTAGE, REQUEST, open_objects
from matinee.encodes.jobs import Jobs, JobState
from matinee.encodes.pipeline import Pipeline
from running_demo import until
from sources import draw


@dataclass(frozen=True)
class _Studio:
    """A store, a cluster, and where each of its nodes works by itself."""

    server: Swift
    cluster: ray.Cluster
    work: Path
    runs: Runs

    def kept(self, job_id: str) -> list[str]:
        """The parts of renditions of a job that the store has whole."""
        found = obstore.list(self.server.store("studio"), f"work/{job_id}/").collect()
        names = [entry["path"].rpartition("/")[2] for entry in found]
        return [
            name.rpartition("-")[0] for name in names if name.endswith(".mp4.json") and not name.startswith("first-")
        ]

    def made(self, job_id: str) -> list[str]:
        """The parts of renditions of a job, as often as FFmpeg made them."""
        return [name for place, name in self.runs.order() if job_id in place]


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Studio]:
    if ray.find() is None:
        missing("Ray", ray.INSTALL)
    if swift_engine.find() is None:
        missing("Swift", "make setup-development")
    work = tmp_path / "work"
    work.mkdir()
    runs = counted_ffmpeg(tmp_path)
    with ray.hosts() as hosts, swift_engine.swift(tmp_path / "swift", host=hosts.here) as server:
        server.create_bucket("studio")
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        environment = {**server.environment(), "IMAGEIO_FFMPEG_EXE": str(runs.program)}
        with ray_cluster((1, 1), environment=environment, on=hosts, private=work) as cluster:
            yield _Studio(server, cluster, work, runs)


def test_a_node_that_is_killed_costs_only_what_it_was_doing(
    studio: _Studio, tmp_path: Path, sqlite_template: bytes
) -> None:
    (tmp_path / "queue.db").write_bytes(sqlite_template)
    engine, clock = open_database(f"sqlite:///{tmp_path / 'queue.db'}"), SystemClock()
    jobs = Jobs(engine=engine, outbox=DatabaseOutbox(), clock=clock, random_bytes=secrets.token_bytes)
    store = studio.server.store("studio")
    compute = RayCompute(studio.cluster.address)
    long, brief = (partial(open_objects, "s3://studio", patience) for patience in (OUTAGE, REQUEST))
    pipeline = Pipeline(
        *(jobs, long, compute, studio.work, clock, secrets.token_bytes),
        open_briefly=brief,
        preset="slow",  # so that a node can be killed in the middle
    )
    films = []
    for name in ("one", "two"):
        source = draw(tmp_path / f"{name}.mp4", seconds=8, size="640x360")
        obstore.put(store, f"sources/{name}.mp4", source)
        films.append(jobs.submit(f"title-{name}", f"sources/{name}.mp4", f"{name}.mp4").id)
    workers = [threading.Thread(target=pipeline.run_once, args=(f"w{number}",)) for number in range(2)]
    for worker in workers:
        worker.start()
    until("the others of both", lambda: all(jobs.job(film).stage == "encoding" for film in films))
    # Each node has one core and makes the rungs of one of them.
    kept = {film: studio.kept(film) for film in films}
    with capture_logs() as told:
        studio.cluster.nodes[0].kill()
        for worker in workers:
            worker.join(400)
    assert any(line["event"] == "compute.adrift" for line in told), "the node that was killed had no work"
    for film in films:
        ended = jobs.job(film)
        # The worker went on with the same start: a lost machine is not a failed encode.
        assert (ended.state, ended.message, ended.attempts, ended.failures) == (JobState.DONE, None, 1, 0)
        made = studio.made(film)
        assert {name.removesuffix("-00000") for name in made} == {rendition.name for rendition in ended.renditions}
        assert [made.count(name) for name in kept[film]] == [1] * len(kept[film])
        published = [entry["path"] for entry in obstore.list(store, f"media/{ended.title_id}/").collect()]
        assert any(key.endswith("/master.m3u8") for key in published)
    assert obstore.list(store, "work/").collect() == []
    assert list(studio.work.iterdir()) == [], "a node's shelf was seen by others"
    compute.close()
    engine.dispose()
