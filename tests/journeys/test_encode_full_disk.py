"""A disk that fills at every stage of an encode: a sentence says so, nothing is lost, and with room it goes on."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import obstore
import pytest
import sqlalchemy as sa
from obstore.store import LocalStore

from ffmpeg_runs import counted_ffmpeg
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.events_database import DatabaseOutbox
from matinee.compose.database import open_database
from matinee.encodes.jobs import Jobs, JobState
from matinee.encodes.pipeline import Pipeline
from matinee.encoding.ffmpeg import find_tools
from matinee.encoding.orders import LadderKind
from sources import draw

_DISK_BYTES = 16 * 2**20
_PATIENCE_SECONDS = 120.0  # more than the first try waits for the second

# When the disk fills: before the run of FFmpeg whose words hold this, or after it; or before Shaka Packager's.
_STAGES = {
    "while surveying": ("before", "scdet"),
    "while encoding the others": ("before", "360p-"),
    "while encoding the sound": ("before", "-c:a aac"),
    "before joining": ("after", "360p-"),
    "while packaging": ("packager", ""),
    "while drawing": ("before", "looked_at"),
    "while publishing": ("after", "looked_at"),
}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this process may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _filling(folder: Path, disk: Path, program: str, when: str, words: str) -> str:
    """A program that fills the disk, while ``folder`` holds a file ``fill``, before or after it is what it is."""
    script = folder / f"{Path(program).name}-{when}"
    fill = (
        f'case "$*" in *"{words}"*) [ -e {folder}/fill ] && head -c {_DISK_BYTES} /dev/zero >{disk}/filler 2>&-;; esac'
    )
    lines = (
        [fill, f'{program} "$@"', "exit $?"] if when != "after" else [f'{program} "$@"', "code=$?", fill, "exit $code"]
    )
    script.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize("stage", _STAGES)
def test_a_full_disk_is_said_and_nothing_is_lost(
    stage: str, disk: Path, tmp_path: Path, sqlite_template: bytes, random_bytes: Callable[[int], bytes]
) -> None:
    when, words = _STAGES[stage]
    runs = counted_ffmpeg(tmp_path)
    tools = replace(find_tools(), ffmpeg=str(runs.program))
    if when == "packager":
        tools = replace(tools, packager=_filling(tmp_path, disk, tools.packager, when, words))
    else:
        tools = replace(tools, ffmpeg=_filling(tmp_path, disk, tools.ffmpeg, when, words))
    (tmp_path / "queue.db").write_bytes(sqlite_template)
    engine: sa.Engine = open_database(f"sqlite:///{tmp_path / 'queue.db'}")
    clock, compute, objects = ManualClock(), LocalCompute(cores=1), disk / "objects"
    jobs = Jobs(engine=engine, outbox=DatabaseOutbox(), clock=clock, random_bytes=random_bytes)
    open_store = partial(LocalStore, objects, mkdir=True)
    obstore.put(open_store(), "sources/film.mp4", draw(tmp_path / "film.mp4", size="640x360"))
    job = jobs.submit("title-film", "sources/film.mp4", "film.mp4").id
    pipeline = Pipeline(
        *(jobs, open_store, compute, disk / "work", clock, random_bytes),
        folder=objects,
        tools=tools,
        preset="ultrafast",
        ladder=LadderKind.FIXED,
    )
    (tmp_path / "fill").touch()
    assert pipeline.run_once("w1")
    waiting = jobs.job(job)
    assert (waiting.state, (disk / "filler").exists()) == (JobState.QUEUED, True)
    assert any(said in (waiting.message or "") for said in ("no space left", "has no room", "MiB left")), (
        waiting.message
    )
    # What plays while it arrives is not whole; only what is has an MPD.
    assert not list((objects / "media").rglob("manifest.mpd"))
    kept, made = [note.stem for note in (objects / "work").rglob("*.json")], runs.made()
    (tmp_path / "fill").unlink()
    (disk / "filler").unlink()
    clock.advance(_PATIENCE_SECONDS)
    assert pipeline.run_once("w2")
    done = jobs.job(job)
    assert (done.state, done.message) == (JobState.DONE, None)
    assert len(list((objects / "media").rglob("manifest.mpd"))) == 1
    # What was whole when the disk was full was not made again.
    files = set(kept) & set(made)
    assert files or when == "before"
    assert {file: runs.made()[file] for file in files} == {file: made[file] for file in files}
    compute.close()
    engine.dispose()
