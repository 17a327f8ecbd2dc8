"""Bytes per second of signed, booked hits from one core: both data planes beside nginx, Varnish and Traffic Server.

Each server has one core and the client (wrk, one thread) the other. A pair is a round of either server, one right
after the other and in turn first; where the bar is a matter of hundredths, three rounds of either, alternating. The
figure is the ratio within pairs, with the 95 % interval of its geometric mean (Student, nine degrees of freedom). The
rivals' configurations lie in ``benchmarks/rivals``; granian alone tells what the embedded plane could be at most.
"""

import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import edge_rivals as rivals
from benchmarks.edge_rivals import PREFIX, Server
from benchmarks.machine import report
from matinee.adapters.dataplane_nginx_process import INSTALL, modules

SEED = 20261126
LARGE, SMALL = 1_000_000, 65_536
FILES = 16
PAIRS, ROUND_SECONDS, FIRST_TURNS = 10, 2, 3
# Student's t for 97.5 % and nine degrees of freedom.
T = 2.262
SERVER_CORE, CLIENT_CORE = 0, 1


def interval(ratios: Sequence[float]) -> tuple[float, float, float]:
    """Geometric mean of paired ratios and the ends of its 95 % interval."""
    logs = [math.log(ratio) for ratio in ratios]
    middle, spread = statistics.fmean(logs), T * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(middle), math.exp(middle - spread), math.exp(middle + spread)


def compared(size: int, ours: Server, theirs: Server, turns: int) -> tuple[dict[str, Any], list[tuple[float, float]]]:
    """One row: two servers over ``PAIRS`` pairs of ``turns`` rounds each, after one that does not count; the pairs."""
    rounds: list[tuple[float, float]] = []
    for server in (ours, theirs):
        server.round(size, 1, CLIENT_CORE)
    for pair in range(PAIRS):
        speeds: dict[str, list[float]] = {ours.name: [], theirs.name: []}
        for turn in range(turns):
            for server in (ours, theirs) if (pair + turn) % 2 else (theirs, ours):
                speeds[server.name].append(server.round(size, ROUND_SECONDS, CLIENT_CORE))
        rounds.append((statistics.fmean(speeds[ours.name]), statistics.fmean(speeds[theirs.name])))
    mean, low, high = interval([mine / other for mine, other in rounds])
    row = {
        "files": f"{size // 1000} KB" if size < LARGE else "1 MB",
        "server": ours.name,
        "MB/s": f"{statistics.median(mine for mine, _ in rounds):.0f}",
        "beside": theirs.name,
        "its MB/s": f"{statistics.median(other for _, other in rounds):.0f}",
        "ratio [95 %]": f"{mean:.3f} [{low:.3f} to {high:.3f}]",
    }
    return row, rounds


def _missing() -> str | None:
    wanted = {"nginx": "nginx-light", "wrk": "wrk", "varnishd": "varnish", "traffic_server": "trafficserver"}
    absent = [package for name, package in wanted.items() if rivals.program(name) is None]
    if absent:
        return f"apt-get install {' '.join(absent)}"
    if not modules():
        return INSTALL
    return "two cores" if len(os.sched_getaffinity(0)) < 2 else None


def _made(folder: Path) -> dict[int, list[str]]:
    place = folder / "objects" / "media" / PREFIX
    place.mkdir(parents=True)
    bytes_of = random.Random(SEED)
    files = {size: [f"{size}-{number:02}.m4s" for number in range(FILES)] for size in (LARGE, SMALL)}
    for size, names in files.items():
        for name in names:
            (place / name).write_bytes(bytes_of.randbytes(size))
    return files


def main() -> None:
    lacking = _missing()
    if lacking:
        print(f"edge_throughput is skipped: it needs {lacking}.")
        return
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as name, ExitStack() as servers:
        folder = Path(name)
        folder.chmod(0o755)
        files = _made(folder)
        root = folder / "objects" / "media"
        plain = servers.enter_context(rivals.nginx("plain", folder, root, files, SERVER_CORE))
        hmac = servers.enter_context(rivals.nginx("hmac", folder, root, files, SERVER_CORE))
        fronted, embedded = (
            servers.enter_context(rivals.edge(dataplane, folder, folder / "objects", files, SERVER_CORE))
            for dataplane in ("nginx:", "embedded:")
        )
        varnish = servers.enter_context(rivals.varnish(folder, plain.port, files, SERVER_CORE))
        traffic = servers.enter_context(rivals.traffic_server(folder, plain.port, files, SERVER_CORE))
        ready, by_path = (
            servers.enter_context(rivals.granian(how, folder, root, files, SERVER_CORE)) for how in ("ready", "path")
        )
        for server in (plain, hmac, fronted, embedded, varnish, traffic, ready, by_path):
            for size, some in files.items():
                for path in server.paths[size][: FILES * 2]:
                    assert server.fetch(path) == (root / PREFIX / path.rpartition("/")[2]).read_bytes(), path
                assert len(some) == FILES
        for held in (fronted, embedded):
            _until_held(folder / held.name)
        _report(
            [
                (LARGE, fronted, plain),
                (LARGE, embedded, plain),
                (LARGE, ready, plain),
                (LARGE, by_path, plain),
                (LARGE, varnish, plain),
                (LARGE, traffic, plain),
                (SMALL, fronted, hmac),
                (SMALL, fronted, plain),
                (SMALL, hmac, plain),
            ]
        )


def _until_held(data: Path) -> None:
    deadline = time.monotonic() + 15
    while len([file for kind in ("placed", "demand") for file in (data / "cache" / kind).rglob("*.m4s")]) < 2 * FILES:
        if time.monotonic() > deadline:
            sys.exit(f"{data.name} does not hold what it was asked for.")
        time.sleep(0.05)


def _report(questions: Sequence[tuple[int, Server, Server]]) -> None:
    busy = os.getloadavg()[0]
    rows: list[dict[str, Any]] = []
    pairs: dict[str, Any] = {}
    for place, (size, ours, theirs) in enumerate(questions):
        row, rounds = compared(size, ours, theirs, 1 if place else FIRST_TURNS)
        rows.append(row)
        pairs[f"{ours.name} / {theirs.name} at {size}"] = rounds
    report(
        "edge_throughput",
        "Signed, booked hits out of the page cache, one core: how many bytes beside servers that check nothing?",
        rows,
        bars="edge-nginx / nginx-plain at 1 MB reaches 1.0 with its lower end ≥ 0.95; edge-embedded ≥ 0.8; "
        "edge-nginx / nginx-hmac at 65 KB ≥ 0.8",
        figures=f"medians of {PAIRS} pairs of rounds of {ROUND_SECONDS} s, of the first line three each; "
        f"{rivals.CONNECTIONS} connections, "
        f"{rivals.VIEWERS} viewers' tokens, {FILES} files of each size",
        load_before=f"{busy:.1f} (over about 1, bytes/s say more of the other load than of the servers)",
        cores="the server on one, wrk (one thread) on the other",
        seed=SEED,
        pairs=pairs,
    )


if __name__ == "__main__":
    main()
