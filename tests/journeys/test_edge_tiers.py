"""Edges that fetch from edges: a peer, a parent and the origin behind an edge, all of them real processes."""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from edge_here import PLANES, needs_nginx
from running_edge import (
    KEY,
    KEY_ID,
    PREFIX,
    VERSION,
    ControlPlane,
    Manner,
    RunningEdge,
    SlowOrigin,
    free_port,
    running,
    until,
)

MEGABYTE = 1_000_000
VIEWERS = 16


def _bytes(seed: int) -> bytes:
    return random.Random(seed).randbytes(MEGABYTE)


def _put(origin: SlowOrigin, file: str, data: bytes, manner: Manner | None = None) -> str:
    key = f"media/{PREFIX}{file}"
    origin.objects[key] = data
    origin.manners[key] = manner or Manner()
    return key


@dataclass
class Site:
    """An edge with one peer and one parent, all well."""

    origin: SlowOrigin
    edge: RunningEdge
    peer: RunningEdge
    parent: RunningEdge


Launch = Callable[..., RunningEdge]


def _source(edge: RunningEdge, edge_id: str, kind: str) -> dict[str, str]:
    return {"edge_id": edge_id, "kind": kind, "url": edge.address}


@pytest.fixture(scope="module")
def origin() -> Iterator[SlowOrigin]:
    started = SlowOrigin({})
    yield started
    started.close()


@pytest.fixture(scope="module")
def launch(origin: SlowOrigin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    """Start an edge that is told these sources."""
    with ExitStack() as stack:

        def start(
            edge_id: str,
            *sources: dict[str, str],
            draining: bool = False,
            key: str = KEY,
            port: int | None = None,
            **environment: str,
        ) -> RunningEdge:
            control = ControlPlane()
            stack.callback(control.close)
            if key != KEY:
                control.answers["keys"] = {"version": "v2", "keys": {KEY_ID: key}}
            version = VERSION if key == KEY else "v2"
            control.orders = {
                "keys_version": version,
                "draining": draining,
                "egress_limit_bps": None,
                "sources": sources,
            }
            own = {**origin.environment, "MATINEE_EDGE_ID": edge_id, **environment}
            edge = RunningEdge(
                tmp_path_factory.mktemp(edge_id),
                "s3://bucket",
                control.address,
                environment=own,
                port=port or free_port(),
            )
            stack.enter_context(running(edge))
            until("its keys are known", lambda: key == KEY or "keys.changed" in edge.log())
            until("its sources are known", lambda: not sources or "upstreams.changed" in edge.log())
            return edge

        yield start


@pytest.fixture(scope="module", params=PLANES)
def site(request: pytest.FixtureRequest, origin: SlowOrigin, launch: Launch) -> Iterator[Site]:
    """Whose requests come in through either data plane."""
    if request.param != "embedded:":
        needs_nginx()
    plane = {"MATINEE_DATAPLANE": request.param}
    parent, peer = launch("shield", **plane), launch("europe-2", **plane)
    sources = _source(parent, "shield", "parent"), _source(peer, "europe-2", "peer")
    yield Site(origin, launch("europe-1", *sources, **plane), peer, parent)
    # The files of one plane are missing again on the other.
    origin.objects.clear()
    origin.gets.clear()
    origin.starts.clear()


def _fetched(edge: RunningEdge) -> dict[str, float]:
    sources = ("peer", "parent", "origin")
    return {source: edge.metric("fetched_bytes_total", source=source) for source in sources}


def test_a_miss_is_taken_from_the_peer_that_holds_it_or_else_from_the_parent_and_kept_on_the_way(site: Site) -> None:
    data = _bytes(1)
    first, second = _put(site.origin, "first.m4s", data), _put(site.origin, "second.m4s", data)
    before = _fetched(site.edge)
    assert site.edge.get("first.m4s").content == data
    assert _fetched(site.edge) == before | {"parent": before["parent"] + MEGABYTE}
    until("the parent holds it", lambda: "first.m4s" in site.parent.held())
    assert "first.m4s" not in site.peer.held()

    assert site.peer.get("second.m4s").content == data
    until("the peer holds it", lambda: "second.m4s" in site.peer.held())
    assert site.edge.get("second.m4s").content == data
    assert _fetched(site.edge) == {name: size + MEGABYTE * (name != "origin") for name, size in before.items()}
    assert (site.origin.gets[first], site.origin.gets[second]) == (1, 1)
    until("the edge holds both", lambda: {"first.m4s", "second.m4s"} <= site.edge.held())
    assert site.edge.client.head(site.edge.url("third.m4s")).status_code == 404
    _put(site.origin, "fourth.m4s", data)
    assert site.edge.client.head(site.edge.url("fourth.m4s")).headers["content-length"] == str(MEGABYTE)


def test_a_herd_at_an_edge_is_one_fetch_at_the_origin_and_streams_through_every_tier(site: Site) -> None:
    release, data = threading.Event(), _bytes(2)
    key = _put(site.origin, "herd.m4s", data, Manner(release=release))
    begun = threading.Semaphore(0)

    def view(_number: int) -> bytes:
        with site.edge.client.stream("GET", site.edge.url("herd.m4s")) as answer:
            pieces = answer.iter_raw()
            first = next(pieces)
            begun.release()
            return first + b"".join(pieces)

    with ThreadPoolExecutor(VIEWERS) as viewers:
        answers = viewers.map(view, range(VIEWERS))
        for _ in range(VIEWERS):
            assert begun.acquire(timeout=60)
        release.set()
        assert list(answers) == [data] * VIEWERS
    assert site.origin.gets[key] == 1


def test_a_parent_that_is_killed_in_the_middle_costs_no_viewer(origin: SlowOrigin, launch: Launch) -> None:
    release, data = threading.Event(), _bytes(3)
    key = _put(origin, "killed.m4s", data, Manner(release=release))
    parent = launch("shield-3")
    edge = launch("europe-4", _source(parent, "shield-3", "parent"))
    with edge.client.stream("GET", edge.url("killed.m4s")) as answer:
        pieces = answer.iter_raw()
        body = next(pieces)
        parent.kill()
        release.set()
        body += b"".join(pieces)
    assert body == data
    # The edge asked for the rest alone.
    first, rest = origin.starts[key]
    assert (first, 0 < rest < MEGABYTE) == (0, True)
    until("the edge holds it", lambda: edge.held() == {"killed.m4s"})
    # What comes next is served from where it can be had, and no log shows a token.
    _put(origin, "next.m4s", data)
    opened = edge.url("next.m4s")
    assert edge.client.get(opened).content == data
    until("it is told", lambda: "upstream.passed_over" in edge.log())
    for log in (edge.log(), parent.log()):
        assert opened.split("/")[3] not in log
        # What every token begins with: "1", a line feed, the key's id.
        assert "MQprMQ" not in log


def test_a_request_for_what_is_held_alone_is_answered_504_and_fetches_nothing(site: Site) -> None:
    data = _bytes(4)
    key = _put(site.origin, "held.m4s", data)
    held_only = {"Cache-Control": "only-if-cached"}
    refused = site.peer.get("held.m4s", held_only)
    assert (refused.status_code, refused.headers["cache-control"]) == (504, "no-store")
    assert site.origin.gets[key] == 0
    assert site.peer.get("held.m4s").content == data
    until("the peer holds it", lambda: "held.m4s" in site.peer.held())
    assert site.peer.get("held.m4s", held_only).content == data


def test_a_request_that_was_here_before_is_refused_with_508(site: Site) -> None:
    assert site.edge.get("any.m4s", {"CDN-Loop": "shield, europe-1;v=1"}).status_code == 508
    assert site.edge.get("any.m4s", {"CDN-Loop": "shield"}).status_code == 404


def test_edges_that_are_each_others_parents_ask_the_origin_in_the_end(origin: SlowOrigin, launch: Launch) -> None:
    data = _bytes(5)
    key = _put(origin, "round.m4s", data)
    ports = {"one": free_port(), "two": free_port()}
    edges = [
        launch(
            own,
            {"edge_id": other, "kind": "parent", "url": f"http://127.0.0.1:{ports[other]}"},
            port=ports[own],
        )
        for own, other in (("one", "two"), ("two", "one"))
    ]
    assert edges[0].get("round.m4s").content == data
    assert origin.gets[key] == 1


def test_a_parent_that_does_not_take_the_edges_token_is_gone_around(origin: SlowOrigin, launch: Launch) -> None:
    data = _bytes(6)
    _put(origin, "foreign.m4s", data)
    foreign = launch("shield-4", key="another key of thirty-two bytes or more")
    edge = launch("europe-5", _source(foreign, "shield-4", "parent"))
    assert edge.get("foreign.m4s").content == data
    assert _fetched(edge) == {"peer": 0, "parent": 0, "origin": MEGABYTE}
    assert "answers 403" in edge.log()


def test_a_parent_that_stands_still_is_left_and_viewers_go_on(origin: SlowOrigin, launch: Launch) -> None:
    data = _bytes(7)
    key = _put(origin, "still.m4s", data, Manner(release=threading.Event()))
    parent = launch("shield-5")
    edge = launch("europe-6", _source(parent, "shield-5", "parent"))

    async def view() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
        address = edge.url("still.m4s").removeprefix(edge.address)
        writer.write(f"GET {address} HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        first = await reader.read(1)
        # The next one who asks the origin is answered whole.
        origin.manners[key] = Manner()
        body = first + await reader.read()
        writer.close()
        return body

    assert asyncio.run(view()) == data
    assert "too slow" in edge.log()
    assert _fetched(edge)["origin"] < MEGABYTE


def test_a_draining_edge_still_answers_those_who_fetch_from_it(site: Site, launch: Launch) -> None:
    data = _bytes(8)
    _put(site.origin, "drained.m4s", data)
    parent = launch("shield-2", draining=True)
    until("it drains", lambda: parent.client.get("/readyz").status_code == 503)
    below = launch("europe-3", _source(parent, "shield-2", "parent"))
    assert below.get("drained.m4s").content == data
    assert _fetched(below)["parent"] == MEGABYTE
