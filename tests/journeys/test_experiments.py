"""An experiment from draft to verdict, over HTTP: fed by an audience whose truth is known, and that truth is found."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from matinee.accounts.allowances import Allowances
from matinee.accounts.members import Role
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseRelay
from matinee.demo.audience import Audience, Fed
from matinee.experiments.gathering import Gathering
from matinee.pages.rooms import Rooms
from matinee.teaching.nightly import DayReport, day_of
from matinee.web import application as web
from theatre import Viewer, ask, publish, service

OPERATOR, PASSWORD = "ops@matinee.example", "correct horse"
MEMBERS = 300
DRAFT = {
    "name": "Fresher first rows",
    "arms": [{"name": "control"}, {"name": "fresh", "parameters": {"ranking": "recent"}}],
    "window_seconds": 3600,
}


@dataclass
class House:
    """A service with films and an operator who is signed in."""

    app: FastAPI
    rooms: Rooms
    token: str

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = ask(self.app, method, path, body, {"Authorization": f"Bearer {self.token}"})
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def page(self, path: str, form: dict[str, str] | None = None, site: str = "same-origin") -> httpx.Response:
        """A page of the studio in the operator's browser."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="https://films.test", cookies={"matinee_session": self.token}
            ) as client:
                headers = {"Accept": "text/html", "Sec-Fetch-Site": site}
                method = "GET" if form is None else "POST"
                return await client.request(method, path, data=form, headers=headers)

        return asyncio.run(send())

    def started(self, **changes: Any) -> str:
        made = self.ask("POST", "/studio/experiments", {**DRAFT, **changes}, 201)
        self.ask("POST", f"/studio/experiments/{made['id']}/start")
        return str(made["id"])

    def fed(self, experiment_id: str, lifts: dict[str, float], seed: int, members: int = MEMBERS) -> Fed:
        def through_the_door(method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
            return ask(self.app, method, path, body, headers)

        return Audience(through_the_door, self.token, experiment_id, lifts).feed(members, seed)

    def counted(self, experiment_id: str) -> dict[str, Any]:
        """The verdict two hours from now, when every window is over."""
        engine = self.rooms.catalogue._engine
        DatabaseRelay(engine).forward()
        later = ManualClock(SystemClock().now() + timedelta(hours=2))
        Gathering(engine, DatabaseEventLog(engine), later).gather()
        found: dict[str, Any] = self.ask("GET", f"/studio/experiments/{experiment_id}")
        return found


@pytest.fixture
def house(sqlite_template: bytes, tmp_path: Path) -> Iterator[House]:
    path = tmp_path / "matinee.db"
    path.write_bytes(sqlite_template)
    with service(f"sqlite:///{path}", tmp_path / "data") as (app, rooms):
        web.install(app, rooms)
        publish(rooms)
        rooms.accounts.sign_up(OPERATOR, PASSWORD, role=Role.OPERATOR)
        rooms.accounts._allowances = Allowances(rooms.catalogue._engine, SystemClock(), {})  # it comes all at once
        # Who is in which arm follows from ids: the same ones in every run.
        rooms.accounts._random_bytes = rooms.experiments._random_bytes = random.Random(20).randbytes
        yield House(app, rooms, rooms.accounts.sign_in(OPERATOR, PASSWORD, "a test").token)


def test_the_verdict_confirms_the_generators_truth(house: House) -> None:
    experiment_id = house.started()
    fed = house.fed(experiment_id, {"fresh": 0.9}, seed=7)
    assert set(fed.profiles) == {"control", "fresh"}
    assert sum(fed.profiles.values()) == MEMBERS
    found = house.counted(experiment_id)
    assert found["source"] == "generated"
    assert found["profiles"] == {"members": 0, "generated": MEMBERS}
    assert found["exposed"] == found["measured"] == fed.profiles
    assert found["sound"]
    compared = found["comparisons"][0]
    assert (compared["arm"], compared["finding"]) == ("fresh", "better")
    low, high = (compared["points"][-1][end] / compared["control_mean"] for end in ("low", "high"))
    assert low < 0.9 < high
    assert compared["explained"] > 0.1  # the past says something of the present
    stopped = house.ask("POST", f"/studio/experiments/{experiment_id}/stop")
    assert stopped["state"] == "stopped"
    assert house.ask("GET", f"/studio/experiments/{experiment_id}")["comparisons"][0]["finding"] in {"better", "early"}


def test_where_there_is_no_effect_none_is_found(house: House) -> None:
    experiment_id = house.started()
    house.fed(experiment_id, {}, seed=8)
    compared = house.counted(experiment_id)["comparisons"][0]
    assert compared["finding"] == "nothing"
    assert all(point["low"] <= 0 <= point["high"] for point in compared["points"])


def test_the_studio_drafts_starts_shows_and_stops(house: House) -> None:
    assert "No experiments yet" in house.page("/studio/experiments").text
    assert "Arms, one a line" in house.page("/studio/experiments/new").text
    form = {
        "name": "<b>Fresh</b>",
        "layer": "home",
        "arms": "control\nfresh ranking=recent weight=1",
        "share": "100",
        "metric": "watched_seconds",
        "window": "60",
        "unit": "minutes",
    }
    made = house.page("/studio/experiments", form)
    assert made.status_code == 303, made.text
    path = made.headers["location"]
    page = house.page(path).text
    assert "&lt;b&gt;Fresh&lt;/b&gt;" in page
    assert "Too early" in page
    assert house.page(f"{path}/start", {}).headers["location"] == path
    experiment_id = path.rpartition("/")[2]
    house.fed(experiment_id, {"fresh": 1.5}, seed=9, members=150)
    house.counted(experiment_id)
    page = house.page(path).text
    assert "Source: generated." in page
    assert "<svg" in page
    assert "fresh is better" in page
    assert "ops@matinee.example" in page
    assert house.page(f"{path}/stop", {}).status_code == 303
    assert "state-stopped" in house.page("/studio/experiments").text
    assert "stop experiment" in house.page("/studio/audit").text
    assert house.page("/studio/experiments", {**form, "arms": "control"}).status_code == 400
    assert house.page("/studio/experiments/none").status_code == 404


def test_experiments_are_operators_alone_and_no_other_sites_page_moves_them(house: House) -> None:
    experiment_id = house.started()
    member = Viewer(house.app, "ada@matinee.example")
    stranger = Viewer(house.app, "bob@matinee.example")
    path = f"/studio/experiments/{experiment_id}"
    for method, asked in (
        ("GET", "/studio/experiments"),
        ("POST", "/studio/experiments"),
        ("GET", path),
        ("POST", f"{path}/stop"),
        ("POST", "/studio/experiments/audience"),
    ):
        assert ask(house.app, method, asked, {}).status_code == 401
        assert ask(house.app, method, asked, {}, member.headers).status_code == 403
    assert house.page(f"{path}/stop", {}, site="cross-site").status_code == 403
    mine = f"/profiles/{member.profile_id}/experiments"
    assert [one["id"] for one in member.ask("GET", mine)["experiments"]] == [experiment_id]
    assert ask(house.app, "GET", mine, None, stranger.headers).status_code == 404
    assert house.ask("GET", path)["state"] == "running"


def test_a_home_page_exposes_a_member_and_what_it_watches_is_measured(house: House) -> None:
    experiment_id = house.started()
    member = Viewer(house.app, "ada@matinee.example")
    page = member.home()
    member.watch(page["rows"][0]["titles"][0]["id"], 33.0)
    found = house.counted(experiment_id)
    assert (found["source"], found["profiles"]) == ("members", {"members": 1, "generated": 0})
    assert sum(found["measured"].values()) == 1
    member.ask("DELETE", f"/profiles/{member.profile_id}/history")
    assert house.counted(experiment_id)["profiles"] == {"members": 0, "generated": 0}


def test_the_nights_are_read_in_the_studio_by_operators_alone(house: House) -> None:
    assert "No report yet" in house.page("/studio/quality").text
    rows = [
        {
            "model": model,
            "hr@10": 0.2,
            "ndcg@10": 0.1,
            "coverage": 0.5,
            "novelty": 6.0,
            "miscalibration": 0.3,
            "ci95": {"hr@10": [0.15, 0.25], "ndcg@10": [0.08, 0.12]},
        }
        for model in ("matinee", "popularity", "trending")
    ]
    told = {"plays": 9, "asked": 8, "left_out": 1, "profiles": 4, "ranker": 2, "sentence": "8 of 9 were asked."}
    differences = {"trending": {"hr@10": [0.1, 0.05, 0.15]}}
    now = SystemClock().now()
    day = day_of(now - timedelta(days=1))
    house.rooms.reports.keep(DayReport(day, now, told | {"rows": rows, "differences": differences}))
    page = house.page("/studio/quality").text
    assert "Better than trending by +10.0 points (+5.0 to +15.0) over 8 plays." in page
    assert f'<time datetime="{day}">' in page
    assert "Ranked by version 2 of the ranker" in page
    assert page.count("<polyline") == 3
    member = Viewer(house.app, "ada@matinee.example")
    token = member.headers["Authorization"].removeprefix("Bearer ")
    assert House(house.app, house.rooms, token).page("/studio/quality").status_code == 403
