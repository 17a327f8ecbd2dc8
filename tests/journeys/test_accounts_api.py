"""Signing up, in and out, profiles and titles, over HTTP; the contracts run the rooms below on both databases."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from matinee.accounts.members import Accounts, Role
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.api import accounts, problems, profiles, titles
from matinee.api.authentication import operator
from matinee.catalogue.titles import Catalogue, Title, TitleDraft
from matinee.model.errors import SignInRequired
from matinee.model.media import Presentation
from matinee.model.topology import Topology
from matinee.pages.visitor import PROFILE_COOKIE, REGION_COOKIE, visitor

CREDENTIALS = {"email": "maya@example.com", "password": "correct horse"}
FILM = Presentation(600.0, (), (("master.m3u8", 9),), "#203040")
OURS = {"Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True)
class SomeRooms:
    """The rooms that these routes ask."""

    accounts: Accounts
    catalogue: Catalogue
    topology: Topology
    clock: ManualClock
    playbacks: "Forgetful"
    trust_region: bool = False


class Forgetful:
    """Where histories are kept and playbacks end, of which these tests have none."""

    def __init__(self) -> None:
        self.forgotten: list[tuple[str, str]] = []
        self.ended: list[tuple[str, str, str]] = []

    def forget_history(self, member_id: str, profile_id: str) -> None:
        self.forgotten.append((member_id, profile_id))

    def revoke_all(self, member_id: str, *, by: str, session_id: str) -> int:
        self.ended.append((member_id, by, session_id))
        return 0


class Browser:
    """A client with its own cookies, which speaks ASGI with the application."""

    def __init__(self, app: FastAPI, address: str = "http://films.test") -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url=f"{address}/api/v1")

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def __call__(self, method: str, path: str, status: int, **options: Any) -> Any:
        """The JSON that a request is answered with; its status must be the one expected."""
        answer = self.raw(method, path, **options)
        assert answer.status_code == status, answer.text
        if status >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            body = answer.json()
            assert body["status"] == status
            assert body["detail"].endswith("."), body
        return answer.json() if answer.content else None

    def raw(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._client.request(method, path, **options))

    def sign_in(self, **credentials: str) -> "Browser":
        self("POST", "/sessions", 201, json={**CREDENTIALS, **credentials})
        return self


@pytest.fixture
def database_url(sqlite_template: bytes, tmp_path: Path) -> str:
    (tmp_path / "matinee.db").write_bytes(sqlite_template)
    return f"sqlite:///{tmp_path / 'matinee.db'}"


@pytest.fixture
def rooms(database: sa.Engine, clock: ManualClock) -> SomeRooms:
    parts = {"engine": database, "clock": clock, "random_bytes": secrets.token_bytes}
    return SomeRooms(
        accounts=Accounts(**parts, session_seconds=3600),  # type: ignore[arg-type]
        catalogue=Catalogue(**parts, outbox=DatabaseOutbox()),  # type: ignore[arg-type]
        topology=Topology.read("europe=50/8, asia=1/103", "10.0.0.0/8=asia"),
        clock=clock,
        playbacks=Forgetful(),
    )


@pytest.fixture
def app(rooms: SomeRooms) -> FastAPI:
    app = FastAPI()
    problems.install(app)
    for noun in (accounts, profiles, titles):
        app.include_router(noun.routes(cast("Any", rooms)), prefix="/api/v1")

    @app.get("/api/v1/broken")
    def broken() -> None:
        raise RuntimeError("hunter2")

    return app


@pytest.fixture
def browser(app: FastAPI) -> Browser:
    return Browser(app)


@pytest.fixture
def member(browser: Browser) -> Browser:
    browser("POST", "/accounts", 201, json=CREDENTIALS)
    return browser.sign_in()


def bearer(browser: Browser, **credentials: str) -> dict[str, str]:
    token = browser("POST", "/sessions", 201, json={**CREDENTIALS, **credentials})["token"]
    browser.cookies.clear()
    return {"Authorization": f"Bearer {token}"}


def published(rooms: SomeRooms, name: str, maturity: int = 0) -> Title:
    title = rooms.catalogue.create(TitleDraft(name, maturity=maturity, genres=("Drama",)))
    return rooms.catalogue.publish(title.id, "r1", FILM)


def test_a_new_member_signs_up_finds_a_profile_and_signs_out(browser: Browser) -> None:
    account = browser("POST", "/accounts", 201, json=CREDENTIALS)
    assert account["email"] == "maya@example.com"
    assert account["role"] == "member"
    assert account["created_at"] == "2026-01-01T00:00:00Z"
    assert "password" not in str(account)
    browser("GET", "/profiles", 401)
    signed = browser("POST", "/sessions", 201, json=CREDENTIALS)
    assert signed["expires_at"] == "2026-01-01T01:00:00Z"
    (profile,) = browser("GET", "/profiles", 200)["profiles"]
    assert (profile["name"], profile["language"], profile["maturity_limit"], profile["has_pin"]) == (
        "maya",
        "en",
        18,
        False,
    )
    browser("DELETE", "/sessions/current", 204, headers=OURS)
    assert not browser.cookies
    browser("GET", "/profiles", 401, headers={"Authorization": f"Bearer {signed['token']}"})


def test_the_token_works_without_cookies_and_asks_for_no_origin(browser: Browser, member: Browser) -> None:
    headers = bearer(browser)
    profile = browser("POST", "/profiles", 201, json={"name": "Theo", "maturity_limit": 12}, headers=headers)
    changed = browser("PATCH", f"/profiles/{profile['id']}", 200, json={"name": "Teo"}, headers=headers)
    assert changed == {**profile, "name": "Teo"}
    browser("DELETE", f"/profiles/{profile['id']}", 204, headers=headers)
    browser("PATCH", f"/profiles/{profile['id']}", 404, json={"name": "Teo"}, headers=headers)


def test_the_cookie_is_kept_from_scripts_and_from_plain_http_where_there_is_https(app: FastAPI) -> None:
    Browser(app)("POST", "/accounts", 201, json=CREDENTIALS)
    for address, headers, secure in (
        ("http://films.test", {}, False),
        ("https://films.test", {}, True),
        # A stranger's word: only a proxy that the settings name is believed (tests/unit/api/test_proxies.py).
        ("http://films.test", {"X-Forwarded-Proto": "https"}, False),
    ):
        answer = Browser(app, address).raw("POST", "/sessions", json=CREDENTIALS, headers=headers)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"matinee_session={answer.json()['token']};")
        assert "HttpOnly" in cookie
        assert "Max-Age=3600" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/" in cookie
        assert ("Secure" in cookie) is secure
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "http://films.test"}, 201),
    ],
)
def test_another_sites_page_cannot_use_the_cookie(member: Browser, headers: dict[str, str], status: int) -> None:
    member("POST", "/profiles", status, json={"name": "Theo"}, headers=headers)
    assert len(member("GET", "/profiles", 200)["profiles"]) == (2 if status == 201 else 1)


def test_wrong_and_unknown_sign_ins_are_told_the_same_and_too_many_to_wait(member: Browser, clock: ManualClock) -> None:
    wrong = member("POST", "/sessions", 401, json={**CREDENTIALS, "password": "not this one"})
    unknown = member("POST", "/sessions", 401, json={**CREDENTIALS, "email": "nobody@example.com"})
    assert wrong == unknown
    for _ in range(9):
        member("POST", "/sessions", 401, json={**CREDENTIALS, "password": "not this one"})
    answer = member.raw("POST", "/sessions", json=CREDENTIALS)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "900"
    clock.advance(900)
    member("POST", "/sessions", 201, json=CREDENTIALS)


def test_an_address_is_taken_once(member: Browser) -> None:
    problem = member("POST", "/accounts", 409, json={**CREDENTIALS, "email": "MAYA@example.com"})
    assert "maya@example.com" in problem["detail"]


def test_devices_are_listed_and_signed_out(app: FastAPI, member: Browser) -> None:
    television = Browser(app)
    television.raw("POST", "/sessions", json=CREDENTIALS, headers={"User-Agent": "Television 3"})
    sessions = member("GET", "/sessions", 200)["sessions"]
    (other,) = (session for session in sessions if not session["current"])
    assert len(sessions) == 2
    assert other["device"] == "Television 3"
    assert "token" not in str(sessions)
    member("DELETE", f"/sessions/{other['id']}", 204, headers=OURS)
    television("GET", "/profiles", 401)
    member("DELETE", f"/sessions/{other['id']}", 404, headers=OURS)


def test_a_sign_in_ends_after_its_time(member: Browser, clock: ManualClock) -> None:
    clock.advance(3599)
    headers = {"Cookie": f"matinee_session={member.cookies['matinee_session']}"}
    member("GET", "/profiles", 200, headers=headers)
    clock.advance(1)
    member("GET", "/profiles", 401, headers=headers)


def test_a_profile_with_a_pin_is_locked_until_it_is_given(member: Browser, rooms: SomeRooms) -> None:
    new = {"name": "Parents", "pin": "1234", "language": "sv"}
    profile = member("POST", "/profiles", 201, json=new, headers=OURS)
    assert profile["has_pin"] is True
    assert "1234" not in str(profile)
    place = f"/profiles/{profile['id']}"
    for method, options in (("PATCH", {"json": {"pin": None}}), ("DELETE", {})):
        assert "Parents" in member(method, place, 403, headers=OURS, **options)["detail"]
    member("GET", f"/titles?profile_id={profile['id']}", 403)
    member("POST", f"{place}/unlock", 403, json={"pin": "0000"}, headers=OURS)
    member("POST", f"{place}/unlock", 403, json={}, headers=OURS)
    member("POST", f"{place}/unlock", 400, json={"pin": "1234", "password": "x"}, headers=OURS)
    member("POST", f"{place}/unlock", 200, json={"pin": "1234"}, headers=OURS)
    member("GET", f"/titles?profile_id={profile['id']}", 200)
    member("POST", f"{place}/lock", 200, headers=OURS)
    member("DELETE", place, 403, headers=OURS)
    member("POST", f"{place}/unlock", 200, json={"password": CREDENTIALS["password"]}, headers=OURS)
    assert member("PATCH", place, 200, json={"pin": None}, headers=OURS)["has_pin"] is False


def test_a_pin_is_not_guessed(member: Browser) -> None:
    profile = member("POST", "/profiles", 201, json={"name": "Parents", "pin": "1234"}, headers=OURS)
    for _ in range(5):
        member("POST", f"/profiles/{profile['id']}/unlock", 403, json={"pin": "0000"}, headers=OURS)
    member("POST", f"/profiles/{profile['id']}/unlock", 429, json={"pin": "1234"}, headers=OURS)


def test_a_child_neither_raises_its_limit_nor_makes_a_profile_without_one(member: Browser) -> None:
    (first,) = member("GET", "/profiles", 200)["profiles"]
    kids = member("POST", "/profiles", 201, json={"name": "Kids", "maturity_limit": 7}, headers=OURS)
    member("PATCH", f"/profiles/{first['id']}", 200, json={"pin": "1234"}, headers=OURS)
    member("POST", f"/profiles/{first['id']}/lock", 200, headers=OURS)
    member("PATCH", f"/profiles/{kids['id']}", 403, json={"maturity_limit": 18}, headers=OURS)
    member("POST", "/profiles", 403, json={"name": "Another"}, headers=OURS)
    member("POST", "/profiles", 201, json={"name": "Another", "maturity_limit": 7}, headers=OURS)


def test_another_members_profile_does_not_exist(app: FastAPI, member: Browser) -> None:
    (profile,) = member("GET", "/profiles", 200)["profiles"]
    stranger = Browser(app)
    stranger("POST", "/accounts", 201, json={**CREDENTIALS, "email": "theo@example.com"})
    stranger.sign_in(email="theo@example.com")
    stranger("PATCH", f"/profiles/{profile['id']}", 404, json={"name": "Mine"}, headers=OURS)
    stranger("DELETE", f"/profiles/{profile['id']}", 404, headers=OURS)
    stranger("POST", f"/profiles/{profile['id']}/unlock", 404, json={"pin": "1234"}, headers=OURS)
    stranger("GET", f"/titles?profile_id={profile['id']}", 404)


def test_members_find_playable_titles_and_what_belongs_to_them(member: Browser, rooms: SomeRooms) -> None:
    title = published(rooms, "Amélie", maturity=12)
    draft = rooms.catalogue.create(TitleDraft("Amelie, the draft"))
    found = member("GET", "/titles?query=amelie", 200)["titles"]
    # Its chapters are told of one title alone.
    assert [{**one, "chapters": []} for one in found] == [member("GET", f"/titles/{title.id}", 200)]
    shown = found[0]
    assert shown["poster_url"] == f"/images/{title.id}/r1/poster.jpg"
    assert shown["still_url"] == f"/images/{title.id}/r1/still.jpg"
    assert {key: shown[key] for key in ("id", "kind", "name", "genres", "maturity", "duration_seconds", "colour")} == {
        "id": title.id,
        "kind": "film",
        "name": "Amélie",
        "genres": ["Drama"],
        "maturity": 12,
        "duration_seconds": 600.0,
        "colour": "#203040",
    }
    assert shown["state"] == "playable"
    assert shown["published_at"] == "2026-01-01T00:00:00Z"
    member("GET", f"/titles/{draft.id}", 404)
    member("GET", "/titles/nothing%00here", 404)


def test_without_a_query_all_titles_come_newest_first_in_pieces(
    member: Browser, rooms: SomeRooms, clock: ManualClock
) -> None:
    for name in ("Alder", "Birch", "Cedar"):
        published(rooms, name)
        clock.advance(1)
    names = [title["name"] for title in member("GET", "/titles?query=", 200)["titles"]]
    assert names == ["Cedar", "Birch", "Alder"]
    piece = member("GET", "/titles?limit=1&offset=1", 200)["titles"]
    assert [title["name"] for title in piece] == ["Birch"]
    assert member("GET", "/titles?query=nothing+like+it", 200)["titles"] == []


def test_a_profile_sees_what_its_limit_allows(member: Browser, rooms: SomeRooms) -> None:
    bambi, alien = published(rooms, "Bambi"), published(rooms, "Alien", maturity=16)
    kids = member("POST", "/profiles", 201, json={"name": "Kids", "maturity_limit": 7}, headers=OURS)["id"]
    (first,) = (entry for entry in member("GET", "/profiles", 200)["profiles"] if entry["id"] != kids)
    assert len(member("GET", "/titles", 200)["titles"]) == 2
    assert [title["id"] for title in member("GET", f"/titles?profile_id={kids}", 200)["titles"]] == [bambi.id]
    assert member("GET", f"/titles?query=alien&profile_id={kids}", 200)["titles"] == []
    member("GET", f"/titles/{alien.id}?profile_id={kids}", 404)
    member("GET", f"/titles/{alien.id}?profile_id={first['id']}", 200)
    # While the only profile without a limit is locked, leaving the profile out opens nothing more.
    member("PATCH", f"/profiles/{first['id']}", 200, json={"pin": "1234"}, headers=OURS)
    member("POST", f"/profiles/{first['id']}/lock", 200, headers=OURS)
    member("GET", f"/titles/{alien.id}", 404)


def test_operators_see_every_state_and_why(app: FastAPI, rooms: SomeRooms) -> None:
    rooms.accounts.sign_up("olga@example.com", CREDENTIALS["password"], role=Role.OPERATOR)
    olga = Browser(app).sign_in(email="olga@example.com")
    failed = rooms.catalogue.create(TitleDraft("Broken"))
    rooms.catalogue.mark_failed(failed.id, "The source is empty.")
    published(rooms, "Alder")
    assert {title["state"] for title in olga("GET", "/titles", 200)["titles"]} == {"playable", "failed"}
    assert [title["id"] for title in olga("GET", "/titles?query=brok", 200)["titles"]] == [failed.id]
    assert olga("GET", f"/titles/{failed.id}", 200)["message"] == "The source is empty."


def test_only_operators_pass_where_operators_are_asked_for(app: FastAPI, rooms: SomeRooms, member: Browser) -> None:
    from fastapi import Depends

    @app.get("/api/v1/studio/probe", dependencies=[Depends(operator(cast("Any", rooms)))])
    def probe() -> dict[str, bool]:
        return {"ok": True}

    rooms.accounts.sign_up("olga@example.com", CREDENTIALS["password"], role=Role.OPERATOR)
    assert "operators" in member("GET", "/studio/probe", 403)["detail"]
    Browser(app).sign_in(email="olga@example.com")("GET", "/studio/probe", 200)
    Browser(app)("GET", "/studio/probe", 401)


@pytest.mark.parametrize(
    ("method", "path", "status", "options"),
    [
        ("POST", "/accounts", 400, {"json": {}}),
        ("POST", "/accounts", 400, {"json": {"email": "maya", "password": "correct horse"}}),
        ("POST", "/accounts", 400, {"json": {"email": "a@b.c", "password": "short"}}),
        ("POST", "/accounts", 400, {"json": {"email": 7, "password": ["hunter2"]}}),
        ("POST", "/accounts", 400, {"json": ["email"]}),
        ("POST", "/accounts", 400, {"content": b'{"email":', "headers": {"Content-Type": "application/json"}}),
        ("POST", "/accounts", 400, {"content": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}),
        ("POST", "/accounts", 400, {"content": b'{"email":"a\\ud800@b.c","password":"correct horse"}'}),
        ("POST", "/sessions", 400, {"data": {"email": "a@b.c", "password": "correct horse"}}),
        ("POST", "/sessions", 413, {"json": {"email": "a@b.c", "password": "x" * 20_000}}),
        ("POST", "/sessions", 401, {"json": {"email": "a\x00@b.c", "password": "\x00"}}),
        ("PUT", "/sessions", 405, {}),
        ("GET", "/sessions", 401, {}),
        ("GET", "/sessions", 401, {"headers": {"Authorization": "Bearer nonsense"}}),
        ("GET", "/profiles", 401, {"headers": {"Cookie": "matinee_session=nonsense"}}),
        ("GET", "/nothing", 404, {}),
        ("GET", "/broken", 500, {}),
    ],
)
def test_every_failure_is_a_problem_with_a_sentence(
    browser: Browser, method: str, path: str, status: int, options: dict[str, Any]
) -> None:
    problem = browser(method, path, status, **options)
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert " " in problem["detail"]
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/profiles", {"name": ""}),
        ("POST", "/profiles", {"name": "a\nb"}),
        ("POST", "/profiles", {"name": "Theo", "maturity_limit": 21}),
        ("POST", "/profiles", {"name": "Theo", "maturity_limit": True}),
        ("POST", "/profiles", {"name": "Theo", "language": "the usual"}),
        ("POST", "/profiles", {"name": "Theo", "pin": "12"}),
        ("GET", "/titles?limit=0", None),
        ("GET", "/titles?limit=many", None),
        ("GET", "/titles?offset=-1", None),
        ("GET", f"/titles?query={'x' * 201}", None),
    ],
)
def test_what_is_not_right_is_named(member: Browser, method: str, path: str, body: object) -> None:
    member(method, path, 400, json=body, headers=OURS)


def test_a_problem_says_where_and_never_what_was_sent(browser: Browser) -> None:
    problem = browser("POST", "/sessions", 400, json={"password": {"secret": "hunter2"}})
    assert {error["pointer"] for error in problem["errors"]} == {"/email", "/password"}
    assert "The body's 'email' is missing." in problem["detail"]
    assert "hunter2" not in str(problem)
    assert problem["instance"] == "/api/v1/sessions"


def test_who_is_told_of_a_wrong_method_is_told_the_right_ones(browser: Browser) -> None:
    answer = browser.raw("PUT", "/sessions")
    assert answer.headers["allow"]
    assert browser.raw("GET", "/sessions").headers["www-authenticate"].startswith("Bearer")


def test_a_browser_outside_the_api_gets_the_page_that_the_web_makes(app: FastAPI, browser: Browser) -> None:
    from fastapi import Request, Response

    def page(_: Request, problem: problems.Problem) -> Response:
        return Response(f"<h1>{problem.detail}</h1>", problem.status, media_type="text/html")

    accepts = {"Accept": "text/html,*/*"}
    url = "http://films.test/nowhere"
    assert browser.raw("GET", url, headers=accepts).headers["content-type"] == "application/problem+json"
    app.state.problem_page = page
    assert browser.raw("GET", url, headers=accepts).text == "<h1>There is nothing at /nowhere.</h1>"
    assert browser.raw("GET", url).headers["content-type"] == "application/problem+json"
    browser("GET", "/nowhere", 404, headers=accepts)


def test_the_description_of_the_api_tells_of_problems_only(app: FastAPI) -> None:
    described = app.openapi()
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert "422" not in operation["responses"], path
            assert "4XX" in operation["responses"], path
    assert "HTTPValidationError" not in described["components"]["schemas"]


def test_the_web_learns_who_asks_which_profile_watches_and_from_where(
    member: Browser, rooms: SomeRooms, clock: ManualClock
) -> None:
    (profile,) = member("GET", "/profiles", 200)["profiles"]
    cookies = {
        "matinee_session": member.cookies["matinee_session"],
        PROFILE_COOKIE: profile["id"],
        REGION_COOKIE: "asia",
    }

    def ask(some: Any = rooms, address: str = "192.0.2.1", **changed: str) -> Any:
        return visitor(some, {}, {**cookies, **changed}, address)

    asked = ask()
    assert (asked.member.email, asked.profile.name, asked.region.name) == ("maya@example.com", "maya", "europe")
    assert ask(address="10.1.2.3").region.name == "asia"
    trusting = replace(rooms, trust_region=True)
    assert ask(trusting).region.name == "asia"
    assert ask(trusting, matinee_region="atlantis").region.name == "europe"
    assert ask(matinee_profile="0" * 16).profile is None
    member("PATCH", f"/profiles/{profile['id']}", 200, json={"pin": "1234"}, headers=OURS)
    assert ask().profile.id == profile["id"]
    ask().household.lock()
    assert ask().profile is None
    with pytest.raises(SignInRequired):
        ask(matinee_session="nonsense")
    with pytest.raises(SignInRequired):
        visitor(cast("Any", rooms), {}, {})
