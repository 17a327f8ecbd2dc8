"""What players show of a film while somebody searches it: tiles in DASH, key frames in HLS."""

from playwright.sync_api import Browser, Page

from foreign_players import folder_player, true_errors

# Of twelve tiles of 2 s, of which the tenth ends a row.
_TIMES = (0.5, 9.0, 18.5, 21.0, 22.9)
_WIDE, _HIGH = 160, 90


def _opened(browser: Browser, site: str, name: str, film: str) -> Page:
    page = folder_player(browser, site, name, film)
    page.wait_for_function("window.tracks && video.currentTime > 0.3")
    return page


def _wanted(seconds: float) -> tuple[str, int, int, int, int]:
    row, column = divmod(int(seconds // 2), 10)
    return "thumbnails-1.jpg", column * _WIDE, row * _HIGH, _WIDE, _HIGH


def test_shaka_player_finds_the_tile_of_every_time(browser: Browser, foreign_page: str, folder_film: str) -> None:
    page = _opened(browser, foreign_page, "shaka-player with DASH", folder_film)
    (track,) = page.evaluate("player.getImageTracks().map(({id, width, height, mimeType}) => ({id, mimeType}))")
    assert track["mimeType"] == "image/jpeg"
    for seconds in _TIMES:
        tile = page.evaluate(f"player.getThumbnails({track['id']}, {seconds})")
        place = (tile["positionX"], tile["positionY"], tile["width"], tile["height"])
        assert (tile["uris"][0].rpartition("/")[2], *place) == _wanted(seconds)
        assert tile["startTime"] <= seconds < tile["startTime"] + tile["duration"]
    assert true_errors(page) == []
    page.context.close()


def test_dash_js_finds_the_tile_of_every_time(browser: Browser, foreign_page: str, folder_film: str) -> None:
    page = _opened(browser, foreign_page, "dash.js", folder_film)
    for seconds in _TIMES:
        tile = page.evaluate(f"new Promise((done) => player.provideThumbnail({seconds}, done))")
        place = (tile["x"], tile["y"], tile["width"], tile["height"])
        assert (tile["url"].rpartition("/")[2], *place) == _wanted(seconds)
    assert true_errors(page) == []
    page.context.close()


def test_hls_js_shows_the_key_frame_before_any_time(browser: Browser, foreign_page: str, folder_film: str) -> None:
    page = _opened(browser, foreign_page, "hls.js", folder_film)
    # Drawn by its own player, on a video element of its own.
    page.evaluate("""() => {
        window.small = document.body.appendChild(document.createElement("video"));
        window.iframes = player.createIFramePlayer();
        iframes.attachMedia(small);
    }""")
    for seconds in (10.0, 2.0, 20.0):
        page.evaluate(f"iframes.loadMediaAt({seconds})")
        page.wait_for_function(
            f"small.readyState >= 2 && small.currentTime <= {seconds} + 0.1 && small.currentTime > {seconds} - 6.1"
        )
    fetched = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert any(address.endswith("/iframes.m3u8") for address in fetched)
    assert true_errors(page) == []
    page.context.close()
