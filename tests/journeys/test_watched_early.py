"""A film goes in, and is watched from its start before it is whole: encoder, event, edges and playlist together."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import m3u8
import pytest

from running_demo import RunningDemo, draw, until

SECONDS = 20


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[RunningDemo]:
    draw(tmp_path / "films" / "Harbour.mp4", SECONDS, size="960x540")
    running = RunningDemo(data=tmp_path / "data", films=tmp_path / "films").start()
    yield running
    running.stop()


def test_a_film_plays_from_its_start_while_the_rest_of_it_is_encoded(demo: RunningDemo) -> None:
    with demo.client() as client:

        def shown() -> dict[str, Any] | None:
            titles: list[dict[str, Any]] = client.get("/titles").raise_for_status().json()["titles"]
            return titles[0] if titles else None

        title = until("a playable title", shown)
        assert title["is_growing"]
        assert title["duration_seconds"] == pytest.approx(SECONDS, abs=0.1)
        profile = client.get("/profiles").json()["profiles"][0]["id"]
        early = demo.press_play(client, profile, title["id"])
        master = m3u8.loads(httpx.get(early["hls_url"], timeout=60).raise_for_status().text)
        address = master.playlists[0].uri
        segment = m3u8.loads(httpx.get(address, timeout=60).raise_for_status().text).segments[0]
        assert segment.uri.startswith(early["edges"][0]["url"])
        got = httpx.get(segment.uri, headers={"Origin": "http://elsewhere.test"}, timeout=60).raise_for_status()
        assert got.headers["content-type"] == "video/mp2t"
        assert got.headers["access-control-allow-origin"] == "*"
        # MPEG-TS: packets of 188 bytes, each begins with 0x47 (ISO/IEC 13818-1 §2.4.3.2).
        assert len(got.content) % 188 == 0
        assert set(got.content[::188]) == {0x47}

        until("the whole film", lambda: demo.titles(client), 180)
        later = demo.press_play(client, profile, title["id"])
        folders = [urlsplit(one["edges"][0]["url"]).path.split("/")[-2] for one in (early, later)]
        assert folders[0] == title["revision"] != folders[1]
        assert httpx.get(later["dash_url"], timeout=60).is_success

        # Who began early has all of the film, and its poster's pages still have their picture.
        def ended() -> m3u8.M3U8 | None:
            found = m3u8.loads(httpx.get(address, timeout=60).raise_for_status().text)
            return found if found.is_endlist else None

        playlist = until("the end of the list", ended)
        assert playlist is not None
        assert sum(one.duration for one in playlist.segments) == pytest.approx(SECONDS, abs=0.2)
        last = httpx.get(playlist.segments[-1].uri, timeout=60).raise_for_status()
        assert last.content[0] == 0x47
