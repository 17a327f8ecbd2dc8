"""What an encode holds in memory: a 2160p60 film on two cores, and films of ten hours, at one frame a second and at 60.

``matinee encode`` runs as a user runs it; every process below it is looked at ten times a second. Memory is
proportional set size: pages that several processes share are shared out among them. The long films are ten seconds of
picture, copied.
``python -m benchmarks.encoding_memory [NAME …]`` takes some of the films alone; the 2160p60 one lies in ``FILMS``.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.encoding_grid import FILMS
from benchmarks.machine import RESULTS, report
from matinee.encoding.ffmpeg import find_tools

_HOURS = 10
_LOOKS_A_SECOND = 10
_MIB = 2**20
_TOOLS = find_tools()


def _long(folder: Path, rate: int) -> Path:
    """Ten hours of very small pictures and sound: a piece of ten seconds, 3,600 times."""
    piece, film = folder / "piece.mkv", folder / f"ten-hours-{rate}.mkv"
    start = [_TOOLS.ffmpeg, "-nostdin", "-v", "error", "-y"]
    picture = ["-f", "lavfi", "-i", f"testsrc2=s=64x36:r={rate}:d=10", "-c:v", "libx264", "-preset", "ultrafast"]
    sound = ["-f", "lavfi", "-i", "sine=440:d=10:r=8000", "-c:a", "pcm_s16le"]
    subprocess.run([*start, *picture[:4], *sound[:4], *picture[4:], *sound[4:], str(piece)], check=True)
    times = str(_HOURS * 360 - 1)
    subprocess.run([*start, "-stream_loop", times, "-i", str(piece), "-c", "copy", str(film)], check=True)
    return film


_SOURCES: dict[str, Callable[[Path], Path]] = {
    "2160p60": lambda _: FILMS / "bbb_2160p60_vp9_noaudio_10s.mkv",
    "10h-1fps": lambda folder: _long(folder, 1),
    "10h-60fps": lambda folder: _long(folder, 60),
}


def _kind(process: psutil.Process) -> str:
    words = process.cmdline()
    if "ffmpeg" in words[0] or "packager" in words[0]:
        return "tools"
    return "reader" if "matinee.inspection.probe" in words else "tasks"


def measured(source: Path, folder: Path) -> dict[str, float]:
    """The most that was held at once, in MiB: by all, and by each kind of process."""
    output = folder / "out"
    command = [sys.executable, "-m", "matinee.cli", "encode", str(source), "--output", str(output)]
    most: dict[str, float] = {}
    started = time.monotonic()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        top = psutil.Process(process.pid)
        while process.poll() is None:
            held: dict[str, float] = {}
            with suppress(psutil.Error):
                held["command"] = top.memory_full_info().pss / _MIB
                for child in top.children(recursive=True):
                    with suppress(psutil.Error, IndexError):
                        kind = _kind(child)
                        held[kind] = held.get(kind, 0.0) + child.memory_full_info().pss / _MIB
            held["all"] = sum(held.values())
            most = {kind: max(most.get(kind, 0.0), held.get(kind, 0.0)) for kind in {*most, *held}}
            time.sleep(1 / _LOOKS_A_SECOND)
    assert process.returncode == 0, (folder / "log").read_text()
    most["seconds"] = time.monotonic() - started
    most["manifests"] = sum(path.stat().st_size for path in output.rglob("*.m3u8")) / _MIB
    return most


def main(names: list[str]) -> None:
    known = RESULTS / "encoding_memory.json"
    rows: list[dict[str, Any]] = json.loads(known.read_text())["rows"] if known.exists() else []
    # Each takes long: those that are not asked for stay as they were measured.
    rows = [row for row in rows if row["film"] not in names]
    for name in names:
        with tempfile.TemporaryDirectory() as place:
            found = measured(_SOURCES[name](Path(place)), Path(place))
        rows.append(
            {
                "film": name,
                "all, MiB": round(found["all"]),
                "matinee, MiB": round(found["command"]),
                "tasks, MiB": round(found.get("tasks", 0)),
                "reader, MiB": round(found.get("reader", 0)),
                "FFmpeg and packager, MiB": round(found.get("tools", 0)),
                "playlists, MiB": round(found["manifests"], 2),
                "seconds": round(found["seconds"]),
            }
        )
    question = "What does an encode hold in memory at once, and is it bounded for a film of ten hours?"
    report("encoding_memory", question, rows, cores=len(os.sched_getaffinity(0)), bar_mib=2560)


if __name__ == "__main__":
    main(sys.argv[1:] or list(_SOURCES))
