"""Subtitles and sound tracks in hls.js, shaka-player and dash.js: every one is offered, and shown or heard in time."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from foreign_players import KINDS, player_page
from matinee.compose.encode import encode_folder
from sources import ffmpeg, picture, served, tone

_SRT = "1\n00:00:01,000 --> 00:00:03,000\nFirst, {where}\n\n2\n00:00:08,500 --> 00:00:11,000\nSecond, {where}\n\n"
_SECONDS = 24.0  # longer than players load ahead: shaka-player shows text of HLS after its next segment of picture
_SHOWN = """() => [...document.getElementById("video").textTracks]
  .filter((track) => track.mode === "showing")
  .flatMap((track) => [...(track.cues || [])])
  .map((cue) => [Math.round(cue.startTime * 100) / 100, Math.round(cue.endTime * 100) / 100, cue.text])"""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a folder that holds an encoded film with two tracks of sound and two of text."""
    place = tmp_path_factory.mktemp("tracks")
    source = place / "film.mkv"
    for language in ("en", "de"):
        (place / f"{language}.srt").write_text(_SRT.format(where=language))
    ffmpeg(
        *picture(_SECONDS),
        *tone(_SECONDS, layout="5.1"),
        *tone(_SECONDS),
        *("-i", place / "en.srt", "-i", place / "de.srt"),
        *("-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map", "4"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"),
        *("-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=deu"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:s", "srt"),
        source,
    )
    encode_folder(source, place / "out")
    with served(place / "out") as address:
        yield address


def _opened(browser: Browser, name: str, film: str) -> Page:
    kind, manifest = KINDS[name]
    address = f"{film}/{'master.m3u8' if manifest == 'hls_url' else 'manifest.mpd'}"
    page = browser.new_context().new_page()
    with player_page("127.0.0.1") as site:
        page.goto(f"{site}?kind={kind}&manifest={quote(address, safe='')}")
        page.wait_for_function("window.tracks && document.getElementById('video').currentTime > 0.3")
    return page


def _until(page: Page, script: str, wanted: Any, seconds: float = 15.0) -> Any:
    deadline = time.monotonic() + seconds
    while (seen := page.evaluate(script)) != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    return seen


@pytest.mark.parametrize("name", KINDS)
def test_subtitles_are_offered_and_shown_in_time(browser: Browser, film: str, name: str) -> None:
    page = _opened(browser, name, film)
    languages = [track["language"] for track in page.evaluate("tracks.texts()")]
    assert languages == ["en", "de"]
    page.evaluate(f"tracks.showText({languages.index('de')})")
    wanted = [[1, 3, "First, de"], [8.5, 11, "Second, de"]]
    assert _until(page, _SHOWN, wanted) == wanted
    assert page.evaluate("probe.errors") == []
    page.context.close()


@pytest.mark.parametrize("name", KINDS)
def test_sound_is_offered_and_changed_without_an_error(browser: Browser, film: str, name: str) -> None:
    page = _opened(browser, name, film)
    offered = [(track["language"], track["channels"]) for track in page.evaluate("tracks.sounds()")]
    assert sorted(offered) == [("de", 2), ("en", 2), ("en", 6)]
    assert offered[page.evaluate("tracks.heard()")] == ("en", 2)
    for wanted in (("de", 2), ("en", 6)):
        place = offered.index(wanted)
        page.evaluate(f"tracks.hear({place})")
        assert _until(page, "tracks.heard()", place) == place
        before = page.evaluate("video.currentTime")
        page.wait_for_function(f"video.currentTime > {before} + 1")
    fatal = [error for error in page.evaluate("probe.errors") if not error.startswith("buffer")]
    assert fatal == []
    page.context.close()
