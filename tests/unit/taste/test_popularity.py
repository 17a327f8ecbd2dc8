"""Faded counts against the formula they stand for."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.taste.popularity import Board, Popularity
from plays import NOON

_AT = NOON.timestamp()
_DAY = 86_400.0

_plays = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.floats(-90 * _DAY, 0, allow_nan=False)), min_size=1, max_size=60
)


def closed_form(plays: list[tuple[str, float]], title_id: str, now: float, half_life: float) -> float:
    return math.fsum(2 ** (-(now - at) / half_life) for name, at in plays if name == title_id)


@given(_plays, st.floats(0, 60 * _DAY), st.sampled_from([3600.0, _DAY, 30 * _DAY]))
def test_incremental_decay_is_the_closed_form_in_any_order(
    plays: list[tuple[str, float]], later: float, half_life: float
) -> None:
    board = Board(half_life)
    for title_id, ago in plays:
        board.count(title_id, _AT + ago)
    for title_id in "abcdef":
        expected = closed_form([(name, _AT + ago) for name, ago in plays], title_id, _AT + later, half_life)
        assert board.plays(title_id, _AT + later) == pytest.approx(expected, rel=1e-6, abs=1e-300)


@given(_plays)
def test_the_ranking_is_by_decayed_plays_with_every_title_once(plays: list[tuple[str, float]]) -> None:
    board = Board()
    for title_id, ago in plays:
        board.count(title_id, _AT + ago)
    ranked = board.ranked()
    assert sorted(ranked) == sorted({name for name, _ in plays})
    values = [board.plays(title_id, _AT) for title_id in ranked]
    assert all(value >= following * (1 - 1e-9) for value, following in pairwise(values))


def test_a_play_is_worth_half_after_a_day() -> None:
    board = Board()
    board.count("film", _AT)
    assert board.plays("film", _AT) == pytest.approx(1.0)
    assert board.plays("film", _AT + _DAY) == pytest.approx(0.5)
    assert board.plays("other", _AT) == 0.0


def test_what_is_watched_today_stands_before_what_was_watched_more_often_last_week() -> None:
    board = Board()
    for _ in range(50):
        board.count("last week's", _AT - 7 * _DAY)
    board.count("today's", _AT)
    assert list(board.ranked()) == ["today's", "last week's"]


def test_years_between_plays_do_no_harm() -> None:
    board = Board(half_life_seconds=60.0)
    board.count("film", 0.0)
    board.count("film", _AT)
    board.count("film", 1.0)
    assert board.plays("film", _AT) == pytest.approx(1.0)
    assert board.plays("film", 0.0) > 1e300


def test_a_region_knows_only_its_own_plays_and_all_know_every_play() -> None:
    popularity = Popularity()
    popularity.count("film", "europe", _AT)
    popularity.count("film", "asia", _AT)
    popularity.count("other", None, _AT)
    assert popularity.region("europe").plays("film", _AT) == pytest.approx(1.0)
    assert popularity.overall.plays("film", _AT) == pytest.approx(2.0)
    assert list(popularity.overall.ranked()) == ["film", "other"]
    assert list(popularity.region("mars").ranked()) == []


def test_a_flood_of_invented_regions_is_not_kept() -> None:
    popularity = Popularity()
    for number in range(1000):
        popularity.count("film", f"region-{number}", _AT)
    assert not popularity.region("region-999").ranked()
    assert popularity.overall.plays("film", _AT) == pytest.approx(1000.0)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 10**6)), max_size=30), st.integers(0, 8))
def test_a_title_is_among_the_first_by_its_level(plays: list[tuple[str, int]], first: int) -> None:
    board = Board()
    for title_id, at in plays:
        board.count(title_id, float(at))
    levels = board.levels()
    standing = [levels[title_id] for title_id in board.ranked()[:first]]
    for title_id in "abcdef":
        wanted = bool(standing) and title_id in levels and levels[title_id] >= min(standing)
        assert board.first(first)(title_id) is wanted
