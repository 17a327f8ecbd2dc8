"""Odd files as they occur, encoded by us, in hls.js, shaka-player and dash.js: played to the end without an error."""

from urllib.parse import quote

import pytest
from playwright.sync_api import Browser

from foreign_players import KINDS, player_page
from given_media import PLAYABLE, encoded, given
from sources import served

_LONG_SECONDS = 30.0  # longer films are played at points of all of them
_POINTS = 12
_PATIENCE_MILLISECONDS = 60_000


@pytest.mark.timeout(600)
@pytest.mark.parametrize("player", KINDS)
@pytest.mark.parametrize("name", PLAYABLE)
def test_an_odd_file_plays_to_its_end_without_an_error(name: str, player: str, browser: Browser) -> None:
    given(name)
    made, (kind, manifest) = encoded(name), KINDS[player]
    length = made.film["duration_seconds"]
    page = browser.new_context().new_page()
    page.set_default_timeout(_PATIENCE_MILLISECONDS)
    with served(made.folder) as address, player_page("127.0.0.1") as site:
        playlist = f"{address}/{'master.m3u8' if manifest == 'hls_url' else 'manifest.mpd'}"
        page.goto(f"{site}?kind={kind}&manifest={quote(playlist, safe='')}")
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
        state = page.evaluate("({errors: probe.errors, time: video.currentTime, width: video.videoWidth})")
    page.context.close()
    # hls.js tells of every pause of a busy machine, and goes on.
    assert [error for error in state["errors"] if not error.startswith("buffer")] == []
    assert state["width"] > 0
    # Sound goes on for half a second at most.
    assert -0.2 < state["time"] - length < 0.7
