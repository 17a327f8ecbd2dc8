"""What the episodes of a season share becomes their intro, credits and recap; what they do not share, nothing."""

import numpy as np
from benchmarks.drawn_sounds import music, placed, samples, scene
from hypothesis import given, settings
from hypothesis import strategies as st

from matinee.spans.pictures import RATE, SIDE, hashes_of
from matinee.spans.season import NEIGHBOURS, Fingerprint, found_in, neighbours, spans_of
from matinee.spans.span import SpanKind
from matinee.spans.words import words_of

SECONDS = 150
NO_PICTURES = hashes_of(np.zeros((0, SIDE, SIDE), np.uint8))


def episode(rng: np.random.Generator, *pieces: tuple[np.ndarray, float], seconds: float = SECONDS) -> Fingerprint:
    sound = scene(rng, seconds)
    for piece, at in pieces:
        sound = placed(sound, piece, at)
    return Fingerprint(seconds, words_of(samples(sound, 0.8, 0.001, rng)), NO_PICTURES)


def told(found: tuple[object, ...]) -> list[str]:
    return [one.kind.value for one in found]  # type: ignore[attr-defined]


def test_intro_and_credits_are_found_in_each_episode_where_they_lie_there() -> None:
    rng = np.random.default_rng(1)
    intro, credits_ = music(rng, 20), music(rng, 25)
    starts = [3.0, 17.5, 31.25]
    season = {f"e{n}": episode(rng, (intro, at), (credits_, SECONDS - 25.0)) for n, at in enumerate(starts)}
    found = found_in(season, list(season), list(season))
    for spans, at in zip(found.values(), starts, strict=True):
        assert told(spans) == ["intro", "credits"]
        assert abs(spans[0].start_seconds - at) < 0.5
        assert abs(spans[0].end_seconds - at - 20) < 0.5
        assert abs(spans[1].start_seconds - (SECONDS - 25)) < 0.5
        assert spans[1].end_seconds == SECONDS
        assert all(one.confidence is not None and 0.5 < one.confidence < 1 for one in spans)


def test_an_episode_without_the_intro_of_the_others_has_none() -> None:
    rng = np.random.default_rng(2)
    intro = music(rng, 20)
    season = {f"e{n}": episode(rng, (intro, 5.0 + n)) for n in range(3)} | {"cold": episode(rng)}
    found = found_in(season, list(season), list(season))
    assert [told(found[name]) for name in season] == [["intro"], ["intro"], ["intro"], []]


def test_more_neighbours_that_agree_make_surer() -> None:
    rng = np.random.default_rng(4)
    intro = music(rng, 20)
    first, *others = [episode(rng, (intro, 10.0)) for _ in range(4)]
    sure = [spans_of(first, others[:count], None)[0].confidence or 0 for count in (1, 2, 3)]
    assert sure == sorted(sure)


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_episodes_that_share_nothing_have_no_span(seed: int) -> None:
    rng = np.random.default_rng(seed)
    season = {f"e{n}": episode(rng, seconds=80) for n in range(3)}
    assert set(found_in(season, list(season), list(season)).values()) == {()}


def test_music_that_returns_in_the_middle_is_no_span() -> None:
    rng = np.random.default_rng(6)
    theme = music(rng, 20)
    season = {f"e{n}": episode(rng, (theme, 80.0 + n)) for n in range(2)}
    assert set(found_in(season, list(season), list(season)).values()) == {()}


def test_shots_of_the_episode_before_are_a_recap_and_those_of_a_later_one_are_not() -> None:
    rng = np.random.default_rng(8)

    def shot(length: int) -> np.ndarray:
        land = np.cumsum(rng.normal(0, 1, (SIDE, SIDE + 5 * length)), axis=1)
        land = (land - land.min()) / np.ptp(land) * 255
        return np.stack([land[:, 5 * n : 5 * n + SIDE] for n in range(length)]).astype(np.uint8)

    shots = [shot(4 * RATE) for _ in range(30)]
    before = Fingerprint(120.0, words_of(samples(scene(rng, 120))), hashes_of(np.concatenate(shots)))
    again = [shots[number] for number in (3, 12, 20, 25)]
    rest = [shot(4 * RATE) for _ in range(26)]
    after = Fingerprint(120.0, words_of(samples(scene(rng, 120))), hashes_of(np.concatenate([*again, *rest])))
    (recap,) = spans_of(after, [before], before)
    assert (recap.kind, recap.start_seconds) == (SpanKind.RECAP, 0.0)
    assert abs(recap.end_seconds - 16) <= 0.5
    assert spans_of(before, [after], None) == ()


@given(st.integers(2, 60), st.data())
def test_neighbours_are_others_and_the_nearest_of_the_season(episodes: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, episodes - 1))
    found = neighbours(place, episodes)
    assert len(found) == len(set(found)) == min(NEIGHBOURS, episodes - 1)
    assert place not in found
    farthest = max(abs(one - place) for one in found)
    assert all(one in found for one in range(episodes) if 0 < abs(one - place) < farthest)
