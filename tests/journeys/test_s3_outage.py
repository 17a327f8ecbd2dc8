"""S3 answers 503 for a while, or nothing at all, while everything is used: nothing is lost, nothing is made twice.

``OUTAGE_SECONDS=60`` has it last a minute; else so long that only what waits for an outage's end waits it out.
"""

import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from deploy.local.swift import Swift
from obstore.store import ObjectStore
from pyarrow import parquet

from ffmpeg_runs import Runs, counted_ffmpeg
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox
from matinee.compose.database import open_database
from matinee.compose.objects import REQUEST, WORK, Patience, open_objects
from matinee.encodes.jobs import Job, Jobs, JobState
from matinee.encodes.pipeline import Pipeline
from matinee.encoding.orders import LadderKind
from matinee.model.errors import Unavailable
from matinee.recommender.archive import PREFIX, Archive
from running_demo import OPERATOR, RunningDemo, draw, until
from s3_faults import Line, line_to
from sources import TOOLS
from uploading import send

_OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", 2 * WORK.retry_seconds))
_names = count(1)


class _Outage:
    """What a line does from the first rendition that is put on: refuse everything, until the end."""

    def __init__(self, line: Line) -> None:
        self.began, self.over = threading.Event(), threading.Event()
        line.fails = self._fails

    def _fails(self, method: str, path: str) -> bool:
        if method in {"PUT", "POST"} and "/work/" in path:
            self.began.set()
        return self.began.is_set() and not self.over.is_set()


@pytest.fixture
def bucket(swift: Swift) -> str:
    name = f"outage-{next(_names)}"
    swift.create_bucket(name, readers=True)
    return name


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """FFmpeg, for every process that is started here, counted."""
    runs = counted_ffmpeg(tmp_path)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(runs.program))
    return runs


@pytest.fixture
def line(swift: Swift, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """The line to S3 of every process that is started here."""
    with line_to(swift.address) as line:
        own = {**swift.environment(), "AWS_ENDPOINT_URL": line.address, "MATINEE_OBJECTS": f"s3://{bucket}"}
        for name, value in own.items():
            monkeypatch.setenv(name, value)
        yield line


# --- 503, everything in use ------------------------------------------------------------------------------------------


class _Callers:
    """A viewer and an operator who use the service; what each was answered."""

    def __init__(self, demo: RunningDemo, viewer: httpx.Client, operator: httpx.Client) -> None:
        self.accepted: list[str] = []
        self.refused = 0
        self._demo, self._viewer, self._operator = demo, viewer, operator
        self._profile = viewer.get("/profiles").json()["profiles"][0]["id"]
        self._title = demo.titles(viewer)[0]
        self._playback = demo.press_play(viewer, self._profile, self._title["id"])

    def hold(self) -> str:
        """Have an edge fetch the title's manifest, so that it holds it; its address."""
        address = f"{self._playback['edges'][0]['url']}master.m3u8"
        httpx.get(address, timeout=60).raise_for_status()
        return address

    @property
    def prefix(self) -> str:
        """Where the title's files lie in the store."""
        return f"media/{self._title['id']}/{self._title['revision']}/"

    def tell(self) -> None:
        """Some heartbeats, which are accepted or refused as a whole."""
        events = [self._heartbeat() for _ in range(5)]
        answer = self._well(self._viewer.post("/events", json={"events": events}), 202)
        if answer.status_code == 202:
            self.accepted += [event["id"] for event in events]

    def fetch(self, key: str) -> httpx.Response:
        """An object of the store, as a file from an edge."""
        return self._well(
            httpx.get(f"{self._playback['edges'][0]['url']}{key.removeprefix(self.prefix)}", timeout=60), 200
        )

    def home(self) -> None:
        """A home page, which no object is needed for."""
        assert self._viewer.get(f"/profiles/{self._profile}/home").status_code == 200

    def put(self, source: str, content: bytes) -> httpx.Response:
        """Bring an upload's bytes."""
        return self._well(send(self._operator, source, content), 204)

    def encode(self, job: str) -> dict[str, Any]:
        """An encode as the studio shows it."""
        encodes: list[dict[str, Any]] = self._operator.get("/studio/encodes").raise_for_status().json()["encodes"]
        return next(one for one in encodes if one["id"] == job)

    def _well(self, answer: httpx.Response, status: int) -> httpx.Response:
        """Done, or refused in a way that says when to come again."""
        if answer.status_code != status:
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) > 0
            self.refused += 1
        return answer

    def _heartbeat(self) -> dict[str, Any]:
        return {
            "id": secrets.token_hex(16),
            "type": "playback.heartbeat",
            "time": datetime.now(UTC).isoformat(),
            "playback_id": self._playback["playback_id"],
            "position_seconds": 1.0,
            "watched_seconds": 0.1,
            "duration_seconds": 2.0,
        }


def _archived(objects: ObjectStore) -> Counter[str]:
    """How often each event's id stands in the archive."""
    keys = [entry["path"] for entry in obstore.list(objects, PREFIX).collect()]
    tables = [parquet.read_table(BytesIO(bytes(obstore.get(objects, key).bytes()))) for key in keys]
    return Counter(name for table in tables for name in table["id"].to_pylist())


@pytest.fixture
def demo(line: Line, runs: Runs, tmp_path: Path) -> Iterator[RunningDemo]:
    """A demo with one small film, its FFmpeg counted and its line to S3 in hand."""
    del line, runs  # they are in its environment
    draw(tmp_path / "films" / "Alder.mp4", 2)
    demo = RunningDemo(data=tmp_path / "data", films=tmp_path / "films").start()
    try:
        yield demo
    finally:
        code = demo.stop()
    assert code == 0, demo.output


def test_a_store_that_refuses_all_loses_nothing_and_has_nothing_made_twice(
    demo: RunningDemo, line: Line, swift: Swift, bucket: str, runs: Runs, tmp_path: Path
) -> None:
    film = draw(tmp_path / "Birch.mp4", 6, size="1280x720").read_bytes()
    objects = swift.store(bucket)
    with demo.client() as viewer, demo.client(OPERATOR) as operator:
        until("a playable film", lambda: demo.titles(viewer))
        callers = _Callers(demo, viewer, operator)
        held = callers.hold()
        unheld = max(entry["path"] for entry in obstore.list(objects, callers.prefix).collect())
        before = runs.made()
        source = operator.post("/studio/sources", json={"name": "Birch.mp4", "size_bytes": len(film)}).json()["id"]
        assert callers.put(source, film).status_code == 204
        later = operator.post("/studio/sources", json={"name": "Cedar.mp4", "size_bytes": len(film)}).json()["id"]
        outage = _Outage(line)
        job = operator.post("/studio/titles", json={"source": source, "name": "Birch"}).json()["encode_id"]
        assert outage.began.wait(300), "no rendition came to be put"
        since = time.monotonic()
        engine = open_database(f"sqlite:///{demo.data / 'matinee.db'}")
        archive = Archive(engine, open_objects(f"s3://{bucket}", REQUEST), DatabaseEventLog(engine), SystemClock())
        callers.tell()
        until("events to archive", lambda: archive.log.end() > archive.written_through())
        with pytest.raises(Unavailable):
            archive.write()
        while time.monotonic() < since + _OUTAGE_SECONDS:
            callers.tell()
            callers.home()
            assert httpx.get(held, timeout=60).is_success
            assert callers.fetch(unheld).status_code == 503
            assert callers.put(later, film).status_code == 503
            time.sleep(1)
        assert callers.refused >= 2
        outage.over.set()
        until("the edge's fill", lambda: callers.fetch(unheld).is_success)
        until("the other film's bytes", lambda: callers.put(later, film).status_code == 204)
        until("the film's end", lambda: callers.encode(job)["state"] in {"done", "failed"}, 300)
        ended = callers.encode(job)
        assert (ended["state"], ended["message"]) == ("done", None), ended
        assert set((runs.made() - before).values()) == {1}, runs.made()
        archive.write()
        assert {name: _archived(objects)[name] for name in callers.accepted} == dict.fromkeys(callers.accepted, 1)
        engine.dispose()


# --- an S3 that says nothing -----------------------------------------------------------------------------------------

_LEASE_SECONDS = 6.0
_SILENT_SECONDS = 1.5 * _LEASE_SECONDS
_PATIENT = Patience(connect_seconds=1, silent_seconds=2, retries=100, retry_seconds=60)
_BRIEF = Patience(connect_seconds=1, silent_seconds=1, retries=0, retry_seconds=0)


@pytest.mark.parametrize(("asked", "ends"), [("GET", JobState.QUEUED), ("PUT", JobState.DONE)])
def test_a_silent_s3_holds_a_task_up_and_the_lease_is_kept_all_the_while(
    asked: str,
    ends: JobState,
    line: Line,
    swift: Swift,
    bucket: str,
    runs: Runs,
    tmp_path: Path,
    sqlite_template: bytes,
) -> None:
    """What the worker itself asks (GET) is put off with the job; what a task puts (PUT) is put again and again."""
    (tmp_path / "queue.db").write_bytes(sqlite_template)
    engine, clock = open_database(f"sqlite:///{tmp_path / 'queue.db'}"), SystemClock()
    jobs = Jobs(engine=engine, outbox=DatabaseOutbox(), clock=clock, random_bytes=secrets.token_bytes)
    obstore.put(swift.store(bucket), "sources/film.mp4", draw(tmp_path / "film.mp4", 2, size="640x360"))
    job = jobs.submit("title-film", "sources/film.mp4", "film.mp4")
    silence = threading.Event()
    speaks = threading.Event()

    def silent(method: str, path: str) -> bool:
        # The frame list and the first rung are asked for by their task.
        own = "/work/" in path and "/frames-" not in path and "/first-" not in path
        if method == asked and own and not silence.is_set():
            silence.set()
            threading.Timer(_SILENT_SECONDS, speaks.set).start()
        if silence.is_set():
            speaks.wait()
        return False

    line.fails = silent
    stolen: list[Job] = []
    over = threading.Event()

    def steal() -> None:
        while not over.wait(0.2):
            taken = jobs.lease("thief", _LEASE_SECONDS)
            if taken is not None:
                stolen.append(taken)

    compute = LocalCompute(cores=1)
    store, briefly = (partial(open_objects, f"s3://{bucket}", patience) for patience in (_PATIENT, _BRIEF))
    tools, work = replace(TOOLS, ffmpeg=str(runs.program)), tmp_path / "work"
    pipeline = Pipeline(
        *(jobs, store, compute, work, clock, secrets.token_bytes),
        open_briefly=briefly,
        tools=tools,
        ladder=LadderKind.FIXED,  # a rung that missed what was foretold of it would be made twice
        lease_seconds=_LEASE_SECONDS,
    )
    thief = threading.Thread(target=steal)
    try:
        with ThreadPoolExecutor(1) as pool:
            turn = pool.submit(pipeline.run_once, "worker")
            until("the lease", lambda: jobs.job(job.id).attempts == 1)
            thief.start()
            assert turn.result(300)
    finally:
        over.set()
        thief.join()
        compute.close()
        speaks.set()
    assert silence.is_set()
    assert stolen == []
    ended = jobs.job(job.id)
    assert (ended.state, ended.attempts, ended.failures) == (ends, 1, 0)
    assert set(runs.made().values()) <= {1}
    engine.dispose()
