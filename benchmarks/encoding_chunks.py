"""How long a minute of 720p takes as four rungs: in chunks cut by its frame list, by one FFmpeg that splits, by four.

All make the same rungs with the same encoder, preset and caps, and the sound. One rival decodes once and runs all
encoders on all cores, which is the quickest that FFmpeg does by itself; the other is a process a rung, all at once.
Ours also lists every frame first, encodes a first rung, and joins and checks what was made. Packaging and pictures
count in its CPU seconds alone. All three run in every round, in turns. ``python -m benchmarks.encoding_chunks [SOURCE
[PRESET [ROUNDS]]]``; without a source a film is drawn. Bars: at most 1.0 of the first rival, 0.8 of the second.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from obstore.store import LocalStore

from benchmarks.machine import report
from matinee.adapters.compute_local import LocalCompute
from matinee.commands.commands import CRF, PRESET
from matinee.commands.sound import BITRATES_BPS
from matinee.encoding.depot import Depot, Finished
from matinee.encoding.ffmpeg import find_tools
from matinee.encoding.orders import LadderKind, Order
from matinee.encoding.production import Production
from matinee.encoding.steps import Place, Source
from matinee.inspection.frames import TICKS
from matinee.inspection.inspection import Film
from matinee.ladder.fixed import fixed_ladder
from matinee.model.media import Ladder, Presentation, Rung
from matinee.packaging.sound import STEREO

SECONDS, RATE, ROUNDS = 60, 24, 7
_TOOLS = find_tools()
_FFMPEG = (_TOOLS.ffmpeg, "-nostdin", "-v", "error", "-y")
_OURS, _SPLIT, _APART = "chunks by the frame list", "one FFmpeg with split", "an FFmpeg a rung, at once"


class _Nobody:
    """A watcher that looks away."""

    def begun(self, film: Film, early: Presentation) -> None:
        """Not noted."""

    def planned(self, film: Film, ladder: Ladder, names: tuple[str, ...]) -> None:
        """Not noted."""

    def progressed(self, stage: str, progress: float, renditions: Mapping[str, float]) -> None:
        """Not noted."""

    def advanced(self) -> None:
        """Not noted."""

    def made(self, finished: Finished) -> None:
        """Not noted."""


def draw(path: Path) -> Path:
    """A minute of 720p with a cut every seven seconds: moving fractals and grain, as heavy as a film's pictures."""
    shots = [
        f"mandelbrot=size=1280x720:rate={RATE}:start_scale={3 / 2**number}:end_scale={0.5 / 2**number}:end_pts=168"
        for number in range(9)
    ]
    sources = [word for shot in shots for word in ("-f", "lavfi", "-t", "7", "-i", shot)]
    joined = "".join(f"[{number}:v]" for number in range(9))
    graph = f"{joined}concat=n=9,noise=alls=6:allf=t:all_seed=1,format=yuv420p[v]"
    command = [_TOOLS.ffmpeg, "-nostdin", "-v", "error", "-y", *sources, "-filter_complex", graph]
    command += ["-f", "lavfi", "-i", f"sine=330:duration={SECONDS}", "-map", "[v]", "-map", "9:a"]
    command += ["-t", str(SECONDS), "-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-c:a", "aac", str(path)]
    subprocess.run(command, check=True)
    return path


def chunked(source: Path, preset: str, folder: Path) -> dict[str, float]:
    """Ours: the seconds of each stage until everything is made, and what joining took of the packaging."""
    store, compute = folder / "store", LocalCompute()
    store.mkdir()
    (store / "source").symlink_to(source.absolute())
    depot = Depot(partial(LocalStore, store), "encode", folder, store)
    order = Order(
        Source("source", "benchmark", source.name),
        "Film",
        Place(depot, _TOOLS),
        "made",
        preset,
        ladder=LadderKind.FIXED,
    )
    try:
        return dict(Production(order, compute, _Nobody()).run().seconds)
    finally:
        compute.close()


def split(source: Path, preset: str, folder: Path, rungs: tuple[Rung, ...]) -> None:
    """A rival: one decode, every rung and the sound."""
    pads = "".join(f"[s{place}]" for place in range(len(rungs)))
    scaled = [
        f"[s{place}]scale={rung.width}:{rung.height},format=yuv420p[v{place}]" for place, rung in enumerate(rungs)
    ]
    command = [*_FFMPEG, "-i", str(source)]
    command += ["-filter_complex", ";".join([f"[0:v]split={len(rungs)}{pads}", *scaled])]
    for place, rung in enumerate(rungs):
        command += ["-map", f"[v{place}]", *_encoded(rung, preset, folder)]
    subprocess.run([*command, *_sound(folder)], check=True)


def apart(source: Path, preset: str, folder: Path, rungs: tuple[Rung, ...]) -> None:
    """A rival: a process a rung, all at once; the sound in that of the smallest."""
    running = []
    for rung in rungs:
        scaled = ["-vf", f"scale={rung.width}:{rung.height},format=yuv420p", "-map", "0:v:0"]
        sound = _sound(folder) if rung is rungs[0] else []
        running.append(
            subprocess.Popen([*_FFMPEG, "-i", str(source), *scaled, *_encoded(rung, preset, folder), *sound])
        )
    for process in running:
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, process.args)


def _encoded(rung: Rung, preset: str, folder: Path) -> list[str]:
    lookahead = ":rc-lookahead=20:mbtree=1" if preset == "superfast" else ""
    return [
        *("-c:v", "libx264", "-preset", preset, "-crf", f"{CRF:g}"),
        *("-maxrate", str(rung.bitrate_bps), "-bufsize", str(rung.peak_bps - rung.bitrate_bps)),
        *("-g", "100000", "-sc_threshold", "0", "-force_key_frames", "expr:gte(t,n_forced*4)"),
        *("-x264-params", f"fps={RATE}/1{lookahead}", "-video_track_timescale", str(TICKS)),
        str(folder / f"{rung.name}.mp4"),
    ]


def _sound(folder: Path) -> list[str]:
    words = ["-map", "0:a:0", "-c:a", "aac", "-b:a", str(BITRATES_BPS[STEREO]), "-ac", "2"]
    return [*words, str(folder / "sound.mp4")]


def _measured(work: Callable[[Path], Any]) -> tuple[float, float, Any]:
    """Seconds on the wall and of all processors, and what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        outcome = work(Path(folder))
        seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, outcome


def main(source: Path | None = None, preset: str = PRESET, rounds: int = ROUNDS) -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory() as folder:
        source = source or draw(Path(folder) / "drawn.mp4")
        rungs = fixed_ladder(1280, 720, float(RATE)).rungs
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in (_OURS, _SPLIT, _APART)}
        for turn in range(rounds):
            names = [*runs]
            for name in names[turn % 3 :] + names[: turn % 3]:
                if name == _OURS:
                    _, cpu, stages = _measured(partial(chunked, source, preset))
                    wall = stages["inspecting"] + stages["surveying"] + stages["encoding"]
                else:
                    rival = split if name == _SPLIT else apart
                    wall, cpu, _ = _measured(partial(rival, source, preset, rungs=rungs))
                runs[name].append((wall, cpu))
        rows = []
        for name, measured in runs.items():
            ratios = sorted(ours[0] / one[0] for ours, one in zip(runs[_OURS], measured, strict=True))
            rows.append(
                {
                    "layout": name,
                    "seconds": round(statistics.median(wall for wall, _ in measured), 1),
                    "from": round(min(measured)[0], 1),
                    "to": round(max(measured)[0], 1),
                    "CPU seconds": round(statistics.median(cpu for _, cpu in measured), 1),
                    "ours takes": f"{statistics.median(ratios):.2f} [{ratios[0]:.2f} to {ratios[-1]:.2f}]",
                }
            )
        question = "how long do four rungs of a minute of 720p take, in chunks, by one FFmpeg and by four?"
        report("encoding_chunks", question, rows, preset=preset, rounds=rounds, source=source.name)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        Path(given[0]) if given else None,
        given[1] if len(given) > 1 else PRESET,
        int(given[2]) if len(given) > 2 else ROUNDS,
    )
