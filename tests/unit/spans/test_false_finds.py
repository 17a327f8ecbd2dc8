"""Seasons that share something which is no intro, no credits and no recap; and what was cut short or missed before."""

from collections.abc import Sequence

import numpy as np
import pytest
from benchmarks import drawn_seasons
from benchmarks.drawn_episodes import Drawn
from benchmarks.drawn_sounds import samples

from matinee.spans.pictures import hashes_of
from matinee.spans.season import Fingerprint, found_in
from matinee.spans.span import Extent, SpanKind
from matinee.spans.words import words_of


def found(drawn: Sequence[Drawn]) -> list[tuple[Extent, ...]]:
    season = {
        f"{n:02}": Fingerprint(one.seconds, words_of(samples(one.sound, one.gain)), hashes_of(one.pictures))
        for n, one in enumerate(drawn)
    }
    return list(found_in(season, list(season), list(season)).values())


@pytest.mark.parametrize(
    "kind",
    [
        "uploaded twice, 60 s",
        "uploaded twice, with silences",
        "a longer cut",
        "a scene seen again",
        "jingles of 3 s",
        "the same room tone",
        "stock music under speech, in six",
        "an opening by its pictures",
        "a stage of two cameras",
    ],
)
def test_what_is_shared_and_no_span_is_not_found(kind: str) -> None:
    season = drawn_seasons.NOTHING[kind](np.random.default_rng(3))
    assert found(season) == [()] * len(season)


@pytest.mark.parametrize(
    ("kind", "near"),
    # At another speed the last piece may be too short to be told.
    [("intro of 90 s", 0.6), ("half at 1.005 speed, 60 s", 2.0), ("episodes of 60 s", 0.6), ("recaps", 0.6)],
)
def test_what_is_there_is_found_whole(kind: str, near: float) -> None:
    season = drawn_seasons.FOUND[kind](np.random.default_rng(3))
    for one, spans in zip(season, found(season), strict=True):
        there = sorted(one.spans, key=lambda span: span.start_seconds)
        assert [span.kind for span in spans] == [span.kind for span in there]
        for span, drawn in zip(spans, there, strict=True):
            assert abs(span.start_seconds - drawn.start_seconds) < near
            assert abs(span.end_seconds - drawn.end_seconds) < near


def test_two_episodes_with_one_music_under_other_pictures_have_no_intro() -> None:
    season = drawn_seasons.with_intro(np.random.default_rng(5), 120, places=(4, 31), moving=False)
    assert [[span.kind for span in spans] for spans in found(season)] == [[SpanKind.CREDITS]] * 2
