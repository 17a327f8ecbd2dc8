"""A worker at its jobs: published whole or not at all, killed and gone on, refused without holding others up."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import m3u8
import obstore
import pytest
import sqlalchemy as sa
from obstore.store import LocalStore, ObjectStore

from encode_worker import LEASE_SECONDS
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.events_database import DatabaseOutbox
from matinee.commands.commands import PRESET
from matinee.compose.database import migrate, open_database
from matinee.encodes.jobs import Job, Jobs, JobState, RenditionState
from matinee.encodes.pipeline import Pipeline
from matinee.encoding.depot import kept_work
from matinee.encoding.early import NOTE
from matinee.encoding.ffmpeg import find_sandbox, find_tools, run_ffmpeg
from matinee.event_json import from_json
from matinee.model.errors import EncodingFailed, Unavailable
from matinee.model.events import Facts, TitleEncoded, TitleEncodingFailed
from matinee.model.media import presentation_from_json
from sources import TOOLS, draw, picture

_PATIENCE = 180.0


@dataclass
class World:
    """A queue on SQLite, a folder of objects and one of work."""

    engine: sa.Engine
    url: str
    objects: Path
    work: Path
    jobs: Jobs

    def submit(self, source: Path, **more: object) -> Job:
        obstore.put(self.store, f"sources/{source.name}", source)
        return self.jobs.submit(f"title-{source.stem}", f"sources/{source.name}", source.name, **more)  # type: ignore[arg-type]

    @property
    def store(self) -> ObjectStore:
        return LocalStore(self.objects, mkdir=True)

    def events(self, *, early: bool = False) -> list[Facts]:
        """How encodes ended; or that they began to be playable."""
        with self.engine.connect() as connection:
            bodies = connection.execute(sa.text("SELECT body FROM events_outbox ORDER BY sequence")).scalars()
            return [facts for body in bodies if _is_growing(facts := from_json(body).facts) is early]

    def published(self) -> set[str]:
        """Files of whole revisions."""
        media = self.objects / "media"
        files = [path for path in media.rglob("*") if path.is_file()]
        growing = {path.parent for path in files if path.name == NOTE}
        return {str(path.relative_to(media)) for path in files if not growing.intersection(path.parents)}


def _is_growing(facts: Facts) -> bool:
    return isinstance(facts, TitleEncoded) and presentation_from_json(facts.presentation).is_growing


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    url = f"sqlite:///{tmp_path / 'queue.db'}"
    engine = open_database(url)
    migrate(engine)
    jobs = Jobs(engine=engine, outbox=DatabaseOutbox(), clock=SystemClock(), random_bytes=secrets.token_bytes)
    (tmp_path / "objects").mkdir()
    yield World(engine, url, tmp_path / "objects", tmp_path / "work", jobs)
    engine.dispose()


@pytest.fixture
def compute() -> Iterator[LocalCompute]:
    engine = LocalCompute(cores=1)
    yield engine
    engine.close()


def _pipeline(world: World, compute: LocalCompute, preset: str = PRESET) -> Pipeline:
    return Pipeline(
        jobs=world.jobs,
        open_store=partial(LocalStore, world.objects, mkdir=True),
        folder=world.objects,
        compute=compute,
        tools=TOOLS,
        work=world.work,
        clock=SystemClock(),
        random_bytes=secrets.token_bytes,
        preset=preset,
        lease_seconds=LEASE_SECONDS,
    )


def test_a_job_ends_with_a_whole_revision_in_the_store_and_an_event_that_describes_it(
    world: World, compute: LocalCompute, tmp_path: Path
) -> None:
    job = world.submit(draw(tmp_path / "film.mp4"), name="A Film", priority=3)
    assert _pipeline(world, compute).run_once("w1")
    done = world.jobs.job(job.id)
    assert (done.state, done.progress, done.message) == (JobState.DONE, 1.0, None)
    assert {made.state for made in done.renditions} == {RenditionState.DONE}
    (facts,) = world.events()
    assert isinstance(facts, TitleEncoded)
    presentation = presentation_from_json(facts.presentation)
    assert {made.name for made in done.renditions} == {rendition.name for rendition in presentation.renditions}
    prefix = f"{job.title_id}/{facts.revision}"
    assert world.published() == {f"{prefix}/{name}" for name, _ in presentation.files}
    for early in world.events(early=True):  # a film of so few frames may be whole before it is looked at
        assert isinstance(early, TitleEncoded)
        assert early.revision != facts.revision
    for name, size in presentation.files:
        assert (world.objects / "media" / prefix / name).stat().st_size == size
    assert presentation.video[0].frames == 63
    master = m3u8.load(str(world.objects / "media" / prefix / presentation.hls))
    assert [variant.uri for variant in master.playlists] == [rendition.uri for rendition in presentation.video]
    assert not (world.work / job.id).exists()
    assert not _pipeline(world, compute).run_once("w1")


def test_what_an_encode_kept_goes_with_its_end_and_is_swept_where_its_job_is_gone(
    world: World, compute: LocalCompute, tmp_path: Path
) -> None:
    job = world.submit(draw(tmp_path / "film.mp4", seconds=1))
    pipeline = _pipeline(world, compute)
    assert pipeline.run_once("w1")
    assert [path for path in (world.objects / "work").rglob("*") if path.is_file()] == []
    waiting = world.submit(draw(tmp_path / "other.mp4", seconds=1))
    for name in (job.id, waiting.id, "nobody"):
        obstore.put(world.store, f"work/{name}/240p.mp4", b"a rendition")
    pipeline.sweep()
    assert kept_work(world.store) == [waiting.id]


def test_bad_sources_fail_with_a_sentence_each_and_hold_nobody_up(
    world: World, compute: LocalCompute, tmp_path: Path
) -> None:
    text, empty, good = tmp_path / "text.mp4", tmp_path / "empty.mp4", draw(tmp_path / "good.mp4", seconds=1)
    text.write_text("This is not a film.\n" * 50)
    empty.write_bytes(b"")
    bad = [world.submit(text, priority=1), world.submit(empty, priority=1)]
    gone = world.jobs.submit("title-gone", "sources/gone.mp4", "gone.mp4", priority=1)
    well = world.submit(good)
    pipeline = _pipeline(world, compute)
    while pipeline.run_once("w1"):
        pass
    for job in (*bad, gone):
        failed = world.jobs.job(job.id)
        assert (failed.state, failed.attempts) == (JobState.FAILED, 1)
        assert job.source_name in (failed.message or "")
        assert TitleEncodingFailed(job.title_id, failed.message or "") in world.events()
        assert not (world.work / job.id).exists()
    assert world.jobs.job(well.id).state is JobState.DONE
    assert {name.split("/")[0] for name in world.published()} == {well.title_id}


def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen in time"
        time.sleep(0.02)


def _tools_of(folder: Path) -> list[str]:
    """Command lines of running processes that name a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(folder) in words:
                found.append(words)
    return found


def test_a_killed_worker_leaves_no_tool_behind_and_the_next_goes_on_without_making_anything_again(
    world: World, compute: LocalCompute, tmp_path: Path
) -> None:
    job = world.submit(draw(tmp_path / "film.mp4", seconds=5, size="640x360"))
    arguments = [world.url, str(world.objects), str(world.work), "first"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    # The preset is slow enough to be killed in the second group of rungs.
    worker = subprocess.Popen([sys.executable, "-m", "encode_worker", *arguments, "slower"], env=environment)
    try:
        _until(
            lambda: sum(made.state is RenditionState.DONE for made in world.jobs.job(job.id).renditions) >= 1,
            "the first rendition",
        )
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    _until(lambda: not _tools_of(world.work), "the end of what the worker had started")
    killed = world.jobs.job(job.id)
    assert killed.state is JobState.RUNNING
    assert world.published() == set()
    assert world.events() == []
    kept = {path: path.stat().st_mtime_ns for path in (world.objects / "work" / job.id).glob("*.mp4")}
    assert kept
    # The next worker is on another machine: only the object store is the same.
    shutil.rmtree(world.work)
    second = _pipeline(world, compute, "slower")
    seen: dict[Path, int] = {}

    def watch() -> None:
        while world.jobs.job(job.id).state is not JobState.DONE:
            seen.update({path: path.stat().st_mtime_ns for path in kept if path.exists()})
            time.sleep(0.05)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    _until(lambda: second.run_once("second"), "the second lease")
    watcher.join(_PATIENCE)
    done = world.jobs.job(job.id)
    assert (done.state, done.attempts, done.message) == (JobState.DONE, 2, None)
    assert seen == kept
    assert not any(path.exists() for path in kept)
    assert len({made.frames for made in done.renditions if made.frames is not None}) == 1
    assert len(world.events()) == 1


def test_a_worker_that_stops_gives_its_job_back(world: World, tmp_path: Path) -> None:
    job = world.submit(draw(tmp_path / "film.mp4", seconds=10, size="640x360"))
    compute = LocalCompute(cores=1)
    pipeline = _pipeline(world, compute, "slower")  # so that it stops in the middle
    outcome: list[BaseException] = []

    def work() -> None:
        try:
            pipeline.run_once("w1")
        except Unavailable as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    _until(lambda: world.jobs.job(job.id).stage == "encoding", "the first encode")
    compute.close()
    thread.join(_PATIENCE)
    assert "film.mp4" in str(outcome[0])
    waiting = world.jobs.job(job.id)
    assert (waiting.state, waiting.failures) == (JobState.QUEUED, 0)
    with pytest.raises(Unavailable):
        pipeline.run_once("w1")
    assert world.jobs.job(job.id).state is JobState.QUEUED


def test_a_store_that_cannot_be_written_is_a_sentence_and_another_try(
    world: World, compute: LocalCompute, tmp_path: Path
) -> None:
    job = world.submit(draw(tmp_path / "film.mp4", seconds=1))
    (world.objects / "media").write_text("where folders should go there is a file")
    assert _pipeline(world, compute).run_once("w1")
    waiting = world.jobs.job(job.id)
    assert waiting.state is JobState.QUEUED
    assert "film.mp4" in (waiting.message or "")
    assert world.events() == []


def test_no_space_left_is_told_in_words() -> None:
    command = [TOOLS.ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "verbose", "-progress", "pipe:1", *picture(1)]
    with pytest.raises(Unavailable, match="no space left on the disk while drawing"):
        run_ffmpeg([*command, "-f", "rawvideo", "-y", "/dev/full"], TOOLS, "drawing")


def test_a_tool_that_fails_says_what_it_says() -> None:
    command = [TOOLS.ffmpeg, "-hide_banner", "-nostdin", "-progress", "pipe:1", "-i", "/nowhere.mp4", "-f", "null", "-"]
    with pytest.raises(EncodingFailed, match=r"while looking: .*No such file"):
        run_ffmpeg(command, TOOLS, "looking")


def test_a_missing_tool_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    with pytest.raises(Unavailable, match="FFmpeg is missing"):
        find_tools()


def test_a_tool_in_the_sandbox_reaches_no_network() -> None:
    sandbox = find_sandbox()
    if not sandbox:
        pytest.skip("this kernel lets us take no network away")
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 2)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
        inside = subprocess.run([*sandbox, sys.executable, "-c", code], check=False, capture_output=True)
    assert inside.returncode != 0
