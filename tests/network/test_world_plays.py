"""A film over a network with distance in it: who loses an edge, or all edges of a site, plays on without a stall.

The viewer stands in Asia beside a site of two edges, 160 ms from the origin, where another edge stands, and 220 ms from
one in America. Three players that others made play at once, at most eight seconds ahead.

There are two sites besides the one that is lost: when picture and sound are both on their way from an edge that falls
silent, hls.js charges the second time-out to the edge that it has turned to, and leaves that one as well.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from deploy.local.certificates import make_certificates
from playwright.sync_api import Browser

from edge_here import needs_nginx
from engines import missing
from foreign_players import (
    LONGEST_PAUSE_SECONDS,
    STUCK_SECONDS,
    Player,
    chromium,
    find_chromium,
    foreign_player,
    player_page,
)
from network import staging, world
from network.staging import Staging
from network.world import World
from running_demo import draw, until

REGIONS = {
    "origin": "europe",
    "europe-1": "europe",
    "america-1": "america",
    "asia-1": "asia",
    "asia-2": "asia",
    "viewer": "asia",
}
PLACES = {"europe": (50.1, 8.7), "america": (39.0, -77.5), "asia": (1.35, 103.8)}
SITES = {"europe-1": "frankfurt", "america-1": "ashburn", "asia-1": "singapore", "asia-2": "singapore"}
ROUND_TRIPS = {("europe", "asia"): 0.16, ("europe", "america"): 0.08, ("america", "asia"): 0.22}
PLAYERS = ("shaka-player with HLS", "hls.js", "dash.js")
FILM_SECONDS, SEGMENT_SECONDS = 60, 4
LATER_SEGMENTS = 5
# More than they had loaded when the edge was lost.
FURTHER_SECONDS = 14


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    if reason := world.why_not() or staging.why_not():
        missing("What a world of hosts needs", reason)
    with world.world(REGIONS, ROUND_TRIPS) as made:
        yield made


@pytest.fixture(scope="module")
def service(here: World) -> Iterator[Staging]:
    with staging.staged(here, PLACES) as running:
        start_edges(running, {})
        yield running


@pytest.fixture(scope="module")
def title(service: Staging) -> str:
    return service.take_in(draw(service.world.home / "films" / "The Long Way.mp4", FILM_SECONDS, rate="12"))


@pytest.fixture(scope="module")
def browser(here: World) -> Iterator[Browser]:
    with chromium(here.within("viewer", find_chromium())) as opened:
        yield opened


@pytest.fixture
def page(here: World) -> Iterator[str]:
    with player_page(here.here) as address:
        yield address


def host_of(url: str) -> str:
    return str(urlsplit(url).hostname)


@pytest.fixture(params=["http:", "https:"], ids=["embedded", "nginx over TLS"])
def plane(request: pytest.FixtureRequest, service: Staging) -> Iterator[dict[str, str]]:
    """What the edges that run are told of their data plane: the embedded one, or nginx, and then over TLS."""
    if request.param == "http:":
        yield {}
        return
    needs_nginx()
    made = make_certificates(service.world.home / "tls", tuple(service.world[name].address for name in SITES))
    told = {
        "MATINEE_DATAPLANE": "nginx:",
        "MATINEE_TLS_CERTIFICATE": str(made.certificate),
        "MATINEE_TLS_KEY": str(made.key),
        "MATINEE_TLS_AUTHORITIES": str(made.authorities),
    }
    # Asked for last in this file, so that nobody needs the others again.
    with ThreadPoolExecutor() as together:
        list(together.map(lambda name: service.world[name].end("edge"), SITES))
    start_edges(service, told)
    yield told


def start_edges(service: Staging, told: dict[str, str]) -> None:
    """Start every edge at once, and wait for all."""
    for name, site in SITES.items():
        service.launch_edge(name, site, **told)
    for name in SITES:
        service.await_edge(name, **told)


class Audience:
    """Players of one film on the viewer's host, and what they said last."""

    def __init__(self, service: Staging, browser: Browser, page: str, title: str, scheme: str = "http:") -> None:
        self.said: dict[str, dict[str, Any]] = {}
        with service.viewer("viewer") as viewer:

            def everybody_there() -> list[dict[str, Any]]:
                edges: list[dict[str, Any]] = viewer.play(title)["edges"]
                there = len(edges) == len(SITES) and all(edge["url"].startswith(scheme) for edge in edges)
                return edges if there else []

            until("every edge in an answer to a press of play", everybody_there, 120)
            plays = {name: viewer.play(title) for name in PLAYERS}
        self.ranked = [edge["id"] for edge in plays[PLAYERS[0]]["edges"]]
        self.first = host_of(plays[PLAYERS[0]]["edges"][0]["url"])
        self.players = [foreign_player(browser, page, name, play, "asia", hurried=True) for name, play in plays.items()]

    def ask(self, holds: Callable[[Player, dict[str, Any]], bool]) -> bool:
        """Whether something holds for everyone now."""
        self.said = {player.name: player.read() for player in self.players}
        return all(holds(player, self.said[player.name]) for player in self.players)

    def close(self) -> None:
        print(json.dumps({name: {**state, "hosts": state["hosts"][-8:]} for name, state in self.said.items()}))
        for player in self.players:
            player.page.context.close()


@pytest.fixture
def audience(
    request: pytest.FixtureRequest, service: Staging, browser: Browser, page: str, title: str
) -> Iterator[Audience]:
    told = request.getfixturevalue("plane") if "plane" in request.fixturenames else {}
    watching = Audience(service, browser, page, title, "https:" if told else "http:")
    yield watching
    watching.close()


def lose(audience: Audience, lost: set[str], how: Callable[[], None]) -> None:
    """Lose hosts under players that have a segment ahead; every one goes on from another and never stood still."""

    def ready(player: Player, state: dict[str, Any]) -> bool:
        if state["time"] > 5 and state["hosts"][-1] != audience.first:
            # An edge that a busy machine lets wait is left before anything happened to it.
            player.page.reload()
            return False
        return bool(state["time"] > 5 and state["buffer"] >= SEGMENT_SECONDS)

    assert audience.first in lost
    until("three players past five seconds, a segment ahead, from their first edge", lambda: audience.ask(ready), 120)
    for player in audience.players:
        player.forgive()
    before = dict(audience.said)
    how()

    def moved(player: Player, state: dict[str, Any]) -> bool:
        later = state["hosts"][len(before[player.name]["hosts"]) :]
        found = [host for host in later if host not in lost]
        return len(found) >= LATER_SEGMENTS and bool(state["time"] > before[player.name]["time"] + FURTHER_SECONDS)

    until("five later segments from elsewhere for everyone", lambda: audience.ask(moved), 120)
    for name, state in audience.said.items():
        told = json.dumps({**state, "hosts": state["hosts"][-8:]})
        assert state["waits"] == 0, f"{name} stalled: {told}"
        assert state["hunger"] < LONGEST_PAUSE_SECONDS, f"{name} had nothing to play: {told}"
        # The machine may be busy for a moment; a player that gave up stands for good.
        assert state["pause"] < STUCK_SECONDS, f"{name} stood still: {told}"


def test_nobody_stalls_when_the_whole_site_they_play_from_is_cut_off(service: Staging, audience: Audience) -> None:
    names = [name for name, site in SITES.items() if site == "singapore"]
    try:
        lose(audience, {service.world[name].address for name in names}, lambda: service.world.cut(*names))
        last = {host for state in audience.said.values() for host in state["hosts"][-3:]}
        assert last <= {service.world[name].address for name in ("europe-1", "america-1")}
    finally:
        service.world.join(*names)


def test_nobody_stalls_when_the_edge_they_play_from_is_killed(
    service: Staging, plane: dict[str, str], audience: Audience
) -> None:
    name = audience.ranked[0]
    assert SITES[name] == "singapore", f"{name} is far from this viewer"
    lose(audience, {service.world[name].address}, lambda: service.world[name].kill("edge"))
    service.start_edge(name, SITES[name], **plane)
