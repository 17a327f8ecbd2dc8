"""Thumbs, my list, history, three picks and territories over HTTP, on both databases."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from matinee.catalogue.titles import TitleDraft, TitleKind
from theatre import FILMS, Service, Viewer, ask, publish, service

MANY = tuple(
    TitleDraft(f"{genre} {number}", genres=(genre,), year=2000 + number)
    for number in range(20)
    for genre in ("Nature", "Machines", "Noir", "Farce", "Epic", "Sport")
)


@pytest.fixture
def theatre(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(database_url, tmp_path / "data", territories="europe=PT, america=US") as made:
        yield made


def rate(viewer: Viewer, title_id: str, rating: str | None) -> Any:
    return viewer.ask("PUT", f"/profiles/{viewer.profile_id}/ratings/{title_id}", {"rating": rating})


def on_list(viewer: Viewer) -> list[str]:
    return [title["id"] for title in viewer.ask("GET", f"/profiles/{viewer.profile_id}/list")["titles"]]


def test_thumbs_change_the_next_page_and_are_taken_back(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    viewer = Viewer(app, "ada@matinee.example")
    assert rate(viewer, films["Tide"], "love") == {"title_id": films["Tide"], "rating": "love", "listed": False}
    rows = viewer.rows()
    assert rows[f"because:{films['Tide']}"]["name"] == "Because you liked Tide"
    assert {title["id"]: title["rating"] for title in rows["popular"]["titles"]}[films["Tide"]] == "love"
    rate(viewer, films["Tide"], "down")
    assert all(title["id"] != films["Tide"] for row in viewer.rows().values() for title in row["titles"])
    assert rate(viewer, films["Tide"], None)["rating"] is None
    assert films["Tide"] in [title["id"] for title in viewer.rows()["popular"]["titles"]]


def test_my_list_is_newest_first_and_a_row_of_the_page(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    viewer = Viewer(app, "ada@matinee.example")
    path = f"/profiles/{viewer.profile_id}/list"
    assert on_list(viewer) == []
    for name in ("Tide", "Gear", "Tide"):
        assert viewer.ask("PUT", f"{path}/{films[name]}")["listed"] is True
    assert on_list(viewer) == [films["Gear"], films["Tide"]]
    assert [title["id"] for title in viewer.rows()["my-list"]["titles"]] == [films["Gear"], films["Tide"]]
    rooms.catalogue.withdraw(films["Gear"])
    assert on_list(viewer) == [films["Tide"]]
    for _ in range(2):
        assert viewer.ask("DELETE", f"{path}/{films['Tide']}") is None
    viewer.ask("DELETE", f"{path}/{films['Gear']}")
    assert on_list(viewer) == []
    assert "my-list" not in viewer.rows()


def test_a_history_is_latest_first_in_windows(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    viewer = Viewer(app, "ada@matinee.example")
    path = f"/profiles/{viewer.profile_id}/history"
    assert viewer.ask("GET", path) == {"titles": [], "total": 0}
    for name in ("Tide", "Reef", "Gear"):
        viewer.watch(films[name], 30.0)
    told = viewer.ask("GET", path)
    assert [title["name"] for title in told["titles"]] == ["Gear", "Reef", "Tide"]
    assert told["titles"][0]["watched_at"] > told["titles"][1]["watched_at"]
    assert told["titles"][0]["progress"] == pytest.approx(1 / 3)
    window = viewer.ask("GET", f"{path}?limit=1&offset=1")
    assert ([title["name"] for title in window["titles"]], window["total"]) == (["Reef"], 3)
    for query in ("limit=0", "limit=101", "offset=-1"):
        assert ask(app, "GET", f"{path}?{query}", headers=viewer.headers).status_code in {400, 422}


def test_who_is_forgotten_has_neither_thumbs_nor_list_nor_history(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    viewer = Viewer(app, "ada@matinee.example")
    before = viewer.home()["rows"]
    viewer.watch(films["Tide"], 30.0)
    rate(viewer, films["Reef"], "down")
    viewer.ask("PUT", f"/profiles/{viewer.profile_id}/list/{films['Gear']}")
    assert viewer.home()["rows"] != before
    viewer.ask("DELETE", f"/profiles/{viewer.profile_id}/history")
    assert on_list(viewer) == []
    assert rooms.marks.of(viewer.profile_id) == {}
    assert viewer.ask("GET", f"/profiles/{viewer.profile_id}/history")["total"] == 0
    rows = viewer.rows()
    assert not {"continue", "my-list"} & set(rows)
    assert films["Reef"] in [title["id"] for title in rows["popular"]["titles"]]


def test_what_is_another_members_or_unknown_or_too_much_is_refused_with_a_sentence(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    ada, bob = Viewer(app, "ada@matinee.example"), Viewer(app, "bob@matinee.example")
    child = Viewer(app, "kid@matinee.example", maturity_limit=6)
    rating, listing = f"/profiles/{ada.profile_id}/ratings", f"/profiles/{ada.profile_id}/list"
    up = {"rating": "up"}
    for method, path, body in (
        ("PUT", f"{rating}/{films['Tide']}", up),
        ("PUT", f"{listing}/{films['Tide']}", None),
        ("DELETE", f"{listing}/{films['Tide']}", None),
        ("GET", listing, None),
        ("GET", f"/profiles/{ada.profile_id}/history", None),
    ):
        assert ask(app, method, path, body).status_code == 401
        assert ask(app, method, path, body, bob.headers).status_code == 404
    assert ask(app, "PUT", f"{rating}/nothing", up, ada.headers).status_code == 404
    assert ask(app, "PUT", f"{listing}/{'x' * 70}", None, ada.headers).status_code in {400, 422}
    bodies: tuple[Any, ...] = ({"rating": "eleven"}, {"rating": 5}, {}, [])
    for wrong in bodies:
        answer = ask(app, "PUT", f"{rating}/{films['Tide']}", wrong, ada.headers)
        assert answer.status_code in {400, 422}
        assert answer.json()["detail"]
    kids = f"/profiles/{child.profile_id}"
    assert ask(app, "PUT", f"{kids}/ratings/{films['Gore']}", up, child.headers).status_code == 403
    assert ask(app, "PUT", f"{kids}/list/{films['Gore']}", None, child.headers).status_code == 403


def test_three_picks_make_a_new_members_page_personal(theatre: Service) -> None:
    app, rooms = theatre
    publish(rooms, MANY)
    viewer = Viewer(app, "ada@matinee.example")
    page = viewer.home()
    assert page["hero"] is not None
    assert {"popular", "new"} <= {row["kind"] for row in page["rows"]}
    picks = page["picks"]
    assert len({title["genres"][0] for title in picks[:6]}) == 6
    chosen = [title for title in picks if title["genres"] == ["Noir"]][:2] + [
        title for title in picks if title["genres"] == ["Epic"]
    ][:1]
    for title in chosen:
        rate(viewer, title["id"], "up")
    page = viewer.home()
    assert page["picks"] == []
    (row,) = [row for row in page["rows"] if row["kind"] == "for_you"]
    genres = [title["genres"][0] for title in row["titles"]]
    assert set(genres[:9]) == {"Noir", "Epic"}
    assert genres[:9].count("Noir") > genres[:9].count("Epic")
    assert all(title["reason"] for title in row["titles"])
    assert page["rows"][0]["name"].startswith("Because you liked ")


def test_a_title_is_shown_and_played_in_its_territories_alone(theatre: Service) -> None:
    app, rooms = theatre
    drafts = (*FILMS, TitleDraft("Over there", genres=("Nature",), territories=("us", "CA")))
    films = publish(rooms, (*drafts, replace(FILMS[0], name="Over here", territories=("PT",))))
    viewer = Viewer(app, "ada@matinee.example")
    there, here = films["Over there"], films["Over here"]
    seen = {title["id"] for row in viewer.rows().values() for title in row["titles"]}
    assert here in seen
    assert there not in seen
    query = f"profile_id={viewer.profile_id}"
    assert [title["id"] for title in viewer.ask("GET", f"/titles?query=over&{query}")["titles"]] == [here]
    assert there not in [title["id"] for title in viewer.ask("GET", f"/titles?{query}")["titles"]]
    assert ask(app, "GET", f"/titles/{there}?{query}", headers=viewer.headers).status_code == 404
    assert viewer.ask("GET", f"/titles/{here}?{query}")["territories"] == ["PT"]
    assert there not in viewer.similar(films["Tide"])
    press = {"profile_id": viewer.profile_id, "title_id": there, "device": "test"}
    answer = ask(app, "POST", "/playbacks", press, viewer.headers)
    assert answer.status_code == 403
    assert answer.json()["detail"] == "Over there may not be shown in europe: its rights are for other territories."
    mark = ask(app, "PUT", f"/profiles/{viewer.profile_id}/list/{there}", None, viewer.headers)
    assert mark.status_code == 403
    viewer.watch(here, 30.0)


def test_the_next_episode_stands_in_continue_watching(theatre: Service) -> None:
    app, rooms = theatre
    publish(rooms)
    series = rooms.catalogue.create(TitleDraft("Lighthouse", kind=TitleKind.SERIES))
    season = rooms.catalogue.create(TitleDraft("One", kind=TitleKind.SEASON, parent_id=series.id, season_number=1))
    drafts = tuple(
        TitleDraft(f"Part {number}", kind=TitleKind.EPISODE, parent_id=season.id, episode_number=number)
        for number in (1, 2)
    )
    parts = publish(rooms, drafts)
    viewer = Viewer(app, "ada@matinee.example")
    viewer.watch(parts["Part 1"], 89.0)
    (following,) = viewer.rows()["continue"]["titles"]
    assert (following["id"], following["series"], following["part"]) == (parts["Part 2"], "Lighthouse", "S1 E2")
    assert following["reason"] == "Next: S1 E2"


def test_a_click_on_a_search_result_is_taken_from_its_own_profile_alone(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    ada, bob = Viewer(app, "ada@matinee.example"), Viewer(app, "bob@matinee.example")
    facts = {"profile_id": ada.profile_id, "title_id": films["Tide"], "query": "tid", "place": 0}
    event = {"id": "click-1", "type": "search.chosen", "time": rooms.clock.now().isoformat(), **facts}
    assert ask(app, "POST", "/events", {"events": [event]}, bob.headers).status_code == 404
    assert ada.ask("POST", "/events", {"events": [event]}) == {"accepted": 1, "repeated": 0}
    mark = {**event, "id": "mark-1", "type": "title.rated", "rating": "up"}
    answer = ask(app, "POST", "/events", {"events": [mark]}, ada.headers)
    assert answer.status_code == 400
    assert "none that a player may send" in answer.json()["detail"]
