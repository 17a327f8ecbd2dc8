"""The player's menu of sound and subtitles: what one chooses is heard and shown, in the next film as well."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser.test_failover import sign_in
from running_demo import RunningDemo, until
from sources import ffmpeg, picture, tone

_NAME, _SECONDS = "Two Tongues", 40.0
_SRT = "1\n00:00:00,000 --> 00:00:39,000\n{words}\n\n"
_SHOWN = """() => [...document.querySelector("video").textTracks]
  .filter((track) => track.mode === "showing")
  .flatMap((track) => [...(track.activeCues || [])].map((cue) => cue.text))"""
_HEARD = "() => window.matinee.hls.audioTracks[window.matinee.hls.audioTrack].name"


def _film(folder: Path) -> None:
    texts = {"en": "Good evening", "de": "Guten Abend", "forced": "a sign"}
    for name, words in texts.items():
        (folder / f"{name}.srt").write_text(_SRT.format(words=words))
    place = folder / "films/Tongues" / f"{_NAME}.mkv"
    place.parent.mkdir(parents=True)
    files = [word for name in texts for word in ("-i", str(folder / f"{name}.srt"))]
    ffmpeg(
        *picture(_SECONDS, "640x360", "24"),
        *tone(_SECONDS, layout="5.1"),
        *tone(_SECONDS),
        *files,
        *[word for track in range(6) for word in ("-map", str(track))],
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"),
        *("-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=deu", "-metadata:s:s:2", "language=deu"),
        *("-disposition:s:2", "forced", "-c:v", "libx264", "-preset", "ultrafast", "-c:s", "srt"),
        place,
    )


@pytest.fixture(scope="module")
def tongues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    folder = tmp_path_factory.mktemp("tongues")
    _film(folder)
    running = RunningDemo(data=folder / "data", films=folder / "films").start()
    try:
        with running.client() as client:
            until("the film", lambda: running.titles(client), 120)
        yield running
    finally:
        running.stop()


def _play(page: Page, demo: RunningDemo) -> None:
    with demo.client() as client:
        (title,) = demo.titles(client)
    page.goto(f"{demo.address}/watch/{title['id']}")
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5", timeout=40_000)


def _choose(page: Page, group: str, name: str) -> None:
    menu = page.locator("#menu")
    if not menu.is_visible():
        page.mouse.move(200, 200)
        page.get_by_role("button", name="Sound, subtitles, quality and speed").click()
    menu.get_by_role("group", name=group).get_by_label(name, exact=True).check()


def _becomes(page: Page, script: str, wanted: object) -> None:
    until(str(wanted), lambda: page.evaluate(script) == wanted, 15)


def test_what_is_chosen_is_heard_and_shown_and_kept(tongues: RunningDemo, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    sign_in(page, tongues, "Maya")
    _play(page, tongues)
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
    _play(page, tongues)
    _becomes(page, _SHOWN, ["Guten Abend"])
    _becomes(page, _HEARD, "en 5.1")
    # Without subtitles, signs in a film that is heard in German are still told.
    _choose(page, "Sound", "German")
    _choose(page, "Subtitles", "Off")
    _becomes(page, _SHOWN, ["a sign"])
    context.close()
    assert errors == []


@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_the_menu_fits_every_screen(tongues: RunningDemo, browser: Browser, width: int, tmp_path: Path) -> None:
    height = 844 if width == 390 else 800
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    sign_in(page, tongues, "Maya")
    _play(page, tongues)
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
    context.close()
