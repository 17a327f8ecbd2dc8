"""A play changes the page at the next request, over HTTP, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from theatre import DURATION_SECONDS, Service, Viewer, ask, publish, service


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
    assert begun["progress"] == pytest.approx(30 / DURATION_SECONDS)
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
