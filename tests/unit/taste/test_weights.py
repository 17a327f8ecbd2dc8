"""How much is liked: what was watched times what was said."""

from hypothesis import given
from hypothesis import strategies as st

from matinee.model.events import SearchChosen
from matinee.taste.interactions import History
from matinee.taste.weights import disliked, genre_mix, liked, weight
from plays import event, heartbeat, knowledge_of, listed, play, rated


def of(*events: object) -> History:
    return knowledge_of(events).histories.of("ada")  # type: ignore[arg-type]


def test_more_watched_weighs_more_and_thumbs_multiply_it() -> None:
    short = weight(of(heartbeat("ada", "tide", 60, 60)), "tide")
    half = weight(of(heartbeat("ada", "tide", 300, 300)), "tide")
    whole = weight(of(*play("ada", "tide", to_the_end=True)), "tide")
    loved = weight(of(*play("ada", "tide", to_the_end=True), rated("ada", "tide", "love")), "tide")
    assert 0 < short < half < whole < loved


def test_a_thumb_down_weighs_negative_whatever_was_watched() -> None:
    history = of(*play("ada", "tide", to_the_end=True), rated("ada", "tide", "down", 9), rated("ada", "reef", "down"))
    assert weight(history, "tide") == weight(history, "reef") < 0
    assert disliked(history) == ["tide", "reef"]
    assert liked(history) == []


def test_what_was_only_said_counts_less_the_less_it_says() -> None:
    history = of(
        rated("ada", "love", "love"), rated("ada", "up", "up"), listed("ada", "list"),
        event(SearchChosen("ada", "found", "q", 0)),
    )  # fmt: skip
    weights = [weight(history, title_id) for title_id in ("love", "up", "list", "found", "unknown")]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] == 0.0
    assert weights[-2] > 0.0


def test_likes_come_latest_first() -> None:
    history = of(*play("ada", "tide", 0), rated("ada", "reef", "up", 100), *play("ada", "gear", 50))
    assert [title_id for title_id, _ in liked(history)] == ["reef", "gear", "tide"]


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=2), st.frozensets(st.sampled_from("xyz")), max_size=5),
    st.lists(st.floats(0.1, 2.0), min_size=5, max_size=5),
)
def test_the_shares_of_genres_add_up_to_one(genres: dict[str, frozenset[str]], weights: list[float]) -> None:
    mix = genre_mix(zip(genres, weights, strict=False), genres)
    if any(genres.values()):
        assert abs(sum(mix.values()) - 1) < 1e-9
        assert set(mix) == {genre for mine in genres.values() for genre in mine}
    else:
        assert mix == {}
