"""What a history says after events, in any order."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.events import Event, PlaybackStarted, PlaybackStopped, SearchMade, TitleEncoded
from matinee.taste.histories import Histories
from matinee.taste.interactions import Counted, Play, enough
from plays import NOON, event, heartbeat

_AT = NOON.timestamp()


def fold(events: list[Event], histories: Histories | None = None) -> tuple[Histories, list[Counted]]:
    histories = Histories() if histories is None else histories
    counted = [histories.fold(one, one.time.timestamp()) for one in events]
    return histories, [one for one in counted if one is not None]


def latest(histories: Histories) -> list[tuple[object, ...]]:
    return [
        (title_id, play.position_seconds, play.watched_seconds, play.last_at, play.done, play.finished, play.watched)
        for title_id, play in histories.of("ada").latest()
    ]


def only(histories: Histories) -> Play:
    (play,) = histories.of("ada").plays.values()
    return play


@pytest.mark.parametrize(
    ("watched_seconds", "duration_seconds", "counts"),
    [
        (4.9, 20.0, False),
        (5.0, 20.0, True),
        (5.0, 100.0, True),
        (5.0, 101.0, False),
        (59.0, 7200.0, False),
        (60.0, 7200.0, True),
        (59.0, 0.0, False),
        (60.0, 0.0, True),
    ],
)
def test_a_play_counts_after_five_seconds_that_are_five_percent_or_after_a_minute(
    watched_seconds: float, duration_seconds: float, counts: bool
) -> None:
    assert enough(watched_seconds, duration_seconds) is counts


def test_seconds_add_up_over_heartbeats_until_the_play_counts() -> None:
    _, counted = fold([heartbeat("ada", "film", 20.0 * n, 20.0, seconds=20 * n) for n in (1, 2, 3, 4)])
    assert [(one.title_id, one.first, one.at - _AT) for one in counted] == [("film", True, 40.0)]


def test_a_day_of_watching_the_same_title_is_one_play() -> None:
    a_day = [heartbeat("ada", "film", seconds=hour * 3600) for hour in range(24)]
    next_day = heartbeat("ada", "film", seconds=24 * 3600)
    _, counted = fold([*a_day, next_day])
    assert [one.first for one in counted] == [True, False]


def test_a_play_is_finished_at_95_percent() -> None:
    histories, _ = fold([heartbeat("ada", "film", 569.0)])
    assert only(histories).in_progress
    histories, _ = fold([heartbeat("ada", "film", 570.0, seconds=1)], histories)
    assert only(histories).finished
    assert not only(histories).in_progress


def test_a_play_that_ended_is_finished_whatever_its_length() -> None:
    facts = PlaybackStopped("p", "ada", "film", position_seconds=80.0, watched_seconds=80.0, ended=True)
    histories, _ = fold([event(facts)])
    assert only(histories).finished


def test_a_finished_title_that_is_begun_again_is_in_progress_and_stays_finished() -> None:
    histories, _ = fold([heartbeat("ada", "film", 600.0), heartbeat("ada", "film", 30.0, seconds=9)])
    assert only(histories).in_progress
    assert only(histories).finished


def test_going_back_in_a_film_moves_the_position_back() -> None:
    histories, _ = fold([heartbeat("ada", "film", 300.0), heartbeat("ada", "film", 100.0, seconds=10)])
    assert only(histories).position_seconds == 100.0


def test_a_straggler_does_not_move_the_position_but_its_seconds_count() -> None:
    histories, _ = fold([heartbeat("ada", "film", 300.0, 30.0, seconds=10), heartbeat("ada", "film", 100.0, 12.0)])
    assert only(histories).position_seconds == 300.0
    assert only(histories).watched_seconds == 42.0


def test_starting_a_title_makes_it_the_latest_but_is_not_progress() -> None:
    histories, _ = fold(
        [
            heartbeat("ada", "old", seconds=0),
            heartbeat("ada", "film", seconds=1),
            event(PlaybackStarted("p", "ada", "old"), 2),
            event(PlaybackStarted("q", "ada", "fresh"), 3),
        ]
    )
    latest = histories.of("ada").latest()
    assert [title_id for title_id, _ in latest] == ["fresh", "old", "film"]
    assert [title_id for title_id, play in latest if play.in_progress] == ["old", "film"]


def test_the_length_of_a_title_is_known_from_its_encode_if_the_player_does_not_say() -> None:
    encoded = event(TitleEncoded("film", "r1", {"duration_seconds": 40}))
    histories, counted = fold([encoded, heartbeat("ada", "film", 39.0, 5.0, seconds=1, duration_seconds=None)])
    assert only(histories).finished
    assert len(counted) == 1


def test_figures_that_cannot_be_are_taken_for_none() -> None:
    histories, counted = fold([heartbeat("ada", "film", -5.0, -1000.0, duration_seconds=-3.0)])
    assert only(histories) == Play(last_at=_AT, position_at=_AT)
    assert counted == []


def test_what_is_no_play_is_passed_over() -> None:
    histories, counted = fold([event(SearchMade("ada", "gold", 3)), event(TitleEncoded("film", "r", {}))])
    assert len(histories) == 0
    assert counted == []


def test_a_history_forgets_what_was_not_touched_for_longest() -> None:
    histories, _ = fold([heartbeat("ada", f"film-{n}", seconds=n) for n in range(7)], Histories(titles_kept=3))
    assert [title_id for title_id, _ in histories.of("ada").latest()] == ["film-6", "film-5", "film-4"]


def test_asking_about_nobody_remembers_nobody() -> None:
    histories = Histories()
    assert histories.of("nobody").plays == {}
    assert len(histories) == 0


_watching = st.lists(
    st.builds(
        heartbeat,
        profile_id=st.just("ada"),
        title_id=st.sampled_from(["one", "two", "three"]),
        position_seconds=st.integers(0, 700).map(float),
        watched_seconds=st.integers(0, 30).map(float),
        seconds=st.integers(0, 3600).map(float),
    ),
    max_size=25,
    unique_by=lambda one: one.time,
)


@given(_watching, st.randoms())
def test_a_history_is_the_same_whatever_the_order_of_its_events(events: list[Event], random: Random) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)
    histories, counted = fold(events)
    others, others_counted = fold(shuffled)
    assert latest(histories) == latest(others)
    assert {one.title_id for one in counted} == {one.title_id for one in others_counted}
