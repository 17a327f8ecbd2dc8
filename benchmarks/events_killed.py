"""Whether a player's event is ever lost, or counted twice, while parts are killed (kill -9).

Players send requests of 20 heartbeats, each again and again until it is answered 202, while a part of the service is
killed every few seconds and started again: ``matinee serve``, the worker, PostgreSQL, one of three nats servers. At the
end: every accepted id once in a new tail's reading, once among the samples of playbacks, and the seconds watched that a
recommender adds up are those that were sent.

``python -m benchmarks.events_killed [ENGINE …] [--kills N]``
"""

import argparse
import http.client
import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
import structlog

from benchmarks.event_parts import Part, Service, ids_in_log, service
from benchmarks.events_load import EVENTS_A_REQUEST, WATCHED_SECONDS, Player, body, ids
from benchmarks.machine import report
from matinee.adapters.clock_system import SystemClock
from matinee.ports import EventLog, Relay
from matinee.recommender.serving import Recommender

SEED = 20260101
PLAYERS = 8
ENGINES = {
    "sqlite": ("SQLite", "sqlite", "database"),
    "postgresql": ("PostgreSQL", "postgresql", "database"),
    "jetstream": ("JetStream, 3 replicas", "postgresql", "nats"),
}
_PAUSE_SECONDS = (1.0, 3.0)
_LONGEST_SECONDS = 600.0
_DRAIN_SECONDS = 60.0
_ANSWER_SECONDS = 20.0


@dataclass(slots=True)
class Told:
    """What one player sent: its accepted requests, and how often it had to send again."""

    player: Player
    accepted: list[int] = field(default_factory=list)
    again: Counter[str] = field(default_factory=Counter)
    longest_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the events.

    ``longest_seconds``: from a request's first try to its 202, at worst. ``behind_seconds``: from the last answer until
    the worker had written all.
    """

    kills: Mapping[str, int]
    accepted: int
    lost: int
    twice: int
    samples: int
    watched_seconds: float
    sent_seconds: float
    again: Mapping[str, int]
    longest_seconds: float
    seconds: float
    behind_seconds: float


def faults(outcome: Outcome, kills: int) -> list[str]:
    """What keeps a run from saying that nothing is lost and nothing counted twice over so many kills, as sentences."""
    done = sum(outcome.kills.values())
    counted = (outcome.samples, outcome.watched_seconds) == (outcome.accepted, outcome.sent_seconds)
    return [
        sentence
        for found, sentence in (
            (done < kills, f"There was time for {done} of {kills} kills."),
            (not outcome.accepted, "No event was accepted."),
            (outcome.lost, f"{outcome.lost} accepted events are not in the log."),
            (outcome.twice, f"{outcome.twice} events stand in the log once more than they were sent."),
            (not counted, "What follows from the log (samples, seconds watched) is not what was accepted."),
        )
        if found
    ]


def tell(address: str, run: str, told: Told, stop: threading.Event) -> None:
    """Send one request after another until ``stop``, each until it is accepted."""
    host = urlsplit(address)
    with closing(http.client.HTTPConnection(host.hostname or "", host.port, timeout=_ANSWER_SECONDS)) as connection:
        _tell(connection, run, told, stop)


def _tell(connection: http.client.HTTPConnection, run: str, told: Told, stop: threading.Event) -> None:
    headers = {"Authorization": f"Bearer {told.player.token}", "Content-Type": "application/json"}
    request = 0
    while not stop.is_set():
        sent = body(f"{run}-{told.player.playback_id}", request, told.player)
        begun = time.monotonic()
        # Once begun a request is sent until it is answered: what a player has, it keeps until then.
        while True:
            try:
                connection.request("POST", "/api/v1/events", sent, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                told.again[type(error).__name__] += 1
            else:
                if answer.status == 202:
                    break
                assert answer.status == 503, (answer.status, answer.reason)
                assert answer.headers["Retry-After"]
                told.again["503"] += 1
            time.sleep(0.05)
        told.longest_seconds = max(told.longest_seconds, time.monotonic() - begun)
        told.accepted.append(request)
        request += 1
        time.sleep(0.01)


def victims(running: Service) -> dict[str, Callable[[], None]]:
    """What can be killed; engines come back at once, our own processes by ``kept``."""

    def strike(part: Part) -> None:
        while not part.running:
            time.sleep(0.05)
        part.kill()

    chosen: dict[str, Callable[[], None]] = {
        "serve": partial(strike, running.serves[0]),
        "worker": partial(strike, running.worker),
    }
    if running.database is not None:
        database = running.database

        def restart() -> None:
            database.kill()
            database.start()

        chosen["PostgreSQL"] = restart
    for number, server in enumerate(running.nats):

        def revive(server: Any = server) -> None:
            server.kill()
            time.sleep(0.5)
            server.start()
            deadline = time.monotonic() + 60
            # One at a time: with two of three away there is no majority, and nothing is promised but waiting.
            while not server.ready and time.monotonic() < deadline:
                time.sleep(0.1)

        chosen[f"nats {number + 1}"] = revive
    return chosen


@contextmanager
def kept(parts: Sequence[Part]) -> Iterator[None]:
    """Start what has ended, as systemd does: a process that began while its database was away gives up."""
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(0.2):
            for part in parts:
                if not part.running:
                    part.start()

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def killed(
    running: Service,
    kills: int,
    pause_seconds: tuple[float, float] = _PAUSE_SECONDS,
    only: Collection[str] = (),
) -> Outcome:
    """Kill parts (all in turn, or only some) while players tell; what became of what they told."""
    with running.events() as (log, relay):
        return _killed(running, kills, pause_seconds, only, log, relay)


def _killed(
    running: Service,
    kills: int,
    pause_seconds: tuple[float, float],
    only: Collection[str],
    log: EventLog,
    relay: Relay,
) -> Outcome:
    chance, stop, begun = random.Random(SEED), threading.Event(), time.monotonic()
    told = [Told(player) for player in running.players[:PLAYERS]]
    threads = [threading.Thread(target=tell, args=(running.addresses[0], "killed", one, stop)) for one in told]
    parts = {name: strike for name, strike in victims(running).items() if not only or name in only}
    done, ours = Counter[str](), (*running.serves, running.worker)
    order = [name for _ in range(kills // len(parts) + 1) for name in chance.sample(list(parts), len(parts))][:kills]
    with kept(ours):
        for thread in threads:
            thread.start()
        for name in order:
            time.sleep(chance.uniform(*pause_seconds))
            parts[name]()
            done[name] += 1
            if time.monotonic() > begun + _LONGEST_SECONDS:
                break
        for part in ours:
            part.wait(kept=True)
        stop.set()
        for thread in threads:
            thread.join(_LONGEST_SECONDS)
    seconds = time.monotonic() - begun
    accepted = {
        event_id
        for one in told
        for request in one.accepted
        for event_id in ids(f"killed-{one.player.playback_id}", request)
    }
    seen = Counter(ids_in_log(log))
    ended, samples = time.monotonic(), _drained(running, len(accepted))
    behind_seconds = time.monotonic() - ended
    again: Counter[str] = Counter()
    for one in told:
        again.update(one.again)
    return Outcome(
        kills=done,
        accepted=len(accepted),
        lost=sum(event_id not in seen for event_id in accepted),
        twice=sum(count - 1 for count in seen.values()),
        samples=samples,
        watched_seconds=_watched(running, Recommender(log, relay, SystemClock())),
        sent_seconds=len(accepted) * WATCHED_SECONDS,
        again=again,
        longest_seconds=max(one.longest_seconds for one in told),
        seconds=seconds,
        behind_seconds=behind_seconds,
    )


def _drained(running: Service, wanted: int) -> int:
    """How many samples there are once the worker has written all, or no more for a minute."""
    before, since = -1, time.monotonic()
    while (samples := _samples(running)) < wanted and time.monotonic() < since + _DRAIN_SECONDS:
        if samples > before:
            before, since = samples, time.monotonic()
        time.sleep(0.5)
    return samples


def _samples(running: Service) -> int:
    with running.engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT count(*) FROM playback_samples")).scalar_one())


def _watched(running: Service, recommender: Recommender) -> float:
    """The seconds that a recommender which begins now has heard of."""
    recommender.catch_up()
    histories = recommender._knowledge.histories  # noqa: SLF001 - nobody else asks for sums
    with running.engine.connect() as connection:
        profiles = connection.execute(sa.text("SELECT DISTINCT profile_id FROM playback_playbacks")).scalars().all()
    return sum(play.watched_seconds for one in profiles for play in histories.of(one).plays.values())


def row(shown: str, outcome: Outcome) -> dict[str, Any]:
    """A line of the table."""
    return {
        "events in": shown,
        "kill -9": ", ".join(f"{name} {count}" for name, count in sorted(outcome.kills.items())),
        "kills": sum(outcome.kills.values()),
        "accepted": f"{outcome.accepted:,}",
        "lost": outcome.lost,
        "twice in the log": outcome.twice,
        "samples": f"{outcome.samples:,}",
        "seconds watched, known of sent": f"{outcome.watched_seconds:,.0f} of {outcome.sent_seconds:,.0f}",
        "sent again": ", ".join(f"{name} {count}" for name, count in sorted(outcome.again.items())) or "never",
        "all applied after": f"{outcome.behind_seconds:.1f} s",
        "longest until 202": f"{outcome.longest_seconds:.1f} s",
        "bar": "0 lost, 0 twice",
    }


def main() -> None:
    asked = argparse.ArgumentParser(description="Events while parts are killed.")
    asked.add_argument("engines", nargs="*", choices=[[], *ENGINES], default=[])
    asked.add_argument("--kills", type=int, default=50)
    told = asked.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    busy, rows, wrong = f"{os.getloadavg()[0]:.1f}", [], list[str]()
    for name in told.engines or ("postgresql", "jetstream"):
        shown, database, events = ENGINES[name]
        with service(database, events) as running:
            outcome = killed(running, told.kills)
        rows.append(row(shown, outcome))
        wrong += [f"{shown}: {sentence}" for sentence in faults(outcome, told.kills)]
    report(
        "events_killed",
        "is an event lost or counted twice while parts are killed?",
        rows,
        seed=SEED,
        machine_load_before=busy,
        load=f"{PLAYERS} players, {EVENTS_A_REQUEST} events a request, each sent until it is answered 202; "
        f"a kill every {_PAUSE_SECONDS[0]:g} to {_PAUSE_SECONDS[1]:g} s",
    )
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
