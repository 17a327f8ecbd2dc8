"""Encrypted films play where the player has the key (ClearKey), in shaka-player and dash.js, and nowhere else."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from foreign_players import KINDS, player_page
from matinee.compose.encode import encode_folder
from matinee.packaging.protection import ContentKey, Scheme, key_file, read_key_set
from sources import draw, served

_PLAYERS = [name for name in KINDS if name != "hls.js"]  # which knows no keys but its key systems'
_WRONG = "0" * 32


@pytest.fixture(scope="module", params=list(Scheme))
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ContentKey]]:
    """The address of an encrypted film, and its key."""
    place: Path = tmp_path_factory.mktemp("encrypted")
    encode_folder(draw(place / "film.mp4", seconds=10), place / "out", scheme=request.param)
    with served(place / "out") as address:
        yield address, read_key_set(key_file(place / "out").read_text(), "key")


def _opened(browser: Browser, site: str, name: str, address: str, keys: str) -> Page:
    kind, manifest = KINDS[name]
    page = browser.new_context().new_page()
    file = "master.m3u8" if manifest == "hls_url" else "manifest.mpd"
    page.goto(f"{site}?kind={kind}&keys={keys}&manifest={quote(f'{address}/{file}', safe='')}")
    return page


@pytest.mark.parametrize("name", _PLAYERS)
def test_a_player_with_the_key_shows_the_film(browser: Browser, film: tuple[str, ContentKey], name: str) -> None:
    address, key = film
    # Key ids of ClearKey are compared as they stand in a manifest.
    with player_page("127.0.0.1") as site:
        page = _opened(browser, site, name, address, f"{key.key_id}:{key.key}")
        page.wait_for_function("document.getElementById('video').currentTime > 1")
        page.evaluate("video.currentTime = 7")
        page.wait_for_function("document.getElementById('video').currentTime > 7.5")
        # A picture, and not the noise or the black of one that was not opened: the drawn film has strong colours. A
        # canvas may not read what was encrypted, the screen shows it.
        page.evaluate("video.pause()")
        with Image.open(io.BytesIO(page.locator("video").screenshot())) as shown:
            colours = shown.convert("RGB").resize((8, 4), Image.Resampling.BOX).tobytes()
        assert all(min(colours[band::3]) < 60 and max(colours[band::3]) > 180 for band in range(3))
        assert page.evaluate("probe.errors") == []
        page.context.close()


@pytest.mark.parametrize("name", _PLAYERS)
@pytest.mark.parametrize("keys", ["none", "wrong"])
def test_a_player_without_it_shows_nothing(
    browser: Browser, film: tuple[str, ContentKey], name: str, keys: str
) -> None:
    address, key = film
    with player_page("127.0.0.1") as site:
        page = _opened(browser, site, name, address, "" if keys == "none" else f"{key.key_id}:{_WRONG}")
        # It says so, or decodes what it cannot.
        page.wait_for_function(
            "probe.errors.length || video.error || document.getElementById('video').readyState >= 1", timeout=20_000
        )
        page.wait_for_timeout(2500)
        seen: dict[str, Any] = page.evaluate("""() => ({
            time: video.currentTime, errors: probe.errors.length, failed: video.error !== null,
            frames: video.getVideoPlaybackQuality().totalVideoFrames,
        })""")
        assert seen["time"] < 0.5 or seen["errors"] or seen["failed"]
        assert seen["frames"] == 0 or seen["failed"] or keys == "wrong"
        page.context.close()
