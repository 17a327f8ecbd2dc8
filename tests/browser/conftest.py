"""A real Chromium, a demo of small films, an encoded film in a folder, and a page that foreign players play on."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from foreign_players import chromium, find_chromium, fresh_page, player_page
from matinee.compose.encode import encode_folder
from running_demo import OPERATOR, RunningDemo, draw, until
from sources import ffmpeg, picture, served, tone

LONG, LONG_SECONDS = "The Long Way", 100
CHAPTERS = {0: "Setting out", 30: "The bridge", 31: "A very short one", 60: "Home, by night & < rain >"}
FILMS = {f"Roads/{LONG}": LONG_SECONDS, "Roads/Crossing": 6, "Roads/Harbour": 6, "Skies/Cirrus": 6}
TONGUES, TONGUES_SECONDS = "Two Tongues", 12
FOLDER_SECONDS = 24  # longer than players load ahead: shaka-player shows text of HLS after its next segment of picture
FOLDER_TEXT = (
    "1\n00:00:01,000 --> 00:00:03,000\nFirst, {where}\n\n2\n00:00:08,500 --> 00:00:11,000\nSecond, {where}\n\n"
)
FOLDER_CHAPTERS = {0: "One", 5: "Two"}
DESKTOP = {"width": 1280, "height": 800}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; nothing is downloaded."""
    with chromium(find_chromium()) as opened:
        yield opened


def _two_tongues(folder: Path) -> None:
    """A film in two languages, one of them in 5.1 as well, with subtitles as long as it is."""
    place = folder / "films/Tongues" / f"{TONGUES}.mkv"
    place.parent.mkdir(parents=True)
    texts = {"en": "Good evening", "de": "Guten Abend", "forced": "a sign"}
    for name, words in texts.items():
        (folder / f"{name}.srt").write_text(f"1\n00:00:00,000 --> 00:00:{TONGUES_SECONDS - 1},000\n{words}\n\n")
    ffmpeg(
        *picture(TONGUES_SECONDS, rate="24"),
        *tone(TONGUES_SECONDS, layout="5.1"),
        *tone(TONGUES_SECONDS),
        *[word for name in texts for word in ("-i", str(folder / f"{name}.srt"))],
        *[word for track in range(6) for word in ("-map", str(track))],
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"),
        *("-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=deu", "-metadata:s:s:2", "language=deu"),
        *("-disposition:s:2", "forced", "-c:v", "libx264", "-preset", "ultrafast", "-c:s", "srt"),
        place,
    )


@pytest.fixture(scope="session")
def cinema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demo of five small films in three genres, one of them long enough to lose an edge in; all are encoded."""
    folder = tmp_path_factory.mktemp("demo")
    for name, seconds in FILMS.items():
        # Few pictures a second, and two rungs of them.
        chapters = CHAPTERS if LONG in name else None
        draw(folder / "films" / f"{name}.mp4", seconds, size="640x360", rate="8", chapters=chapters)
    _two_tongues(folder)
    settings = {"MATINEE_LADDER": "fixed"}
    running = RunningDemo(data=folder / "data", films=folder / "films", settings=settings).start()
    try:
        with running.client(OPERATOR) as client:

            def encoded() -> bool:
                encodes = client.get("/studio/encodes").raise_for_status().json()["encodes"]
                assert all(one["state"] != "failed" for one in encodes), encodes
                return len(encodes) > len(FILMS) and all(one["state"] == "done" for one in encodes)

            until("five encoded films", encoded, 400)
            until("five playable films", lambda: len(running.titles(client)) > len(FILMS))
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def operator(cinema: RunningDemo) -> Iterator[httpx.Client]:
    """A client of the demo's operator."""
    with cinema.client(OPERATOR) as client:
        yield client


@pytest.fixture
def demo(cinema: RunningDemo, operator: httpx.Client) -> RunningDemo:
    """The demo, once every edge was heard of, whatever another test did to it."""

    def everybody_serves() -> bool:
        edges = operator.get("/studio/edges").raise_for_status().json()["edges"]
        return [edge["state"] for edge in edges] == ["serving"] * 3

    until("three edges that serve", everybody_serves)
    return cinema


@pytest.fixture(scope="session")
def bystander(cinema: RunningDemo) -> str:
    """The name of a profile for tests that leave a history nobody else should start with."""
    with cinema.client() as client:
        client.post("/profiles", json={"name": "Ines"}).raise_for_status()
    return "Ines"


@pytest.fixture(scope="session")
def folder_film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a folder that holds an encoded film with two tracks of sound, two of text, and two chapters."""
    place = tmp_path_factory.mktemp("folder")
    source = place / "film.mkv"
    for language in ("en", "de"):
        (place / f"{language}.srt").write_text(FOLDER_TEXT.format(where=language))
    ends = [*FOLDER_CHAPTERS, FOLDER_SECONDS][1:]
    chapters = "".join(
        f"[CHAPTER]\nTIMEBASE=1/1\nSTART={start}\nEND={end}\ntitle={name}\n"
        for (start, name), end in zip(FOLDER_CHAPTERS.items(), ends, strict=True)
    )
    (place / "chapters.txt").write_text(f";FFMETADATA1\n{chapters}")
    ffmpeg(
        *picture(FOLDER_SECONDS, rate="12"),
        *tone(FOLDER_SECONDS, layout="5.1"),
        *tone(FOLDER_SECONDS),
        *("-i", place / "en.srt", "-i", place / "de.srt", "-f", "ffmetadata", "-i", place / "chapters.txt"),
        *("-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map", "4", "-map_chapters", "5"),
        *("-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"),
        *("-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=deu"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:s", "srt"),
        source,
    )
    encode_folder(source, place / "out", ladder="fixed")
    with served(place / "out") as address:
        yield address


@pytest.fixture(scope="session")
def foreign_page() -> Iterator[str]:
    """The address of the page that foreign players play on, on a site of its own."""
    with player_page("127.0.0.9") as address:
        yield address


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh browser, in which an error of a page's script is an error of the test."""
    page = fresh_page(browser, viewport=DESKTOP)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.context.close()
    assert errors == []
