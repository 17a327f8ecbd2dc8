"""A play changes the page at the next request, over HTTP, on both databases."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from matinee.api.application import application
from matinee.catalogue.titles import TitleDraft
from matinee.compose.serve import wire
from matinee.model.ids import new_id
from matinee.model.media import Presentation
from matinee.model.plans import EdgeReport
from matinee.pages.rooms import Rooms
from matinee.settings import Settings

_FILMS = (
    TitleDraft("Tide", genres=("Nature",), moods=("Slow",), year=2021, synopsis="The sea comes and goes."),
    TitleDraft("Reef", genres=("Nature",), moods=("Slow",), year=2022),
    TitleDraft("Gear", genres=("Machines",), moods=("Fast",), year=2020),
    TitleDraft("Gore", genres=("Horror",), maturity=18, year=2019),
)
_DURATION_SECONDS = 90.0
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

    return asyncio.run(send())


class Viewer:
    """A member's browser, without the browser."""

    def __init__(self, app: FastAPI, email: str, maturity_limit: int = 18) -> None:
        self.app = app
        self.headers: dict[str, str] = {}
        credentials = {"email": email, "password": "correct horse"}
        self._ask("POST", "/accounts", credentials)
        self.headers = {"Authorization": f"Bearer {self._ask('POST', '/sessions', credentials)['token']}"}
        made = self._ask("POST", "/profiles", {"name": "Ada", "maturity_limit": maturity_limit})
        self.profile_id: str = made["id"]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = ask(self.app, method, path, body, self.headers)
        assert answer.is_success, answer.text
        return answer.json()

    def home(self) -> dict[str, Any]:
        page: dict[str, Any] = self._ask("GET", f"/profiles/{self.profile_id}/home")
        assert page["profile_id"] == self.profile_id
        return page

    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in self.home()["rows"]}

    def similar(self, title_id: str) -> list[str]:
        answer = self._ask("GET", f"/titles/{title_id}/similar?profile_id={self.profile_id}")
        return [str(title["id"]) for title in answer["titles"]]

    def watch(self, title_id: str, seconds: float) -> None:
        body = {"profile_id": self.profile_id, "title_id": title_id, "device": {"kind": "test"}}
        playback_id = self._ask("POST", "/playbacks", body)["playback_id"]
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
        assert self._ask("POST", "/events", batch) == {"accepted": 2, "repeated": 0}


Service = tuple[FastAPI, Rooms]


@contextmanager
def service(database_url: str, data: Path) -> Iterator[Service]:
    settings = Settings(
        data=data,
        database=database_url,
        token_keys="k1:secret",
        edge_secret="secret",
        regions="europe=50.1/8.7,america=39.0/-77.5",
    )
    rooms, _ = wire(settings)
    yield application(rooms, "test"), rooms
    rooms.catalogue._engine.dispose()


def publish(rooms: Rooms, drafts: tuple[TitleDraft, ...] = _FILMS) -> dict[str, str]:
    rooms.edges.report(_EDGE)
    ids = {}
    for draft in drafts:
        title = rooms.catalogue.create(draft)
        shown = Presentation(duration_seconds=_DURATION_SECONDS, renditions=(), files=(), colour="#aa7733")
        rooms.catalogue.publish(title.id, new_id(random.Random(1).randbytes), shown)
        ids[draft.name] = title.id
    return ids


@pytest.fixture
def theatre(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(database_url, tmp_path / "data") as made:
        yield made


def test_a_play_changes_the_next_page(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    viewer = Viewer(app, "ada@matinee.example")
    before = viewer.home()
    assert [row["kind"] for row in before["rows"]] == ["popular", "new"]
    assert before["hero"]["synopsis"] is not None
    viewer.watch(films["Tide"], 30.0)
    after = viewer.rows()
    because = after[f"because:{films['Tide']}"]
    assert because["kind"] == "because_you_watched"
    assert because["name"] == "Because you watched Tide"
    assert because["reason"] == "shares Nature and Slow with it"
    assert [title["name"] for title in because["titles"]] == ["Reef"]
    (begun,) = after["continue"]["titles"]
    assert begun["progress"] == pytest.approx(30 / _DURATION_SECONDS)
    assert begun["remaining_seconds"] == pytest.approx(60.0)
    assert after["popular"]["titles"][0]["id"] == films["Tide"]
    assert after["popular"]["reason"] == "most watched in Europe, then everywhere"


def test_what_is_watched_to_its_end_leaves_continue_watching(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    viewer = Viewer(app, "ada@matinee.example")
    viewer.watch(films["Reef"], 86.0)
    rows = viewer.rows()
    assert "continue" not in rows
    assert f"because:{films['Reef']}" in rows


def test_one_members_plays_teach_the_pages_of_another(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    bob, ada = Viewer(app, "bob@matinee.example"), Viewer(app, "ada@matinee.example")
    assert ada.similar(films["Tide"]) == [films["Reef"]]
    bob.watch(films["Tide"], 30.0)
    bob.watch(films["Gear"], 30.0)
    ada.watch(films["Tide"], 30.0)
    row = ada.rows()[f"because:{films['Tide']}"]
    assert [(title["name"], title["reason"]) for title in row["titles"]] == [
        ("Gear", "watched by the same people"),
        ("Reef", "shares Nature and Slow with it"),
    ]
    assert ada.similar(films["Tide"]) == [films["Gear"], films["Reef"]]


def test_a_childs_page_has_nothing_for_adults(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    adult, child = Viewer(app, "bob@matinee.example"), Viewer(app, "kid@matinee.example", maturity_limit=6)
    for name in ("Gore", "Tide"):
        adult.watch(films[name], 30.0)
    child.watch(films["Tide"], 30.0)
    assert all(title["id"] != films["Gore"] for row in child.rows().values() for title in row["titles"])
    assert films["Gore"] not in child.similar(films["Tide"])


def test_another_members_page_and_a_page_of_nobody_are_refused(theatre: Service) -> None:
    app, rooms = theatre
    publish(rooms)
    ada, bob = Viewer(app, "ada@matinee.example"), Viewer(app, "bob@matinee.example")
    path = f"/profiles/{ada.profile_id}/home"
    assert ask(app, "GET", path).status_code == 401
    assert ask(app, "GET", path, headers=bob.headers).status_code == 404
    assert ask(app, "GET", "/titles/nothing/similar", headers=ada.headers).status_code == 404
    assert ask(app, "GET", "/titles/nothing/similar").status_code == 401


def test_a_service_without_titles_has_an_empty_page(theatre: Service) -> None:
    app, _ = theatre
    page = Viewer(app, "ada@matinee.example").home()
    assert page["rows"] == []
    assert page["hero"] is None


def test_a_second_process_and_a_restarted_one_show_the_same_page(database_url: str, tmp_path: Path) -> None:
    first, second, restarted = (service(database_url, tmp_path / "data") for _ in range(3))
    with first as (app, rooms), second as (other, _):
        films = publish(rooms)
        viewer = Viewer(app, "ada@matinee.example")
        viewer.watch(films["Tide"], 30.0)
        here = viewer.home()["rows"]
        assert here[1]["id"] == f"because:{films['Tide']}"
        viewer.app = other
        assert viewer.home()["rows"] == here
    with restarted as (viewer.app, _):
        assert viewer.home()["rows"] == here
