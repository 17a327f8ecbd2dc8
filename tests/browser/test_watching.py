"""A viewer signs in, presses play, and the next page knows; an operator sees it and breaks it. Nobody is locked out."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from browser.conftest import LONG
from browser.test_failover import sign_in
from running_demo import OPERATOR, PASSWORD, RunningDemo


def because(page: Page) -> list[str]:
    """The names of the page's because-you-watched rows."""
    names = page.get_by_role("heading", level=2).all_inner_texts()
    return [name for name in names if name.startswith("Because you watched")]


def test_a_viewer_presses_play_and_the_next_page_knows(demo: RunningDemo, page: Page) -> None:
    sign_in(page, demo, "Maya")
    assert because(page) == []
    page.get_by_role("link", name=LONG).first.click()
    page.wait_for_url(f"{demo.address}/titles/*")
    page.get_by_role("link", name="Play").first.click()
    page.wait_for_url(f"{demo.address}/watch/*")
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 5", timeout=40_000)
    # From the moment on that the service has accepted a heartbeat, every page knows it.
    with page.expect_response(lambda answer: answer.url.endswith("/api/v1/events") and answer.status == 202):
        pass
    state = page.evaluate("() => window.matinee.state()")
    assert state["edge"] == "europe-1"
    page.goto(f"{demo.address}/")
    assert because(page) == [f"Because you watched {LONG}"]
    expect(page.get_by_role("heading", name="Continue watching")).to_be_visible()


def test_a_playing_film_resumes_where_it_was_left(demo: RunningDemo, page: Page) -> None:
    sign_in(page, demo, "Maya")
    with demo.client() as client:
        title = next(entry["id"] for entry in demo.titles(client) if entry["name"] == LONG)
    page.goto(f"{demo.address}/watch/{title}")
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 4.5", timeout=40_000)


def test_the_panel_shows_a_killed_edge_and_the_player_that_moved(demo: RunningDemo, page: Page) -> None:
    page.goto(f"{demo.address}/signin")
    page.get_by_label("E-mail address").fill(OPERATOR)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Operator").or_(page.get_by_role("link", name="Operator")).first.click()
    page.wait_for_url(f"{demo.address}/")
    page.goto(f"{demo.address}/studio/break")
    page.get_by_label("A viewer in").select_option("asia")
    page.get_by_role("button", name="Play", exact=True).click()
    edge = page.locator('[data-fact="edge"]')
    expect(edge).to_have_text("asia-1", timeout=30_000)
    page.locator('[data-edge="asia-1"]').get_by_role("button", name="Kill").click()
    try:
        expect(edge).not_to_have_text("asia-1", timeout=40_000)
        expect(page.locator('[data-fact="stalls"]')).to_have_text("0")
        expect(page.locator('[data-edge="asia-1"]').get_by_text("silent")).to_be_visible(timeout=15_000)
        expect(page.locator("[data-break-log]")).to_contain_text("moved from asia-1")
    finally:
        demo.breakage("revive", "asia-1")


@pytest.mark.parametrize("path", ["/", "/search?q=long", "/profiles", "/list", "/history", "/history?forget"])
def test_pages_hold_to_the_rules_of_accessibility(demo: RunningDemo, page: Page, path: str) -> None:
    sign_in(page, demo, "Theo")
    page.goto(f"{demo.address}{path}")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(
    "path",
    ["", "/titles", "/encodes", "/edges", "/edges/europe-1", "/join", "/purges", "/keys", "/audit", "/pins", "/break"],
)
def test_the_studio_holds_to_the_rules_of_accessibility(demo: RunningDemo, page: Page, path: str) -> None:
    page.goto(f"{demo.address}/signin")
    page.get_by_label("E-mail address").fill(OPERATOR)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{demo.address}/profiles*")
    page.goto(f"{demo.address}/studio{path}")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
