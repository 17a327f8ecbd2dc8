"""Players that others made, in a real Chromium: shaka-player, dash.js and hls.js on a page that says what happens."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Page, expect, sync_playwright

from engines import missing
from house import ROOT

BUFFER_SECONDS = 8
# A picture that stands for less than this is the machine's own jitter: several players share two cores here.
LONGEST_PAUSE_SECONDS = 0.5
# A player with picture ahead that stands for longer has given up; for less, the machine was busy.
STUCK_SECONDS = 4
# What a page does in a second may take a busy machine many; what never comes is told after this.
PATIENCE_MILLISECONDS = 60_000
# The page's name for a player, and which of an answer's manifests it plays.
KINDS = {
    "shaka-player with HLS": ("shaka", "hls_url"),
    "shaka-player with DASH": ("shaka", "dash_url"),
    "dash.js": ("dashjs", "dash_url"),
    "hls.js": ("hlsjs", "hls_url"),
}
# Runs before a page's own scripts, and watches how its video stands.
WATCH_STANDING = (
    (ROOT / "tests" / "browser" / "standing.js").read_text()
    + """
addEventListener("DOMContentLoaded", () => {
  const video = document.querySelector("video");
  if (video) window.standing = watchStanding(video);
});
"""
)
# How the picture stood until now is forgotten, as it may at the start.
FORGIVE = "() => { Object.assign(window.standing, {pause: 0, hunger: 0, waits: 0}); }"
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
_READ = """() => {
  const v = document.getElementById("video"), b = v.buffered;
  return {time: v.currentTime, began: v.played.length ? v.played.start(0) : null, errors: probe.errors,
          buffer: b.length ? b.end(b.length - 1) - v.currentTime : 0, ...window.standing,
          hosts: probe.segments.map((segment) => segment.host)};
}"""


def find_chromium() -> Path:
    """Debian's Chromium; nothing is downloaded. The test is skipped where there is none."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        missing("Chromium", "apt-get install chromium, or run make test as root")
    return Path(str(program))


@contextmanager
def chromium(program: Path) -> Iterator[Browser]:
    """A browser for as long as the body runs."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


def fresh_page(browser: Browser, **options: Any) -> Page:
    """A page in a context of its own, which waits patiently for what it is to show."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    return context.new_page()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def player_page(host: str) -> Iterator[str]:
    """The address of the page that foreign players play on, on a site of its own."""
    server = ThreadingHTTPServer((host, 0), partial(_Quiet, directory=str(ROOT)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{host}:{server.server_port}/tests/browser/foreign_player.html"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Player:
    """One player on one page; ``read`` gives what the page says of it."""

    name: str
    region: str
    page: Page
    script: str = _READ

    def read(self) -> dict[str, Any]:
        """``time``, ``buffer``, ``hosts`` of segments, ``errors``, and how long the picture stood at most.

        ``began`` is where it began to play; ``pause``, ``hunger`` and ``waits`` as ``standing.js`` has them. Times are
        in seconds.
        """
        state: dict[str, Any] = self.page.evaluate(self.script)
        return state

    def forgive(self) -> None:
        """Forget how the picture stood until now."""
        self.page.evaluate(FORGIVE)


def foreign_player(
    browser: Browser, page_address: str, name: str, playback: dict[str, Any], region: str, *, hurried: bool = False
) -> Player:
    """One of ``KINDS`` that plays what a press of play answered; ``hurried`` ones give up soon on a silent edge."""
    kind, manifest = KINDS[name]
    # Certificates of a test's own authority are nobody's whom Chromium knows.
    page = fresh_page(browser, ignore_https_errors=True)
    hurry = "&hurried" if hurried else ""
    page.goto(f"{page_address}?kind={kind}&manifest={quote(playback[manifest], safe='')}{hurry}")
    return Player(f"{name} in {region}", region, page)


def folder_player(
    browser: Browser, page_address: str, name: str, folder: str, *, keys: str = "", script: str | None = None
) -> Page:
    """The page on which one of ``KINDS`` plays the film in a folder; a script runs there before any other."""
    kind, manifest = KINDS[name]
    page = fresh_page(browser)
    if script is not None:
        page.add_init_script(script)
    file = "master.m3u8" if manifest == "hls_url" else "manifest.mpd"
    page.goto(f"{page_address}?kind={kind}&keys={keys}&manifest={quote(f'{folder}/{file}', safe='')}")
    return page


def true_errors(page: Page) -> list[str]:
    """What a player complained of, but for hls.js, which tells of every pause of a busy machine and goes on."""
    return [error for error in page.evaluate("probe.errors") if not error.startswith("buffer")]
