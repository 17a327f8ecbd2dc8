"""My list, thumbs, history and three picks as pages, which work without scripts."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from matinee.catalogue.titles import TitleDraft
from matinee.playback.marks import Rating
from matinee.web import application as web
from theatre import FILMS, Service, Viewer, publish, service

MANY = (*FILMS, *(TitleDraft(f"Film {number}", genres=("Drama",)) for number in range(6)))


@pytest.fixture
def theatre(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(database_url, tmp_path / "data") as (app, rooms):
        web.install(app, rooms)
        yield app, rooms


def browse(viewer: Viewer, method: str, path: str, **options: Any) -> httpx.Response:
    """A request of the browser's, from our own page."""
    headers = {**viewer.headers, "Sec-Fetch-Site": "same-origin", **options.pop("headers", {})}
    cookies = {"matinee_profile": viewer.profile_id}

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(viewer.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://films.test", cookies=cookies) as client:
            return await client.request(method, path, headers=headers, **options)

    return asyncio.run(send())


def test_a_titles_forms_put_it_on_the_list_and_give_thumbs(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    viewer = Viewer(app, "ada@matinee.example")
    page = f"/titles/{films['Tide']}"
    assert 'name="listed" value="1" aria-pressed="false"' in browse(viewer, "GET", page).text
    for form, path in (({"listed": "1"}, f"{page}/list"), ({"rating": "up"}, f"{page}/rating")):
        answer = browse(viewer, "POST", path, data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, page)
    text = browse(viewer, "GET", page).text
    assert 'name="listed" value="0" aria-pressed="true"' in text
    assert 'data-mark="up" name="rating" value="" aria-pressed="true"' in text
    assert "Tide" in browse(viewer, "GET", "/list").text
    browse(viewer, "POST", f"{page}/list", data={"listed": "0"})
    browse(viewer, "POST", f"{page}/rating", data={"rating": ""})
    assert rooms.marks.of(viewer.profile_id) == {}
    assert "Nothing here yet" in browse(viewer, "GET", "/list").text


def test_another_sites_form_and_a_rating_nobody_knows_change_nothing(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    viewer = Viewer(app, "ada@matinee.example")
    path = f"/titles/{films['Tide']}/rating"
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert browse(viewer, "POST", path, data={"rating": "up"}, headers=elsewhere).status_code == 403
    assert browse(viewer, "POST", "/history/forget", data={}, headers=elsewhere).status_code == 403
    assert browse(viewer, "POST", path, data={"rating": "eleven"}).status_code == 400
    assert browse(viewer, "POST", "/titles/nothing/rating", data={"rating": "up"}).status_code == 404
    assert rooms.marks.of(viewer.profile_id) == {}


def test_one_title_is_removed_from_a_history_by_its_button(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    viewer = Viewer(app, "ada@matinee.example")
    for name in ("Tide", "Reef"):
        viewer.watch(films[name], 60.0)
    page = browse(viewer, "GET", "/history").text
    assert all(f'action="/history/{films[name]}/removal"' in page for name in ("Tide", "Reef"))
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    refused = browse(viewer, "POST", f"/history/{films['Tide']}/removal", data={}, headers=elsewhere)
    assert refused.status_code == 403
    assert browse(viewer, "POST", f"/history/{films['Tide']}/removal", data={}).headers["location"] == "/history"
    left = browse(viewer, "GET", "/history").text
    assert films["Tide"] not in left
    assert films["Reef"] in left


def test_a_history_asks_once_and_is_forgotten(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    viewer = Viewer(app, "ada@matinee.example")
    assert "Nothing watched yet" in browse(viewer, "GET", "/history").text
    viewer.watch(films["Tide"], 30.0)
    rooms.marks.rate(viewer.profile_id, films["Tide"], Rating.UP)
    page = browse(viewer, "GET", "/history").text
    assert f'href="/titles/{films["Tide"]}"' in page
    assert 'action="/history/forget"' not in page
    asking = browse(viewer, "GET", "/history?forget").text
    assert 'action="/history/forget"' in asking
    assert browse(viewer, "POST", "/history/forget", data={}).headers["location"] == "/history"
    assert "Nothing watched yet" in browse(viewer, "GET", "/history").text
    assert rooms.marks.of(viewer.profile_id) == {}
    for odd in ("x", "-1", "9" * 30, "\u0663"):
        assert browse(viewer, "GET", "/history", params={"from": odd}).status_code == 200


def test_a_new_profile_is_asked_for_three_and_a_known_one_is_not(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms, MANY)
    viewer = Viewer(app, "ada@matinee.example")
    assert "Choose three you like" in browse(viewer, "GET", "/").text
    for name in ("Tide", "Gear", "Film 1"):
        browse(viewer, "POST", f"/titles/{films[name]}/rating", data={"rating": "up"})
    page = browse(viewer, "GET", "/").text
    assert "Choose three you like" not in page
    assert "Because you liked Film 1" in page


def test_a_titles_page_says_why_it_is_recommended(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    viewer = Viewer(app, "ada@matinee.example")
    assert "title-why" not in browse(viewer, "GET", f"/titles/{films['Reef']}").text
    viewer.watch(films["Tide"], 30.0)
    assert '<p class="title-why">Nature, like Tide</p>' in browse(viewer, "GET", f"/titles/{films['Reef']}").text
    assert "title-why" not in browse(viewer, "GET", f"/titles/{films['Tide']}").text
