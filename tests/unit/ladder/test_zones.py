"""Zones: every frame of a chunk in just one, with its shot's CRF."""

import re

from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.zones import zones

_SHOTS = st.lists(st.tuples(st.integers(1, 200), st.sampled_from([22.0, 26.5, 30.0])), min_size=1, max_size=9)


def test_each_shot_is_a_zone() -> None:
    assert zones([0, 48, 100], 150, [24, 30.5, 27]) == "0,47,crf=24/48,99,crf=30.5/100,149,crf=27"


def test_shots_of_one_crf_are_one_zone() -> None:
    assert zones([0, 48, 100], 150, [24, 24, 27]) == "0,99,crf=24/100,149,crf=27"


def test_a_chunk_of_one_crf_has_no_zones() -> None:
    assert zones([0, 48], 150, [24, 24]) == ""


@given(_SHOTS)
def test_every_frame_has_the_crf_of_its_shot(shots: list[tuple[int, float]]) -> None:
    wanted = [crf for length, crf in shots for _ in range(length)]
    starts = [sum(length for length, _ in shots[:place]) for place in range(len(shots))]
    made = re.findall(r"(\d+),(\d+),crf=([\d.]+)", zones(starts, len(wanted), [crf for _, crf in shots]))
    got = [float(crf) for first, last, crf in made for _ in range(int(first), int(last) + 1)]
    assert got == (wanted if len(set(wanted)) > 1 else [])
