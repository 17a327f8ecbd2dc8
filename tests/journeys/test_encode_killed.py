"""A worker that is killed again and again: what was finished is not made twice, and the result is the same bytes.

``ENCODE_KILLS=50`` kills more often, in a longer film.
"""

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import obstore
import pytest
import sqlalchemy as sa
from obstore.store import LocalStore

from ffmpeg_runs import counted_ffmpeg
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.compose.database import open_database
from matinee.encodes.jobs import Job, Jobs, JobState
from running_demo import until
from sources import draw

_KILLS = int(os.environ.get("ENCODE_KILLS", "5"))
_FEW = 5
_ENOUGH_SECONDS = 180.0


class _World:
    """A queue, a store and workers that use them."""

    def __init__(self, folder: Path, queue: bytes, source: Path) -> None:
        folder.mkdir()
        (folder / "queue.db").write_bytes(queue)
        self.folder, self.url, self.objects = folder, f"sqlite:///{folder / 'queue.db'}", folder / "objects"
        self.engine: sa.Engine = open_database(self.url)
        self.jobs = Jobs(self.engine, DatabaseOutbox(), SystemClock(), secrets.token_bytes)
        obstore.put(LocalStore(self.objects, mkdir=True), "sources/film.mp4", source)
        self.job = self.jobs.submit("title-film", "sources/film.mp4", "film.mp4").id

    def worker(self) -> "subprocess.Popen[bytes]":
        arguments = [self.url, str(self.objects), str(self.folder / "work"), secrets.token_hex(4), "fast"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.Popen([sys.executable, "-m", "encode_worker", *arguments], env=environment)

    def begun(self) -> "subprocess.Popen[bytes]":
        """A worker that has the job; while another's lease lasts, each finds none and ends."""
        before, worker, end = self.jobs.job(self.job).attempts, self.worker(), time.monotonic() + _ENOUGH_SECONDS
        while self.jobs.job(self.job).attempts == before:
            assert time.monotonic() < end, f"no worker got {self.jobs.job(self.job)}"
            if worker.poll() is not None:
                worker = self.worker()
            time.sleep(0.05)
        return worker

    def kept(self) -> dict[str, int]:
        """What the store has whole, and when it was written."""
        found = (self.objects / "work").rglob("*.json")
        files = [note.with_suffix("") for note in found]
        return {file.name: file.stat().st_mtime_ns for file in files if file.exists()}

    def is_forgiven(self) -> bool:
        """Whether it has made something that lasts since it last failed."""
        job = self.jobs.job(self.job)
        return job.failures == 0 or job.state is JobState.DONE

    def ended(self) -> Job:
        end = time.monotonic() + _ENOUGH_SECONDS
        while self.jobs.job(self.job).state is not JobState.DONE:
            assert time.monotonic() < end, self.jobs.job(self.job)
            worker = self.worker()
            assert worker.wait(_ENOUGH_SECONDS) == 0
            time.sleep(0.2)
        return self.jobs.job(self.job)

    def published(self) -> dict[str, bytes]:
        """Segments by their names under the revision."""
        media = self.objects / "media" / "title-film"
        return {"/".join(path.parts[-2:]): path.read_bytes() for path in media.rglob("*.m4s")}


@pytest.mark.timeout(240 * max(1, _KILLS // _FEW))
def test_an_encode_that_is_killed_again_and_again_makes_the_same_bytes_and_nothing_twice(
    tmp_path: Path, sqlite_template: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = draw(tmp_path / "film.mp4", seconds=24 * max(1, _KILLS // _FEW // 2), size="480x270", rate="24")
    whole = _World(tmp_path / "whole", sqlite_template, source)
    whole.ended()
    runs = counted_ffmpeg(tmp_path)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(runs.program))
    killed = _World(tmp_path / "killed", sqlite_template, source)
    chance, seen, counted = random.Random(20261127), dict[str, int](), dict[str, int]()
    kills = 0
    # On a slow machine so many kills may come before the first part was kept: then there is nothing to tell by.
    while killed.jobs.job(killed.job).state is not JobState.DONE and (kills < _KILLS or not any(counted.values())):
        kills += 1
        worker = killed.begun()
        if killed.jobs.job(killed.job).failures > 1:  # after three starts that finish nothing it would be given up
            until("something finished", killed.is_forgiven, _ENOUGH_SECONDS)
        time.sleep(chance.uniform(0.0, 4.0))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        now = killed.kept() or seen  # nothing is kept of what has come to its end
        assert {name: now[name] for name in seen} == seen
        seen, made = now, runs.made()
        counted = {file: made[file] for file in now} | counted
    killed.ended()
    # FFmpeg ran for none of them after the store had it.
    assert any(counted.values())
    assert {file: runs.made()[file] for file in counted} == counted
    assert killed.published() == whole.published()
    assert len(killed.published()) > 8
    for world in (whole, killed):
        world.engine.dispose()
