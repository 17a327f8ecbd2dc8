"""An operator brings a film in a browser: it is paused, the page is closed, and it goes on where it was."""

import struct
import zipfile
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, CDPSession, Page, Request, expect

from browser.conftest import DESKTOP
from foreign_players import fresh_page
from running_demo import OPERATOR, PASSWORD, RunningDemo, draw, until
from uploading import begin, send

_PADDING = 24 * 1024**2
# Slow enough that nobody misses the moment to pause.
_SENT_A_SECOND = 1024**2


def _signed_in(browser: Browser, demo: RunningDemo) -> Page:
    page = fresh_page(browser, viewport=DESKTOP)
    page.goto(f"{demo.address}/signin")
    page.get_by_label("E-mail address").fill(OPERATOR)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/signin" not in url)
    return page


def _at_pace(line: CDPSession, bytes_a_second: int) -> None:
    """What is sent is sent at a line's pace; -1 is none."""
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second}
    line.send("Network.emulateNetworkConditions", conditions)


def test_an_upload_goes_on_where_it_was_after_the_page_was_closed(
    browser: Browser, demo: RunningDemo, tmp_path: Path
) -> None:
    film = draw(tmp_path / "The_Ferry.mp4", 2)
    # A box that players skip makes it long.
    film.write_bytes(film.read_bytes() + struct.pack(">I4s", _PADDING, b"free") + bytes(_PADDING - 8))
    page = _signed_in(browser, demo)
    sent: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            sent.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    page.goto(f"{demo.address}/studio/uploads")
    assert Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).violations_count == 0
    line = page.context.new_cdp_session(page)
    _at_pace(line, _SENT_A_SECOND)
    page.get_by_label("File").set_input_files(film)
    expect(page.get_by_label("Name")).to_have_value("The Ferry")
    page.get_by_role("button", name="Upload").click()
    page.wait_for_function("() => document.querySelector('progress').value > 0.1")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    _at_pace(line, -1)
    page.reload()
    waiting = page.get_by_role("row", name="The_Ferry.mp4")
    expect(waiting).to_contain_text("Choose the same file again")
    page.get_by_label("File").set_input_files(film)
    page.get_by_role("button", name="Upload").click()
    page.wait_for_url(f"{demo.address}/studio/encodes")
    assert sent[0] == 0
    assert sent[-1] > 0.05 * _PADDING
    expect(page.get_by_text("The Ferry").first).to_be_visible()
    with demo.client() as client:
        until("the film", lambda: "The Ferry" in {entry["name"] for entry in demo.titles(client)}, 180)
    page.context.close()


def test_a_problem_is_said_in_a_sentence_and_an_upload_is_given_up(
    browser: Browser, demo: RunningDemo, tmp_path: Path
) -> None:
    page = _signed_in(browser, demo)
    page.goto(f"{demo.address}/studio/uploads")
    page.get_by_label("File").set_input_files(draw(tmp_path / "early.mp4", 1))
    page.get_by_label("Year").fill("1066")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("1066")
    page.reload()
    page.get_by_role("button", name="Give up early.mp4").click()
    expect(page.get_by_role("row", name="early.mp4")).to_have_count(0)
    page.context.close()


@pytest.mark.parametrize("kind", ["zip", "playlist"])
def test_what_is_no_film_is_said_to_the_operator_in_a_sentence(
    browser: Browser, demo: RunningDemo, tmp_path: Path, kind: str
) -> None:
    source = tmp_path / f"{kind}.mkv"
    if kind == "zip":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("film.mkv", "no film")
    else:
        source.write_text("#EXTM3U\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n")
    said = f"{source.name} is not a media file that Matinee can read"
    with demo.client(OPERATOR) as operator:
        address = begin(operator, source.name, source.stat().st_size)
        assert send(operator, address, source.read_bytes()).status_code == 204
        order = {"source": address.rpartition("/")[2], "name": f"No film: {kind}"}
        job = operator.post("/studio/titles", json=order).raise_for_status().json()["encode_id"]

        def ended() -> str | None:
            encodes = operator.get("/studio/encodes").raise_for_status().json()["encodes"]
            return next(str(one["message"] or "") for one in encodes if one["id"] == job)

        assert until("the refusal", ended).startswith(said)
    page = _signed_in(browser, demo)
    page.goto(f"{demo.address}/studio/encodes")
    expect(page.get_by_text(said).first).to_be_visible()
    page.context.close()
