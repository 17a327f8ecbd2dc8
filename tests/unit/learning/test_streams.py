from collections.abc import Callable

import numpy as np
import pytest

from histories_known import checkerboard
from matinee.learning.prequential import Answers, Events, popularity_answers, stream_answers
from matinee.learning.streams import HALF_LIVES, NAMES, Stream

DAY = 86_400.0


def told(stream: Stream, user: int, time: float, items: list[int]) -> dict[str, np.ndarray]:
    found = stream.features(user, time, np.array(items))
    assert found.shape == (len(items), len(NAMES))
    assert np.isfinite(found).all()
    return {name: found[:, place] for place, name in enumerate(NAMES)}


def test_the_next_request_knows_the_play_before_it() -> None:
    stream = Stream(4)
    assert len(stream.candidates(1, 0)) == 0
    stream.learn(1, 2, 10.0, 8)
    assert stream.candidates(5, 10.0).tolist() == [2]
    assert stream.candidates(1, 10.0).tolist() == []


def test_counts_halve_with_their_half_life() -> None:
    stream = Stream(2)
    stream.learn(1, 0, 0.0, 5)
    later = told(stream, 9, DAY, [0])
    assert np.expm1(later["count_24h"][0]) == pytest.approx(0.5)
    assert np.expm1(later["count"][0]) == pytest.approx(1)
    assert len(HALF_LIVES) == sum(name.startswith("count_") for name in NAMES)


def test_pairs_fade_against_later_ones_and_order_is_told() -> None:
    stream = Stream(3)
    for user, time in ((1, 0.0), (2, 45 * DAY)):
        stream.learn(user, 0, time, 5)
        stream.learn(user, user, time + 1, 5)
    stream.learn(3, 0, 45 * DAY + 2, 5)
    found = told(stream, 3, 45 * DAY + 3, [1, 2])
    assert found["together_1"][1] == pytest.approx(2 * found["together_1"][0], rel=1e-3)
    assert found["next_1"][1] > found["next_1"][0] > 0
    after = told(stream, 1, 45 * DAY + 3, [0])
    assert after["next_1"][0] == 0


def test_a_repeat_is_learned_once() -> None:
    stream = Stream(2)
    for _ in range(3):
        stream.learn(1, 0, 5.0, 5)
    assert np.expm1(told(stream, 2, 5.0, [0])["count"][0]) == pytest.approx(1)


def test_what_a_user_likes_is_told() -> None:
    stream = Stream(3, np.array([1990.0, 2010.0, 1992.0]), np.array([[1, 0], [0, 1], [1, 0]], np.float32))
    stream.learn(1, 0, 0.0, 9)
    found = told(stream, 1, 1.0, [1, 2])
    assert found["genres"].tolist() == [0, 1]
    assert found["year_apart"].tolist() == [20, 2]
    assert found["usual_rating"].tolist() == [9, 9]


def events(count: int = 800) -> Events:
    """Plays of a world with fashions: every fifty events another item is what everybody watches."""
    random = np.random.default_rng(7)
    fashion = np.arange(count) // 50 % 40
    items = np.where(random.random(count) < 0.7, fashion, random.integers(0, 40, count))
    return Events(np.arange(count), items.astype(np.int64), np.arange(count) * 600.0, np.ones(count, np.float32), 40)


def hits(top: np.ndarray, asked: Events, places: int = 1) -> float:
    return float((top[:, :places] == asked.items[asked.first_question :, None]).any(axis=1).mean())


def test_trending_follows_fashion_and_all_time_counts_do_not() -> None:
    asked = events()
    ever = popularity_answers(asked, (float("inf"),), "popularity")
    lately = popularity_answers(asked, (3_600.0, 30 * DAY), "trending")
    assert lately.chosen == "half-life 3600"
    assert hits(lately.top, asked) > 0.5
    assert hits(ever.top, asked) < 0.2


def test_the_ranker_over_a_stream_follows_it_too_and_is_the_same_twice() -> None:
    asked = events()
    first = stream_answers(asked, Stream(40), seed=1)
    assert hits(first.top, asked) > 0.5
    assert (stream_answers(asked, Stream(40), seed=1).top == first.top).all()


def test_an_answer_knows_nothing_of_what_comes_after_it() -> None:
    asked = events(400)
    changed = Events(asked.users, asked.items.copy(), asked.times, asked.ratings, 40)
    last = len(asked) - 20
    changed.items[last:] = 39 - changed.items[last:]
    answers: list[Callable[[Events], Answers]] = [
        lambda told_: popularity_answers(told_, (3_600.0,), "trending"),
        lambda told_: stream_answers(told_, Stream(40), seed=1),
    ]
    for answer in answers:
        one, other = answer(asked).top, answer(changed).top
        questions = last - asked.first_question
        assert (one[: questions + 1] == other[: questions + 1]).all()
        assert (one != other).any()


def test_a_history_without_times_streams_by_its_lines() -> None:
    board = checkerboard()
    order = np.arange(len(board.items), dtype=np.float64)
    asked = Events(board.owners(), board.items, order, np.zeros(len(order), np.float32), board.n_items)
    assert stream_answers(asked, Stream(board.n_items), seed=1).top.shape == (len(asked) - asked.first_question, 100)
