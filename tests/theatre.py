"""A small service with four films and its viewers, for tests that watch and look at pages over HTTP."""

import asyncio
import atexit
import functools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from matinee.api.application import application
from matinee.catalogue.titles import TitleDraft
from matinee.compose.serve import wire
from matinee.model.ids import new_id
from matinee.model.media import Presentation
from matinee.model.plans import EdgeReport
from matinee.pages.rooms import Rooms
from matinee.settings import Settings

FILMS = (
    TitleDraft("Tide", genres=("Nature",), moods=("Slow",), year=2021, synopsis="The sea comes and goes."),
    TitleDraft("Reef", genres=("Nature",), moods=("Slow",), year=2022),
    TitleDraft("Gear", genres=("Machines",), moods=("Fast",), year=2020),
    TitleDraft("Gore", genres=("Horror",), maturity=18, year=2019),
)
DURATION_SECONDS = 90.0
_EDGE = EdgeReport(
    edge_id="europe-1",
    site="frankfurt",
    region="europe",
    url="http://127.0.1.1:8400",
    latitude=50.1,
    longitude=8.7,
    capacity_bps=10**9,
    started=1.0,
    egress_bps=0.0,
    connections=0,
    cached_bytes=0,
    cache_limit_bytes=10**9,
    files=0,
    demand_hit_bytes=0,
    origin_bytes=0,
    requests=0,
    refused=0,
)


def ask(app: FastAPI, method: str, path: str, body: Any = None, headers: Any = None) -> httpx.Response:
    """One request, through the application's own door."""

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://matinee.test") as client:
            return await client.request(method, f"/api/v1{path}", json=body, headers=headers)

    return _loop().run(send())


@functools.cache
def _loop() -> asyncio.Runner:
    """One loop, and the threads that belong to it, for all requests: a new one takes longer than most answers."""
    runner = asyncio.Runner()
    atexit.register(runner.close)
    return runner


class Viewer:
    """A member's browser, without the browser."""

    def __init__(self, app: FastAPI, email: str, maturity_limit: int = 18) -> None:
        self.app = app
        self.headers: dict[str, str] = {}
        credentials = {"email": email, "password": "correct horse"}
        self.ask("POST", "/accounts", credentials)
        self.headers = {"Authorization": f"Bearer {self.ask('POST', '/sessions', credentials)['token']}"}
        made = self.ask("POST", "/profiles", {"name": "Ada", "maturity_limit": maturity_limit})
        self.profile_id: str = made["id"]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = ask(self.app, method, path, body, self.headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def home(self) -> dict[str, Any]:
        page: dict[str, Any] = self.ask("GET", f"/profiles/{self.profile_id}/home")
        assert page["profile_id"] == self.profile_id
        return page

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in self.home()["rows"]}

    def similar(self, title_id: str) -> list[str]:
        answer = self.ask("GET", f"/titles/{title_id}/similar?profile_id={self.profile_id}")
        return [str(title["id"]) for title in answer["titles"]]

    def watch(self, title_id: str, seconds: float) -> None:
        body = {"profile_id": self.profile_id, "title_id": title_id, "device": {"kind": "test"}}
        playback_id = self.ask("POST", "/playbacks", body)["playback_id"]
        time = datetime.now(UTC)
        facts = {"playback_id": playback_id, "profile_id": self.profile_id, "title_id": title_id}
        events = [
            {"type": "playback.started", "time": time.isoformat(), **facts, "startup_seconds": 0.2},
            {
                "type": "playback.heartbeat",
                "time": (time + timedelta(milliseconds=1)).isoformat(),
                **facts,
                "position_seconds": seconds,
                "watched_seconds": seconds,
            },
        ]
        batch = {"events": [{"id": f"{playback_id}-{number}", **event} for number, event in enumerate(events)]}
        assert self.ask("POST", "/events", batch) == {"accepted": 2, "repeated": 0}


Service = tuple[FastAPI, Rooms]


@contextmanager
def service(database_url: str, data: Path, territories: str = "") -> Iterator[Service]:
    settings = Settings(
        data=data,
        database=database_url,
        token_keys="k1:secret",
        regions="europe=50.1/8.7,america=39.0/-77.5",
        territories=territories,
        edge_silence_seconds=3600,  # the edge of these tests says a word once
    )
    rooms, _ = wire(settings)
    yield application(rooms, "test"), rooms
    rooms.catalogue._engine.dispose()


def publish(rooms: Rooms, drafts: tuple[TitleDraft, ...] = FILMS) -> dict[str, str]:
    rooms.edges.report(_EDGE)
    ids = {}
    for draft in drafts:
        title = rooms.catalogue.create(draft)
        shown = Presentation(duration_seconds=DURATION_SECONDS, renditions=(), files=(), colour="#aa7733")
        rooms.catalogue.publish(title.id, new_id(random.Random(1).randbytes), shown)
        ids[draft.name] = title.id
    return ids
