"""One slope for all shots: nothing else on the grid is better for the same bits."""

from itertools import pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.hull import Point
from matinee.ladder.slopes import Shot, frontier, mean_vmaf, total_bits

_POINT = st.builds(
    Point,
    st.just(640),
    st.just(360),
    st.sampled_from([22.0, 26.0, 30.0]),
    st.integers(min_value=1, max_value=1000).map(float),
    st.integers(min_value=0, max_value=100).map(float),
)
_SHOTS = st.lists(
    st.builds(Shot, st.integers(min_value=1, max_value=200), st.lists(_POINT, min_size=1, max_size=5).map(tuple)),
    min_size=1,
    max_size=4,
)


@given(_SHOTS)
def test_no_other_choice_of_equal_bits_is_better(shots: list[Shot]) -> None:
    every = [(total_bits(choice), mean_vmaf(shots, choice)) for choice in product(*(shot.points for shot in shots))]
    made = frontier(shots)
    for bits, vmaf in zip(made.bits, made.vmaf, strict=True):
        assert max(other for cost, other in every if cost <= bits + 1e-6) <= vmaf + 1e-6


@given(_SHOTS)
def test_choices_climb_and_are_what_they_claim(shots: list[Shot]) -> None:
    made = frontier(shots)
    assert all(below < above for below, above in pairwise(made.bits))
    for steps, (bits, vmaf) in enumerate(zip(made.bits, made.vmaf, strict=True)):
        choice = made.choice(steps)
        assert abs(total_bits(choice) - bits) < 1e-6 * bits
        assert abs(mean_vmaf(shots, choice) - vmaf) < 1e-6


@given(_SHOTS, st.floats(min_value=0, max_value=100))
def test_no_choice_lies_nearer_to_the_quality_asked_for(shots: list[Shot], vmaf: float) -> None:
    made = frontier(shots)
    reached = mean_vmaf(shots, made.at_quality(vmaf))
    assert abs(reached - vmaf) <= min(abs(other - vmaf) for other in made.vmaf) + 1e-6


@given(_SHOTS, st.floats(min_value=1, max_value=5000))
def test_a_budget_is_kept_if_it_can_be(shots: list[Shot], bits: float) -> None:
    made = frontier(shots)
    taken = total_bits(made.at_bits(bits))
    assert taken <= max(bits, made.bits[0]) + 1e-6


def test_a_shot_that_gains_little_gives_its_bits_to_one_that_gains_much() -> None:
    flat = Shot(100, (Point(640, 360, 30, 100, 80), Point(640, 360, 22, 1000, 82)))
    steep = Shot(100, (Point(640, 360, 30, 100, 50), Point(640, 360, 22, 1000, 90)))
    choice = frontier([flat, steep]).at_bits(1100)
    assert [point.crf for point in choice] == [30, 22]


def test_a_long_shot_weighs_by_its_frames() -> None:
    points = (Point(640, 360, 30, 100, 50), Point(640, 360, 22, 1000, 90))
    assert [point.crf for point in frontier([Shot(10, points), Shot(300, points)]).at_bits(1100)] == [30, 22]
