"""Two arms of an experiment see pages that are made by their parameters, over HTTP; a bad value is refused."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from matinee.accounts.members import Role
from matinee.adapters.events_database import DatabaseEventLog
from matinee.catalogue.titles import TitleDraft
from matinee.exploration.exploring import PLACE
from matinee.model.events import Event, PlaybackStopped
from matinee.pages.rooms import Rooms
from theatre import Viewer, ask, publish, service

_GENRES = ("Nature", "Machines", "Roads", "Horror")
_FILMS = tuple(TitleDraft(f"Film {number:02}", genres=(_GENRES[number % 4],)) for number in range(60))
_ARMS = [
    {"name": "usual"},
    {"name": "other", "parameters": {"calibration": "0", "ranker": "off", "exploring": "0"}},
]


@pytest.fixture
def theatre(sqlite_template: bytes, tmp_path: Path) -> Iterator[tuple[FastAPI, Rooms]]:
    (tmp_path / "matinee.db").write_bytes(sqlite_template)
    with service(f"sqlite:///{tmp_path / 'matinee.db'}", tmp_path / "data") as made:
        yield made


def operator(app: FastAPI, rooms: Rooms) -> dict[str, str]:
    account = {"email": "ops@matinee.example", "password": "correct horse"}
    rooms.accounts.sign_up(**account, role=Role.OPERATOR)
    return {"Authorization": f"Bearer {ask(app, 'POST', '/sessions', account).json()['token']}"}


def watch(rooms: Rooms, profile_id: str, title_ids: list[str]) -> None:
    """Plays to the end, an hour apart, the last one an hour ago."""
    now = datetime.now(UTC)
    events = [
        Event(
            f"{profile_id}-{number}",
            now - timedelta(hours=len(title_ids) - number),
            "test",
            PlaybackStopped(f"{profile_id}-{number}", profile_id, title_id, 90.0, 90.0, 90.0, ended=True),
        )
        for number, title_id in enumerate(title_ids)
    ]
    DatabaseEventLog(rooms.catalogue._engine).append(events)


def for_you(viewer: Viewer) -> list[dict[str, Any]]:
    titles: list[dict[str, Any]] = viewer.rows()["for-you"]["titles"]
    return titles


def test_two_arms_see_pages_by_their_parameters(theatre: tuple[FastAPI, Rooms]) -> None:
    app, rooms = theatre
    films = list(publish(rooms, _FILMS).values())
    hands = random.Random(3)
    for number in range(40):
        watch(rooms, f"somebody-{number}", hands.sample(films, 8))
    viewers = [Viewer(app, f"v{number}@matinee.example") for number in range(8)]
    for viewer in viewers:
        # The same history for all: what differs is the arm's.
        watch(rooms, viewer.profile_id, [films[place] for place in (0, 4, 8, 1, 5, 12)])
    before = [for_you(viewer) for viewer in viewers]
    assert all(page[PLACE]["experiment"] == "exploring-place" for page in before)
    assert {page[PLACE]["propensity"] for page in before} == {1 / 8}

    headers = operator(app, rooms)
    body = {"name": "By score alone", "arms": _ARMS, "window_seconds": 3600}
    made = ask(app, "POST", "/studio/experiments", body, headers).json()
    ask(app, "POST", f"/studio/experiments/{made['id']}/start", None, headers)
    rooms.experiments._running = None
    arms = [rooms.experiments.expose(viewer.profile_id)[made["id"]].name for viewer in viewers]
    assert set(arms) == {"usual", "other"}
    others = []
    for viewer, arm, page in zip(viewers, arms, before, strict=True):
        now = for_you(viewer)
        if arm == "usual":
            assert now == page
        else:
            assert not any(title["experiment"] for title in now)
            assert [title["id"] for title in now] != [title["id"] for title in page]
            others.append([title["id"] for title in now])
    # By score alone: with the same history the same for everybody in the arm, whatever chance says.
    assert all(one == others[0] for one in others)
    rooms.journal.write()
    for viewer, arm in zip(viewers, arms, strict=True):
        # What a page was made by is recorded with it.
        parameters = rooms.journal.pages(viewer.profile_id)[0].page.asked.parameters
        assert parameters.ranker is (arm == "usual")

    ask(app, "POST", f"/studio/experiments/{made['id']}/stop", None, headers)
    rooms.experiments._running = None
    assert [for_you(viewer) for viewer in viewers] == before


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"calibration": "much"}, "The value of 'calibration' is 'much'; it is a number from 0 to 1."),
        ({"exploring": "2"}, "The value of 'exploring' is '2'; it is a number from 0 to 1."),
        ({"ranker": "maybe"}, "The value of 'ranker' is 'maybe'; it is on or off."),
    ],
)
def test_a_value_that_cannot_be_is_refused_when_it_is_drafted(
    theatre: tuple[FastAPI, Rooms], parameters: dict[str, str], says: str
) -> None:
    app, rooms = theatre
    body = {"name": "Odd", "arms": [{"name": "usual"}, {"name": "odd", "parameters": parameters}]}
    answer = ask(app, "POST", "/studio/experiments", body, operator(app, rooms))
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["detail"]
