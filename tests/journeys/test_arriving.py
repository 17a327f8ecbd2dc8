"""A film arrives piece by piece; over HTTP it is played, looked at and waited for, until it is whole or has failed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import m3u8
import pytest

from arriving import REVISION, URI, ArrivingFilm
from matinee.adapters.events_database import DatabaseEventLog, DatabaseRelay
from matinee.catalogue.titles import TitleDraft
from matinee.consumers import reactions
from playing import PACKAGED_MPD, presentation, report
from studio_pages import Studio, database_of_two, opened, words

SEGMENTS = 20


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return database_of_two(tmp_path_factory.mktemp("arriving"))


@pytest.fixture
def studio(two: bytes, tmp_path: Path) -> Iterator[Studio]:
    with opened(two, tmp_path) as found:
        found.rooms.edges.report(report())
        yield found


@pytest.fixture
def film(studio: Studio, tmp_path: Path) -> ArrivingFilm:
    """A title whose encode was queued; its segments of two seconds hold no picture, for nobody looks at one here."""
    title = studio.rooms.catalogue.mark_encoding(studio.rooms.catalogue.create(TitleDraft("Tide")).id)
    segments = []
    for number in range(1, SEGMENTS + 1):
        (tmp_path / f"{number:05}.ts").write_bytes(b"G" * 188)
        segments.append((tmp_path / f"{number:05}.ts", 2.0))
    return ArrivingFilm(studio.rooms.catalogue._engine, studio.rooms.objects, title.id, segments)


@pytest.fixture
def heard(studio: Studio) -> Callable[[], None]:
    """Let a worker hear what was told."""
    engine, table = studio.rooms.catalogue._engine, reactions(studio.rooms.catalogue, studio.rooms.telemetry)
    reacting: Any = table["catalogue"]
    group = DatabaseEventLog(engine).group("catalogue", [facts.type for facts in reacting])

    def hear() -> None:
        DatabaseRelay(engine).forward()
        with group.batch(100, 0.1) as batch:
            for recorded in batch:
                reacting[type(recorded.event.facts)](recorded.event.facts)

    return hear


@pytest.fixture
def profile_id(studio: Studio) -> str:
    made: str = studio.ask("POST", "/api/v1/profiles", 201, json={"name": "Ada", "maturity_limit": 18}).json()["id"]
    studio.ask("POST", "/profiles", 303, data={"profile_id": made})
    return made


def press(studio: Studio, profile_id: str, title_id: str, status: int = 201) -> dict[str, Any]:
    body = {"profile_id": profile_id, "title_id": title_id, "device": "a test"}
    return dict(studio.ask("POST", "/api/v1/playbacks", status, json=body).json())


def get(
    studio: Studio, address: str, status: int = 200, *, accept: str = "*/*", encoding: str = "identity"
) -> httpx.Response:
    headers = {"Accept": accept, "Accept-Encoding": encoding}
    return studio.ask("GET", urlsplit(address).path, status, headers=headers)


def listed(studio: Studio, playback: dict[str, Any]) -> m3u8.M3U8:
    """The growing playlist of the best edge, by way of the master."""
    master = m3u8.loads(get(studio, playback["hls_url"]).text)
    return m3u8.loads(get(studio, master.playlists[0].uri).text)


def listed_later(studio: Studio, playback: dict[str, Any]) -> m3u8.M3U8:
    """The playlist when what this process read half a second ago counts no more."""
    studio.rooms.playbacks.growing._read.clear()
    return listed(studio, playback)


def test_a_title_plays_while_it_arrives_and_the_whole_of_it_afterwards(
    studio: Studio, film: ArrivingFilm, heard: Callable[[], None], profile_id: str
) -> None:
    press(studio, profile_id, film.title_id, 409)
    film.arrive(7)
    film.tell()
    heard()
    playback = press(studio, profile_id, film.title_id)
    assert playback["resume_seconds"] == 0
    assert "#EXT-X-START:TIME-OFFSET=0" in get(studio, playback["hls_url"]).text
    segments = listed(studio, playback).segments
    folder = f"{playback['edges'][0]['url']}{URI.rpartition('/')[0]}"
    assert [one.uri for one in segments] == [f"{folder}/{number:05}.ts" for number in range(1, 8)]
    title = studio.ask("GET", f"/api/v1/titles/{film.title_id}").json()
    assert (title["state"], title["duration_seconds"], title["revision"]) == ("playable", 40.0, REVISION)
    assert title["is_growing"]

    film.arrive(SEGMENTS)
    shown = replace(presentation(), files=(("master.m3u8", 900), ("manifest.mpd", 900)))
    studio.rooms.objects.put(f"media/{film.title_id}/whole/manifest.mpd", PACKAGED_MPD.encode())
    film.tell("whole", shown)
    # Told again, as any event may be.
    film.tell()
    heard()
    assert studio.ask("GET", f"/api/v1/titles/{film.title_id}").json()["revision"] == "whole"
    again = press(studio, profile_id, film.title_id)
    assert again["edges"][0]["url"].endswith(f"/{film.title_id}/whole/")
    assert get(studio, again["dash_url"]).status_code == 200
    assert listed_later(studio, playback).is_endlist


def test_a_growing_playlist_is_open_to_every_page_and_kept_by_nobody(
    studio: Studio, film: ArrivingFilm, heard: Callable[[], None], profile_id: str
) -> None:
    film.arrive(3)
    film.tell()
    heard()
    playback = press(studio, profile_id, film.title_id)
    address = m3u8.loads(get(studio, playback["hls_url"]).text).playlists[0].uri
    plain = get(studio, address, encoding="identity")
    assert plain.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert plain.headers["cache-control"] == "no-store"
    assert plain.headers["access-control-allow-origin"] == "*"
    assert "content-encoding" not in plain.headers
    packed = get(studio, address, encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    assert studio.ask("OPTIONS", urlsplit(address).path, 204).headers["access-control-allow-origin"] == "*"
    get(studio, address.replace("europe-1", "mars-1"), 404)
    get(studio, address.replace(f"/{playback['playback_id']}/", "/0123456789abcdef/"), 403)

    refused = get(studio, playback["dash_url"], 503, accept="application/json")
    assert int(refused.headers["retry-after"]) > 0
    assert refused.json()["detail"] == "This film is still arriving: it can be played by HLS until it is whole."


def test_pages_say_how_much_has_arrived(
    studio: Studio, film: ArrivingFilm, heard: Callable[[], None], profile_id: str
) -> None:
    film.arrive(7)
    film.tell()
    heard()
    said = "Arriving: 35 % so far"
    poster = f"/images/{film.title_id}/{REVISION}/poster.jpg"
    studio.rooms.objects.put(f"media/{film.title_id}/{REVISION}/poster.jpg", b"a poster")
    assert studio.ask("GET", poster).content == b"a poster"
    for path in (f"/titles/{film.title_id}", "/studio/titles", f"/studio/titles/{film.title_id}"):
        assert said in words(studio.ask("GET", path).text), path
    assert " data-growing" in studio.ask("GET", f"/watch/{film.title_id}").text
    film.tell("whole", presentation())
    heard()
    for path in (f"/titles/{film.title_id}", "/studio/titles", f"/studio/titles/{film.title_id}"):
        assert "rriving" not in words(studio.ask("GET", path).text), path
    # Pages of that time still show their pictures, and nothing else of it.
    assert studio.ask("GET", poster).content == b"a poster"
    studio.ask("GET", poster.replace("poster.jpg", "main.m3u8"), 404)
    assert " data-growing" not in studio.ask("GET", f"/watch/{film.title_id}").text


def test_a_film_that_breaks_off_is_gone_and_says_why(
    studio: Studio, film: ArrivingFilm, heard: Callable[[], None], profile_id: str
) -> None:
    film.arrive(7)
    film.tell()
    heard()
    playback = press(studio, profile_id, film.title_id)
    address = m3u8.loads(get(studio, playback["hls_url"]).text).playlists[0].uri
    film.fail("The source ends in the middle of a picture.")
    heard()
    assert "is failed" in get(studio, address, 409, accept="application/json").json()["detail"]
    press(studio, profile_id, film.title_id, 409)
    assert "The source ends in the middle of a picture." in words(studio.page("/titles"))
