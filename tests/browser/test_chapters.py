"""Chapters in our player: marks on the scrub bar, names on hover and for screen readers, keys; and in shaka-player."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import CHAPTERS, LONG, LONG_SECONDS
from browser.test_failover import sign_in
from foreign_players import player_page
from matinee.compose.encode import encode_folder
from running_demo import RunningDemo, draw
from sources import served


@pytest.fixture
def watching(demo: RunningDemo, browser: Browser, bystander: str) -> Iterator[Page]:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    sign_in(page, demo, bystander)
    with demo.client() as client:
        title = next(entry["id"] for entry in demo.titles(client) if entry["name"] == LONG)
        told = client.get(f"/titles/{title}").json()["chapters"]
    assert [(one["start_seconds"], one["name"]) for one in told] == list(CHAPTERS.items())
    page.goto(f"{demo.address}/watch/{title}?start=2")
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 2", timeout=40_000)
    page.evaluate("document.querySelector('video').pause()")
    yield page
    page.context.close()


def test_the_scrub_bar_is_marked_and_tells_names(watching: Page) -> None:
    # Two that are a second apart are one mark here, and the first one needs none.
    shares = [start / LONG_SECONDS for start in (30, 31, 60)]
    page = watching
    marks = page.locator(".scrub-mark")
    expect(marks).to_have_count(3)
    places = page.evaluate("""() => [...document.querySelectorAll(".scrub-mark")].map((one) => {
        const bar = one.parentElement.getBoundingClientRect(), box = one.getBoundingClientRect();
        return (box.left + box.width / 2 - bar.left) / bar.width;
    })""")
    assert places == pytest.approx(shares, abs=0.003)
    box = page.locator(".scrub").bounding_box()
    assert box is not None
    for share, name in ((0.1, CHAPTERS[0]), (0.45, CHAPTERS[31]), (0.8, CHAPTERS[60])):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
        expect(page.locator(".scrub-chapter")).to_have_text(name)
    expect(page.locator(".scrub")).to_have_attribute("aria-valuetext", "2 seconds of 1 minute 40 seconds, Setting out")
    expect(page.locator("#chapter")).to_have_text("Setting out")


def test_keys_go_from_chapter_to_chapter(watching: Page) -> None:
    page = watching
    for key, start in (("n", 30), ("n", 31), ("n", 60), ("n", 60), ("p", 31), ("p", 30), ("p", 0), ("p", 0)):
        page.keyboard.press(key)
        page.wait_for_function(f"() => Math.abs(document.querySelector('video').currentTime - {start}) < 0.2")


def test_shaka_player_reads_them_out_of_hls(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("chapters")
    source = draw(place / "film.mp4", 12, chapters={0: "One", 5: "Two"})
    encode_folder(source, place / "out")
    page = browser.new_context().new_page()
    with served(place / "out") as address, player_page("127.0.0.1") as site:
        page.goto(f"{site}?kind=shaka&manifest={quote(f'{address}/master.m3u8', safe='')}")
        page.wait_for_function("window.tracks && player.getChaptersTracks().length")
        told = page.evaluate("player.getChaptersAsync(player.getChaptersTracks()[0].language)")
        assert [(one["title"], one["startTime"], one["endTime"]) for one in told] == [("One", 0, 5), ("Two", 5, 12)]
    page.context.close()
