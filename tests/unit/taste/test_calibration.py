"""Lists whose genres stand in the shares that are liked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.taste.calibration import calibrated, divergence

SCORES = {f"drama-{number}": 1.0 - number / 100 for number in range(10)} | {
    f"farce-{number}": 0.5 - number / 100 for number in range(10)
}
GENRES = {title_id: frozenset({title_id.split("-")[0]}) for title_id in SCORES}
WANTED = {"drama": 0.7, "farce": 0.3}


def test_without_the_dial_the_order_is_that_of_the_scores() -> None:
    assert calibrated(SCORES, GENRES, WANTED, 5, dial=0.0) == [f"drama-{number}" for number in range(5)]
    assert calibrated(SCORES, GENRES, {}, 3) == ["drama-0", "drama-1", "drama-2"]


def test_with_the_dial_turned_up_genres_stand_in_the_shares_that_are_liked() -> None:
    chosen = calibrated(SCORES, GENRES, WANTED, 10, dial=0.99)
    assert sum(title_id.startswith("drama") for title_id in chosen) == 7
    within = [title_id for title_id in chosen if title_id.startswith("farce")]
    assert within == sorted(within)


def test_the_further_the_dial_the_closer_the_mix() -> None:
    apart = [
        divergence(WANTED, [GENRES[one] for one in calibrated(SCORES, GENRES, WANTED, 10, dial)])
        for dial in (0.0, 0.3, 0.6, 0.9)
    ]
    assert apart == sorted(apart, reverse=True)
    assert apart[0] > 1.0
    assert apart[-1] < 0.1


def test_a_mix_that_is_what_is_wanted_diverges_by_nothing() -> None:
    assert divergence(WANTED, [{"drama"}] * 7 + [{"farce"}] * 3) == pytest.approx(0.0, abs=1e-9)
    assert divergence({}, [{"drama"}]) == 0.0


_titles = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.tuples(st.floats(-5, 5), st.frozensets(st.sampled_from("wxyz"), max_size=3)),
    max_size=8,
)
_mixes = st.dictionaries(st.sampled_from("wxyz"), st.floats(0.05, 1.0), min_size=1).map(
    lambda mix: {genre: share / sum(mix.values()) for genre, share in mix.items()}
)


@given(_titles, _mixes, st.integers(0, 10), st.floats(0, 1))
def test_a_list_holds_each_title_once_and_none_besides(
    titles: dict[str, tuple[float, frozenset[str]]], wanted: dict[str, float], length: int, dial: float
) -> None:
    scores = {title_id: score for title_id, (score, _) in titles.items()}
    genres = {title_id: mine for title_id, (_, mine) in titles.items()}
    chosen = calibrated(scores, genres, wanted, length, dial)
    assert len(chosen) == len(set(chosen)) == min(length, len(titles))
    assert set(chosen) <= set(titles)


@given(_titles, _mixes, st.integers(0, 10), st.floats(0.01, 1))
def test_each_title_is_the_best_that_was_left(
    titles: dict[str, tuple[float, frozenset[str]]], wanted: dict[str, float], length: int, dial: float
) -> None:
    scores = {title_id: score for title_id, (score, _) in titles.items()}
    genres = {title_id: mine for title_id, (_, mine) in titles.items()}
    least, spread = (
        min(scores.values(), default=0.0),
        (max(scores.values(), default=0) - min(scores.values(), default=0)),
    )
    chosen = calibrated(scores, genres, wanted, length, dial)
    for number, title_id in enumerate(chosen):
        told = {
            one: (1 - dial) * (scores[one] - least) / (spread or 1.0)
            - dial * divergence(wanted, [genres[before] for before in [*chosen[:number], one]])
            for one in scores
            if one not in chosen[:number]
        }
        assert told[title_id] == pytest.approx(max(told.values()), abs=1e-9)
