"""How soon after a play was accepted does the home page know it, in the copy that took it and in another one.

Bar: p50 of 50 ms, p99 of 250 ms. Real processes: two ``matinee serve`` and a ``matinee worker``, on SQLite and on
PostgreSQL with events in three nats servers, and 1,000 titles. A viewer tells of a minute watched of a title that it
never touched; the clock starts when 202 has come, and stops when a whole page has come in which that title has its row
("Because you watched …"), however many pages had to be asked for. Others' heartbeats are accepted meanwhile.

``python -m benchmarks.recommender_fresh [ENGINE …] [--rounds N]``
"""

import argparse
import logging
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import structlog

from benchmarks.event_parts import Service, report_edge, service
from benchmarks.events_load import EVENTS_A_REQUEST, Load, as_json
from benchmarks.home_page import DURATION_SECONDS, draft, plays, presentation
from benchmarks.machine import report
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue

SEED = 20260101
TITLES, VIEWERS, HISTORIES = 1_000, 8, 200
ROUNDS = 300
EVENTS_A_SECOND = 200
WARM_UP = 10
GIVE_UP_SECONDS = 30.0
ENGINES = {
    "sqlite": ("SQLite", "sqlite", "database"),
    "jetstream": ("PostgreSQL, JetStream of 3", "postgresql", "nats"),
}
_PUBLISHED = (
    ("Gorse, as it is set up", "60 min", "its default interval of offline recommendation"),
    ("Amazon Personalize, real-time events", "seconds", "its documentation"),
)


def fill(running: Service) -> dict[str, str]:
    """A catalogue and what others watched; names by title id."""
    chance, clock, outbox = random.Random(SEED), SystemClock(), DatabaseOutbox()
    catalogue = Catalogue(engine=running.engine, outbox=outbox, clock=clock, random_bytes=chance.randbytes)
    names = {}
    for number in range(TITLES):
        title = catalogue.create(draft(number, chance))
        catalogue.publish(title.id, "r1", presentation())
        names[title.id] = title.name
    for number in range(HISTORIES):
        with running.engine.begin() as connection:
            outbox.append(connection, list(plays(f"other-{number}", list(names), chance, clock.now())))
    return names


class Viewer:
    """One of the service's players, with a connection to each copy."""

    def __init__(self, token: str, addresses: Sequence[str], stack: ExitStack) -> None:
        head = {"Authorization": f"Bearer {token}"}
        self.copies = [
            stack.enter_context(httpx.Client(base_url=f"{one}/api/v1", headers=head, timeout=30)) for one in addresses
        ]
        self.profile_id = self.copies[0].get("/profiles").raise_for_status().json()["profiles"][0]["id"]

    def press_play(self, title_id: str) -> str:
        """A new playback's id."""
        body = {"profile_id": self.profile_id, "title_id": title_id, "device": {"kind": "benchmark"}}
        return str(self.copies[0].post("/playbacks", json=body).raise_for_status().json()["playback_id"])

    def seconds_until(self, playback_id: str, title_id: str, told: int, asked: int) -> tuple[float, int]:
        """Tell one copy of a minute watched, ask the other for pages until one has its row; seconds, and pages."""
        heartbeat = {
            "id": uuid.uuid4().hex,
            "type": "playback.heartbeat",
            "time": datetime.now(UTC).isoformat(),
            "playback_id": playback_id,
            "position_seconds": 70.0,
            "watched_seconds": 70.0,
            "duration_seconds": DURATION_SECONDS,
        }
        answer = self.copies[told].post("/events", json={"events": [heartbeat]})
        accepted = time.perf_counter()
        if answer.status_code != 202:
            sys.exit(f"An event was not accepted: {answer.status_code} {answer.text}")
        wanted, pages = f'"because:{title_id}"', 0
        while time.perf_counter() < accepted + GIVE_UP_SECONDS:
            page, pages = self.copies[asked].get(f"/profiles/{self.profile_id}/home"), pages + 1
            if page.is_success and wanted in page.text:
                return time.perf_counter() - accepted, pages
        sys.exit(f"No page knew of an accepted event within {GIVE_UP_SECONDS:.0f} s.")


@contextmanager
def others(running: Service, seconds: float) -> Iterator[None]:
    """Heartbeats of other viewers, accepted by both copies meanwhile."""
    rate = EVENTS_A_SECOND / EVENTS_A_REQUEST
    asked = Load("others", running.addresses, running.players[VIEWERS:], 4, seconds, rate)
    command = [sys.executable, "-m", "benchmarks.events_load"]
    load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert load.stdin is not None
    load.stdin.write(as_json(asked))
    load.stdin.close()
    try:
        yield
    finally:
        load.terminate()
        load.wait(20)


def measure(name: str, rounds: int) -> list[dict[str, Any]]:
    """Both copies on one engine."""
    shown, database, events = ENGINES[name]
    with service(database, events, serves=2) as running, ExitStack() as stack:
        title_ids = list(fill(running))
        viewers = [Viewer(player.token, running.addresses, stack) for player in running.players[:VIEWERS]]
        rows = []
        with others(running, 600.0):
            for told, asked, which in ((0, 0, "the copy that took it"), (0, 1, "another copy")):
                taken, pages = [], 0
                for number in range(-WARM_UP, rounds):
                    viewer, title_id = viewers[number % VIEWERS], title_ids[number + asked * rounds + WARM_UP]
                    if number % 50 == 0:
                        report_edge(running)
                    playback_id = viewer.press_play(title_id)
                    seconds, needed = viewer.seconds_until(playback_id, title_id, told, asked)
                    if number >= 0:
                        taken.append(seconds)
                        pages += needed
                rows.append(_row(shown, which, taken, pages))
    return rows


def _row(engine: str, which: str, taken: list[float], pages: int) -> dict[str, Any]:
    ordered = sorted(taken)
    shares = {"p50": ordered[len(ordered) // 2], "p99": ordered[int(0.99 * len(ordered))], "max": ordered[-1]}
    times = {name: f"{seconds * 1e3:.0f} ms" for name, seconds in shares.items()}
    return {
        "who": engine,
        "page of": which,
        "plays": len(taken),
        **times,
        "pages asked for a play": f"{pages / len(taken):.2f}",
        "bar": "p50 50 ms, p99 250 ms",
    }


def main() -> None:
    asked = argparse.ArgumentParser(description="From an accepted play to the page that knows it.")
    asked.add_argument("engines", nargs="*", choices=[[], *ENGINES], default=[])
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    told = asked.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    busy = f"{os.getloadavg()[0]:.1f}"
    rows = [row for name in told.engines or ENGINES for row in measure(name, told.rounds)]
    blank = dict.fromkeys(rows[0], "")
    rows += [{**blank, "who": who, "p50": soon, "bar": f"published: {source}"} for who, soon, source in _PUBLISHED]
    report(
        "recommender_fresh",
        "how soon after a play was accepted does the home page know it?",
        rows,
        seed=SEED,
        machine_load_before=busy,
        load=f"{EVENTS_A_SECOND} heartbeats/s of others accepted meanwhile by both copies; {TITLES:,} titles, "
        f"{HISTORIES} histories; one play after another",
    )


if __name__ == "__main__":
    main()
