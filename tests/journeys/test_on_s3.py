"""The service with a real S3 for its origin: encoded into it, played out of it, and nothing lost while it is away."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

import httpx
import obstore
import pytest
from deploy.local import swift as swift_engine
from deploy.local.swift import READER, Swift

from engines import missing
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.events_database import DatabaseOutbox
from matinee.compose.database import open_database
from matinee.compose.objects import Patience, open_objects
from matinee.encodes.jobs import Job, Jobs, JobState
from matinee.encodes.pipeline import Pipeline
from running_demo import RunningDemo, draw, until
from running_edge import RunningEdge, running, token
from s3_faults import Line, line_to
from small_film import decoded_frames
from sources import TOOLS

_QUICK = Patience(connect_seconds=1, silent_seconds=5, retries=2, retry_seconds=1)
_SECONDS, _FRAMES = 2, 48


@pytest.fixture(scope="module")
def server() -> Iterator[Swift]:
    if swift_engine.find() is None:
        missing("Swift", "make setup-development")
    with swift_engine.swift() as running:
        yield running


@dataclass(frozen=True)
class Service:
    """A demo on a bucket, and the film that it plays."""

    demo: RunningDemo
    server: Swift
    title: str
    revision: str


@pytest.fixture(scope="module")
def service(server: Swift, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("on-s3")
    draw(folder / "films" / "Alder.mp4", _SECONDS)
    server.create_bucket("cinema", readers=True)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**server.environment(), "MATINEE_OBJECTS": "s3://cinema"}.items():
            environment.setenv(name, value)
        demo = RunningDemo(data=folder / "data", films=folder / "films").start()
    with demo.client() as client:
        until("a playable film", lambda: demo.titles(client))
        title = demo.titles(client)[0]
    yield Service(demo, server, title["id"], title["revision"])
    assert demo.stop() == 0, demo.output


def test_a_film_is_encoded_into_s3_and_plays_from_every_edge(service: Service) -> None:
    store = service.server.store("cinema")
    kept = {entry["path"].partition("/")[0] for page in obstore.list(store) for entry in page}
    assert {"media", "sources"} <= kept
    assert not list((service.demo.data / "objects").rglob("*.m4s"))
    with service.demo.client() as client:
        profile = client.get("/profiles").json()["profiles"][0]["id"]
        playback = service.demo.press_play(client, profile, service.title)
    assert playback is not None
    assert decoded_frames(playback["hls_url"])[0] == _FRAMES
    for edge in playback["edges"]:
        assert httpx.get(f"{edge['url']}manifest.mpd", timeout=60).is_success


def test_an_edge_needs_only_to_read_and_serves_what_it_holds_while_s3_is_away(service: Service, tmp_path: Path) -> None:
    prefix = f"{service.title}/{service.revision}/"
    store = service.server.store("cinema")
    listed = [
        entry["path"].removeprefix(f"media/{prefix}") for entry in obstore.list(store, f"media/{prefix}").collect()
    ]
    segment, *_, unheld = sorted(name for name in listed if name.endswith((".m4s", ".mp4", ".jpg")))
    reader = RunningEdge(tmp_path / "edge", "s3://cinema", environment=service.server.environment(READER))
    with running(reader) as edge:
        opened = f"{edge.address}/{token(prefix)}/{prefix}"
        assert decoded_frames(f"{opened}master.m3u8")[0] == _FRAMES
        whole = bytes(obstore.get(store, f"media/{prefix}{segment}").bytes())
        assert edge.client.get(opened + segment).content == whole
        ranged = edge.client.get(opened + segment, headers={"Range": "bytes=5-9"})
        assert (ranged.status_code, ranged.content) == (206, whole[5:10])
        assert edge.client.get(f"{opened}absent.m4s").status_code == 404
        service.server.kill()
        try:
            assert edge.client.get(opened + segment).content == whole
            assert edge.client.get(f"{opened}not-asked-before.m4s").status_code == 503
        finally:
            service.server.start()
        assert edge.client.get(opened + unheld).is_success
        edge.process.terminate()
        assert edge.process.wait(timeout=60) == 0


# --- an encode while S3 fails ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Studio:
    """A queue with one job, and a worker whose line to S3 can fail."""

    jobs: Jobs
    job: Job
    pipeline: Pipeline
    clock: ManualClock
    line: Line
    bucket: str

    def carry(self) -> Job:
        """One turn of the worker, when the job is due."""
        self.clock.advance(60)
        assert self.pipeline.run_once("worker")
        return self.jobs.job(self.job.id)


@pytest.fixture
def studio(server: Swift, tmp_path: Path, sqlite_template: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    bucket = f"studio-{secrets.token_hex(4)}"
    server.create_bucket(bucket)
    (tmp_path / "queue.db").write_bytes(sqlite_template)
    engine, clock = open_database(f"sqlite:///{tmp_path / 'queue.db'}"), ManualClock()
    jobs = Jobs(engine=engine, outbox=DatabaseOutbox(), clock=clock, random_bytes=secrets.token_bytes)
    obstore.put(server.store(bucket), "sources/film.mp4", draw(tmp_path / "film.mp4", 1))
    job = jobs.submit("title-film", "sources/film.mp4", "film.mp4", name="A Film")
    compute = LocalCompute(cores=1)
    with line_to(server.address) as line:
        for name, value in {**server.environment(), "AWS_ENDPOINT_URL": line.address}.items():
            monkeypatch.setenv(name, value)
        store = partial(open_objects, f"s3://{bucket}", _QUICK)
        pipeline = Pipeline(jobs, store, compute, tmp_path / "work", clock, secrets.token_bytes, tools=TOOLS)
        yield Studio(jobs, job, pipeline, clock, line, bucket)
    compute.close()
    engine.dispose()


def _everything(_method: str, _path: str) -> bool:
    return True


def _media(method: str, path: str) -> bool:
    return method in {"PUT", "POST"} and "/media/" in path


def test_an_encode_waits_as_long_as_s3_refuses_it_and_ends_well(studio: Studio) -> None:
    for fails in (_everything, _everything, _everything, _media):  # more often than a film may fail by its own fault
        studio.line.fails = fails
        waiting = studio.carry()
        assert waiting.state is JobState.QUEUED
        assert waiting.failures == 0
        assert waiting.message is not None
        assert waiting.message.startswith("The object store fails the encode of film.mp4, which is tried again: ")
        assert "503" in waiting.message
        assert "http" not in waiting.message
        assert "\n" not in waiting.message
    studio.line.fails = lambda _method, _path: False
    assert studio.carry().state is JobState.DONE


def test_an_encode_whose_s3_is_killed_as_it_publishes_ends_well_once_it_is_back(studio: Studio, server: Swift) -> None:
    published = Lock()

    def killed(method: str, path: str) -> bool:
        if _media(method, path) and published.acquire(blocking=False):
            server.kill()
        return False

    studio.line.fails = killed
    waiting = studio.carry()
    assert waiting.state is JobState.QUEUED
    studio.line.fails = lambda _method, _path: False
    server.start()
    done = studio.carry()
    assert done.state is JobState.DONE
    store = server.store(studio.bucket)
    keys = {entry["path"] for entry in obstore.list(store, f"media/title-film/{done.revision}/").collect()}
    assert any(key.endswith("/master.m3u8") for key in keys)
    assert any(key.endswith("/manifest.mpd") for key in keys)


# --- taking films in -------------------------------------------------------------------------------------------------


def test_an_ingest_that_is_killed_half_way_leaves_nothing_half_and_goes_on(
    server: Swift, tmp_path: Path, sqlite_template: bytes
) -> None:
    server.create_bucket("ingested")
    (tmp_path / "matinee.db").write_bytes(sqlite_template)
    film = tmp_path / "Metropolis (1927).mp4"
    film.write_bytes(os.urandom(1_000_000) * 40)
    store = server.store("ingested")
    with line_to(server.address) as line:
        own = {"MATINEE_DATA": str(tmp_path), "MATINEE_OBJECTS": "s3://ingested"}
        own = {**os.environ, **server.environment(), **own, "AWS_ENDPOINT_URL": line.address}
        command = [sys.executable, "-m", "matinee.cli", "ingest", "--json", str(film)]
        parts: list[str] = []

        def slowly(method: str, path: str) -> bool:
            if method == "PUT" and "partNumber" in path:
                parts.append(path)
                if len(parts) > 3:
                    time.sleep(60)
            return False

        line.fails = slowly
        with subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ingesting:
            until("some parts", lambda: len(parts) > 3)
            ingesting.kill()
        assert obstore.list(store, "sources/").collect() == []
        line.fails = lambda _method, _path: False
        again = subprocess.run(command, env=own, capture_output=True, text=True, check=False, timeout=60)
        assert again.returncode == 0, again.stderr
        assert '"new": true' in again.stdout
        third = subprocess.run(command, env=own, capture_output=True, text=True, check=False, timeout=60)
        assert '"new": false' in third.stdout, third.stderr
    (kept,) = obstore.list(store, "sources/").collect()
    assert kept["size"] == film.stat().st_size
    engine = open_database(f"sqlite:///{tmp_path / 'matinee.db'}")
    jobs = Jobs(engine=engine, outbox=DatabaseOutbox(), clock=ManualClock(), random_bytes=secrets.token_bytes)
    assert [job.source_key for job in jobs.jobs()] == [kept["path"]]
    engine.dispose()
