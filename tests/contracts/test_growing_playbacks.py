"""A film that is watched while it arrives: its playlists, what they cost, and what is left of them afterwards."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any, cast
from urllib.parse import urlsplit

import m3u8
import pytest
import sqlalchemy as sa
from obstore.exceptions import GenericError
from obstore.store import MemoryStore, ObjectStore

from matinee.accounts.members import Member, Profile
from matinee.adapters.clock_manual import ManualClock
from matinee.catalogue.titles import TitleDraft, TitleState
from matinee.model.errors import Conflict, Forbidden, NotFound, Unavailable
from matinee.model.media import Presentation
from matinee.packaging.growing import appended
from matinee.playback.growing import GrowingPlaylists
from matinee.playback.playbacks import Started
from matinee.playback.plays import offers_of
from playing import PACKAGED_MPD, Service, presentation, service, video

MUXED = replace(video("v360", 360, 800_000), codecs="avc1.4d401e,mp4a.40.2")
GROWING = replace(presentation(MUXED), is_growing=True, thumbnails=None)
WHOLE = presentation()


class Counted:
    """An object store that counts what is read of it, and fails when it is told to."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.reads: Counter[str] = Counter()
        self.fails = False

    def get(self, key: str) -> Any:
        self.reads[key] += 1
        if self.fails:
            raise GenericError("Generic S3 error: it is away")
        return self.store.get(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@pytest.fixture
def objects() -> Counted:
    return Counted()


@pytest.fixture
def ours(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes], objects: Counted) -> Service:
    wired = service(database, clock, random_bytes, cast("ObjectStore", objects))
    wired.three_edges()
    return wired


@pytest.fixture
def viewer(ours: Service) -> tuple[Member, Profile]:
    return ours.member()


@pytest.fixture
def title_id(ours: Service) -> str:
    """A title of which six seconds of a hundred have arrived."""
    title = ours.catalogue.create(TitleDraft("Tide"))
    grow(ours, title.id, 2)
    ours.catalogue.publish(title.id, "r0", GROWING)
    return title.id


def grow(ours: Service, title_id: str, segments: int, *, whole: bool = False) -> None:
    """What the encoder writes when so many segments of three seconds are there."""
    named = [(f"{number:05}.ts", 3.0) for number in range(1, segments + 1)]
    text = appended("", named, target_seconds=3, whole=whole)
    ours.objects.put(f"media/{title_id}/r0/v360/main.m3u8", text.encode())


def publish_whole(ours: Service, title_id: str, presentation: Presentation = WHOLE) -> None:
    ours.objects.put(f"media/{title_id}/r1/manifest.mpd", PACKAGED_MPD.encode())
    ours.catalogue.publish(title_id, "r1", presentation)


def token_of(started: Started) -> str:
    return urlsplit(started.hls_url).path.split("/")[2]


def listed(ours: Service, started: Started, pathway: str = "europe-1") -> m3u8.M3U8:
    """The media playlist at a pathway."""
    return m3u8.loads(ours.playbacks.growing_hls(started.playback_id, token_of(started), pathway, "v360/main.m3u8"))


def test_every_pathway_has_a_playlist_of_ours_whose_segments_stand_at_its_edge(
    ours: Service, viewer: tuple[Member, Profile], title_id: str
) -> None:
    started = ours.play(title_id, *viewer)
    master = m3u8.loads(ours.playbacks.hls(started.playback_id, token_of(started)))
    manifest = started.hls_url.removesuffix("master.m3u8")
    assert [one.uri for one in master.playlists] == [f"{manifest}{edge.id}/v360/main.m3u8" for edge in started.edges]
    assert master.playlists[0].stream_info.codecs == "avc1.4d401e,mp4a.40.2"
    assert not master.media
    for edge in started.edges:
        segments = listed(ours, started, edge.id).segments
        assert [one.uri for one in segments] == [f"{edge.url}v360/0000{number}.ts" for number in (1, 2)]


def test_who_began_while_it_arrived_watches_on_when_it_is_whole(
    ours: Service, viewer: tuple[Member, Profile], title_id: str, clock: ManualClock
) -> None:
    started = ours.play(title_id, *viewer)
    grow(ours, title_id, 34, whole=True)
    publish_whole(ours, title_id)
    clock.advance(1)
    playlist = listed(ours, started)
    assert (len(playlist.segments), playlist.is_endlist) == (34, True)
    assert "v360" in ours.playbacks.hls(started.playback_id, token_of(started))
    # Whoever presses play now gets the whole revision, and a renewal leads there.
    later = ours.play(title_id, *viewer)
    assert later.edges[0].url.endswith(f"/{title_id}/r1/")
    assert "720" in ours.playbacks.hls(later.playback_id, token_of(later))
    with pytest.raises(NotFound):
        listed(ours, later)
    assert ours.playbacks.renew(viewer[0].id, started.playback_id).edges[0].url.endswith(f"/{title_id}/r1/")


def test_a_growing_playlist_opens_to_its_own_token_and_as_long_as_that_holds(
    ours: Service, viewer: tuple[Member, Profile], title_id: str, clock: ManualClock
) -> None:
    started, other = ours.play(title_id, *viewer), ours.play(title_id, *viewer)
    with pytest.raises(Forbidden):
        ours.playbacks.growing_hls(started.playback_id, token_of(other), "europe-1", "v360/main.m3u8")
    for pathway, uri in (("mars-1", "v360/main.m3u8"), ("europe-1", "v360/00001.ts"), ("europe-1", "../r1/x")):
        with pytest.raises(NotFound):
            ours.playbacks.growing_hls(started.playback_id, token_of(started), pathway, uri)
    publish_whole(ours, title_id)
    clock.advance(3600)
    with pytest.raises(Forbidden):
        listed(ours, started)


def test_dash_waits_until_the_film_is_whole(ours: Service, viewer: tuple[Member, Profile], title_id: str) -> None:
    started = ours.play(title_id, *viewer)
    with pytest.raises(Unavailable, match="still arriving: it can be played by HLS"):
        ours.playbacks.dash(started.playback_id, token_of(started))
    publish_whole(ours, title_id)
    later = ours.play(title_id, *viewer)
    assert "BaseURL" in ours.playbacks.dash(later.playback_id, token_of(later))


def test_when_its_encode_fails_the_film_ends_for_everybody(
    ours: Service, viewer: tuple[Member, Profile], title_id: str
) -> None:
    started = ours.play(title_id, *viewer)
    ours.catalogue.mark_failed(title_id, "The source broke off.")
    with pytest.raises(Conflict, match="failed"):
        listed(ours, started)
    with pytest.raises(Conflict, match="failed"):
        ours.play(title_id, *viewer)


def test_a_premieres_viewers_share_one_read_each_half_second(
    ours: Service, viewer: tuple[Member, Profile], title_id: str, clock: ManualClock, objects: Counted
) -> None:
    started, key = ours.play(title_id, *viewer), f"media/{title_id}/r0/v360/main.m3u8"
    together = Barrier(8)

    def ask(_: int) -> int:
        together.wait()
        return len(listed(ours, started).segments)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {2}
        assert objects.reads[key] == 1
        grow(ours, title_id, 3)
        assert len(listed(ours, started).segments) == 2
        clock.advance(0.5)
        assert set(pool.map(ask, range(8))) <= {2, 3}
        assert objects.reads[key] == 2
    assert len(listed(ours, started).segments) == 3


def test_while_the_store_is_away_the_last_text_is_given(
    ours: Service, viewer: tuple[Member, Profile], title_id: str, clock: ManualClock, objects: Counted
) -> None:
    started = ours.play(title_id, *viewer)
    objects.fails = True
    with pytest.raises(Unavailable, match="object store"):
        listed(ours, started)
    objects.fails = False
    assert len(listed(ours, started).segments) == 2
    objects.fails = True
    clock.advance(5)
    assert len(listed(ours, started).segments) == 2


def test_how_much_has_arrived_is_told_of_what_grows_only(
    ours: Service, title_id: str, clock: ManualClock, objects: Counted
) -> None:
    growing = ours.playbacks.growing
    assert growing.arrived_share(ours.catalogue.title(title_id)) == pytest.approx(0.06)
    grow(ours, title_id, 40)
    clock.advance(1)
    assert growing.arrived_share(ours.catalogue.title(title_id)) == 1.0
    publish_whole(ours, title_id)
    assert growing.arrived_share(ours.catalogue.title(title_id)) is None


def test_what_grows_is_not_planned(ours: Service, title_id: str) -> None:
    offers = offers_of(ours.catalogue)
    assert offers([title_id]) == []
    publish_whole(ours, title_id, replace(WHOLE, files=(("master.m3u8", 900),)))
    assert [offer.revision for offer in offers([title_id])] == ["r1"]


def lying(ours: Service, title_id: str) -> set[str]:
    return {one["path"].split("/")[2] for part in ours.objects.list(f"media/{title_id}/") for one in part}


def test_what_was_replaced_is_swept_away_a_day_later(
    ours: Service, title_id: str, viewer: tuple[Member, Profile], clock: ManualClock
) -> None:
    growing, day = GrowingPlaylists(ours.catalogue, ours.objects, clock), timedelta(days=1)
    # Objects bear the store's own time.
    clock.advance((datetime.now(UTC) - clock.now()).total_seconds())
    started = ours.play(title_id, *viewer)
    clock.advance(100)
    assert growing.sweep(day) == 0
    publish_whole(ours, title_id)
    clock.advance(day.total_seconds() - 10)
    assert growing.sweep(day) == 0
    assert lying(ours, title_id) == {"r0", "r1"}
    clock.advance(20)
    assert growing.sweep(day) == 1
    assert growing.sweep(day) == 0
    assert lying(ours, title_id) == {"r1"}
    assert ours.catalogue.title(title_id).revision == "r1"
    with pytest.raises(NotFound):
        ours.catalogue.presentation(title_id, "r0")
    with pytest.raises((Forbidden, Conflict)):
        listed(ours, started)


def test_what_failed_is_swept_away_unless_it_is_being_written_again(
    ours: Service, title_id: str, clock: ManualClock
) -> None:
    growing, day = GrowingPlaylists(ours.catalogue, ours.objects, clock), timedelta(days=1)
    clock.advance((datetime.now(UTC) - clock.now()).total_seconds() + day.total_seconds() - 100)
    ours.catalogue.mark_failed(title_id, "The source broke off.")
    assert growing.sweep(day) == 0
    clock.advance(200)
    assert growing.sweep(day) == 1
    assert lying(ours, title_id) == set()
    assert ours.catalogue.title(title_id).state is TitleState.FAILED


def test_a_revision_that_is_played_is_never_forgotten(ours: Service, title_id: str) -> None:
    with pytest.raises(Conflict):
        ours.catalogue.forget_revision(title_id, "r0")
    assert ours.catalogue.presentation(title_id, "r0").is_growing
