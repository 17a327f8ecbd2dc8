"""How soon does a copy of ``serve`` know what it has to, after a million events.

Bar: 30 s. The state is the recommender's, whole: histories, popularity, transitions. It is rebuilt in a process of its
own, which has done nothing before: from the newest artefact (at 90 % of the events) and the log's last tenth; from the
log alone; and, the log having let go of the first 90 %, from the archive and the log. Each row is the median of three.
The events are made from a seed: 20,000 profiles over 30 days, titles by a Pareto law, plays of a start, heartbeats and
a stop, rows seen on pages, searches. Beside it: what artefact and archive weigh, and what writing them takes.
"""

import gc
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.local import postgresql
from obstore.store import LocalStore

from benchmarks.machine import report
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseEventLog
from matinee.compose.database import migrate, open_database
from matinee.model.events import (
    Event,
    Facts,
    ImpressionShown,
    PlaybackHeartbeat,
    PlaybackStarted,
    PlaybackStopped,
    SearchMade,
)
from matinee.recommender.archive import Archive
from matinee.recommender.artefacts import Artefacts
from matinee.recommender.serving import Recommender
from matinee.recommender.upkeep import Upkeep

SEED = 20261122
EVENTS, SHARE = 1_000_000, 0.9
PROFILES, TITLES, DAYS = 20_000, 2_000, 30
BATCH, ROUNDS, BAR_SECONDS = 2_000, 3, 30
BEGUN = datetime(2026, 10, 1, tzinfo=UTC)
REGIONS = ("europe", "america", "asia")
WAYS = ("artefact at 90 % + log", "log alone", "archive to 90 % + log")


def told(count: int, chance: random.Random) -> Iterator[Event]:
    """Events in order of time, as many people tell them."""
    made, step = 0, timedelta(days=DAYS) / count
    while made < count:
        for facts in visit(chance, made):
            yield Event(f"{chance.getrandbits(80):020x}", BEGUN + made * step, "benchmark", facts)
            made += 1
            if made == count:
                return


def visit(chance: random.Random, number: int) -> Iterator[Facts]:
    """What one profile does at a time: looks at rows, searches now and then, plays something for a while."""
    often = chance.random() < 0.5
    profile_id = f"profile-{int(PROFILES * chance.random() ** (3 if often else 1)):05d}"
    shown = [f"title-{min(int(chance.paretovariate(0.6)) - 1, TITLES - 1):04d}" for _ in range(chance.randrange(6))]
    for place, title_id in enumerate(shown):
        yield ImpressionShown(profile_id, title_id, "popular", 1, place)
    if chance.random() < 0.2:
        yield SearchMade(profile_id, "film", 12)
    title_id = f"title-{min(int(chance.paretovariate(0.6)) - 1, chance.randrange(TITLES)):04d}"
    ids = (f"{number:016d}", profile_id, title_id)
    yield PlaybackStarted(*ids, region=chance.choice(REGIONS), startup_seconds=0.8, edge_id="edge-1")
    position = 0.0
    for _ in range(chance.randrange(1, 16)):
        position += 30.0
        yield PlaybackHeartbeat(
            *ids,
            position,
            30.0,
            duration_seconds=5400.0,
            edge_id="edge-1",
            bitrate_bps=4_200_000.0,
            buffer_seconds=18.5,
        )
    yield PlaybackStopped(*ids, position, duration_seconds=5400.0)


def rebuild(url: str, objects: str, artefacts: str) -> dict[str, Any]:
    """In a process of its own: everything learned, its seconds and the process's memory."""
    engine, clock = open_database(url), SystemClock()
    log, stored = DatabaseEventLog(engine), LocalStore(Path(objects), mkdir=True)
    archive = Archive(engine, stored, log, clock)
    begun = time.perf_counter()
    beginnings = Artefacts(LocalStore(Path(artefacts), mkdir=True), archive, log, clock)
    one = Recommender(log, None, clock, beginnings)
    one.catch_up()
    seconds = time.perf_counter() - begun
    histories = one._knowledge.histories  # noqa: SLF001 - what was to be rebuilt
    plays = sum(len(histories.of(profile_id).plays) for profile_id in histories)
    # Not getrusage's, which begins with what the parent had.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return {"seconds": seconds, "memory_mib": int(peak.split()[1]) / 1024, "profiles": len(histories), "plays": plays}


def rebuilt(name: str, way: str, url: str, objects: Path, artefacts: Path) -> dict[str, Any]:
    """One row: the median of some rebuilds."""
    command = [sys.executable, "-m", "benchmarks.rebuild", url, str(objects), str(artefacts)]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True).stdout.splitlines()[-1])
        for _ in range(ROUNDS)
    ]
    seconds = sorted(run["seconds"] for run in runs)
    return {
        "log": name,
        "from": way,
        "seconds": f"{seconds[ROUNDS // 2]:.1f} [{seconds[0]:.1f} to {seconds[-1]:.1f}]",
        "events/s": f"{EVENTS / seconds[ROUNDS // 2]:,.0f}",
        "profiles": runs[0]["profiles"],
        "plays": runs[0]["plays"],
        "memory": f"{max(run['memory_mib'] for run in runs):.0f} MiB",
        "bar": f"{BAR_SECONDS} s",
    }


def measured(name: str, url: str, folder: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The rows of one database, and what artefact and archive took and weigh."""
    engine = open_database(url)
    migrate(engine)
    log, clock = DatabaseEventLog(engine), ManualClock(BEGUN + timedelta(days=DAYS))
    objects, artefacts, none = folder / "objects", folder / "artefacts", folder / "none"
    archive = Archive(engine, LocalStore(objects, mkdir=True), log, clock)
    events, facts, rows, batch = (
        told(EVENTS, random.Random(SEED)),
        dict[str, str](),
        list[dict[str, Any]](),
        list[Event](),
    )
    begun = time.perf_counter()
    for number, event in enumerate(events, start=1):
        batch.append(event)
        if len(batch) == BATCH or number == EVENTS:
            log.append(batch)
            batch.clear()
        if number == EVENTS * SHARE:
            facts["filled"] = f"{number / (time.perf_counter() - begun):,.0f} events/s"
            begun = time.perf_counter()
            archive.write()
            size = sum(path.stat().st_size for path in objects.rglob("*.parquet"))
            facts["archived"] = (
                f"{number / (time.perf_counter() - begun):,.0f} events/s, {size / number:.0f} B an event"
            )
            begun = time.perf_counter()
            Artefacts(LocalStore(artefacts, mkdir=True), archive, log, clock).renew()
            size = sum(path.stat().st_size for path in artefacts.rglob("*.gz"))
            facts["artefact"] = f"{time.perf_counter() - begun:.1f} s from the log on, {size / 2**20:.1f} MiB"
    gc.collect()
    rows.append(rebuilt(name, WAYS[0], url, objects, artefacts))
    rows.append(rebuilt(name, WAYS[1], url, objects, none))
    clock.advance(40 * 86_400)
    Upkeep(archive, random.Random(SEED).randbytes, events_days=30).retain()
    rows.append(rebuilt(name, WAYS[2], url, objects, none))
    engine.dispose()
    return rows, facts


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """Addresses of empty databases, by what they are."""
    found = {"SQLite": f"sqlite:///{folder / 'matinee.db'}"}
    if postgresql.find() is None:
        yield found
        return
    with postgresql.postgresql(durable=True) as server:
        yield found | {"PostgreSQL": server.address()}


def main() -> None:
    rows, facts = list[dict[str, Any]](), dict[str, str]()
    with tempfile.TemporaryDirectory() as folder, databases(Path(folder)) as found:
        for name, url in found.items():
            ours, theirs = measured(name, url, Path(folder) / name)
            rows += ours
            facts |= {f"{name}, {what}": value for what, value in theirs.items()}
    report(
        "rebuild", f"what a copy of serve knows, rebuilt after {EVENTS:,} events: how soon?", rows, seed=SEED, **facts
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(rebuild(*sys.argv[1:])))
    else:
        main()
