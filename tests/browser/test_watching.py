"""A viewer signs in, presses play, and the next page knows; an operator sees it and breaks it. Nobody is locked out."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser.conftest import DESKTOP, LONG
from browser.test_failover import sign_in
from foreign_players import FORGIVE, LONGEST_PAUSE_SECONDS, WATCH_STANDING, fresh_page
from running_demo import OPERATOR, PASSWORD, RunningDemo


def because(page: Page) -> list[str]:
    """The names of the page's because-you-watched rows."""
    names = page.get_by_role("heading", level=2).all_inner_texts()
    return [name for name in names if name.startswith("Because you watched")]


def enter_studio(page: Page, demo: RunningDemo) -> None:
    page.goto(f"{demo.address}/signin")
    page.get_by_label("E-mail address").fill(OPERATOR)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{demo.address}/profiles*")


@pytest.fixture(scope="module")
def seats(browser: Browser, cinema: RunningDemo) -> Iterator[dict[str, Page]]:
    """A viewer's page and an operator's, in which no script may fail."""
    errors: list[str] = []
    pages = {name: fresh_page(browser, viewport=DESKTOP) for name in ("viewer", "operator")}
    for page in pages.values():
        page.on("pageerror", lambda error: errors.append(str(error)))
    sign_in(pages["viewer"], cinema, "Theo")
    enter_studio(pages["operator"], cinema)
    yield pages
    for page in pages.values():
        page.context.close()
    assert errors == []


def test_a_viewer_presses_play_and_the_next_page_knows(demo: RunningDemo, page: Page) -> None:
    sign_in(page, demo, "Maya")
    assert because(page) == []
    page.get_by_role("link", name=LONG).first.click()
    page.wait_for_url(f"{demo.address}/titles/*")
    page.get_by_role("link", name="Play").first.click()
    page.wait_for_url(f"{demo.address}/watch/*")
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 5")
    # From the moment on that the service has accepted a heartbeat, every page knows it.
    with page.expect_response(lambda answer: answer.url.endswith("/api/v1/events") and answer.status == 202):
        pass
    state = page.evaluate("() => window.matinee.state()")
    assert state["edge"] == "europe-1"
    page.goto(f"{demo.address}/")
    assert because(page) == [f"Because you watched {LONG}"]
    expect(page.get_by_role("heading", name="Continue watching")).to_be_visible()
    # Played again, it goes on where it was left.
    page.goto(f"{demo.address}/watch/{state['title_id']}")
    page.wait_for_function("() => document.querySelector('video')?.played.length")
    assert page.evaluate("() => document.querySelector('video').played.start(0)") > 4


# Play is pressed while the player finds out which codecs there are: in the moment before the element gets its source.
PLAY_BEFORE_THE_SOURCE = """navigator.mediaCapabilities.decodingInfo = async () => {
    const video = document.querySelector("video");
    video.muted = true;
    video.play().catch(() => 0);
    return { supported: false, smooth: false, powerEfficient: false };
};"""


def test_play_that_is_pressed_before_the_source_is_there_plays(demo: RunningDemo, page: Page) -> None:
    page.add_init_script(PLAY_BEFORE_THE_SOURCE)
    sign_in(page, demo, "Maya")
    with demo.client() as client:
        title = next(one["id"] for one in demo.titles(client) if one["name"] == LONG)
    page.goto(f"{demo.address}/watch/{title}?start=0")
    page.wait_for_function("() => document.querySelector('video').currentTime > 0.5")


def test_the_panel_shows_a_killed_edge_and_the_player_that_moved(demo: RunningDemo, page: Page) -> None:
    page.add_init_script(WATCH_STANDING)
    enter_studio(page, demo)
    page.get_by_role("button", name="Operator").or_(page.get_by_role("link", name="Operator")).first.click()
    page.wait_for_url(f"{demo.address}/")
    page.goto(f"{demo.address}/studio/break")
    page.get_by_label("A viewer in").select_option("asia")
    page.get_by_role("button", name="Play", exact=True).click()
    edge = page.locator('[data-fact="edge"]')
    expect(edge).to_have_text("asia-1")
    # One of a player that has some of the film ahead.
    expect(page.locator('[data-fact="buffer"]')).to_have_text(re.compile(r"^([4-9]|\d\d)\.\d s$"))
    player = next(frame for frame in page.frames if "/watch/" in frame.url)
    player.evaluate(FORGIVE)
    page.locator('[data-edge="asia-1"]').get_by_role("button", name="Kill").click()
    try:
        expect(edge).not_to_have_text("asia-1")
        expect(page.locator('[data-edge="asia-1"]').get_by_text("silent")).to_be_visible()
        assert player.evaluate("() => window.standing.hunger") < LONGEST_PAUSE_SECONDS
        stalls = str(player.evaluate("() => window.matinee.state().stalls"))
        expect(page.locator('[data-fact="stalls"]')).to_have_text(stalls)
        expect(page.locator("[data-break-log]")).to_contain_text("moved from asia-1")
    finally:
        demo.breakage("revive", "asia-1")


@pytest.mark.parametrize("path", ["/", "/search?q=long", "/profiles", "/list", "/history", "/history?forget"])
def test_pages_hold_to_the_rules_of_accessibility(demo: RunningDemo, seats: dict[str, Page], path: str) -> None:
    page = seats["viewer"]
    page.goto(f"{demo.address}{path}")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(
    "path",
    ["", "/titles", "/encodes", "/edges", "/edges/europe-1", "/join", "/purges", "/keys", "/audit", "/pins", "/break"],
)
def test_the_studio_holds_to_the_rules_of_accessibility(demo: RunningDemo, seats: dict[str, Page], path: str) -> None:
    page = seats["operator"]
    page.goto(f"{demo.address}/studio{path}")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
