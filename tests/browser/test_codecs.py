"""A film in H.264 and AV1: players that decode AV1 play it from start to end, others H.264, and none changes midway."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from browser.test_failover import sign_in
from foreign_players import KINDS, player_page
from matinee.compose.encode import encode_folder
from matinee.ladder.codecs import read_codecs
from running_demo import RunningDemo, draw, until
from sources import H264, ffmpeg, picture, served, tone

_SECONDS = 12.0
_SIZE = "854x480"
# A browser that says of every question that it has no AV1.
_WITHOUT_AV1 = """
const hasNot = (type) => /av01/.test(type);
const isTypeSupported = MediaSource.isTypeSupported.bind(MediaSource);
MediaSource.isTypeSupported = (type) => !hasNot(type) && isTypeSupported(type);
const canPlayType = HTMLMediaElement.prototype.canPlayType;
HTMLMediaElement.prototype.canPlayType = function (type) { return hasNot(type) ? "" : canPlayType.call(this, type); };
const decodingInfo = MediaCapabilities.prototype.decodingInfo;
MediaCapabilities.prototype.decodingInfo = async function (asked) {
  const info = await decodingInfo.call(this, asked);
  if (!hasNot(asked.video?.contentType ?? "")) return info;
  return { supported: false, smooth: false, powerEfficient: false, configuration: asked };
};
"""
_PICTURES = """() => [...new Set(performance.getEntriesByType("resource").map((one) => new URL(one.name).pathname)
  .filter((path) => /\\/v[^/]*\\/\\d+\\.m4s$/.test(path)).map((path) => path.split("/").at(-2)))]"""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a folder that holds a film in both codecs."""
    place = tmp_path_factory.mktemp("codecs")
    source = place / "film.mp4"
    ffmpeg(*picture(_SECONDS, size=_SIZE), *tone(_SECONDS), *H264, source)
    encode_folder(source, place / "out", ladder="fixed", codecs=read_codecs("av1"))
    with served(place / "out") as address:
        yield address


@pytest.mark.parametrize("has_av1", [True, False], ids=["with AV1", "without AV1"])
@pytest.mark.parametrize("name", KINDS)
def test_a_player_takes_av1_where_it_can_and_stays_with_its_codec(
    browser: Browser, film: str, name: str, *, has_av1: bool
) -> None:
    kind, manifest = KINDS[name]
    address = f"{film}/{'master.m3u8' if manifest == 'hls_url' else 'manifest.mpd'}"
    page = browser.new_context().new_page()
    if not has_av1:
        page.add_init_script(_WITHOUT_AV1)
    with player_page("127.0.0.1") as site:
        page.goto(f"{site}?kind={kind}&manifest={quote(address, safe='')}")
        page.wait_for_function(f"document.getElementById('video').currentTime > {_SECONDS - 2}", timeout=60_000)
    folders = page.evaluate(_PICTURES)
    fatal = [error for error in page.evaluate("probe.errors") if not error.startswith("buffer")]
    page.context.close()
    assert folders
    assert {folder.endswith("-av1") for folder in folders} == {has_av1}, folders
    assert fatal == []


@pytest.fixture(scope="module")
def demo_of_two_codecs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demo whose one film was encoded to both, as a setting has it."""
    folder = tmp_path_factory.mktemp("demo")
    draw(folder / "films" / "Roads" / "Crossing.mp4", _SECONDS, size=_SIZE)
    running = RunningDemo(
        folder / "data",
        folder / "films",
        settings={"MATINEE_CODECS": "h264,av1", "MATINEE_LADDER": "fixed", "MATINEE_RATE_PLAYBACKS": "0"},
    ).start()
    try:
        with running.client() as client:
            profile = client.get("/profiles").raise_for_status().json()["profiles"][0]["id"]

            def is_whole() -> bool:
                """A film that is still arriving has its first rung alone."""
                for title in running.titles(client):
                    playback = running.press_play(client, profile, title["id"])
                    return "av01" in client.get(playback["hls_url"]).text
                return False

            until("the whole film", is_whole, 180)
        yield running
    finally:
        running.stop()


def _watch(page: Page, demo: RunningDemo) -> list[str]:
    sign_in(page, demo, "Maya")
    with demo.client() as client:
        (title,) = (entry["id"] for entry in demo.titles(client))
    page.goto(f"{demo.address}/watch/{title}")
    page.wait_for_function("() => document.querySelector('video')?.currentTime > 8", timeout=60_000)
    offered = page.evaluate(
        "() => [...document.querySelectorAll('[data-menu=quality] span')].map((s) => s.textContent)"
    )
    rungs = [text for text in offered if "Mbit" in text]
    assert len(rungs) == len({text.split(" ")[0] for text in rungs}), offered  # no size twice: one codec's alone
    folders: list[str] = page.evaluate(_PICTURES)
    return folders


@pytest.mark.parametrize("has_av1", [True, False], ids=["with AV1", "without AV1"])
def test_our_player_takes_av1_where_it_is_smooth(
    browser: Browser, demo_of_two_codecs: RunningDemo, *, has_av1: bool
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    if not has_av1:
        page.add_init_script(_WITHOUT_AV1)
    folders = _watch(page, demo_of_two_codecs)
    context.close()
    assert folders
    assert {folder.endswith("-av1") for folder in folders} == {has_av1}, folders
