"""Takes the README's pictures of the demo with drawn films: ``make screenshots`` (``--widths`` for 390, 1280 and 1920).

Not a test: run as ``python -m tests.browser.screenshots FOLDER [--widths] [--data DIR]``.
"""

import argparse
import shutil
import sys
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from running_demo import OPERATOR, PASSWORD, VIEWER, RunningDemo, until

HEIGHTS = {390: 844, 1280: 800, 1920: 1080}
HOME_HEIGHT = 1500
WATCHED = ((1, 0.6), (3, 0.98), (4, 0.3))
LIKED, DISLIKED, LISTED = (3, 5), 6, (2, 0, 5)


_ARGUMENTS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]


def watch_some(demo: RunningDemo, client: httpx.Client, profile: str) -> None:
    """Let one profile have watched parts of three films, with thumbs and a list: pages then have something to say."""
    titles = demo.titles(client)
    for place, part in WATCHED:
        title = titles[place % len(titles)]
        body = {"profile_id": profile, "title_id": title["id"], "device": {"kind": "screenshots"}}
        playback = client.post("/playbacks", json=body).raise_for_status().json()["playback_id"]
        seconds = title["duration_seconds"] * part
        heartbeat = {
            "id": uuid.uuid4().hex,
            "type": "playback.heartbeat",
            "time": datetime.now(UTC).isoformat(),
            "playback_id": playback,
            "position_seconds": seconds,
            "watched_seconds": seconds,
            "duration_seconds": title["duration_seconds"],
        }
        client.post("/events", json={"events": [heartbeat]}).raise_for_status()
    said = dict.fromkeys(LIKED, "up") | {DISLIKED: "down"}
    for place, rating in said.items():
        client.put(f"/profiles/{profile}/ratings/{titles[place]['id']}", json={"rating": rating}).raise_for_status()
    for place in LISTED:
        client.put(f"/profiles/{profile}/list/{titles[place]['id']}").raise_for_status()


def signed_in(browser: Browser, demo: RunningDemo, email: str, width: int) -> Page:
    """A page of that width, signed in; a viewer has chosen a profile."""
    context = browser.new_context(viewport={"width": width, "height": HEIGHTS[width]})
    page = context.new_page()
    page.goto(f"{demo.address}/signin")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state("networkidle")
    return page


def take(browser: Browser, demo: RunningDemo, folder: Path, width: int) -> None:
    """Every page once, at one width."""
    tail = "" if width == 1280 else f"-{width}"

    def shoot(page: Page, name: str) -> None:
        page.wait_for_timeout(700)
        page.screenshot(
            path=folder / f"{name}{tail}.png",
        )

    page = signed_in(browser, demo, VIEWER, width)
    shoot(page, "profiles")
    for profile, name in (("Theo", "home-new"), ("Maya", "home")):
        page.goto(f"{demo.address}/profiles")
        page.get_by_role("button", name=profile).or_(page.get_by_role("link", name=profile)).first.click()
        page.wait_for_url(f"{demo.address}/")
        # Tall enough for a few rows: pictures further down are only fetched when they are scrolled to.
        page.set_viewport_size({"width": width, "height": HOME_HEIGHT})
        page.wait_for_timeout(1500)
        shoot(page, name)
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
    for path, name in (("list", "list"), ("history", "history"), ("history?forget", "history-forget")):
        page.goto(f"{demo.address}/{path}")
        shoot(page, name)
    with demo.client() as client:
        titles = demo.titles(client)
    longest = max(titles, key=lambda title: float(title["duration_seconds"]))
    page.goto(f"{demo.address}/titles/{longest['id']}")
    shoot(page, "title")
    page.goto(f"{demo.address}/search?q={longest['name'][:4]}")
    shoot(page, "search")
    page.goto(f"{demo.address}/watch/{longest['id']}")
    page.evaluate("() => { const v = document.querySelector('video'); v.muted = true; v.play().catch(() => 0); }")
    page.wait_for_function("() => document.querySelector('video').currentTime > 6", timeout=30_000)
    page.mouse.move(width / 2, HEIGHTS[width] / 2)
    page.keyboard.press("s")
    shoot(page, "watch")
    page.context.close()
    page = signed_in(browser, demo, OPERATOR, width)
    page.goto(f"{demo.address}/studio/pins?title={longest['id']}")
    page.get_by_label("Title").select_option(longest["id"])
    page.get_by_role("button", name="Pin the title").click()
    for path, name in (("", "studio"), ("/titles", "studio-titles"), (f"/titles/{longest['id']}", "studio-title"),
                       (f"/titles/{longest['id']}/report", "studio-report"),
                       ("/encodes", "studio-encodes"),
                       ("/edges", "studio-edges"), ("/experiments/new", "studio-experiment-new"),
                       ("/quality", "studio-quality"), ("/pins", "studio-pins"),
                       ("/break", "studio-break")):  # fmt: skip
        page.goto(f"{demo.address}/studio{path}")
        page.wait_for_timeout(8000 if name == "studio-break" else 0)
        shoot(page, name)
    page.context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--widths", action="store_true")
    parser.add_argument("--data", type=Path, help="a demo's data folder to go on from; without it a new one")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="matinee-screenshots-") as folder:
        demo = RunningDemo(data=arguments.data or Path(folder) / "data", films=None).start()
        try:
            with demo.client() as client:
                until("eight playable films", lambda: len(demo.titles(client)) == 8, 240)
                profile = next(
                    entry["id"] for entry in client.get("/profiles").json()["profiles"] if entry["name"] == "Maya"
                )
                watch_some(demo, client, profile)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_ARGUMENTS)
                for width in HEIGHTS if arguments.widths else (1280,):
                    take(browser, demo, arguments.folder, width)
                browser.close()
        finally:
            demo.stop()


if __name__ == "__main__":
    main()
