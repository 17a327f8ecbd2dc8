"""Tokens end under a viewer who plays, who is away for the night, and whose playback was revoked."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Response, Route, expect
from playwright.sync_api import TimeoutError as PatienceError

from browser.test_failover import sign_in
from foreign_players import FORGIVE, LONGEST_PAUSE_SECONDS, WATCH_STANDING, fresh_page
from running_demo import OPERATOR, RunningDemo, draw, until

FILM, FILM_SECONDS = "Midnight", 90
# Renewed halfway: a machine that stalls for some seconds is still in time.
TOKEN_SECONDS = 16
BUFFER_SECONDS = 6
_NO_PERMISSION = 403
# The least that the picture may seem to have gone back: what is between two frames.
A_FRAME_SECONDS = 0.1


@pytest.fixture(scope="module")
def cinema_of_short_tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """A demo of one film whose tokens open it for some seconds only."""
    folder = tmp_path_factory.mktemp("midnight")
    draw(folder / "films" / f"{FILM}.mp4", FILM_SECONDS, rate="12")
    settings = {"MATINEE_TOKEN_SECONDS": str(TOKEN_SECONDS), "MATINEE_LADDER": "fixed"}
    running = RunningDemo(data=folder / "data", films=folder / "films", settings=settings).start()
    try:
        with running.client() as client:
            until("a playable film", lambda: len(running.titles(client)) == 1, 400)
        yield running
    finally:
        running.stop()


@pytest.fixture
def page(browser: Browser, cinema_of_short_tokens: RunningDemo) -> Iterator[Page]:
    """A viewer some seconds into the film."""
    demo = cinema_of_short_tokens
    page = fresh_page(browser, viewport={"width": 1280, "height": 720})
    page.add_init_script(WATCH_STANDING)
    sign_in(page, demo, "Theo")
    with demo.client() as client:
        title = demo.titles(client)[0]["id"]
    page.goto(f"{demo.address}/watch/{title}?buffer={BUFFER_SECONDS}&start=0")
    page.evaluate("() => { const v = document.querySelector('video'); v.muted = true; v.play().catch(() => 0); }")
    reaches(page, 4)
    page.evaluate(FORGIVE)
    yield page
    page.context.close()


def reaches(page: Page, seconds: float) -> None:
    try:
        page.wait_for_function("(to) => document.querySelector('video').currentTime > to", arg=seconds)
    except PatienceError as error:
        told = page.evaluate("() => [window.matinee?.state(), document.querySelector('video').readyState]")
        raise AssertionError(f"{page.locator('#trouble').inner_text()} {told}") from error


def state(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("() => window.matinee.state()")
    return found


def never_hungry(page: Page) -> bool:
    return bool(page.evaluate("() => window.standing.hunger") < LONGEST_PAUSE_SECONDS)


def token(address: str) -> str:
    return address.split("/")[3]


def answered(page: Page, status: int) -> list[str]:
    """Addresses that are answered with a status, as they come in."""
    found: list[str] = []

    def note(answer: Response) -> None:
        if answer.status == status:
            found.append(answer.url)

    page.on("response", note)
    return found


def test_a_film_paused_beyond_its_tokens_end_goes_on_at_the_same_second(page: Page) -> None:
    page.evaluate("() => document.querySelector('video').pause()")
    before = state(page)
    last = before["segments"][-1]["url"]
    assert httpx.get(last).status_code == httpx.codes.OK
    until("the end of the token", lambda: httpx.get(last).status_code == _NO_PERMISSION)
    refused = answered(page, _NO_PERMISSION)
    page.evaluate("""() => { const v = document.querySelector('video'); window.seen = [];
        const began = performance.now(); window.took = () => (performance.now() - began) / 1000;
        v.addEventListener('timeupdate', () => window.seen.push([v.currentTime, took()])); return v.play(); }""")
    reaches(page, before["position_seconds"] + before["buffer_seconds"] + 5)

    seen = page.evaluate("() => window.seen")
    assert seen == sorted(seen), "the picture went back"
    place, seconds = seen[0]
    assert before["position_seconds"] - A_FRAME_SECONDS <= place <= before["position_seconds"] + seconds + 1
    after = state(page)
    assert after["playback_id"] == before["playback_id"]
    assert token(after["segments"][-1]["url"]) != token(last)
    assert never_hungry(page)
    assert refused == []
    expect(page.locator("#trouble")).to_be_hidden()


def test_a_film_that_plays_on_beyond_its_tokens_end_asks_with_none_that_has_ended(page: Page) -> None:
    before = state(page)
    refused = answered(page, _NO_PERMISSION)
    reaches(page, before["position_seconds"] + TOKEN_SECONDS)
    until("a third token", lambda: len({token(segment["url"]) for segment in state(page)["segments"]}) > 2)
    assert never_hungry(page)
    assert refused == []


def test_an_edge_that_refuses_a_token_before_its_end_is_asked_again_with_a_new_one(page: Page) -> None:
    """As after a key was retired early."""
    before = state(page)
    turned_away = refuse_first_token(page)
    reaches(page, before["position_seconds"] + before["buffer_seconds"] + 5)
    after = state(page)
    assert turned_away, "nothing was asked for"
    assert token(after["segments"][-1]["url"]) != token(turned_away[0])
    assert {segment["edge"] for segment in after["segments"]} == {before["edge"]}
    assert never_hungry(page)
    expect(page.locator("#trouble")).to_be_hidden()


def test_a_film_plays_on_while_the_keys_are_replaced_at_once(cinema_of_short_tokens: RunningDemo, page: Page) -> None:
    before = state(page)
    with cinema_of_short_tokens.client(OPERATOR) as client:
        client.post("/studio/keys/rotation", json={"at_once": True}).raise_for_status()
    first = token(before["segments"][-1]["url"])
    until("a new token", lambda: token(state(page)["segments"][-1]["url"]) != first)
    reaches(page, before["position_seconds"] + before["buffer_seconds"] + 5)
    assert state(page)["playback_id"] == before["playback_id"]
    assert never_hungry(page)
    expect(page.locator("#trouble")).to_be_hidden()


def refuse_first_token(page: Page) -> list[str]:
    """From now on answer 403, in the edges' place, to segments with the first token that comes; which those were."""
    found: list[str] = []

    def answer(route: Route) -> None:
        if found and token(route.request.url) != token(found[0]):
            route.continue_()
            return
        found.append(route.request.url)
        route.fulfill(status=_NO_PERMISSION, headers={"Access-Control-Allow-Origin": "*"}, body="")

    page.route(re.compile(r"\.m4s(\?|$)"), answer)
    return found


def test_a_revoked_playback_stops_with_a_sentence_and_begins_anew_at_the_same_second(
    cinema_of_short_tokens: RunningDemo, page: Page
) -> None:
    before = state(page)
    with cinema_of_short_tokens.client(OPERATOR) as client:
        client.delete(f"/playbacks/{before['playback_id']}").raise_for_status()
    card = page.locator("#trouble")
    expect(card).to_be_visible(timeout=40_000)
    expect(card).to_contain_text("The service ended this playback. Play to begin anew from here.")
    stopped = state(page)
    assert not stopped["playing"]
    card.get_by_role("button", name="Play").click()
    another = (
        "(id) => window.matinee && window.matinee.state().playback_id !== id && window.matinee.video.played.length"
    )
    page.wait_for_function(another, arg=before["playback_id"])
    began = page.evaluate("() => window.matinee.video.played.start(0)")
    assert began == pytest.approx(stopped["position_seconds"], abs=2)
