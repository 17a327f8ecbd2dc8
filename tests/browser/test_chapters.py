"""Chapters in our player: marks on the scrub bar, names on hover and for screen readers, keys; and in shaka-player."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import CHAPTERS, DESKTOP, FOLDER_CHAPTERS, FOLDER_SECONDS, LONG, LONG_SECONDS
from browser.test_failover import sign_in
from foreign_players import folder_player, fresh_page
from running_demo import RunningDemo


@pytest.fixture
def watching(demo: RunningDemo, browser: Browser, bystander: str) -> Iterator[Page]:
    page = fresh_page(browser, viewport=DESKTOP)
    sign_in(page, demo, bystander)
    with demo.client() as client:
        title = next(entry["id"] for entry in demo.titles(client) if entry["name"] == LONG)
        told = client.get(f"/titles/{title}").json()["chapters"]
    assert [(one["start_seconds"], one["name"]) for one in told] == list(CHAPTERS.items())
    page.goto(f"{demo.address}/watch/{title}?start=2")
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 2")
    # However long it took to stop it, it stands at the same second.
    page.evaluate("() => { const v = document.querySelector('video'); v.pause(); v.currentTime = 2.5; }")
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


def test_shaka_player_reads_them_out_of_hls(browser: Browser, foreign_page: str, folder_film: str) -> None:
    page = folder_player(browser, foreign_page, "shaka-player with HLS", folder_film)
    page.wait_for_function("window.tracks && player.getChaptersTracks().length")
    told = page.evaluate("player.getChaptersAsync(player.getChaptersTracks()[0].language)")
    ends = [*FOLDER_CHAPTERS, FOLDER_SECONDS][1:]
    wanted = [(name, start, end) for (start, name), end in zip(FOLDER_CHAPTERS.items(), ends, strict=True)]
    assert [(one["title"], one["startTime"], one["endTime"]) for one in told] == wanted
    page.context.close()
