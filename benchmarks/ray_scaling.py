"""What does a second node bring, and what does Ray cost? The demo's films, shortened, encoded and published.

Two clusters stand side by side, one with a node and one with two, each node bound to a core of its own; the rival is
LocalCompute bound to one core. Rounds turn and turn about, after one that does not count. Store and films are the same.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from deploy.local import ray
from obstore.store import LocalStore

from benchmarks.machine import report
from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.compute_ray import RayCompute
from matinee.drawing.films import DRAWN_FILMS, draw_command
from matinee.encoding.depot import Depot, Finished
from matinee.encoding.ffmpeg import find_tools
from matinee.encoding.orders import LadderKind, Order
from matinee.encoding.production import Production
from matinee.encoding.steps import Place, Source
from matinee.inspection.inspection import Film
from matinee.model.media import Ladder, Presentation
from matinee.ports import Compute

FILM_COUNT, FILM_SECONDS, AT_ONCE = 8, 3.0, 4
ROUNDS = 4
LINEAR_BAR, OVERHEAD_BAR = 0.85, 1.10
_turns = count()


@dataclass(frozen=True, slots=True)
class Silent:
    """A production's watcher that says nothing."""

    def begun(self, film: Film, early: Presentation) -> None:
        """Not noted."""

    def planned(self, film: Film, ladder: Ladder, names: tuple[str, ...]) -> None:
        pass

    def progressed(self, stage: str, progress: float, renditions: Mapping[str, float]) -> None:
        pass

    def advanced(self) -> None:
        """Not noted."""

    def made(self, finished: Finished) -> None:
        pass


def encode(compute: Compute, store: Path, films: Sequence[str]) -> float:
    """Seconds until all films are published; what they leave is taken away again."""
    turn = next(_turns)
    opened = partial(LocalStore, store)

    def make(film: str) -> None:
        depot = Depot(opened, f"{turn}-{film}", store.parent / "shelves", store)
        prefix = f"media/{turn}/{film}"
        order = Order(
            Source(f"sources/{film}", film, film),
            film,
            Place(depot, find_tools()),
            prefix,
            share=film,
            ladder=LadderKind.FIXED,
        )
        Production(order, compute, Silent()).run()
        depot.clear()

    started = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(make, films))
    seconds = time.monotonic() - started
    shutil.rmtree(store / "media")
    return seconds


def on_core(core: int, work: Callable[[], float]) -> float:
    """Do work in a thread that is bound to a core, with all that it starts."""
    results: list[float] = []

    def run() -> None:
        os.sched_setaffinity(0, {core})
        results.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


def cluster_of(hosts: ray.Hosts, cores: Sequence[int], stack: ExitStack) -> tuple[ray.Cluster, RayCompute]:
    """A cluster with a node on each of these cores, and compute on it."""
    made = stack.enter_context(ray.cluster(hosts, ()))
    for core in cores:
        made.add(1, on=core)
    for node in made.nodes:
        node.wait()
    os.environ.update(made.environment)
    compute = RayCompute(made.address)
    stack.callback(compute.close)
    while len(compute.machines) < len(cores):
        time.sleep(0.1)
    return made, compute


def draw(folder: Path) -> list[str]:
    """The first films of the demo, shortened, as sources; their names."""
    folder.mkdir(parents=True)
    names = []
    for film in DRAWN_FILMS[:FILM_COUNT]:
        command = draw_command(film, find_tools().ffmpeg, folder / f"{film.slug}.mp4", seconds=FILM_SECONDS)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        names.append(f"{film.slug}.mp4")
    return names


def main() -> None:
    if ray.find() is None:
        print(f"ray_scaling is skipped: a Ray cluster cannot be started here ({ray.INSTALL}).")
        return
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        print("ray_scaling is skipped: two nodes want a core each.")
        return
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as name, ExitStack() as stack:
        store = Path(name) / "store"
        films = draw(store / "sources")
        hosts = stack.enter_context(ray.hosts())
        _, one = cluster_of(hosts, available[:1], stack)
        _, two = cluster_of(hosts, available[:2], stack)
        local = LocalCompute(cores=1)
        stack.callback(local.close)
        runs: dict[str, Callable[[], float]] = {
            "one node": lambda: encode(one, store, films),
            "two nodes": lambda: encode(two, store, films),
            "local": lambda: on_core(available[0], lambda: encode(local, store, films)),
        }
        for run in runs.values():
            run()
        busy = os.getloadavg()[0]
        rounds: list[dict[str, float]] = []
        for turn in range(ROUNDS):
            order = list(runs) if turn % 2 else list(reversed(runs))
            rounds.append({what: runs[what]() for what in order})
            print({what: round(seconds, 1) for what, seconds in rounds[-1].items()}, file=sys.stderr)
    _report(rounds, busy)


def _report(rounds: Sequence[Mapping[str, float]], busy: float) -> None:
    linear = [entry["one node"] / entry["two nodes"] / 2 for entry in rounds]
    cost = [entry["one node"] / entry["local"] for entry in rounds]
    films_a_minute = {what: [60 * FILM_COUNT / entry[what] for entry in rounds] for what in rounds[0]}
    rows = [
        {"what": "films a minute, Ray, one node of one core", "figure": _spread(films_a_minute["one node"]), "bar": ""},
        {"what": "films a minute, Ray, two nodes", "figure": _spread(films_a_minute["two nodes"]), "bar": ""},
        {"what": "films a minute, local processes, one core", "figure": _spread(films_a_minute["local"]), "bar": ""},
        {"what": "two nodes to one, of linear", "figure": _spread(linear, 2), "bar": f"≥ {LINEAR_BAR}"},
        {"what": "time on Ray to time on local processes", "figure": _spread(cost, 2), "bar": f"≤ {OVERHEAD_BAR}"},
    ]
    report(
        "ray_scaling",
        "what does a second Ray node bring, and what does Ray cost beside local processes?",
        rows,
        figures=f"median [least to most] of {len(rounds)} rounds, turn and turn about; ratios within a round",
        films=f"{FILM_COUNT} of the demo's, {FILM_SECONDS:g} s each, 1280x720, all rungs, packaged and published",
        bound="nodes and local tasks to a core each; Ray's head and who gives it the work run where there is room",
        load_before=f"{busy:.1f} (over about 1, the figures say more of the other load)",
        rounds=[dict(entry) for entry in rounds],
    )


def _spread(values: Sequence[float], digits: int = 1) -> str:
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f} to {max(values):.{digits}f}]"


if __name__ == "__main__":
    main()
