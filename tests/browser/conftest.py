"""A real Chromium, a real demo with small films, and a page that foreign players play on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from foreign_players import chromium, find_chromium, player_page
from running_demo import RunningDemo, draw, until

LONG, LONG_SECONDS = "The Long Way", 100
CHAPTERS = {0: "Setting out", 30: "The bridge", 31: "A very short one", 60: "Home, by night & < rain >"}
FILMS = {f"Roads/{LONG}": LONG_SECONDS, "Roads/Crossing": 6, "Roads/Harbour": 6, "Skies/Cirrus": 6}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; nothing is downloaded."""
    with chromium(find_chromium()) as opened:
        yield opened


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demo of four small films in two genres, one of them long enough to lose an edge in; all playable."""
    folder = tmp_path_factory.mktemp("demo")
    for name, seconds in FILMS.items():
        draw(folder / "films" / f"{name}.mp4", seconds, chapters=CHAPTERS if LONG in name else None)
    running = RunningDemo(data=folder / "data", films=folder / "films").start()
    try:
        with running.client() as client:
            until("four playable films", lambda: len(running.titles(client)) == len(FILMS), 200)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def foreign_page() -> Iterator[str]:
    """The address of the page that foreign players play on, on a site of its own."""
    with player_page("127.0.0.9") as address:
        yield address


@pytest.fixture(scope="session")
def bystander(demo: RunningDemo) -> str:
    """The name of a profile for tests that leave a history nobody else should start with."""
    with demo.client() as client:
        client.post("/profiles", json={"name": "Ines"}).raise_for_status()
    return "Ines"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh browser, in which an error of a page's script is an error of the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []
