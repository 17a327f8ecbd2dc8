"""How long a minute of 720p takes as four rungs: in chunks cut by its frame list, and by one FFmpeg that splits.

Both make the same rungs with the same encoder, preset and caps, and the sound. The rival decodes once and runs all
encoders on all cores, which is the quickest that FFmpeg does by itself. Ours also lists every frame first, and joins
and checks what was made. Packaging and pictures count in its CPU seconds alone. Pairs take turns, each first in every
second one. ``python -m benchmarks.encoding_chunks [SOURCE [PRESET [PAIRS]]]``; without a source a film is drawn.
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
from matinee.encoding.depot import Depot, Finished
from matinee.encoding.ffmpeg import find_tools
from matinee.encoding.orders import LadderKind, Order
from matinee.encoding.production import Production
from matinee.encoding.sound import BITRATES_BPS
from matinee.encoding.steps import Place, Source
from matinee.inspection.frames import TICKS
from matinee.inspection.inspection import Film
from matinee.ladder.fixed import fixed_ladder
from matinee.model.media import Ladder, Presentation, Rung
from matinee.packaging.sound import STEREO

SECONDS, RATE, PAIRS = 60, 24, 7
_TOOLS = find_tools()


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
    """The rival: one decode, every rung and the sound."""
    pads = "".join(f"[s{place}]" for place in range(len(rungs)))
    scaled = [
        f"[s{place}]scale={rung.width}:{rung.height},format=yuv420p[v{place}]" for place, rung in enumerate(rungs)
    ]
    command = [_TOOLS.ffmpeg, "-nostdin", "-v", "error", "-y", "-i", str(source)]
    command += ["-filter_complex", ";".join([f"[0:v]split={len(rungs)}{pads}", *scaled])]
    for place, rung in enumerate(rungs):
        command += ["-map", f"[v{place}]", "-c:v", "libx264", "-preset", preset, "-crf", f"{CRF:g}"]
        command += ["-maxrate", str(rung.bitrate_bps), "-bufsize", str(rung.peak_bps - rung.bitrate_bps)]
        command += ["-g", "100000", "-sc_threshold", "0", "-force_key_frames", "expr:gte(t,n_forced*4)"]
        lookahead = ":rc-lookahead=20:mbtree=1" if preset == "superfast" else ""
        command += ["-x264-params", f"fps={RATE}/1{lookahead}", "-video_track_timescale", str(TICKS)]
        command += [str(folder / f"{rung.name}.mp4")]
    command += [
        "-map",
        "0:a:0",
        "-c:a",
        "aac",
        "-b:a",
        str(BITRATES_BPS[STEREO]),
        "-ac",
        "2",
        str(folder / "sound.mp4"),
    ]
    subprocess.run(command, check=True)


def _measured(work: Callable[[Path], Any]) -> tuple[float, float, Any]:
    """Seconds on the wall and of all processors, and what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        outcome = work(Path(folder))
        seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, outcome


def main(source: Path | None = None, preset: str = PRESET, pairs: int = PAIRS) -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory() as folder:
        source = source or draw(Path(folder) / "drawn.mp4")
        rungs = fixed_ladder(1280, 720, float(RATE)).rungs
        ours, rivals = list[tuple[float, float]](), list[tuple[float, float]]()
        for pair in range(pairs):
            for turn in ("ours", "rival") if pair % 2 else ("rival", "ours"):
                if turn == "rival":
                    wall, cpu, _ = _measured(partial(split, source, preset, rungs=rungs))
                    rivals.append((wall, cpu))
                else:
                    _, cpu, stages = _measured(partial(chunked, source, preset))
                    ours.append((stages["inspecting"] + stages["surveying"] + stages["encoding"], cpu))
        ratios = [one[0] / other[0] for one, other in zip(ours, rivals, strict=True)]
        rows = [
            {
                "layout": name,
                "seconds": round(statistics.median(wall for wall, _ in runs), 1),
                "from": round(min(runs)[0], 1),
                "to": round(max(runs)[0], 1),
                "CPU seconds": round(statistics.median(cpu for _, cpu in runs), 1),
            }
            for name, runs in (("chunks by the frame list", ours), ("one FFmpeg with split", rivals))
        ]
        middle = round(statistics.median(ratios), 3)
        question = "how long do four rungs of a minute of 720p take, in chunks and by one FFmpeg?"
        spread = [round(ratio, 3) for ratio in sorted(ratios)]
        report("encoding_chunks", question, rows, preset=preset, ratio=middle, ratios=spread, source=source.name)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        Path(given[0]) if given else None,
        given[1] if len(given) > 1 else PRESET,
        int(given[2]) if len(given) > 2 else PAIRS,
    )
