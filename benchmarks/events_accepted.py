"""How many player events a second are accepted over HTTP, each request of 20 answered once it is durable.

Bar: 5,000/s with the events in the database, 10,000/s with JetStream's three replicas, p99 of 100 ms, on two cores that
the servers, the database and the load share. Real processes: ``matinee serve`` and a ``matinee worker`` that applies
what is accepted, PostgreSQL with fsync (SQLite with synchronous=FULL), three nats servers. Each engine is asked twice:
at the bar's own rate at fixed times, and by 24 players who ask again as soon as they are answered. After each run the
log is read by a new tail: every id that was acknowledged is there, and once.

``python -m benchmarks.events_accepted [ENGINE …] [--seconds N] [--runs N] [--serves N]``
"""

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from benchmarks.event_parts import Service, applied, cpu_seconds, ids_in_log, service
from benchmarks.events_load import EVENTS_A_REQUEST, Load, as_json, ids
from benchmarks.machine import report

CONNECTIONS = 24
WARM_UP_SECONDS = 2.0
DRAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Engine:
    """Where events are kept, and the bar there in events a second."""

    shown: str
    database: str
    events: str
    bar: int


ENGINES = {
    "sqlite": Engine("SQLite", "sqlite", "database", 5_000),
    "postgresql": Engine("PostgreSQL", "postgresql", "database", 5_000),
    "jetstream": Engine("JetStream, 3 replicas", "postgresql", "nats", 10_000),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: events a second, seconds taken by each request, what failed, and what the log says afterwards."""

    events_a_second: float
    taken: Sequence[float]
    failed: int
    lost: int
    twice: int
    behind: int
    drained_seconds: float
    cores: float


def run(running: Service, name: str, seconds: float, events_a_second: float | None) -> Outcome:
    """Load a service and check what it acknowledged."""
    with running.events() as (log, _):
        before = log.end()
        pids = [part.pid for part in (*running.serves, running.worker)]
        used = cpu_seconds(pids)
        rate = None if events_a_second is None else events_a_second / EVENTS_A_REQUEST
        asked = Load(name, running.addresses, running.players, CONNECTIONS, seconds, rate)
        told = load(asked)
        used = (cpu_seconds(pids) - used) / told["seconds"]
        accepted = [event_id for request in told["accepted"] for event_id in ids(name, request)]
        done = applied(running, name)
        begun = time.monotonic()
        seen = Counter(ids_in_log(log, before))
        while applied(running, name) < len(seen) and time.monotonic() < begun + DRAIN_SECONDS:
            time.sleep(0.2)
        return Outcome(
            events_a_second=len(accepted) / told["seconds"],
            taken=told["taken"],
            failed=told["unanswered"] + sum(count for status, count in told["statuses"].items() if status != "202"),
            lost=sum(event_id not in seen for event_id in accepted),
            twice=sum(count > 1 for count in seen.values()),
            behind=len(seen) - done,
            drained_seconds=time.monotonic() - begun,
            cores=used,
        )


def load(asked: Load) -> dict[str, Any]:
    """Run the load in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.events_load"]
    process = subprocess.run(command, input=as_json(asked), stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(process.stdout)
    return answer


def row(engine: Engine, how: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """A line of the table: the median of the runs, and their spread."""
    rates = [one.events_a_second for one in outcomes]
    p50s, p99s = ([_share(one.taken, share) for one in outcomes] for share in (0.5, 0.99))
    return {
        "events in": engine.shown,
        "load": how,
        "events/s": f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})",
        "p50": _spread(p50s),
        "p99": _spread(p99s),
        "failed": sum(one.failed for one in outcomes),
        "lost": sum(one.lost for one in outcomes),
        "twice": sum(one.twice for one in outcomes),
        "worker behind": f"{max(one.behind for one in outcomes):,}, "
        f"gone in {max(one.drained_seconds for one in outcomes):.1f} s",
        "cores (serve, worker)": f"{statistics.median(one.cores for one in outcomes):.2f}",
        "bar": f"{engine.bar:,}/s, p99 100 ms",
    }


def _share(taken: Sequence[float], share: float) -> float:
    ordered = sorted(taken) or [float("nan")]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _spread(seconds: Sequence[float]) -> str:
    low, high = min(seconds) * 1e3, max(seconds) * 1e3
    return f"{statistics.median(seconds) * 1e3:.0f} ms ({low:.0f} to {high:.0f})"


def measure(engine: Engine, seconds: float, runs: int, serves: int) -> list[dict[str, Any]]:
    """Both loads on one engine."""
    loads = ((f"{engine.bar:,}/s at fixed times", float(engine.bar)), (f"{CONNECTIONS} without pause", None))
    with service(engine.database, engine.events, serves=serves) as running:
        run(running, "warm", WARM_UP_SECONDS, None)
        return [
            row(engine, how, [run(running, f"{place}-{number}", seconds, rate) for number in range(runs)])
            for place, (how, rate) in enumerate(loads)
        ]


def main() -> None:
    asked = argparse.ArgumentParser(description="Events accepted over HTTP.")
    asked.add_argument("engines", nargs="*", choices=[[], *ENGINES], default=[])
    asked.add_argument("--seconds", type=float, default=8.0)
    asked.add_argument("--runs", type=int, default=3)
    asked.add_argument("--serves", type=int, default=1)
    told = asked.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    busy = f"{os.getloadavg()[0]:.1f}"
    rows = []
    for name in told.engines or ENGINES:
        rows += measure(ENGINES[name], told.seconds, told.runs, told.serves)
    report(
        "events_accepted",
        "how many player events a second are accepted over HTTP, each request answered once it is durable?",
        rows,
        machine_load_before=busy,
        load=f"{told.runs} runs of {told.seconds:g} s each, {EVENTS_A_REQUEST} events a request, "
        f"{told.serves} matinee serve, one worker at nice 10 as in its unit; median of the runs [their spread]",
    )


if __name__ == "__main__":
    main()
