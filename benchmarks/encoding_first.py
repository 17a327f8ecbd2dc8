"""How soon a film can be played that is just being encoded, beside how long all of it takes.

An encode as production makes it, ladder and all. First playable is when the first segment, its playlist and the word of
them are in the store; compute is the processor time of all processes until then. Once a film, several times over.
``python -m benchmarks.encoding_first [TIMES [SOURCE …]]``; without sources, a minute of 720p is drawn.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import psutil
from obstore.store import LocalStore

from benchmarks.encoding_chunks import draw
from benchmarks.machine import report
from matinee.adapters.compute_local import LocalCompute
from matinee.encoding.depot import Depot, Finished
from matinee.encoding.ffmpeg import find_tools
from matinee.encoding.orders import Order
from matinee.encoding.production import Production
from matinee.encoding.steps import Place, Source
from matinee.inspection.inspection import Film
from matinee.model.media import Ladder, Presentation

TIMES = 3
_TOOLS = find_tools()


class _Clock:
    """A watcher that notes when there was something to play, and what had been spent by then."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.before = _spent()
        self.seconds = self.compute_seconds = 0.0

    def begun(self, film: Film, early: Presentation) -> None:  # noqa: ARG002 - a watcher's
        self.seconds = time.monotonic() - self.started
        self.compute_seconds = _spent() - self.before

    def planned(self, film: Film, ladder: Ladder, names: tuple[str, ...]) -> None:
        """Not noted."""

    def progressed(self, stage: str, progress: float, renditions: Mapping[str, float]) -> None:
        """Not noted."""

    def advanced(self) -> None:
        """Not noted."""

    def made(self, finished: Finished) -> None:
        """Not noted."""


def _spent() -> float:
    """Processor seconds of this process and all that it started, running or ended."""
    me = psutil.Process()
    spent = 0.0
    for process in (me, *me.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        spent += times.user + times.system + times.children_user + times.children_system
    return spent


def encode(source: Path) -> tuple[float, float, float]:
    """Seconds until something can be played, processor seconds until then, and seconds of all of it."""
    with tempfile.TemporaryDirectory() as folder:
        store, compute = Path(folder) / "store", LocalCompute()
        store.mkdir()
        (store / "source").symlink_to(source.absolute())
        depot = Depot(partial(LocalStore, store), "encode", Path(folder), store)
        order = Order(Source("source", "benchmark", source.name), "Film", Place(depot, _TOOLS), "made", early="early")
        clock = _Clock()
        try:
            Production(order, compute, clock).run()
        finally:
            compute.close()
        return clock.seconds, clock.compute_seconds, time.monotonic() - clock.started


def main(times: int = TIMES, sources: tuple[Path, ...] = ()) -> None:
    """Measure and report."""
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for source in sources or (draw(Path(folder) / "drawn.mp4"),):
            runs = [encode(source) for _ in range(times)]
            shares = sorted(first / whole for first, _, whole in runs)
            rows.append(
                {
                    "film": source.stem,
                    "first playable": f"{statistics.median(first for first, _, _ in runs):.2f} s",
                    "of the whole": f"{statistics.median(shares):.1%} ({shares[0]:.1%} to {shares[-1]:.1%})",
                    "compute before it": f"{statistics.median(spent for _, spent, _ in runs):.2f} s",
                    "whole": f"{statistics.median(whole for _, _, whole in runs):.1f} s",
                }
            )
        question = "how soon can a film be played that is just being encoded?"
        report("encoding_first", question, rows, times=times, bars="5 % of the whole, 3 s of compute")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else TIMES, tuple(map(Path, given[1:])))
