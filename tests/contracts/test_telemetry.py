from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from matinee.accounts.members import Member, Profile
from matinee.adapters.clock_manual import ManualClock
from matinee.model.errors import Invalid, NotFound
from matinee.model.events import Event, PlaybackHeartbeat, PlaybackStarted
from matinee.playback import store
from matinee.playback.playbacks import Started
from matinee.playback.telemetry import Accepted, AcceptedReports
from playing import Service, service


@pytest.fixture
def ours(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Service:
    wired = service(database, clock, random_bytes)
    wired.three_edges()
    return wired


@pytest.fixture
def viewer(ours: Service) -> tuple[Member, Profile]:
    return ours.member()


@pytest.fixture
def started(ours: Service, viewer: tuple[Member, Profile]) -> Started:
    return ours.play(ours.title(), *viewer)


def event(ours: Service, started: Started, event_id: str, kind: str = "heartbeat", **told: Any) -> dict[str, Any]:
    seconds_ago = told.pop("seconds_ago", 0.0)
    time = (ours.clock.now() - timedelta(seconds=seconds_ago)).isoformat()
    facts = {"playback_id": started.playback_id, "position_seconds": 30.0, "watched_seconds": 10.0, **told}
    return {"id": event_id, "type": f"playback.{kind}", "time": time, **facts}


def test_accepted_events_are_in_the_log_with_the_service_s_own_facts(
    ours: Service, viewer: tuple[Member, Profile], started: Started
) -> None:
    member, profile = viewer
    batch = [
        event(ours, started, "a", "started", startup_seconds=0.7, edge_id="europe-1"),
        event(ours, started, "b", position_seconds=12),
        {
            "id": "c",
            "type": "search.made",
            "time": ours.clock.now().isoformat(),
            "facts": {"profile_id": profile.id, "query": "line", "found": 1},
        },
    ]
    assert ours.accept(member, batch) == Accepted(accepted=3, repeated=0)
    told = {one.id: one for one in ours.told()}
    first, second = told["a"].facts, told["b"].facts
    assert isinstance(first, PlaybackStarted)
    assert (first.profile_id, first.region, first.startup_seconds) == (profile.id, "europe", 0.7)
    assert isinstance(second, PlaybackHeartbeat)
    assert (second.duration_seconds, second.position_seconds) == (100.0, 12)
    assert told["c"].source == "player"


def test_a_repeat_is_counted_and_changes_nothing(
    ours: Service, viewer: tuple[Member, Profile], started: Started
) -> None:
    batch = [event(ours, started, "a"), event(ours, started, "b"), event(ours, started, "b")]
    assert ours.accept(viewer[0], batch) == Accepted(accepted=2, repeated=1)
    assert ours.accept(viewer[0], batch) == Accepted(accepted=0, repeated=3)
    assert len([one for one in ours.told() if one.id in {"a", "b"}]) == 2
    assert ours.telemetry.qoe_summary(1).overall.watched_seconds == 20


def test_an_empty_batch_is_no_fault(ours: Service, viewer: tuple[Member, Profile]) -> None:
    assert ours.accept(viewer[0], []) == Accepted(0, 0)


@pytest.mark.parametrize("bad", [{"type": "title.encoded"}, {"position_seconds": -1}, {"playback_id": "f" * 16}])
def test_one_event_that_is_not_right_refuses_the_batch_whole(
    ours: Service, viewer: tuple[Member, Profile], started: Started, bad: dict[str, Any]
) -> None:
    batch = [event(ours, started, "a"), {**event(ours, started, "b"), **bad}]
    before = len(ours.told())
    with pytest.raises((Invalid, NotFound), match="vent 1"):
        ours.accept(viewer[0], batch)
    assert len(ours.told()) == before
    ours.apply()
    assert ours.playbacks.position(viewer[1].id, started.title_id) is None
    assert ours.telemetry.qoe_summary(1).overall.playbacks == 0


def test_too_many_events_are_refused(ours: Service, viewer: tuple[Member, Profile], started: Started) -> None:
    batch = [event(ours, started, f"e{number}") for number in range(501)]
    with pytest.raises(Invalid, match="500"):
        ours.accept(viewer[0], batch)
    assert ours.accept(viewer[0], batch[:500]).accepted == 500


def test_another_members_playback_and_profile_are_not_found(
    ours: Service, viewer: tuple[Member, Profile], started: Started
) -> None:
    eve, _ = ours.member("eve@example.com")
    with pytest.raises(NotFound):
        ours.telemetry.accept(eve.id, [event(ours, started, "a")])
    shown = {"profile_id": viewer[1].id, "title_id": "t", "row_id": "r", "row": 0, "place": 0}
    impression = {"id": "i", "type": "impression.shown", "time": ours.clock.now().isoformat(), **shown}
    with pytest.raises(NotFound):
        ours.telemetry.accept(eve.id, [impression])
    assert ours.accept(viewer[0], [impression]).accepted == 1


def position(ours: Service, started: Started) -> float:
    left = ours.playbacks.position(started.profile_id, started.title_id)
    assert left is not None
    return left.position_seconds


def test_a_position_moves_with_newer_events_only(
    ours: Service, viewer: tuple[Member, Profile], started: Started
) -> None:
    ours.accept(viewer[0], [event(ours, started, "a", position_seconds=50)])
    # A phone that was offline sends what happened before.
    ours.accept(viewer[0], [event(ours, started, "b", position_seconds=20, seconds_ago=60)])
    assert position(ours, started) == 50
    ours.clock.advance(5)
    backwards = [
        event(ours, started, "d", position_seconds=10),
        event(ours, started, "c", position_seconds=90, seconds_ago=2),
    ]
    ours.accept(viewer[0], backwards)
    assert position(ours, started) == 10


def test_a_fast_clock_does_not_hold_positions_back(
    ours: Service, viewer: tuple[Member, Profile], started: Started
) -> None:
    ours.accept(viewer[0], [event(ours, started, "a", position_seconds=50, seconds_ago=-86400)])
    ours.clock.advance(1)
    ours.accept(viewer[0], [event(ours, started, "b", position_seconds=51)])
    assert position(ours, started) == 51


def kept(ours: Service) -> dict[str, Any]:
    """All that events leave behind."""
    tables = ("playback_samples", "playback_positions", "playback_playbacks")
    with ours.engine.connect() as connection:
        return {table: sorted(map(str, connection.execute(sa.text(f"SELECT * FROM {table}")))) for table in tables}


def test_what_follows_from_events_waits_for_who_reads_the_log_and_happens_once(
    ours: Service, viewer: tuple[Member, Profile], started: Started
) -> None:
    before = kept(ours)
    batch = [event(ours, started, f"e{place}", position_seconds=place, seconds_ago=9 - place) for place in range(9)]
    ours.telemetry.accept(viewer[0].id, [*batch, event(ours, started, "end", "stopped", position_seconds=80)])
    assert kept(ours) == before
    ours.apply()
    after = kept(ours)
    assert len(after["playback_samples"]) == 10
    assert position(ours, started) == 80
    events = [one for one in ours.told() if one.source == "player"]
    # A batch that is given again, as a whole or with its neighbours cut differently.
    for again in (events, events[:5], events[3:], events):
        ours.telemetry.apply(again)
    assert kept(ours) == after


def test_events_about_playbacks_that_are_not_here_leave_nothing(
    ours: Service, viewer: tuple[Member, Profile], started: Started
) -> None:
    before = kept(ours)
    told = PlaybackHeartbeat("fedcba9876543210", viewer[1].id, started.title_id, 30.0, 10.0)
    ours.telemetry.apply([Event(id="h", time=ours.clock.now(), source="history", facts=told)])
    assert kept(ours) == before


def test_events_that_are_applied_late_do_not_make_a_playback_seem_unheard_of(
    ours: Service, viewer: tuple[Member, Profile], started: Started
) -> None:
    ours.telemetry.accept(viewer[0].id, [event(ours, started, "a", edge_id="asia-1")])
    ours.clock.advance(50)
    ours.playbacks.steer(started.playback_id, "asia-1", None)
    ours.apply()
    ours.clock.advance(50)
    assert ours.playbacks.steer(started.playback_id, "asia-1", None)["PATHWAY-PRIORITY"][0] == "asia-1"
    with ours.engine.connect() as connection:
        seen = connection.execute(sa.select(store.playbacks.c.seen_at)).scalar_one()
    assert seen == ours.clock.now()


def test_a_profile_made_a_moment_ago_may_tell_of_itself(ours: Service, viewer: tuple[Member, Profile]) -> None:
    def search(profile: Profile, event_id: str) -> dict[str, Any]:
        told = {"profile_id": profile.id, "query": "line", "found": 1}
        return {"id": event_id, "type": "search.made", "time": ours.clock.now().isoformat(), "facts": told}

    member, profile = viewer
    assert ours.telemetry.accept(member.id, [search(profile, "a")]).accepted == 1
    second = ours.accounts.create_profile(member.id, "Second")
    assert ours.telemetry.accept(member.id, [search(second, "b"), search(profile, "c")]).accepted == 2


def line(started: Started, ours: Service, **told: Any) -> str:
    stamp = int(ours.clock.now().timestamp() * 1000)
    values = {"e": "t", "sid": f'"{started.playback_id}"', "sta": "p", "ts": stamp, "v": 2, **told}
    return ",".join(f"{key}={value}" for key, value in values.items())


def test_cmcd_reports_become_samples_of_their_playback(ours: Service, started: Started) -> None:
    first = line(started, ours, msd=640, cdn='"europe-1"', br="(2400;v)")
    ours.clock.advance(10)
    body = "\n".join([first, line(started, ours, bsa="(1)", bsda="(500)", cdn='"europe-1"'), "; nonsense"])
    assert ours.telemetry.accept_cmcd(body.encode()) == AcceptedReports(accepted=2, unknown=0, malformed=1)
    quality = ours.telemetry.qoe_summary(1).by_edge["europe-1"]
    assert (quality.startup_p50_seconds, quality.stalls, quality.stalled_seconds) == (0.64, 1, 0.5)
    assert (quality.watched_seconds, quality.bitrate_bps) == (10, 2_400_000)
    ours.telemetry.accept_cmcd(body.encode())
    ours.clock.advance(6)
    assert ours.telemetry.qoe_summary(1).by_edge["europe-1"] == quality


def test_reports_go_on_where_the_last_batch_ended(ours: Service, started: Started) -> None:
    for total in (1, 3):
        ours.telemetry.accept_cmcd(line(started, ours, bsa=f"({total})").encode())
        ours.clock.advance(10)
    quality = ours.telemetry.qoe_summary(1).overall
    assert (quality.watched_seconds, quality.stalls) == (10, 3)


def test_events_that_name_no_edge_happened_at_the_one_named_last(
    ours: Service, viewer: tuple[Member, Profile], started: Started
) -> None:
    ours.accept(viewer[0], [event(ours, started, "a", seconds_ago=9)])
    moved = event(ours, started, "b", "switched", from_edge_id="europe-1", to_edge_id="asia-1", seconds_ago=8)
    ours.accept(viewer[0], [event(ours, started, "c", seconds_ago=7), moved])
    ours.accept(viewer[0], [event(ours, started, "d", seconds_ago=1)])
    by_edge = ours.telemetry.qoe_summary(1).by_edge
    assert {edge_id: quality.watched_seconds for edge_id, quality in by_edge.items()} == {"europe-1": 10, "asia-1": 20}
    assert by_edge["asia-1"].switched == 1


def test_reports_of_nobody_s_playback_are_counted_and_passed_over(ours: Service) -> None:
    body = b'sid="0123456789abcdef"\nsid="some-uuid-of-another-player"\n'
    assert ours.telemetry.accept_cmcd(body) == AcceptedReports(accepted=0, unknown=2, malformed=0)
    assert ours.telemetry.accept_cmcd(b"") == AcceptedReports(0, 0, 0)


def test_a_report_that_names_no_edge_is_of_the_playbacks(ours: Service, started: Started) -> None:
    ours.telemetry.accept_cmcd(line(started, ours).encode())
    assert list(ours.telemetry.qoe_summary(1).by_edge) == ["europe-1"]


def test_of_responses_that_went_well_a_part_is_kept_and_of_failed_ones_all(ours: Service, started: Started) -> None:
    well = [line(started, ours, e="rr", rc=200, ttfb=20, sn=number) for number in range(200)]
    failed = [line(started, ours, e="rr", rc=504, ttfb=900, sn=1000 + number) for number in range(20)]
    accepted = ours.telemetry.accept_cmcd("\n".join(well + failed).encode())
    assert accepted.accepted == 220
    with ours.engine.connect() as connection:
        kept = connection.scalar(sa.text("SELECT count(*) FROM playback_samples"))
    assert 20 + 25 < kept < 20 + 80
    assert ours.telemetry.qoe_summary(1).overall.failed_responses == 20


def test_one_playback_cannot_fill_the_table(ours: Service, started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matinee.playback.telemetry._SAMPLES_A_PLAYBACK", 10)
    for turn in range(3):
        body = "\n".join(line(started, ours, sn=100 * turn + number) for number in range(6))
        ours.telemetry.accept_cmcd(body.encode())
    with ours.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM playback_samples")) == 10


def test_samples_are_kept_for_two_days(ours: Service, viewer: tuple[Member, Profile], started: Started) -> None:
    ours.accept(viewer[0], [event(ours, started, "a")])
    ours.clock.advance(47 * 3600)
    assert ours.telemetry.qoe_summary(48).overall.playbacks == 1
    ours.clock.advance(2 * 3600)
    ours.accept(viewer[0], [event(ours, started, "b")])
    with ours.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM playback_samples")) == 1


def test_who_only_pressed_play_is_counted_too(ours: Service, viewer: tuple[Member, Profile], started: Started) -> None:
    summary = ours.telemetry.qoe_summary(1)
    assert (summary.started, summary.overall.playbacks) == (1, 0)


def test_batches_of_many_threads_are_all_accepted(
    ours: Service, viewer: tuple[Member, Profile], started: Started
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    batches = [[event(ours, started, f"{batch}-{number}") for number in range(20)] for batch in range(8)]
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda batch: ours.telemetry.accept(viewer[0].id, batch), batches))
    assert sum(one.accepted for one in done) == 160
