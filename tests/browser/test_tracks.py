"""Subtitles and sound tracks in hls.js, shaka-player and dash.js: every one is offered, and shown or heard in time."""

import pytest
from playwright.sync_api import Browser

from foreign_players import KINDS, folder_player, true_errors
from running_demo import until

_SHOWN = """() => [...document.getElementById("video").textTracks]
  .filter((track) => track.mode === "showing")
  .flatMap((track) => [...(track.cues || [])])
  .map((cue) => [Math.round(cue.startTime * 100) / 100, Math.round(cue.endTime * 100) / 100, cue.text])"""


@pytest.mark.parametrize("name", KINDS)
def test_subtitles_and_sound_are_offered_shown_in_time_and_changed(
    browser: Browser, foreign_page: str, folder_film: str, name: str
) -> None:
    page = folder_player(browser, foreign_page, name, folder_film)
    page.wait_for_function("window.tracks && video.currentTime > 0.3")
    languages = [track["language"] for track in page.evaluate("tracks.texts()")]
    assert languages == ["en", "de"]
    page.evaluate(f"tracks.showText({languages.index('de')})")
    wanted = [[1, 3, "First, de"], [8.5, 11, "Second, de"]]
    until("both subtitles", lambda: page.evaluate(_SHOWN) == wanted)

    offered = [(track["language"], track["channels"]) for track in page.evaluate("tracks.sounds()")]
    assert sorted(offered) == [("de", 2), ("en", 2), ("en", 6)]
    until("sound", lambda: offered[page.evaluate("tracks.heard()")] == ("en", 2))
    for choice in (("de", 2), ("en", 6)):
        place = offered.index(choice)
        page.evaluate(f"tracks.hear({place})")
        page.wait_for_function(f"tracks.heard() === {place}")
        before = page.evaluate("video.currentTime")
        page.wait_for_function(f"video.currentTime > {before} + 1")
    assert true_errors(page) == []
    page.context.close()
