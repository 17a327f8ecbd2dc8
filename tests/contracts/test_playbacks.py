from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import m3u8
import pytest
import sqlalchemy as sa

from matinee.accounts.members import Member, Profile
from matinee.adapters.clock_manual import ManualClock
from matinee.model.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from matinee.model.tokens import Token, check
from matinee.model.topology import Topology
from matinee.playback.playbacks import Started
from matinee.playback.positions import Position
from matinee.playback.recorded import replay
from playing import KEYS, PLACES, REGIONS, Service, presentation, report, service


@pytest.fixture
def ours(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Service:
    return service(database, clock, random_bytes)


@pytest.fixture
def viewer(ours: Service) -> tuple[Member, Profile]:
    ours.three_edges()
    return ours.member()


def token_of(started: Started) -> str:
    return urlsplit(started.hls_url).path.split("/")[2]


def beat(ours: Service, member: Member, started: Started, number: int, **told: Any) -> None:
    facts = {"playback_id": started.playback_id, "position_seconds": 30.0, "watched_seconds": 5.0, **told}
    time = ours.clock.now().isoformat()
    kind = str(facts.pop("type", "playback.heartbeat"))
    ours.accept(member, [{"id": f"{started.playback_id}-{number}", "type": kind, "time": time, "facts": facts}])


def test_pressing_play_answers_with_ranked_edges_and_one_token(ours: Service, viewer: tuple[Member, Profile]) -> None:
    title_id = ours.title()
    started = ours.play(title_id, *viewer, region="asia")
    assert [edge.id for edge in started.edges] == ["asia-1", "europe-1", "america-1"]
    assert started.edges[0].reason == "in your region, 0 % committed"
    assert started.steering_url == f"http://matinee.test/steering/{started.playback_id}"
    assert (started.expires_at - ours.clock.now()).total_seconds() == 3600
    folders = set()
    for edge in started.edges:
        parts = urlsplit(edge.url)
        assert (
            parts.netloc
            == f"{ {'europe': '127.0.1.1', 'america': '127.0.2.1', 'asia': '127.0.3.1'}[edge.region] }:8400"
        )
        folders.add(parts.path)
    (folder,) = folders
    token, prefix = folder[1:].split("/", 1)
    assert prefix == f"{title_id}/r1/"
    opened = check(token, f"{prefix}v360/init.mp4", ours.clock.now().timestamp(), KEYS)
    assert isinstance(opened, Token)
    assert opened.playback_id == started.playback_id


def test_composed_manifests_name_every_edge_best_first(ours: Service, viewer: tuple[Member, Profile]) -> None:
    started = ours.play(ours.title(), *viewer, region="america")
    playlist = m3u8.loads(ours.playbacks.hls(started.playback_id, token_of(started)))
    pathways = list(dict.fromkeys(one.stream_info.pathway_id for one in playlist.playlists))
    assert pathways == [edge.id for edge in started.edges]
    assert playlist.playlists[0].uri.startswith(started.edges[0].url)
    mpd = ours.playbacks.dash(started.playback_id, token_of(started))
    assert [mpd.index(edge.url) for edge in started.edges] == sorted(mpd.index(edge.url) for edge in started.edges)
    assert started.steering_url in mpd


def test_a_manifest_asked_for_after_its_first_edge_died_begins_on_the_next(
    ours: Service, viewer: tuple[Member, Profile]
) -> None:
    started = ours.play(ours.title(), *viewer)
    ours.clock.advance(3)
    for region in ("america", "asia"):
        ours.edges.report(report(f"{region}-1", region))
    ours.clock.advance(2)
    playlist = m3u8.loads(ours.playbacks.hls(started.playback_id, token_of(started)))
    pathways = list(dict.fromkeys(one.stream_info.pathway_id for one in playlist.playlists))
    assert pathways == ["america-1", "asia-1", "europe-1"]


def test_a_manifest_opens_to_its_own_token_only_and_until_it_expires(
    ours: Service, viewer: tuple[Member, Profile]
) -> None:
    title_id = ours.title()
    mine, other = ours.play(title_id, *viewer), ours.play(title_id, *viewer)
    media_token = urlsplit(mine.edges[0].url).path.split("/")[1]
    for token in ("", "forged", token_of(other), media_token):
        with pytest.raises(Forbidden):
            ours.playbacks.hls(mine.playback_id, token)
    ours.clock.advance(3600)
    with pytest.raises(Forbidden):
        ours.playbacks.dash(mine.playback_id, token_of(mine))


def test_titles_that_cannot_be_played_are_refused(ours: Service, viewer: tuple[Member, Profile]) -> None:
    with pytest.raises(NotFound):
        ours.play("0123456789abcdef", *viewer)
    title_id = ours.title()
    ours.catalogue.withdraw(title_id)
    with pytest.raises(Conflict, match="withdrawn"):
        ours.play(title_id, *viewer)


def test_a_device_that_says_too_much_is_refused(ours: Service, viewer: tuple[Member, Profile]) -> None:
    title_id, europe = ours.title(), Topology.read(REGIONS, "").regions[0]
    with pytest.raises(Invalid, match="2000"):
        ours.playbacks.start(viewer[0].id, viewer[1], title_id, {"agent": "x" * 2000}, europe)


def test_a_title_beyond_the_profiles_limit_is_refused(ours: Service) -> None:
    ours.three_edges()
    member, child = ours.member(maturity_limit=12)
    grown = ours.title("The Grown-up Line", maturity=16)
    with pytest.raises(Forbidden, match="from 16"):
        ours.play(grown, member, child)
    assert ours.play(ours.title("Another", maturity=12), member, child).edges


def test_without_any_edge_playing_is_unavailable_and_with_silent_ones_it_is_tried(ours: Service) -> None:
    member, profile = ours.member()
    title_id = ours.title()
    with pytest.raises(Unavailable, match="No edge has reported"):
        ours.play(title_id, member, profile)
    ours.edges.report(report())
    ours.clock.advance(60)
    assert "no edge serves now" in ours.play(title_id, member, profile).edges[0].reason


def test_a_decision_is_kept_and_replayed(ours: Service, viewer: tuple[Member, Profile]) -> None:
    title_id = ours.title()
    started = ours.play(title_id, *viewer)
    ours.edges.report(report(capacity_bps=7))
    why = ours.playbacks.why(started.playback_id)
    assert why == replay(ours.engine, started.playback_id)
    assert why["edges"] == [{"id": edge.id, "reason": edge.reason} for edge in started.edges]
    assert (why["title_id"], why["region"], why["same"]) == (title_id, "europe", True)
    assert why["inputs"]["candidates"][0]["capacity_bps"] == 1_000_000_000
    with pytest.raises(NotFound):
        ours.playbacks.why("no such id")


def test_running_playbacks_count_against_their_edge_until_they_stop_or_fall_silent(ours: Service) -> None:
    member, profile = ours.member()
    ours.edges.report(report(capacity_bps=10_000_000))
    title_id = ours.title()
    first = ours.play(title_id, member, profile)
    assert ours.play(title_id, member, profile).edges[0].reason == "in your region, 25 % committed"
    ours.clock.advance(2)
    assert ours.play(title_id, member, profile).edges[0].reason == "in your region, 51 % committed"
    ours.clock.advance(30)
    ours.edges.report(report(capacity_bps=10_000_000))
    beat(ours, member, first, 1)
    ours.clock.advance(40)
    ours.edges.report(report(capacity_bps=10_000_000))
    # Only the first was heard of within the last minute.
    assert ours.play(title_id, member, profile).edges[0].reason == "in your region, 25 % committed"
    beat(ours, member, first, 2, type="playback.stopped")
    ours.clock.advance(2)
    ours.edges.report(report(capacity_bps=10_000_000))
    assert ours.play(title_id, member, profile).edges[0].reason == "in your region, 25 % committed"


def test_renewal_gives_new_tokens_to_the_member_alone_and_not_after_revocation(
    ours: Service, viewer: tuple[Member, Profile]
) -> None:
    started = ours.play(ours.title(), *viewer, region="asia")
    ours.clock.advance(3601)
    ours.three_edges()
    renewed = ours.playbacks.renew(viewer[0].id, started.playback_id)
    assert renewed.playback_id == started.playback_id
    assert renewed.edges[0].id == "asia-1"
    assert renewed.edges[0].url != started.edges[0].url
    assert ours.playbacks.hls(renewed.playback_id, token_of(renewed))
    eve, _ = ours.member("eve@example.com")
    with pytest.raises(NotFound):
        ours.playbacks.renew(eve.id, started.playback_id)
    ours.playbacks.revoke(started.playback_id)
    with pytest.raises(Forbidden, match="revoked"):
        ours.playbacks.renew(viewer[0].id, started.playback_id)
    with pytest.raises(Forbidden, match="revoked"):
        ours.playbacks.hls(renewed.playback_id, token_of(renewed))


def test_a_new_encode_asks_a_running_playback_to_renew(ours: Service, viewer: tuple[Member, Profile]) -> None:
    title_id = ours.title()
    started = ours.play(title_id, *viewer)
    ours.catalogue.publish(title_id, "r2", presentation(duration_seconds=50.0))
    with pytest.raises(Conflict, match="renew"):
        ours.playbacks.hls(started.playback_id, token_of(started))
    renewed = ours.playbacks.renew(viewer[0].id, started.playback_id)
    assert renewed.edges[0].url.endswith(f"/{title_id}/r2/")


def test_a_position_is_where_play_goes_on_and_the_end_is_the_start(
    ours: Service, viewer: tuple[Member, Profile]
) -> None:
    title_id = ours.title()
    started = ours.play(title_id, *viewer)
    assert ours.playbacks.position(viewer[1].id, title_id) is None
    beat(ours, viewer[0], started, 1, position_seconds=40.0)
    assert ours.playbacks.position(viewer[1].id, title_id) == Position(40.0, 100.0, ours.clock.now())
    beat(ours, viewer[0], started, 2, position_seconds=95.0)
    position = ours.playbacks.position(viewer[1].id, title_id)
    assert position is not None
    assert (position.position_seconds, position.resume_seconds) == (95.0, 0.0)
    assert ours.playbacks.position("nobody", title_id) is None


def steer(ours: Service, started: Started, pathway: str | None) -> list[str]:
    answer = ours.playbacks.steer(started.playback_id, pathway, 5e6)
    assert answer["VERSION"] == 1
    assert answer["TTL"] == 5
    assert answer["RELOAD-URI"] == started.steering_url
    return list(answer["PATHWAY-PRIORITY"])


def test_a_running_player_is_moved_off_a_dead_edge_and_the_move_is_kept(
    ours: Service, viewer: tuple[Member, Profile]
) -> None:
    started = ours.play(ours.title(), *viewer)
    assert steer(ours, started, "europe-1") == ["europe-1", "america-1", "asia-1"]
    ours.clock.advance(3)
    for region in ("america", "asia"):
        ours.edges.report(report(f"{region}-1", region))
    ours.clock.advance(2)
    assert steer(ours, started, "europe-1") == ["america-1", "asia-1"]
    (move,) = ours.playbacks.why(started.playback_id)["moves"]
    assert (move["from"], move["to"], move["throughput_bps"]) == ("europe-1", "america-1", 5e6)
    assert move["reason"].startswith("europe-1 is silent")
    # Back at once, and still the player stays where it is.
    ours.edges.report(report())
    assert steer(ours, started, "america-1") == ["america-1", "europe-1", "asia-1"]


def test_a_player_that_moved_by_itself_is_left_there_and_counted_there(
    ours: Service, viewer: tuple[Member, Profile]
) -> None:
    title_id = ours.title()
    started = ours.play(title_id, *viewer)
    assert steer(ours, started, "asia-1")[0] == "asia-1"
    (move,) = ours.playbacks.why(started.playback_id)["moves"]
    assert move["reason"].startswith("The player moved by itself.")
    ours.clock.advance(2)
    second = ours.play(title_id, *viewer, region="asia")
    assert second.edges[0].reason == "in your region, 0 % committed"
    assert ours.playbacks.why(second.playback_id)["inputs"]["committed_bps"] == {
        "america-1": 0,
        "asia-1": 2_530_000,
        "europe-1": 0,
    }


def test_being_asked_for_steering_keeps_a_playback_counted(ours: Service, viewer: tuple[Member, Profile]) -> None:
    title_id = ours.title()
    started = ours.play(title_id, *viewer)
    for _ in range(20):
        ours.clock.advance(5)
        ours.three_edges()
        steer(ours, started, "europe-1")
    why = ours.playbacks.why(ours.play(title_id, *viewer).playback_id)
    assert why["inputs"]["committed_bps"]["europe-1"] == 2_530_000


@pytest.mark.parametrize("playback_id", ["0123456789abcdef", "x", "", "\0", "é" * 16])
def test_steering_of_an_unknown_playback_is_not_found(ours: Service, playback_id: str) -> None:
    with pytest.raises(NotFound):
        ours.playbacks.steer(playback_id, None, None)


def test_only_the_edges_of_the_manifest_are_steered_to(ours: Service) -> None:
    member, profile = ours.member()
    ours.edges.report(report())
    started = ours.play(ours.title(), member, profile)
    ours.three_edges()
    assert set(PLACES) == {edge.report.region for edge in ours.edges.edges()}
    assert steer(ours, started, None) == ["europe-1"]


def test_a_missing_packaged_manifest_is_unavailable_and_read_again_later(
    ours: Service, viewer: tuple[Member, Profile]
) -> None:
    title_id = ours.title()
    started = ours.play(title_id, *viewer)
    kept = bytes(ours.objects.get(f"media/{title_id}/r1/manifest.mpd").bytes())
    ours.objects.delete(f"media/{title_id}/r1/manifest.mpd")
    with pytest.raises(Unavailable, match=r"manifest\.mpd"):
        ours.playbacks.dash(started.playback_id, token_of(started))
    ours.objects.put(f"media/{title_id}/r1/manifest.mpd", kept)
    assert ours.playbacks.dash(started.playback_id, token_of(started))
