"""Encodes on a Ray cluster: nodes die, the whole cluster dies, and a film costs only what was being done."""

import json
import os
import platform
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import obstore
import pytest
import sqlalchemy as sa
from deploy.local import ray
from obstore.store import LocalStore
from structlog.testing import capture_logs

import tasks
from engines import ray_cluster
from matinee.adapters import compute_ray
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.compute_ray import RayCompute, examine
from matinee.adapters.events_database import DatabaseOutbox
from matinee.compose.database import migrate, open_database
from matinee.encodes.jobs import Job, Jobs, JobState, RenditionState
from matinee.encodes.pipeline import Pipeline
from matinee.model.errors import Unavailable
from matinee.ports import Needs, Task
from sources import draw

_PATIENCE = 240.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[ray.Cluster]:
    with ray_cluster(nodes=(1, 1)) as running:
        yield running


@pytest.fixture(scope="module")
def compute(cluster: ray.Cluster) -> Iterator[RayCompute]:
    engine = RayCompute(cluster.address)
    yield engine
    engine.close()


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen in time"
        time.sleep(0.02)


def test_it_says_how_the_cluster_is(cluster: ray.Cluster) -> None:
    assert "2 nodes, 2 cores" in examine(cluster.address)


def test_a_wrong_token_and_a_wrong_address_are_a_sentence_each(
    cluster: ray.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unavailable, match=r"does not answer: Connection refused\."):
        examine("ray://127.0.0.1:9")
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "f" * 64)
    with pytest.raises(Unavailable, match="refuses the token"):
        examine(cluster.address)


def test_another_version_of_ray_is_named_with_both_by_doctor(cluster: ray.Cluster, tmp_path: Path) -> None:
    # Python reads this at its start; only the process that speaks to Ray is of another version then.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'matinee.adapters.compute_ray_link' in sys.orig_argv:\n"
        "    import ray\n"
        "    ray.__version__ = '2.9.0'\n"
    )
    own = {"MATINEE_DATA": str(tmp_path), "MATINEE_COMPUTE": cluster.address}
    environment = {**os.environ, **own, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    doctor = subprocess.run(
        [sys.executable, "-m", "matinee.cli", "doctor", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert doctor.returncode == 1, doctor.stderr
    said = json.dumps(json.loads(doctor.stdout))
    assert f"Ray at {cluster.address} is version {version('ray')} with Python {platform.python_version()}" in said
    assert "and this is Ray 2.9.0" in said


def test_nodes_with_another_matinee_are_named(cluster: ray.Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute_ray, "version", lambda _name: "99.0")
    with pytest.raises(Unavailable, match=r"have another Matinee than 99\.0, which this is: ") as caught:
        examine(cluster.address)
    for node in cluster.nodes:
        assert f"{node.address} has {version('matinee')}" in str(caught.value)


class _Studio:
    """A queue on SQLite, and a worker on the cluster."""

    def __init__(self, folder: Path, compute: RayCompute) -> None:
        self.objects = folder / "objects"
        self.engine = open_database(f"sqlite:///{folder / 'queue.db'}")
        migrate(self.engine)
        clock = SystemClock()
        self.jobs = Jobs(self.engine, DatabaseOutbox(), clock, secrets.token_bytes)
        self.pipeline = Pipeline(
            self.jobs,
            partial(LocalStore, self.objects, mkdir=True),
            compute,
            folder / "work",
            clock,
            secrets.token_bytes,
            folder=self.objects,
            preset="slow",  # so that a node can be killed in the middle
        )

    def submit(self, source: Path) -> Job:
        obstore.put(LocalStore(self.objects, mkdir=True), f"sources/{source.name}", source)
        return self.jobs.submit(f"title-{source.stem}", f"sources/{source.name}", source.name)

    def starts(self, job: Job) -> list[tuple[int, int]]:
        """What became of a job: its attempts and its failures."""
        with self.engine.connect() as connection:
            query = sa.text("SELECT attempts, failures FROM encoding_jobs WHERE id = :id")
            return [(row.attempts, row.failures) for row in connection.execute(query, {"id": job.id})]


def _done(job: Job) -> list[str]:
    return [made.name for made in job.renditions if made.state is RenditionState.DONE]


def test_a_node_that_is_killed_costs_only_what_it_was_doing(
    cluster: ray.Cluster, compute: RayCompute, tmp_path: Path
) -> None:
    studio = _Studio(tmp_path, compute)
    films = [studio.submit(draw(tmp_path / f"{name}.mp4", seconds=8, size="640x360")) for name in ("one", "two")]
    workers = [threading.Thread(target=studio.pipeline.run_once, args=(f"w{number}",)) for number in range(2)]
    for worker in workers:
        worker.start()
    _until(lambda: all(_done(studio.jobs.job(film.id)) for film in films), "the first rung of both")
    # Each node has one core and does the larger rung of one of them.
    kept = {path: path.stat().st_mtime_ns for path in (studio.objects / "work").rglob("*.mp4")}
    seen: dict[Path, int] = {}
    with capture_logs() as told:
        cluster.nodes[0].kill()
        while any(worker.is_alive() for worker in workers):
            for path in kept:
                try:
                    seen[path] = path.stat().st_mtime_ns
                except FileNotFoundError:
                    continue
            time.sleep(0.02)
    assert any(line["event"] == "compute.adrift" for line in told), "the node that was killed had no work"
    assert seen == kept, "what was finished was made again"
    for film in films:
        done = studio.jobs.job(film.id)
        assert (done.state, done.message) == (JobState.DONE, None)
        # The worker went on with the same start: a lost machine is not a failed encode.
        assert studio.starts(film) == [(1, 0)]
    studio.engine.dispose()
    cluster.nodes[0].start()
    cluster.nodes[0].wait()
    _until(lambda: len(compute.machines) == 2, "the return of the node")


def test_work_waits_for_a_cluster_that_is_gone_and_goes_on_with_the_next(
    cluster: ray.Cluster, compute: RayCompute, tmp_path: Path
) -> None:
    def gate(name: str) -> Task:
        return Task(name, tasks.wait_for, (tmp_path, name), Needs(1.0, 2**20))

    _until(lambda: len(compute.machines) == 2, "both nodes")
    running, behind = compute.submit(gate("running")), compute.submit(gate("behind"))
    diary = tmp_path / "diary"
    _until(lambda: diary.exists() and len(diary.read_text().splitlines()) == 2, "the start of both")
    for node in (*cluster.nodes, cluster.head):
        node.kill()
    _until(lambda: not compute.machines, "the loss of the cluster")
    assert not running.done()
    cluster.head.start()
    cluster.head.wait()
    cluster.nodes[0].start()
    for name in ("running", "behind"):
        (tmp_path / name).touch()
    assert [running.result(_PATIENCE), behind.result(_PATIENCE)] == ["running", "behind"]
    assert diary.read_text().splitlines()[2:] == ["running", "behind"]
