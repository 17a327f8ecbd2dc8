"""The player's menu of sound and subtitles: what one chooses is heard and shown, in the next film as well."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser.conftest import TONGUES
from browser.test_failover import sign_in
from foreign_players import fresh_page
from running_demo import RunningDemo, until

_SHOWN = """() => [...document.querySelector("video").textTracks]
  .filter((track) => track.mode === "showing")
  .flatMap((track) => [...(track.activeCues || [])].map((cue) => cue.text))"""
_HEARD = "() => window.matinee.hls.audioTracks[window.matinee.hls.audioTrack].name"


def _play(page: Page, demo: RunningDemo) -> None:
    """Open the film and stop it at its start: what is chosen is heard and shown there, however long it takes."""
    with demo.client() as client:
        title = next(entry["id"] for entry in demo.titles(client) if entry["name"] == TONGUES)
    page.goto(f"{demo.address}/watch/{title}?start=0")
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5")
    page.evaluate("() => { const v = document.querySelector('video'); v.pause(); v.currentTime = 1; }")


def _choose(page: Page, group: str, name: str) -> None:
    menu = page.locator("#menu")
    if not menu.is_visible():
        page.mouse.move(200, 200)
        page.get_by_role("button", name="Sound, subtitles, quality and speed").click()
    menu.get_by_role("group", name=group).get_by_label(name, exact=True).check()


def _becomes(page: Page, script: str, wanted: object) -> None:
    until(str(wanted), lambda: page.evaluate(script) == wanted)


def test_what_is_chosen_is_heard_and_shown_and_kept(demo: RunningDemo, page: Page, bystander: str) -> None:
    sign_in(page, demo, bystander)
    _play(page, demo)
    menu = page.locator("#menu")
    page.mouse.move(200, 200)
    page.get_by_role("button", name="Sound, subtitles, quality and speed").click()
    expect(menu.get_by_role("group", name="Sound").get_by_role("radio")).to_have_count(3)
    assert menu.get_by_role("group", name="Sound").inner_text().split("\n")[1:] == ["English", "English 5.1", "German"]
    assert menu.get_by_role("group", name="Subtitles").inner_text().split("\n")[1:] == ["Off", "English", "German"]
    assert page.evaluate(_SHOWN) == []
    _choose(page, "Subtitles", "German")
    _becomes(page, _SHOWN, ["Guten Abend"])
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    _becomes(page, _SHOWN, [])
    page.keyboard.press("c")
    _becomes(page, _SHOWN, ["Guten Abend"])
    _choose(page, "Sound", "English 5.1")
    _becomes(page, _HEARD, "en 5.1")
    # The next film, or this one on another evening.
    _play(page, demo)
    _becomes(page, _SHOWN, ["Guten Abend"])
    _becomes(page, _HEARD, "en 5.1")
    # Without subtitles, signs in a film that is heard in German are still told.
    _choose(page, "Sound", "German")
    _choose(page, "Subtitles", "Off")
    _becomes(page, _SHOWN, ["a sign"])


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_the_menu_fits_every_screen(
    demo: RunningDemo, browser: Browser, bystander: str, width: int, tmp_path: Path
) -> None:
    height = 844 if width == 390 else 800
    page = fresh_page(browser, viewport={"width": width, "height": height})
    sign_in(page, demo, bystander)
    _play(page, demo)
    _choose(page, "Subtitles", "English")
    _becomes(page, _SHOWN, ["Good evening"])
    box = page.locator("#menu").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= height
    page.screenshot(path=tmp_path / f"menu-{width}.png")
    found = Axe().run(page, "#menu").response["violations"]
    assert [violation["id"] for violation in found] == []
    page.context.close()
