"""An edge dies under eight players, once killed and once hung: each goes on from another edge without a stall.

Own player, shaka-player (HLS and DASH) and dash.js play the same film, at most eight seconds ahead, in two regions at
once: America's edge is killed and held down, Asia's is stopped in its tracks (SIGSTOP). Europe's is next best for both,
so that each player loses one edge and not two.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from browser.conftest import LONG
from foreign_players import (
    BUFFER_SECONDS,
    LONGEST_PAUSE_SECONDS,
    STUCK_SECONDS,
    WATCH_STANDING,
    Player,
    foreign_player,
    fresh_page,
)
from running_demo import EDGE_HOSTS, PASSWORD, VIEWER, RunningDemo, until

LATER_SEGMENTS = 5
# More than they had loaded when the edge was lost.
FURTHER_SECONDS = 14
FOREIGN = ("shaka-player with HLS", "shaka-player with DASH", "dash.js")

_OWN = """() => {
  const m = window.matinee, s = m && m.state && m.state();
  if (!s) return {time: 0, buffer: 0, hosts: [], ...window.standing};
  return {time: m.video.currentTime, buffer: s.buffer_seconds, ...window.standing,
          hosts: s.segments.map((segment) => new URL(segment.url).hostname)};
}"""


def sign_in(page: Page, demo: RunningDemo, profile: str) -> None:
    page.goto(f"{demo.address}/signin")
    page.get_by_label("E-mail address").fill(VIEWER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=profile).or_(page.get_by_role("link", name=profile)).first.click()
    page.wait_for_url(f"{demo.address}/")


def own_player(browser: Browser, demo: RunningDemo, title: str, region: str) -> Player:
    page = fresh_page(browser)
    page.context.add_cookies([{"name": "matinee_region", "value": region, "url": demo.address}])
    page.add_init_script(WATCH_STANDING)
    sign_in(page, demo, "Theo")
    page.goto(f"{demo.address}/watch/{title}?buffer={BUFFER_SECONDS}")
    page.evaluate(
        "() => { const v = document.querySelector('video'); v.muted = true; return v.play().catch(() => 0); }"
    )
    return Player(f"hls.js in {region}", region, page, _OWN)


@pytest.fixture
def players(browser: Browser, demo: RunningDemo, foreign_page: str) -> Iterator[list[Player]]:
    found: list[Player] = []
    with demo.client() as client:
        title = next(entry["id"] for entry in demo.titles(client) if entry["name"] == LONG)
        profiles = client.get("/profiles").json()
        profile = next(entry["id"] for entry in profiles["profiles"] if entry["name"] == "Theo")
        for region in ("america", "asia"):
            found.append(own_player(browser, demo, title, region))
            for name in FOREIGN:
                playback = demo.press_play(client, profile, title, region=region)
                found.append(foreign_player(browser, foreign_page, name, playback, region, hurried=True))
    yield found
    for player in found:
        player.page.context.close()


def test_players_go_on_without_a_stall_when_the_edge_they_play_from_is_lost(
    demo: RunningDemo, players: list[Player]
) -> None:
    lost = {"america": "america-1", "asia": "asia-1"}

    def everyone(holds: Callable[[Player, dict[str, Any]], bool]) -> Callable[[], bool]:
        def ask() -> bool:
            states = {player.name: player.read() for player in players}
            told["states"] = {name: {**state, "hosts": state["hosts"][-8:]} for name, state in states.items()}
            return all(holds(player, states[player.name]) for player in players)

        return ask

    told: dict[str, Any] = {}

    def begun(player: Player, state: dict[str, Any]) -> bool:
        if state["time"] > 5 and state["hosts"][-1] != EDGE_HOSTS[lost[player.region]]:
            # An edge that a busy machine lets wait is left before anything happened to it.
            player.page.reload()
            return False
        return bool(state["time"] > 5)

    try:
        until("eight players past five seconds, each from its region's edge", everyone(begun), 120)
    except AssertionError:
        print(json.dumps(told, indent=1))
        raise
    before = {player.name: player.read() for player in players}
    for name, state in before.items():
        assert state["buffer"] < BUFFER_SECONDS + 5, f"{name} holds {state['buffer']:.1f} s"

    for player in players:
        player.forgive()
    demo.breakage("kill", "america-1")
    demo.breakage("hang", "asia-1")
    try:

        def moved(player: Player, state: dict[str, Any]) -> bool:
            host = EDGE_HOSTS[lost[player.region]]
            later = [found for found in state["hosts"] if found != host]
            return len(later) >= LATER_SEGMENTS and bool(state["time"] > before[player.name]["time"] + FURTHER_SECONDS)

        until("five later segments from another edge for everyone", everyone(moved), 120)
        for player in players:
            state = player.read()
            said = json.dumps({**state, "hosts": state["hosts"][-8:]})
            assert state["waits"] == 0, f"{player.name} stalled: {said}"
            assert state["hunger"] < LONGEST_PAUSE_SECONDS, f"{player.name} had nothing to play: {said}"
            # The machine may be busy for a moment; a player that gave up stands for good.
            assert state["pause"] < STUCK_SECONDS, f"{player.name} stood still: {said}"
            assert urlsplit(f"//{state['hosts'][-1]}").hostname != EDGE_HOSTS[lost[player.region]], said
    finally:
        print(json.dumps(told, indent=1))
        demo.breakage("revive", "america-1")
        demo.breakage("revive", "asia-1")
