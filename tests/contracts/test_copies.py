"""Two copies of the control plane on one database: what one does, the other knows, and limits hold over both."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from obstore.store import LocalStore

from matinee.accounts.members import Allowance
from matinee.adapters.clock_manual import ManualClock
from matinee.model.errors import LimitReached, SignInRequired
from matinee.playback.commitments import LISTENING
from playing import PASSWORD, Service, report, service

Copies = tuple[Service, Service]
SEARCHED = 20


@pytest.fixture
def copies(
    database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes], tmp_path: Path
) -> tuple[Service, Service]:
    """Two copies that share the database, the object store and the clock, and nothing else."""
    lock = threading.Lock()

    def shared(count: int) -> bytes:
        with lock:
            return random_bytes(count)

    first, second = (
        service(database, clock, shared, LocalStore(tmp_path), member_streams=2, allowed={Allowance.SEARCHES: SEARCHED})
        for _ in range(2)
    )
    first.three_edges()
    return first, second


def refused(copy: Service, title_id: str, *viewer: object) -> LimitReached:
    with pytest.raises(LimitReached) as raised:
        copy.play(title_id, *viewer)  # type: ignore[arg-type]  # a member and a profile
    return raised.value


def test_a_sign_in_at_one_opens_the_other_and_a_sign_out_closes_it_within_seconds(copies: Copies) -> None:
    first, second = copies
    member, _ = first.member()
    token = first.accounts.sign_in(member.email, PASSWORD, "a test").token
    assert second.accounts.member_of(token) == member
    first.accounts.sign_out(token)
    second.clock.advance(4)
    with pytest.raises(SignInRequired):
        second.accounts.member_of(token)


def test_a_title_published_at_one_is_on_the_others_shelf(copies: Copies) -> None:
    first, second = copies
    assert second.catalogue.shelf().titles == ()
    title_id = first.title()
    second.clock.advance(0.5)
    assert title_id in second.catalogue.shelf().by_id
    assert [title.id for title in second.catalogue.search("drawn")] == [title_id]


def test_an_edge_drained_at_one_is_steered_around_by_the_other(copies: Copies) -> None:
    first, second = copies
    title_id, viewer = first.title(), first.member()
    started = second.play(title_id, *viewer)
    assert started.edges[0].id == "europe-1"
    first.edges.order("europe-1", draining=True)
    second.clock.advance(0.6)
    for region in ("europe", "america", "asia"):
        first.edges.report(report(f"{region}-1", region))
    answer = second.playbacks.steer(started.playback_id, "europe-1", None)
    assert answer["PATHWAY-PRIORITY"][0] != "europe-1"


def test_load_committed_at_one_weighs_at_the_other_within_a_second(copies: Copies) -> None:
    first, second = copies
    title_id, viewer = first.title(), first.member()
    assert second.play(title_id, *viewer).edges[0].reason == "in your region, 0 % committed"
    first.play(title_id, *viewer)
    second.clock.advance(1.1)
    committed = second.playbacks._commitments.bps()
    assert committed == first.playbacks._commitments.bps()
    assert committed["europe-1"] > 0


def test_a_member_plays_on_so_many_devices_whichever_copies_are_asked(copies: Copies) -> None:
    first, second = copies
    title_id, viewer = first.title(), first.member()
    for copy in (first, second):
        copy.play(title_id, *viewer)
    for copy in (first, second):
        error = refused(copy, title_id, *viewer)
        assert str(error).startswith("This account plays on 2 devices already, and may on 2: stop one")
        assert error.retry_after_seconds == LISTENING.total_seconds()
    other = first.member("grace@example.com")
    first.play(title_id, *other)


def test_a_device_that_stopped_or_fell_silent_frees_its_place(copies: Copies) -> None:
    first, second = copies
    title_id, viewer = first.title(), first.member()
    stopped, silent = first.play(title_id, *viewer), second.play(title_id, *viewer)
    event = {
        "id": "a-stop",
        "type": "playback.stopped",
        "time": first.clock.now().isoformat(),
        "facts": {"playback_id": stopped.playback_id, "position_seconds": 1.0, "watched_seconds": 1.0},
    }
    first.accept(viewer[0], [event])
    third = second.play(title_id, *viewer)
    refused(first, title_id, *viewer)
    second.clock.advance(LISTENING.total_seconds() - 1)
    second.playbacks.steer(third.playback_id, "europe-1", None)
    first.clock.advance(2)
    assert second.play(title_id, *viewer).playback_id != silent.playback_id
    with pytest.raises(LimitReached):
        first.playbacks.renew(viewer[0].id, silent.playback_id)
    first.playbacks.renew(viewer[0].id, third.playback_id)


def test_presses_of_play_at_the_same_moment_do_not_slip_by(copies: Copies) -> None:
    title_id, viewer = copies[0].title(), copies[0].member()
    start = threading.Barrier(12)

    def press(number: int) -> bool:
        start.wait()
        try:
            copies[number % 2].play(title_id, *viewer)
        except LimitReached:
            return False
        return True

    with ThreadPoolExecutor(12) as threads:
        assert sum(threads.map(press, range(12))) == 2


def test_http_says_429_and_when_to_come_again(copies: Copies) -> None:
    first, _ = copies
    title_id, (member, profile) = first.title(), first.member()
    token = first.accounts.sign_in(member.email, PASSWORD, "a test").token

    async def press() -> list[httpx.Response]:
        transport = httpx.ASGITransport(first.app)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://matinee.test", headers=headers) as client:
            body = {"profile_id": profile.id, "title_id": title_id}
            return [await client.post("/api/v1/playbacks", json=body) for _ in range(3)]

    answers = asyncio.run(press())
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2].headers["retry-after"] == "60"
    assert "plays on 2 devices already" in answers[2].json()["detail"]
