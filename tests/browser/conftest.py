"""A real Chromium, a real demo with small films, and a page that foreign players play on."""

import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from engines import missing
from running_demo import RunningDemo, draw, until

REPOSITORY = Path(__file__).parents[2]
LONG, LONG_SECONDS = "The Long Way", 100
FILMS = {f"Roads/{LONG}": LONG_SECONDS, "Roads/Crossing": 6, "Roads/Harbour": 6, "Skies/Cirrus": 6}
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    # Several players play at once; a page in the background is a viewer as well.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; nothing is downloaded."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        missing("Chromium", "apt-get install chromium, or run make test as root")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demo of four small films in two genres, one of them long enough to lose an edge in; all playable."""
    folder = tmp_path_factory.mktemp("demo")
    for name, seconds in FILMS.items():
        draw(folder / "films" / f"{name}.mp4", seconds)
    running = RunningDemo(data=folder / "data", films=folder / "films").start()
    try:
        with running.client() as client:
            until("four playable films", lambda: len(running.titles(client)) == len(FILMS), 90)
        yield running
    finally:
        running.stop()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def foreign_page() -> Iterator[str]:
    """The address of the page that foreign players play on, on a site of its own."""
    server = ThreadingHTTPServer(("127.0.0.9", 0), partial(_Quiet, directory=str(REPOSITORY)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.9:{server.server_port}/tests/browser/foreign_player.html"
    server.shutdown()
    server.server_close()
