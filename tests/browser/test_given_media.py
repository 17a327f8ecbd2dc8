"""Odd files as they occur, encoded by us, in hls.js, shaka-player and dash.js: played to the end without an error."""

import pytest
from playwright.sync_api import Browser

from foreign_players import KINDS, folder_player, true_errors
from given_media import PLAYABLE, encoded, given
from sources import served

_LONG_SECONDS = 30.0  # longer films are played at points of all of them
_POINTS = 12


@pytest.mark.timeout(600)
@pytest.mark.parametrize("player", KINDS)
@pytest.mark.parametrize("name", PLAYABLE)
def test_an_odd_file_plays_to_its_end_without_an_error(
    name: str, player: str, browser: Browser, foreign_page: str
) -> None:
    given(name)
    made = encoded(name)
    length = made.film["duration_seconds"]
    with served(made.folder) as address:
        page = folder_player(browser, foreign_page, player, address)
        page.wait_for_function(
            "video.readyState > 2 || video.ended || probe.errors.some((error) => !error.startsWith('buffer'))"
        )
        if length > _LONG_SECONDS:
            for place in range(1, _POINTS):
                page.evaluate(f"video.currentTime = {length * place / _POINTS}")
                page.wait_for_function(f"video.currentTime > {length * place / _POINTS + 0.2} && !video.seeking")
            page.evaluate(f"video.currentTime = {length - 2}")
        # dash.js pauses at the length the manifest says, which may come before the video element's own end.
        ended = f"video.ended || (video.paused && video.currentTime > {length - 0.05})"
        page.wait_for_function(f"{ended} || probe.errors.some((error) => !error.startsWith('buffer'))")
        state = page.evaluate("({time: video.currentTime, width: video.videoWidth})")
        errors = true_errors(page)
    page.context.close()
    assert errors == []
    assert state["width"] > 0
    # Sound goes on for half a second at most.
    assert -0.2 < state["time"] - length < 0.7
