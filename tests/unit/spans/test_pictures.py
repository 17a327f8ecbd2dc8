"""Shots that two episodes have in common are found by their pictures; a set that stands still is none."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from matinee.spans.pictures import PLAIN, RATE, SIDE, hashes_of, repeated_shots

Pictures = NDArray[np.uint8]


def shot(rng: np.random.Generator, seconds: float) -> Pictures:
    """A view that moves: a window that wanders over a landscape."""
    length = round(seconds * RATE)
    land = gaussian_filter(rng.normal(0, 1, (SIDE, SIDE + 4 * length)), 3)
    land = (land - land.min()) / (land.max() - land.min()) * 200 + 20
    return np.stack([land[:, 4 * n : 4 * n + SIDE] for n in range(length)]).astype(np.uint8)


def film(rng: np.random.Generator, shots: int) -> list[Pictures]:
    return [shot(rng, rng.uniform(1.5, 6)) for _ in range(shots)]


def treated(rng: np.random.Generator, pictures: Pictures) -> Pictures:
    """Another encode of the same: a little darker, with noise."""
    return np.clip(pictures * 0.9 + rng.normal(0, 4, pictures.shape), 0, 255).astype(np.uint8)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_shots_of_another_film_are_found_where_they_stand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = film(rng, 20), film(rng, 5)
    taken = [1, 9, 14]
    recap = [treated(rng, before[number]) for number in taken]
    found = repeated_shots(hashes_of(np.concatenate([*recap, *after])), hashes_of(np.concatenate(before)))
    covered = sum(one.end - one.first for one in found if one.first < sum(map(len, recap)))
    assert covered >= 0.8 * sum(map(len, recap))
    assert all(one.end <= sum(map(len, recap)) + 1 for one in found)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_other_films_have_no_shot_in_common(seed: int) -> None:
    rng = np.random.default_rng(seed)
    here, there = (hashes_of(np.concatenate(film(rng, 15))) for _ in range(2))
    assert repeated_shots(here, there) == ()


def test_a_picture_that_stands_still_and_a_plain_one_are_no_shots() -> None:
    rng = np.random.default_rng(5)
    still = np.repeat(shot(rng, 1)[:1], 20, axis=0)
    assert repeated_shots(hashes_of(still), hashes_of(still)) == ()
    black = np.zeros((20, SIDE, SIDE), np.uint8)
    assert (hashes_of(black) == PLAIN).all()
    assert repeated_shots(hashes_of(black), hashes_of(black)) == ()
    nothing = hashes_of(black[:0])
    assert repeated_shots(nothing, hashes_of(still)) == repeated_shots(hashes_of(still), nothing) == ()
