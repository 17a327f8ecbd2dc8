"""What is told of a title besides its board."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.taste.knowledge import Knowledge
from matinee.taste.titles import Titles
from matinee.taste.traces import HALF_LIVES_SECONDS, NEXT, Traces
from plays import NOON, heartbeat, knowledge_of, play

ALL = {f"film-{n}" for n in range(7)}
_TIMES = st.lists(st.floats(1.7e9, 1.8e9), min_size=1, max_size=20)


@given(_TIMES)
def test_plays_fade_by_every_half_life_in_whatever_order_they_come(times: Sequence[float]) -> None:
    traces, now = Traces(), max(times) + 3600
    for at in times:
        traces.count("tide", "europe", at)
    for half_life, found in zip(HALF_LIVES_SECONDS, traces.plays("tide", now), strict=True):
        assert found == pytest.approx(sum(2 ** ((at - now) / half_life) for at in times), rel=1e-6)
    assert traces.plays("tide", now, "europe") == traces.plays("tide", now)
    assert traces.plays("tide", now, "asia") == traces.plays("reef", now) == [0.0] * len(HALF_LIVES_SECONDS)
    trace = traces.of("tide")
    assert trace is not None
    assert (trace.first_at, trace.last_at) == (min(times), max(times))


def test_what_follows_is_directed_and_counts_less_from_further_apart() -> None:
    traces = Traces()
    traces.follow("c", ["b", "a"])
    assert traces.followers("b", {"c"}) == {"c": NEXT[0]}
    assert traces.followers("a", {"c"}) == {"c": NEXT[1]}
    assert traces.followers("c", {"a", "b"}) == {}
    assert traces.followers("b", {"a"}) == {}


def test_a_title_has_a_bounded_number_of_followers_and_keeps_the_strongest() -> None:
    traces = Traces()
    for number in range(1000):
        traces.follow("often", ["seed"])
        traces.follow(f"once-{number}", ["seed"])
    followers = traces.followers("seed", {"often", *(f"once-{number}" for number in range(1000))})
    assert followers["often"] == 1000
    assert len(followers) <= 128


def test_a_flood_of_invented_regions_does_not_fill_the_memory() -> None:
    traces = Traces()
    for number in range(1000):
        traces.count("tide", f"region-{number}", 1e9)
    assert len(traces.columns()["regions"]) == 64


def test_traces_come_back_as_they_were() -> None:
    events = [one for n in range(20) for one in play(f"person-{n % 5}", f"film-{n % 7}", 1000.0 * n)]
    known = knowledge_of(events).traces
    again = Traces(Titles([f"film-{n}" for n in range(7)]))
    again.restore(known.columns())
    for title_id in (f"film-{n}" for n in range(7)):
        assert again.of(title_id) == known.of(title_id)
        assert again.plays(title_id, 1e9, "europe") == known.plays(title_id, 1e9, "europe")
        assert again.followers(title_id, ALL) == known.followers(title_id, ALL)
        assert known.followers(title_id, ALL)


def test_who_is_forgotten_is_gone_from_what_follows_what() -> None:
    knowledge = knowledge_of([*play("ada", "tide"), *play("ada", "reef", 60), *play("ada", "peak", 120)])
    assert knowledge.traces.followers("tide", {"reef", "peak"}) == {"reef": NEXT[0], "peak": NEXT[1]}
    knowledge._forget("ada", NOON.timestamp() + 1000)
    assert knowledge.traces.followers("tide", {"reef", "peak"}) == {}


def test_a_play_that_does_not_count_leaves_no_trace() -> None:
    knowledge: Knowledge = knowledge_of([heartbeat("ada", "tide", 1.0, 1.0)])
    assert knowledge.traces.of("tide") is None
