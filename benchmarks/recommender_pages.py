"""What ranking a home page anew costs, with 20,000 titles and the histories of 100,000 profiles in memory.

Bar: p99 of 15 ms, 300 pages a second. In process on one core: pages of profiles drawn at random, each asked for the
first time; then each after one more play of its own, learned first (both are timed); then of people nobody knows; then
ranked by trees, and with the bandit's choice of a picture for every title. What is known is made by ``crowd``. Over
HTTP, by trees and with pictures: one ``matinee serve`` that begins with the same knowledge as an artefact, asked by as
many connections as say so, each again as soon as it is answered; the load runs beside it.

``python -m benchmarks.recommender_pages [--profiles N] [--titles N]``
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import obstore
import sqlalchemy as sa
import structlog
from obstore.store import LocalStore

from benchmarks.audience import DURATION_SECONDS, REGIONS
from benchmarks.crowd import Crowd, crowd, known
from benchmarks.event_parts import Part
from benchmarks.machine import report
from benchmarks.page_world import a_ranker, publish, tell_of_pictures
from matinee.accounts.members import Accounts
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.catalogue.titles import Catalogue, Shelf
from matinee.compose.database import migrate, open_database
from matinee.exploration.artwork import Gallery, features_of
from matinee.model.events import Event, PlaybackHeartbeat
from matinee.recommender.artefacts import PREFIX
from matinee.recommender.candidates import Selections
from matinee.recommender.rankers import Rankers
from matinee.recommender.rows import Row, arrange
from matinee.taste.artwork import LIKES
from matinee.taste.knowledge import Knowledge
from matinee.taste.trees import Trees
from matinee.taste.weights import liked
from matinee.taste.writing import to_bytes

SEED = 20260101
TITLES, PROFILES, PAGES = 20_000, 100_000, 2_000
MEMBERS, PROFILES_EACH = 10, 20
EVENTS = 10_000
CONNECTIONS, SECONDS = (1, 4), 15.0
_PUBLISHED = ("Metarank, one rerank", "10 to 30 ms", "published")


def learned(knowledge: Knowledge, people: Crowd, now: datetime) -> str:
    """How fast it goes on: more events of the same people, each of a title drawn by what is watched."""
    chance = np.random.default_rng(SEED)
    who = chance.integers(len(people.profile_ids), size=EVENTS)
    what = people.titles[chance.integers(len(people.titles), size=EVENTS)]
    events = []
    for number, (profile, title) in enumerate(zip(who.tolist(), what.tolist(), strict=True)):
        ids = (f"live-{number}", people.profile_ids[profile], people.title_ids[title])
        facts = PlaybackHeartbeat(*ids, 300.0, 300.0, duration_seconds=DURATION_SECONDS)
        events.append(Event(ids[0], now, "benchmark", facts))
    begun = time.perf_counter()
    for event in events:
        knowledge.learn(event, now)
    seconds = time.perf_counter() - begun
    return f"{EVENTS:,} events of profiles at random, {EVENTS / seconds:,.0f} events/s on one core"


def timed(calls: Sequence[Callable[[], object]]) -> tuple[list[float], list[float]]:
    """Seconds of each call, and of these what it had the processor for."""
    taken, had = [], []
    for call in calls:
        begun, used = time.perf_counter(), time.thread_time()
        call()
        taken.append(time.perf_counter() - begun)
        had.append(time.thread_time() - used)
    return taken, had


def in_process(
    knowledge: Knowledge, shelf: Shelf, selections: Selections, trees: Trees, profile_ids: Sequence[str], now: datetime
) -> list[dict[str, Any]]:
    """Pages for the first time, after a play, of strangers; then by a ranker, and with pictures as well."""
    chance, gallery = random.Random(SEED + 1), Gallery()
    asked = chance.sample(list(profile_ids), min(PAGES, len(profile_ids)))
    gallery.learn(knowledge.artworks, shelf.by_id, now.timestamp())

    def page(profile_id: str, by: Trees | None = None) -> Callable[[], tuple[Row, ...]]:
        return lambda: arrange(knowledge, selections.of(shelf, 18), profile_id, chance.choice(REGIONS), now, by)

    def after_a_play(profile_id: str) -> Callable[[], object]:
        ids = (f"{profile_id}-live", profile_id, chance.choice(shelf.titles).id)
        facts = PlaybackHeartbeat(*ids, 300.0, 300.0, duration_seconds=DURATION_SECONDS)
        shown = page(profile_id)

        def learned() -> object:
            knowledge.learn(Event(ids[0], now, "benchmark", facts), now)
            return shown()

        return learned

    def pictured(profile_id: str) -> Callable[[], object]:
        ranked, at = page(profile_id, trees), now.timestamp()

        def drawn() -> object:
            likes = [title_id for title_id, _ in liked(knowledge.histories.of(profile_id))[:LIKES]]
            features = features_of(likes, shelf.by_id)
            every = dict.fromkeys(title_id for row in ranked() for title_id in row.title_ids)
            return [gallery.choose(profile_id, shelf.by_id[title_id], features, at) for title_id in every]

        return drawn

    kinds: tuple[tuple[str, list[Callable[[], object]]], ...] = (
        ("asked for the first time", [page(one) for one in asked]),
        ("after one more play, learned first", [after_a_play(one) for one in asked[: PAGES // 2]]),
        ("of people nobody knows", [page(f"stranger-{number}") for number in range(PAGES // 5)]),
        ("ranked by trees", [page(one, trees) for one in asked[PAGES // 2 :]]),
        ("ranked by trees, a picture a title drawn", [pictured(one) for one in asked[PAGES // 2 :]]),
    )
    page(asked[0], trees)()
    return [_row(f"rows alone, {what}", *timed(calls)) for what, calls in kinds]


def _row(what: str, taken: Sequence[float], had: Sequence[float] = (), a_second: float = 0.0) -> dict[str, Any]:
    """A line of the table: seconds as the clock has them; of what ran in this process its share of the processor too.

    Pages a second are those of one core: by the processor's time, for others work on this machine as well.
    """
    times = {f"p{share}": _share(taken, share) for share in (50, 95, 99)} | {"max": _share(taken, 100)}
    return {
        "pages": what,
        "asked": len(taken),
        **times,
        "CPU p99": _share(had, 99) if had else "",
        "pages/s": f"{len(had) / sum(had) if had else a_second:.0f}",
        "bar": "p99 15 ms, 300/s" if had else "",
    }


def _share(seconds: Sequence[float], share: int) -> str:
    ordered = sorted(seconds)
    return f"{ordered[min(len(ordered) - 1, share * len(ordered) // 100)] * 1e3:.1f} ms"


def populate(engine: sa.Engine, titles: int, now: datetime) -> tuple[list[dict[str, str]], Shelf]:
    """The titles and some members with profiles, in a database; how each profile signs in, and the shelf."""
    chance, clock = random.Random(SEED), SystemClock()
    publish(engine, titles, chance, now)
    catalogue = Catalogue(engine=engine, outbox=DatabaseOutbox(), clock=clock, random_bytes=chance.randbytes)
    accounts = Accounts(engine=engine, clock=clock, random_bytes=chance.randbytes, session_seconds=86_400)
    viewers = []
    for number in range(MEMBERS):
        member = accounts.sign_up(f"viewer-{number}@matinee.example", "correct horse")
        token = accounts.sign_in(member.email, "correct horse", "benchmark").token
        viewers += [
            {"profile_id": accounts.create_profile(member.id, "Ada").id, "token": token} for _ in range(PROFILES_EACH)
        ]
    return viewers, catalogue.shelf()


@contextmanager
def serving(folder: Path, url: str) -> Iterator[str]:
    """A ``matinee serve`` over a database and the artefact beside it; its address."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")} | {
        "MATINEE_DATABASE": url,
        "MATINEE_OBJECTS": f"file://{folder / 'objects'}",
        "MATINEE_TOKEN_KEYS": "k1:benchmark",
        "MATINEE_REGIONS": "europe=50.1/8.7",
    }
    serve = Part("serve", environment, folder)
    serve.start()
    try:
        serve.wait()
        yield serve.address
    finally:
        serve.stop()


async def ask(address: str, connections: int, viewers: Sequence[dict[str, str]]) -> dict[str, Any]:
    """The load: each connection asks again as soon as it is answered; seconds of each, and pages a second."""
    chance, taken, people = random.Random(SEED + 2), list[float](), set[str]()
    async with httpx.AsyncClient(base_url=address, timeout=120) as client:

        async def one(until: float, *, counted: bool) -> None:
            while time.perf_counter() < until:
                viewer = chance.choice(viewers)
                head = {"Authorization": f"Bearer {viewer['token']}"}
                begun = time.perf_counter()
                answer = await client.get(f"/api/v1/profiles/{viewer['profile_id']}/home", headers=head)
                answer.raise_for_status()
                people.update([viewer["profile_id"]] if b'"because:' in answer.content else [])
                if counted:
                    taken.append(time.perf_counter() - begun)

        await one(time.perf_counter() + 3.0, counted=False)
        begun = time.perf_counter()
        await asyncio.gather(*(one(begun + SECONDS, counted=True) for _ in range(connections)))
        rate = len(taken) / (time.perf_counter() - begun)
    if len(people) < len(viewers) // 2:
        sys.exit("Most pages knew of no history: the artefact was not taken.")
    return {"taken": taken, "rate": rate}


def over_http(folder: Path, url: str, viewers: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """Whole pages as JSON."""
    rows = []
    with serving(folder, url) as address:
        for connections in CONNECTIONS:
            command = [sys.executable, "-m", "benchmarks.recommender_pages", "load", address, str(connections)]
            told = subprocess.run(command, input=json.dumps(viewers), stdout=subprocess.PIPE, text=True, check=True)
            load = json.loads(told.stdout)
            rows.append(_row(f"over HTTP, {connections} at once", load["taken"], a_second=load["rate"]))
    return rows


def measure(folder: Path, titles_wanted: int, profiles: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """All rows, and what else was found."""
    url = f"sqlite:///{folder / 'matinee.db'}"
    engine, now, told = open_database(url), datetime.now(UTC), dict[str, str]()
    migrate(engine)
    viewers, shelf = populate(engine, titles_wanted, now)
    relay = DatabaseRelay(engine)
    while relay.forward():
        pass
    position = DatabaseEventLog(engine).end()
    profile_ids = [viewer["profile_id"] for viewer in viewers]
    profile_ids += [f"profile-{number}" for number in range(profiles - len(profile_ids))]
    # As serve does it: no looking for garbage while it learns, nor later in what it learned then.
    gc.disable()
    people = crowd([(title.id, title.genres) for title in shelf.titles], profile_ids, SEED, now)
    knowledge, selections = known(people), Selections()
    begun = time.perf_counter()
    selection = selections.of(shelf, 18)
    told["the shelf's indexes, once for a shelf"] = f"{time.perf_counter() - begun:.2f} s"
    tell_of_pictures(knowledge, selection, profile_ids[: len(profile_ids) // 2], random.Random(SEED), now)
    told["learned"] = learned(knowledge, people, now)
    trees = a_ranker(knowledge, selection, profile_ids, now)
    told["ranker"] = f"{trees.booster.num_trees()} trees"
    store = LocalStore(folder / "objects", mkdir=True)
    body = to_bytes(knowledge, position)
    obstore.put(store, f"{PREFIX}{position:016d}.json.gz", body)
    Rankers(store).admit(trees, now.timestamp(), {})
    told["artefact"] = f"{len(body) / 2**20:.0f} MiB"
    del people, body
    gc.enable()
    begun = time.perf_counter()
    gc.collect()
    told["one whole collection of garbage before gc.freeze"] = f"{(time.perf_counter() - begun) * 1e3:.0f} ms"
    gc.freeze()
    rows = in_process(knowledge, shelf, selections, trees, profile_ids, now)
    del knowledge
    gc.unfreeze()
    gc.collect()
    rows += over_http(folder, url, viewers)
    engine.dispose()
    return rows, told


def main() -> None:
    if sys.argv[1:2] == ["load"]:
        print(json.dumps(asyncio.run(ask(sys.argv[2], int(sys.argv[3]), json.load(sys.stdin)))))
        return
    asked = argparse.ArgumentParser(description="What ranking a page anew costs.")
    asked.add_argument("--profiles", type=int, default=PROFILES)
    asked.add_argument("--titles", type=int, default=TITLES)
    told = asked.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    busy = f"{os.getloadavg()[0]:.1f}"
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as folder:
        rows, found = measure(Path(folder), told.titles, told.profiles)
    rows.append(dict.fromkeys(rows[0], "") | {"pages": _PUBLISHED[0], "p50": _PUBLISHED[1], "bar": _PUBLISHED[2]})
    report(
        "recommender_pages",
        f"what does ranking a page anew cost, with {told.titles:,} titles and {told.profiles:,} profiles?",
        rows,
        seed=SEED,
        machine_load_before=busy,
        **found,
    )


if __name__ == "__main__":
    main()
