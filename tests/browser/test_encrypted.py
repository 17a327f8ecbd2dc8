"""Encrypted films play where the player has the key (ClearKey), in shaka-player and dash.js, and nowhere else."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser

from foreign_players import KINDS, folder_player, true_errors
from matinee.compose.encode import encode_folder
from matinee.packaging.protection import ContentKey, Scheme, key_file, read_key_set
from sources import draw, served

_PLAYERS = [name for name in KINDS if name != "hls.js"]  # which knows no keys but its key systems'
# So long after its start a film with the key would have been seen.
_SHOWN_SECONDS = 2.5


@pytest.fixture(scope="module", params=list(Scheme))
def film(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ContentKey]]:
    """The address of an encrypted film, and its key."""
    place: Path = tmp_path_factory.mktemp("encrypted")
    encode_folder(draw(place / "film.mp4", seconds=6), place / "out", ladder="fixed", scheme=request.param)
    with served(place / "out") as address:
        yield address, read_key_set(key_file(place / "out").read_text(), "key")


@pytest.mark.parametrize("name", _PLAYERS)
def test_a_player_with_the_key_shows_the_film(
    browser: Browser, foreign_page: str, film: tuple[str, ContentKey], name: str
) -> None:
    address, key = film
    # Key ids of ClearKey are compared as they stand in a manifest.
    page = folder_player(browser, foreign_page, name, address, keys=f"{key.key_id}:{key.key}")
    page.wait_for_function("video.currentTime > 1")
    page.evaluate("video.currentTime = 4")
    page.wait_for_function("video.currentTime > 4.5")
    # A picture, and not the noise or the black of one that was not opened: the drawn film has strong colours. A canvas
    # may not read what was encrypted, the screen shows it.
    page.evaluate("video.pause()")
    with Image.open(io.BytesIO(page.locator("video").screenshot())) as shown:
        colours = shown.convert("RGB").resize((8, 4), Image.Resampling.BOX).tobytes()
    assert all(min(colours[band::3]) < 60 and max(colours[band::3]) > 180 for band in range(3))
    assert true_errors(page) == []
    page.context.close()


def test_a_player_without_it_shows_nothing(browser: Browser, foreign_page: str, film: tuple[str, ContentKey]) -> None:
    address, key = film
    wrong = {"none": "", "wrong": f"{key.key_id}:{'0' * 32}"}
    pages = {
        (name, told): folder_player(browser, foreign_page, name, address, keys=keys)
        for name in _PLAYERS
        for told, keys in wrong.items()
    }
    for page in pages.values():
        # It says so, or decodes what it cannot.
        page.wait_for_function("probe.errors.length || video.error || video.readyState >= 1")
    time.sleep(_SHOWN_SECONDS)
    for who, page in pages.items():
        seen: dict[str, Any] = page.evaluate("""() => ({
            time: video.currentTime, errors: probe.errors.length, failed: video.error !== null,
            frames: video.getVideoPlaybackQuality().totalVideoFrames,
        })""")
        assert seen["time"] < 0.5 or seen["errors"] or seen["failed"], (who, seen)
        assert seen["frames"] == 0 or seen["failed"] or "wrong" in who, (who, seen)
        page.context.close()
