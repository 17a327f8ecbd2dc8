"""A film is watched from its start while it is still arriving, in our player and in others', and afterwards whole."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from arriving import SEGMENT_SECONDS, ArrivingFilm, make_segments
from browser.test_failover import sign_in
from foreign_players import foreign_player
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue, TitleDraft
from matinee.compose.database import open_database
from matinee.compose.objects import open_objects
from matinee.settings import Settings
from running_demo import RunningDemo, until
from small_film import make_small_film

SECONDS = 40
NAME = "The Slow Boat"
_STATE = """() => { const v = document.querySelector("video"), m = window.matinee;
  return {time: v?.currentTime ?? 0, began: v?.played.length ? v.played.start(0) : null,
          ended: v?.ended ?? false, paused: v?.paused ?? true,
          edge: m?.state().edge ?? null, stalls: m?.state().stalls ?? 0,
          lost: !document.querySelector("#trouble").hidden,
          arriving: !document.querySelector("#arriving").hidden,
          most: Number(document.querySelector(".scrub").getAttribute("aria-valuemax")),
          segments: (m?.state().segments ?? []).map((one) => one.url)}; }"""


@pytest.fixture(scope="module")
def segments(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, float]]:
    """All segments of a film."""
    return make_segments(tmp_path_factory.mktemp("arriving") / "segments", SECONDS)


@pytest.fixture
def film(demo: RunningDemo, segments: list[tuple[Path, float]]) -> Iterator[ArrivingFilm]:
    """A title of forty seconds, of which twelve are there and told of. Nothing is encoded while it arrives."""
    settings = Settings(data=demo.data)
    engine, outbox = open_database(settings.database_url), DatabaseOutbox()
    catalogue = Catalogue(engine=engine, outbox=outbox, clock=SystemClock(), random_bytes=secrets.token_bytes)
    title = catalogue.create(TitleDraft(NAME))
    arriving = ArrivingFilm(engine, open_objects(settings.objects_url), title.id, segments)
    arriving.arrive(12 // SEGMENT_SECONDS)
    arriving.tell()
    until("the title on the shelf", lambda: title.id in catalogue.shelf().by_id)
    yield arriving
    catalogue.withdraw(title.id)
    engine.dispose()


@pytest.fixture
def until_it(page: Page) -> Callable[..., Any]:
    """What the player says of itself, once it holds; an error that it shows is one of the test."""

    def wait(what: str, holds: Callable[[Any], bool], seconds: float = 60) -> Any:
        def ask() -> Any:
            seen = page.evaluate(_STATE)
            assert not seen["lost"], page.locator("#trouble").inner_text()
            return seen if holds(seen) else None

        return until(what, ask, seconds)

    return wait


def shows(page: Page, address: str, words: str) -> None:
    """A page says something, soon after the service was told of it."""

    def shown() -> bool:
        page.goto(address)
        return page.get_by_text(words).is_visible()

    until(words, shown)


def test_a_film_is_watched_from_its_start_while_it_arrives_and_to_its_end(
    demo: RunningDemo, film: ArrivingFilm, page: Page, bystander: str, until_it: Callable[..., Any], tmp_path: Path
) -> None:
    sign_in(page, demo, bystander)
    shows(page, f"{demo.address}/titles/{film.title_id}", "Arriving: 30 % so far")
    page.goto(f"{demo.address}/watch/{film.title_id}")

    # From its start, not from the end of what there is; the bar is the whole film's.
    seen = until_it("a first picture", lambda seen: seen["time"] > 0.5 and seen["most"] == SECONDS)
    assert seen["began"] < 1
    assert seen["edge"] == "europe-1"
    assert seen["segments"]
    assert all(url.endswith(".ts") for url in seen["segments"])
    # Beyond what has arrived nobody gets.
    page.keyboard.press("9")
    expect(page.locator(".player-flash")).to_have_text("That part is still arriving")
    # At its end the film waits, without an error, and goes on by itself.
    page.evaluate("() => { window.matinee.video.currentTime = 9; }")
    seen = until_it("a wait", lambda seen: seen["arriving"])
    assert 11 < seen["time"] < 12.5
    assert not seen["ended"]
    before = seen["stalls"]
    film.arrive(4 // SEGMENT_SECONDS)
    # Nor is it a stall, for which an edge would be blamed.
    assert until_it("the next part", lambda seen: seen["time"] > 12.6 and not seen["arriving"])["stalls"] == before

    # The whole film, better: who began goes on with what he has, to its end.
    film.arrive(len(film.segments))
    folder = tmp_path / "whole"
    folder.mkdir()
    whole = make_small_film(folder)
    for path in folder.rglob("*"):
        if path.is_file():
            film.objects.put(f"media/{film.title_id}/whole/{path.relative_to(folder)}", path.read_bytes())
    film.tell("whole", whole)
    until_it("the rest", lambda seen: seen["time"] > 17)
    page.evaluate("() => { window.matinee.video.currentTime = 37; }")
    until_it("the end", lambda seen: seen["ended"])

    def is_whole() -> bool:
        page.goto(f"{demo.address}/titles/{film.title_id}")
        return "rriving" not in page.locator(".title-words").inner_text()

    until("a page that tells of a whole film", is_whole)


def test_where_a_film_was_left_may_not_be_there_yet_and_an_edge_may_die_meanwhile(
    demo: RunningDemo, film: ArrivingFilm, page: Page, bystander: str, until_it: Callable[..., Any]
) -> None:
    sign_in(page, demo, bystander)
    page.goto(f"{demo.address}/watch/{film.title_id}?start=30")
    seen = until_it("a picture", lambda seen: seen["time"] > 0 and seen["segments"] and not seen["paused"])
    assert seen["time"] < film.arrived_seconds + 0.5
    assert seen["edge"] == "europe-1"
    demo.breakage("kill", "europe-1")
    try:
        film.arrive(len(film.segments))
        seen = until_it("another edge", lambda seen: seen["edge"] != "europe-1" and seen["time"] > 13)
    finally:
        demo.breakage("revive", "europe-1")


@pytest.mark.parametrize("name", ["shaka-player with HLS", "hls.js"])
def test_players_that_others_made_play_what_grows(
    demo: RunningDemo, film: ArrivingFilm, browser: Browser, bystander: str, foreign_page: str, name: str
) -> None:
    with demo.client() as client:
        profiles = client.get("/profiles").json()["profiles"]
        profile = next(one["id"] for one in profiles if one["name"] == bystander)
        playback = demo.press_play(client, profile, film.title_id, region="europe")
    player = foreign_player(browser, foreign_page, name, playback, "europe")

    def past(seconds: float) -> bool:
        state = player.read()
        # hls.js calls a wait for what has not arrived yet an error that is none.
        assert set(state["errors"]) <= {"bufferStalledError"}
        return bool(state["time"] > seconds)

    assert until("a picture", lambda: past(0.5))
    # A player without settings of ours begins at the start as well: the playlist says so.
    assert player.read()["began"] < 1
    film.arrive(len(film.segments))
    player.page.evaluate("video.currentTime = 10")
    until("what arrived meanwhile", lambda: past(13))
    player.page.context.close()
