"""How soon is the home page there at 50 requests a second, and what do its rows cost alone.

Bar: p95 of 50 ms on two cores. A real ``matinee serve`` on SQLite; 200 profiles with a history each, signed in by
cookie (HTML) or bearer token (JSON), while other people's heartbeats are accepted. The load comes from a process of its
own that asks at fixed times and counts from when it meant to ask, so a slow answer does not spare the next one
(an open loop; wrk2 calls the mistake coordinated omission). Then the rows alone, in this process, up to 20,000 titles.
"""

import asyncio
import json
import logging
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import sqlalchemy as sa
import structlog

from benchmarks.machine import report
from matinee.accounts.members import Accounts
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue, Shelf, Title, TitleDraft, TitleKind, TitleState
from matinee.compose.database import migrate, open_database
from matinee.model.events import Event, PlaybackHeartbeat, PlaybackStarted
from matinee.model.media import Presentation
from matinee.recommender.candidates import Selections
from matinee.recommender.rows import arrange
from matinee.taste.knowledge import Knowledge

SEED = 20260101
REQUESTS_A_SECOND, SECONDS, WARM_UP_SECONDS = 50, 20, 5
TITLES, MEMBERS, PROFILES_EACH, PLAYS_EACH = 1_000, 10, 20, (10, 60)
HEARTBEATS_A_SECOND = 20
DURATION_SECONDS = 5400.0
REGIONS = ("europe", "america", "asia")
GENRES = tuple(f"Genre {number}" for number in range(18))
MOODS = tuple(f"Mood {number}" for number in range(40))
PASSWORD = "correct horse"


def draft(number: int, chance: random.Random) -> TitleDraft:
    """A film that nobody made, of one to three genres."""
    return TitleDraft(
        name=f"The Film of Number {number}",
        synopsis="What happens in it is told in a sentence or two, as long as such sentences are.",
        year=chance.randint(1950, 2026),
        genres=tuple(chance.sample(GENRES, chance.randint(1, 3))),
        moods=tuple(chance.sample(MOODS, 3)),
        maturity=chance.choice((0, 0, 6, 12, 16)),
    )


def presentation() -> Presentation:
    return Presentation(duration_seconds=DURATION_SECONDS, renditions=(), files=(), colour="#aa7733")


def plays(profile_id: str, title_ids: Sequence[str], chance: random.Random, now: datetime) -> Iterator[Event]:
    """A history of the last ten days: mostly what many watch (a Pareto law), partly anything."""
    for number in range(chance.randint(*PLAYS_EACH)):
        place = int(chance.paretovariate(0.6)) - 1 if chance.random() < 0.7 else chance.randrange(len(title_ids))
        title_id = title_ids[min(place, len(title_ids) - 1)]
        position = chance.choice((0.2, 0.6, 1.0, 1.0)) * DURATION_SECONDS
        at = now - timedelta(seconds=chance.uniform(3600, 10 * 86_400))
        ids = (f"{profile_id}-{number}", profile_id, title_id)
        yield Event(f"{ids[0]}-a", at, "benchmark", PlaybackStarted(*ids, region=chance.choice(REGIONS)))
        facts = PlaybackHeartbeat(*ids, position, position, duration_seconds=DURATION_SECONDS)
        yield Event(f"{ids[0]}-b", at + timedelta(seconds=1), "benchmark", facts)


def populate(engine: sa.Engine, chance: random.Random) -> tuple[list[str], list[dict[str, str]]]:
    """Titles, members, profiles and their histories; the titles' ids, and how each profile signs in."""
    clock, outbox = SystemClock(), DatabaseOutbox()
    catalogue = Catalogue(engine=engine, outbox=outbox, clock=clock, random_bytes=chance.randbytes)
    accounts = Accounts(engine=engine, clock=clock, random_bytes=chance.randbytes, session_seconds=86_400)
    title_ids = []
    for number in range(TITLES):
        title = catalogue.create(draft(number, chance))
        catalogue.publish(title.id, "r1", presentation())
        title_ids.append(title.id)
    viewers = []
    for number in range(MEMBERS):
        member = accounts.sign_up(f"viewer-{number}@matinee.example", PASSWORD)
        token = accounts.sign_in(member.email, PASSWORD, "benchmark").token
        for _ in range(PROFILES_EACH):
            profile = accounts.create_profile(member.id, "Ada")
            viewers.append({"profile_id": profile.id, "token": token})
            with engine.begin() as connection:
                outbox.append(connection, list(plays(profile.id, title_ids, chance, clock.now())))
    return title_ids, viewers


@dataclass(frozen=True, slots=True)
class Served:
    """A populated ``matinee serve``; ``viewers`` are profile ids with their sign-ins' tokens."""

    address: str
    process: psutil.Process
    engine: sa.Engine
    title_ids: list[str]
    viewers: list[dict[str, str]]


@contextmanager
def serving(data: Path) -> Iterator[Served]:
    """A populated ``matinee serve`` in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    engine = open_database(f"sqlite:///{data / 'matinee.db'}")
    migrate(engine)
    title_ids, viewers = populate(engine, random.Random(SEED))
    environment = os.environ | {
        "MATINEE_DATA": str(data),
        "MATINEE_PORT": str(port),
        "MATINEE_TOKEN_KEYS": "k1:benchmark",
        "MATINEE_REGIONS": "europe=50.1/8.7,america=39.0/-77.5,asia=1.35/103.8",
    }
    with (data / "serve.log").open("wb") as log:
        serve = subprocess.Popen(
            [sys.executable, "-m", "matinee.cli", "serve"], env=environment, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{address}/readyz").is_success:
                    break
            if serve.poll() is not None or time.monotonic() > deadline:
                sys.exit((data / "serve.log").read_text())
            time.sleep(0.1)
        yield Served(address, psutil.Process(serve.pid), engine, title_ids, viewers)
    finally:
        serve.terminate()
        serve.wait(timeout=20)
        engine.dispose()


def heartbeats(served: Served, seconds: float) -> None:
    """Accept heartbeats for some seconds, as another process would."""
    outbox, chance, begun, count = DatabaseOutbox(), random.Random(SEED + 1), time.monotonic(), 0
    while time.monotonic() < begun + seconds:
        ids = (f"live-{count}", chance.choice(served.viewers)["profile_id"], chance.choice(served.title_ids))
        facts = PlaybackHeartbeat(*ids, 300.0, 70.0, duration_seconds=DURATION_SECONDS)
        with served.engine.begin() as connection:
            outbox.append(connection, [Event(f"{ids[0]}-{begun}", datetime.now(UTC), "benchmark", facts)])
        count += 1
        time.sleep(max(0.0, begun + count / HEARTBEATS_A_SECOND - time.monotonic()))


async def ask(address: str, html: bool, viewers: Sequence[dict[str, str]]) -> dict[str, Any]:
    """The load: seconds from when each request was due to its last byte."""
    chance, taken, sizes, failed = random.Random(SEED + 2), list[float](), list[int](), 0
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=30) as client:
        begun = time.monotonic() + 0.5
        warm = begun + WARM_UP_SECONDS

        async def one(due: float, viewer: dict[str, str]) -> None:
            nonlocal failed
            if html:
                cookie = f"matinee_session={viewer['token']}; matinee_profile={viewer['profile_id']}"
                request = client.build_request("GET", "/", headers={"Cookie": cookie})
            else:
                headers = {"Authorization": f"Bearer {viewer['token']}"}
                request = client.build_request("GET", f"/api/v1/profiles/{viewer['profile_id']}/home", headers=headers)
            answer = await client.send(request)
            if due < warm:
                return
            taken.append(time.monotonic() - due)
            sizes.append(len(answer.content))
            failed += answer.status_code != 200 or b"Because you watched" not in answer.content

        waiting = []
        for number in range(REQUESTS_A_SECOND * (SECONDS + WARM_UP_SECONDS)):
            due = begun + number / REQUESTS_A_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            waiting.append(asyncio.create_task(one(due, chance.choice(viewers))))
        await asyncio.gather(*waiting)
    return {"taken": taken, "bytes": sum(sizes) // len(sizes), "failed": failed}


def loaded(served: Served, form: str) -> dict[str, Any]:
    """One form of the page under load, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.home_page", "load", served.address, form]
    load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert load.stdin is not None
    load.stdin.write(json.dumps(served.viewers))
    load.stdin.close()
    load.stdin = None
    before = sum(served.process.cpu_times()[:2])
    heartbeats(served, SECONDS + WARM_UP_SECONDS)
    result = json.loads(load.communicate(timeout=120)[0])
    busy = (sum(served.process.cpu_times()[:2]) - before) / (REQUESTS_A_SECOND * (SECONDS + WARM_UP_SECONDS))
    what = f"home page as {form}"
    return row(
        what, result["taken"], "p95 50 ms", result["failed"], round(result["bytes"] / 1024), f"{busy * 1e3:.1f} ms"
    )


def row(
    what: str, taken: Sequence[float], bar: str, failed: int = 0, kib: object = "", cpu: str = ""
) -> dict[str, Any]:
    """A line of the table, from seconds taken. ``cpu`` is the server's, everything it did divided by the requests."""
    ordered = sorted(taken)
    shares = {f"p{share}": ordered[min(len(ordered) - 1, share * len(ordered) // 100)] for share in (50, 95, 99)}
    times = {name: f"{seconds * 1e3:.1f} ms" for name, seconds in (shares | {"max": ordered[-1]}).items()}
    return {"what": what, "asked": len(taken), "failed": failed, "KiB": kib, "CPU": cpu, **times, "bar": bar}


def rows_alone(titles: int, profiles: int, bar: str) -> dict[str, Any]:
    """What the rows of a page cost in process, each profile asking for the second time."""
    chance, now = random.Random(SEED), datetime.now(UTC)
    made = [shelved(number, chance, now) for number in range(titles)]
    shelf = Shelf(titles=tuple(made), by_id={title.id: title for title in made})
    knowledge, selections = Knowledge(), Selections()
    for number in range(profiles):
        for event in plays(f"profile-{number}", [title.id for title in made], chance, now):
            knowledge.learn(event, now)
    taken: list[float] = []
    for again in (False, True):
        for number in range(profiles):
            begun = time.perf_counter()
            arrange(knowledge, selections.of(shelf, 18), f"profile-{number}", "europe", now)
            if again:
                taken.append(time.perf_counter() - begun)
    return row(f"rows alone, {titles:,} titles, {profiles:,} profiles", taken, bar)


def shelved(number: int, chance: random.Random, now: datetime) -> Title:
    made = draft(number, chance)
    return Title(
        id=f"title-{number}",
        kind=TitleKind.FILM,
        name=made.name,
        synopsis=made.synopsis,
        year=made.year,
        genres=made.genres,
        moods=made.moods,
        maturity=made.maturity,
        state=TitleState.PLAYABLE,
        message=None,
        revision="r1",
        presentation=presentation(),
        parent_id=None,
        season_number=None,
        episode_number=None,
        created_at=now,
        published_at=now,
    )


def main() -> None:
    if sys.argv[1:2] == ["load"]:
        _, _, address, form = sys.argv
        print(json.dumps(asyncio.run(ask(address, form == "HTML", json.load(sys.stdin)))))
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    busy = f"{os.getloadavg()[0]:.1f}"
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as folder, serving(Path(folder)) as served:
        rows = [loaded(served, form) for form in ("JSON", "HTML")]
    rows += [rows_alone(1_000, 200, "p95 3 ms"), rows_alone(20_000, 1_000, "p95 15 ms")]
    report(
        "home_page",
        f"how soon is the home page there, at {REQUESTS_A_SECOND} requests/s and {TITLES:,} titles?",
        rows,
        seed=SEED,
        machine_load_before=busy,
        load=f"open loop, {REQUESTS_A_SECOND} requests/s for {SECONDS} s after {WARM_UP_SECONDS} s of warming up, "
        f"{MEMBERS * PROFILES_EACH} profiles, {HEARTBEATS_A_SECOND} heartbeats/s accepted meanwhile, SQLite",
    )


if __name__ == "__main__":
    main()
