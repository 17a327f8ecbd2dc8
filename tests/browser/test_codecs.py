"""A film in H.264 and AV1: players that decode AV1 play it from start to end, others H.264, and none changes midway."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from browser.conftest import DESKTOP
from browser.test_failover import sign_in
from foreign_players import KINDS, folder_player, fresh_page, true_errors
from matinee.compose.encode import encode_folder
from matinee.ladder.codecs import read_codecs
from running_demo import RunningDemo, draw, until
from sources import H264, ffmpeg, picture, served, tone

_SECONDS = 8.0
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
# One that decodes it says that it does so smoothly, whatever its machine is busy with.
_WITH_AV1 = """
const decodingInfo = MediaCapabilities.prototype.decodingInfo;
MediaCapabilities.prototype.decodingInfo = async function (asked) {
  const info = await decodingInfo.call(this, asked);
  if (!/av01/.test(asked.video?.contentType ?? "") || !info.supported) return info;
  return { supported: true, smooth: true, powerEfficient: true, configuration: asked };
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


def _play_through(page: Page) -> None:
    """From the start, the middle and the end something is seen."""
    for start in (0.0, _SECONDS / 2, _SECONDS - 1):
        page.wait_for_function("() => document.querySelector('video')?.currentTime > 0")
        page.evaluate("(to) => { document.querySelector('video').currentTime = to; }", start)
        page.wait_for_function("(to) => document.querySelector('video').currentTime > to", arg=start + 0.4)


@pytest.mark.parametrize("has_av1", [True, False], ids=["with AV1", "without AV1"])
@pytest.mark.parametrize("name", KINDS)
def test_a_player_takes_av1_where_it_can_and_stays_with_its_codec(
    browser: Browser, foreign_page: str, film: str, name: str, *, has_av1: bool
) -> None:
    page = folder_player(browser, foreign_page, name, film, script=_WITH_AV1 if has_av1 else _WITHOUT_AV1)
    _play_through(page)
    folders, fatal = page.evaluate(_PICTURES), true_errors(page)
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

            until("the whole film", is_whole, 400)
        yield running
    finally:
        running.stop()


def _watch(page: Page, demo: RunningDemo) -> list[str]:
    sign_in(page, demo, "Maya")
    with demo.client() as client:
        (title,) = (entry["id"] for entry in demo.titles(client))
    page.goto(f"{demo.address}/watch/{title}")
    _play_through(page)
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
    page = fresh_page(browser, viewport=DESKTOP)
    page.add_init_script(_WITH_AV1 if has_av1 else _WITHOUT_AV1)
    folders = _watch(page, demo_of_two_codecs)
    page.context.close()
    assert folders
    assert {folder.endswith("-av1") for folder in folders} == {has_av1}, folders
