"""The members' pages over HTTP: doors, profiles, home, titles, search, watch, pictures; and what is refused."""

import asyncio
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from matinee.accounts.members import Role
from matinee.api.application import application
from matinee.catalogue.titles import Title, TitleDraft
from matinee.compose.database import migrate, open_database
from matinee.compose.serve import wire
from matinee.model.media import Presentation
from matinee.model.plans import EdgeReport
from matinee.pages.rooms import Rooms
from matinee.settings import Settings
from matinee.web import application as web

EMAIL, PASSWORD = "maya@example.com", "correct horse"
CREDENTIALS = {"email": EMAIL, "password": PASSWORD}
OURS = {"Sec-Fetch-Site": "same-origin"}
PICTURE = b"\xff\xd8picture"


@dataclass
class House:
    """The application, its rooms, and a browser that keeps cookies."""

    app: FastAPI
    rooms: Rooms
    cookies: httpx.Cookies

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Accept": "text/html", **OURS, **options.pop("headers", {})}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://films.test", cookies=self.cookies
            ) as client:
                answer = await client.request(method, path, headers=headers, **options)
                self.cookies = client.cookies
                return answer

        return asyncio.run(send())

    def get(self, path: str, status: int = 200, **options: Any) -> httpx.Response:
        answer = self.ask("GET", path, **options)
        assert answer.status_code == status, answer.text
        return answer

    def post(self, path: str, form: dict[str, str], status: int = 303, **options: Any) -> httpx.Response:
        answer = self.ask("POST", path, data=form, **options)
        assert answer.status_code == status, answer.text
        return answer

    def enter(self, profile: str = "Ada", **fields: Any) -> str:
        """Sign up, make a profile and choose it; its id."""
        member = self.rooms.accounts.sign_up(EMAIL, PASSWORD)
        made = self.rooms.accounts.create_profile(member.id, profile, **fields)
        self.post("/signin", CREDENTIALS)
        self.post("/profiles", {"profile_id": made.id})
        return made.id

    def publish(self, name: str, maturity: int = 0) -> Title:
        draft = TitleDraft(name=name, synopsis=f"All about {name}.", genres=("drama",), maturity=maturity)
        title = self.rooms.catalogue.create(draft)
        self.rooms.objects.put(f"media/{title.id}/r1/poster.jpg", PICTURE)
        self.rooms.objects.put(f"media/{title.id}/r1/master.m3u8", b"#EXTM3U")
        shown = Presentation(duration_seconds=600.0, renditions=(), files=(), colour="#203040")
        return self.rooms.catalogue.publish(title.id, "r1", shown)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("web") / "empty.db"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path.read_bytes()


@pytest.fixture
def house(empty_database: bytes, tmp_path: Path) -> Iterator[House]:
    database = tmp_path / "matinee.db"
    database.write_bytes(empty_database)
    settings = Settings(data=tmp_path / "data", database=f"sqlite:///{database}", edge_silence_seconds=3600)
    (tmp_path / "data" / "objects").mkdir(parents=True)
    rooms, _ = wire(settings)
    app = application(rooms, "test")
    web.install(app, rooms)
    yield House(app, rooms, httpx.Cookies())
    rooms.catalogue._engine.dispose()


@pytest.mark.parametrize(
    "path", ["/", "/titles/x", "/watch/x", "/search?q=tide", "/list", "/history", "/profiles", "/studio"]
)
def test_who_is_not_signed_in_is_asked_to_and_comes_back(house: House, path: str) -> None:
    answer = house.get(path, 303)
    to = urlsplit(answer.headers["location"])
    assert to.path == "/signin"
    assert parse_qs(to.query).get("next", ["/"]) == [path]


def test_signing_in_leads_back_and_a_wrong_password_says_so_without_saying_what_is_wrong(house: House) -> None:
    house.rooms.accounts.sign_up(EMAIL, PASSWORD)
    wrong = house.post("/signin", {**CREDENTIALS, "password": "wrong horse"}, 401)
    nobody = house.post("/signin", {**CREDENTIALS, "email": "no@example.com"}, 401)
    sentences = [re.findall(r'role="alert">.*?</svg>(.*?)</p>', page.text) for page in (wrong, nobody)]
    assert sentences[0] == sentences[1] != []
    right = house.post("/signin", {**CREDENTIALS, "next": "/search?q=tide"})
    assert right.headers["location"] == "/search?q=tide"
    assert {"httponly", "samesite=lax"} <= {
        part.strip().lower() for part in right.headers.get_list("set-cookie")[0].split(";")
    }


def test_signing_in_never_leads_to_another_site(house: House) -> None:
    house.rooms.accounts.sign_up(EMAIL, PASSWORD)
    assert house.post("/signin", {**CREDENTIALS, "next": "//evil.example"}).headers["location"] == "/"


def test_signing_up_leads_to_a_first_profile_and_then_home(house: House) -> None:
    assert house.post("/signup", CREDENTIALS).headers["location"] == "/profiles/new"
    assert house.get("/", 303).headers["location"] == "/profiles"
    house.post("/profiles/new", {"name": "Ada", "maturity_limit": "12", "pin": ""})
    assert "Ada" in house.get("/").text
    again = house.post("/signup", CREDENTIALS, 400)
    assert "There is an account for maya@example.com already." in again.text


def test_signing_out_ends_the_session_itself(house: House) -> None:
    house.enter()
    kept = httpx.Cookies(house.cookies)
    house.post("/signout", {})
    house.cookies = kept
    assert house.get("/", 303).headers["location"] == "/signin"


@pytest.mark.parametrize("path", ["/signin", "/signup", "/signout", "/profiles", "/profiles/new"])
@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_a_form_that_another_site_sent_does_nothing(house: House, path: str, headers: dict[str, str]) -> None:
    profile = house.enter()
    form = {**CREDENTIALS, "email": "new@example.com", "name": "Eve", "profile_id": profile}
    answer = house.post(path, form, 403, headers=headers)
    assert "This form came from another site" in answer.text
    assert house.get("/").status_code == 200
    member = house.rooms.accounts.sign_in(EMAIL, PASSWORD, "test").member
    assert [found.name for found in house.rooms.accounts.profiles(member.id)] == ["Ada"]


def test_a_form_of_a_browser_that_tells_nothing_of_its_page_does_nothing(house: House) -> None:
    house.rooms.accounts.sign_up(EMAIL, PASSWORD)
    silent = {"Sec-Fetch-Site": "", "Origin": "http://evil.example"}
    house.post("/signin", CREDENTIALS, 403, headers=silent)


def test_a_locked_profile_asks_for_its_pin(house: House) -> None:
    house.enter()
    member = house.rooms.accounts.sign_in(EMAIL, PASSWORD, "test").member
    locked = house.rooms.accounts.create_profile(member.id, "Dora", pin="1234")
    asked = house.post("/profiles", {"profile_id": locked.id}, 200)
    assert "Dora asks for a PIN" in asked.text
    wrong = house.post("/profiles", {"profile_id": locked.id, "pin": "0000"}, 403)
    assert 'role="alert"' in wrong.text
    assert "Ada" in house.get("/").text
    house.post("/profiles", {"profile_id": locked.id, "pin": "1234"})
    assert "Dora" in house.get("/").text


def test_another_members_profile_cannot_be_chosen(house: House) -> None:
    house.enter()
    other = house.rooms.accounts.sign_up("other@example.com", "correct horse")
    foreign = house.rooms.accounts.create_profile(other.id, "Mallory")
    house.post("/profiles", {"profile_id": foreign.id}, 404)


def test_the_home_page_says_that_it_is_empty_and_fills_without_being_loaded_anew(house: House) -> None:
    house.enter()
    empty = house.get("/")
    assert "The house is empty" in empty.text
    ask = re.search(r'hx-get="([^"]*)"', empty.text)
    assert ask is not None
    polled = {"HX-Request": "true"}
    assert house.get(ask[1], 204, headers=polled).content == b""
    title = house.rooms.catalogue.create(TitleDraft(name="Reef"))
    house.rooms.encoding.submit(title.id, "sources/1", "reef.mp4", name="Reef")
    house.rooms.catalogue.mark_encoding(title.id)
    time.sleep(1.1)  # the list of what is being made is looked at once a second
    waiting = house.get(ask[1], headers=polled).text
    assert "The first film is being encoded" in waiting
    assert "Reef" in waiting
    assert "<html" not in waiting
    house.publish("Tide")
    filled = house.get(ask[1], headers=polled).text
    assert "Tide" in filled
    assert "hx-get" in filled


def test_home_title_search_and_watch_show_the_film(house: House) -> None:
    house.enter()
    title = house.publish("The Tide & I")
    assert "The Tide &amp; I" in house.get("/").text
    page = house.get(f"/titles/{title.id}").text
    assert "All about The Tide &amp; I." in page
    assert f'href="/watch/{title.id}"' in page
    found = house.get("/search?q=tid", headers={"HX-Request": "true"}).text
    assert "1 film" in found
    assert "<html" not in found
    assert "Nothing is called" in house.get("/search?q=xyzzy").text
    watch = house.get(f"/watch/{title.id}").text
    assert f'data-title-id="{title.id}"' in watch


def test_a_film_beyond_the_profiles_limit_is_neither_shown_nor_opened(house: House) -> None:
    house.enter(maturity_limit=6)
    title = house.publish("Grim", maturity=16)
    house.publish("Mild")
    assert "Grim" not in house.get("/").text
    assert "Grim" not in house.get("/search?q=grim", headers={"HX-Request": "true"}).text.replace("“grim”", "")
    for path in (f"/titles/{title.id}", f"/watch/{title.id}"):
        assert "This is not yours to open" in house.get(path, 403).text


def test_the_watch_page_may_fetch_from_the_edges_and_no_other_page_may(house: House) -> None:
    house.enter()
    title = house.publish("Tide")
    house.rooms.edges.report(_report("europe-1", "http://127.0.1.1:8400"))
    home = house.get("/").headers
    assert "127.0.1.1" not in home["content-security-policy"]
    watch = house.get(f"/watch/{title.id}").headers["content-security-policy"]
    assert "connect-src 'self' http://127.0.1.1:8400;" in watch
    for header, value in (("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin")):
        assert home[header] == value
    assert "no-cache" in home["cache-control"]


def test_no_page_holds_a_script_or_a_style_of_its_own(house: House) -> None:
    house.enter()
    title = house.publish("Tide")
    for path in ("/", f"/titles/{title.id}", f"/watch/{title.id}", "/search?q=t", "/profiles", "/nowhere"):
        page = house.ask("GET", path).text
        assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
        assert "<style" not in page
        assert re.findall(r"\son[a-z]+=", page) == []


def test_pictures_are_for_who_is_signed_in_and_kept_for_ever(house: House) -> None:
    title = house.publish("Tide")
    path = f"/images/{title.id}/r1/poster.jpg"
    house.get(path, 401, headers={"Accept": "image/avif,image/*,*/*"})
    house.enter()
    answer = house.get(path)
    assert answer.content == PICTURE
    assert answer.headers["content-type"] == "image/jpeg"
    assert "immutable" in answer.headers["cache-control"]
    assert "private" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "file",
    [
        "master.m3u8",
        "still.jpg",
        "..%2Fr1%2Fposter.jpg",
        "%2e%2e%2fposter.jpg",
        "..%5cposter.jpg",
        "poster.jpg%00",
        "./poster.jpg/../master.m3u8",
    ],
)
def test_nothing_but_a_titles_own_pictures_can_be_had(house: House, file: str) -> None:
    house.enter()
    title = house.publish("Tide")
    house.get(f"/images/{title.id}/r1/{file}", 404)
    house.get(f"/images/{title.id}/r0/poster.jpg", 404)
    house.get("/images/x/r1/poster.jpg", 404)


@pytest.mark.parametrize("name", ["..%2fapplication.py", "%2e%2e/rendering.py", ".stamp", "application.py", "", "x.js"])
def test_static_files_cannot_be_left(house: House, name: str) -> None:
    house.get(f"/static/{name}", 404)


def test_built_files_are_kept_for_ever_and_come_packed(house: House) -> None:
    page = house.get("/signin").text
    stylesheet = re.search(r'href="(/static/base[^"]*\.css)"', page)
    assert stylesheet is not None
    if "-" not in stylesheet[1]:
        pytest.skip("the browser's files have not been built: npm run build")
    plain = house.get(stylesheet[1], headers={"Accept-Encoding": "identity"})
    packed = house.get(stylesheet[1], headers={"Accept-Encoding": "gzip;q=0.5, br"})
    assert packed.headers["content-encoding"] == "br"
    assert plain.headers["content-type"] == packed.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in packed.headers["cache-control"]
    assert "Accept-Encoding" in packed.headers["vary"]


def test_an_address_that_leads_nowhere_is_answered_in_the_houses_words(house: House) -> None:
    page = house.get("/no/such/page", 404)
    assert "No such seat" in page.text
    assert page.headers["content-type"].startswith("text/html")
    problem = house.get("/api/v1/nothing", 404)
    assert problem.headers["content-type"] == "application/problem+json"


def test_what_breaks_here_is_told_without_its_insides(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.enter()

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError(secrets.token_hex(8))

    monkeypatch.setattr(type(house.rooms.recommender), "catch_up", broken)
    with capture_logs() as logged:
        page = house.get("/", 500)
    assert [entry["event"] for entry in logged] == ["request.failed"]
    assert "Something broke on our side" in page.text
    assert "ZeroDivision" not in page.text


def test_only_operators_see_the_way_to_the_studio(house: House) -> None:
    house.enter()
    assert 'href="/studio"' not in house.get("/").text
    house.post("/signout", {})
    boss = house.rooms.accounts.sign_up("boss@example.com", "correct horse", Role.OPERATOR)
    profile = house.rooms.accounts.create_profile(boss.id, "Boss")
    house.post("/signin", {"email": "boss@example.com", "password": "correct horse"})
    house.post("/profiles", {"profile_id": profile.id})
    assert 'href="/studio"' in house.get("/").text


def _report(edge_id: str, url: str) -> EdgeReport:
    return EdgeReport(
        edge_id=edge_id,
        site="frankfurt",
        region="anywhere",
        url=url,
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
