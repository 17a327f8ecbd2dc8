"""What pages make of odd input: a film withdrawn while it is shown, events told twice, clocks that run backwards."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from theatre import DURATION_SECONDS, Service, Viewer, ask, publish, service


@pytest.fixture
def theatre(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(database_url, tmp_path / "data") as made:
        yield made


def heartbeat(playback_id: str, name: str, time: datetime, seconds: float) -> dict[str, Any]:
    return {
        "id": f"{playback_id}-{name}",
        "type": "playback.heartbeat",
        "time": time.isoformat(),
        "playback_id": playback_id,
        "position_seconds": seconds,
        "watched_seconds": seconds,
        "duration_seconds": DURATION_SECONDS,
    }


def started(viewer: Viewer, title_id: str) -> str:
    body = {"profile_id": viewer.profile_id, "title_id": title_id, "device": {"kind": "test"}}
    return str(viewer.ask("POST", "/playbacks", body)["playback_id"])


def test_a_film_withdrawn_while_it_is_shown_goes_from_every_row_and_plays_no_more(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    ada, bob = Viewer(app, "ada@matinee.example"), Viewer(app, "bob@matinee.example")
    playback_id = started(ada, films["Tide"])
    ada.watch(films["Tide"], 30.0)
    ada.ask("PUT", f"/profiles/{ada.profile_id}/list/{films['Tide']}")
    bob.watch(films["Reef"], 30.0)
    assert films["Tide"] in str(ada.home())
    assert films["Tide"] in str(bob.home())

    rooms.catalogue.withdraw(films["Tide"])
    for viewer in (ada, bob):
        page = viewer.home()
        assert films["Tide"] not in str(page)
        assert page["hero"] is not None
        assert page["rows"]
        assert films["Tide"] not in viewer.similar(films["Reef"])
    body = {"profile_id": bob.profile_id, "title_id": films["Tide"], "device": {"kind": "test"}}
    refused = ask(app, "POST", "/playbacks", body, bob.headers)
    assert refused.status_code in {404, 409}
    assert refused.json()["detail"].endswith(".")
    # Who was in the middle of it tells on, and what they tell is kept for the day it comes back.
    told = [heartbeat(playback_id, "late", datetime.now(UTC), 40.0)]
    assert ada.ask("POST", "/events", {"events": told})["accepted"] == 1
    assert films["Tide"] not in str(ada.home())
    rooms.catalogue.restore(films["Tide"])
    [begun] = ada.rows()["continue"]["titles"]
    assert begun["id"] == films["Tide"]


def test_events_told_twice_and_out_of_order_change_nothing_more(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    ada = Viewer(app, "ada@matinee.example")
    playback_id, now = started(ada, films["Tide"]), datetime.now(UTC)
    told = [
        heartbeat(playback_id, str(number), now - timedelta(seconds=9 - number), 10.0 * number) for number in (1, 2, 3)
    ]
    assert ada.ask("POST", "/events", {"events": told[::-1]}) == {"accepted": 3, "repeated": 0}
    once = ada.home()
    for again in (told, told[1:], told[:1] * 2):
        answer = ada.ask("POST", "/events", {"events": again})
        assert answer["accepted"] == 0
    then = ada.home()
    assert {**then, "generated_at": None} == {**once, "generated_at": None}
    [begun] = ada.rows()["continue"]["titles"]
    assert begun["progress"] == pytest.approx(30 / DURATION_SECONDS)


@pytest.mark.parametrize(("years", "status"), [(-30, 400), (30, 202)], ids=["thirty years ago", "thirty years ahead"])
def test_a_clock_that_is_wrong_does_not_keep_later_plays_from_counting(
    theatre: Service, years: int, status: int
) -> None:
    app, rooms = theatre
    films = publish(rooms)
    ada = Viewer(app, "ada@matinee.example")
    now = datetime.now(UTC)
    wrong = [heartbeat(started(ada, films["Gear"]), "wrong", now.replace(year=now.year + years, day=1), 20.0)]
    answer = ask(app, "POST", "/events", {"events": wrong}, ada.headers)
    assert answer.status_code == status, answer.text
    ada.watch(films["Tide"], 30.0)
    rows = ada.rows()
    assert rows["continue"]["titles"][0]["id"] == films["Tide"]
    assert next(key for key in rows if key.startswith("because:")) == f"because:{films['Tide']}"
