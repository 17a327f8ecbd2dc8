"""The upper convex hull: concave, over all points, made of them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.hull import Point, distance_below, upper_hull

_BITS = st.integers(min_value=1, max_value=10_000).map(float)
_VMAF = st.integers(min_value=0, max_value=100).map(float)
_POINTS = st.lists(st.builds(Point, st.just(640), st.just(360), st.just(26.0), _BITS, _VMAF), min_size=1, max_size=24)


def _point(bits: float, vmaf: float, width: int = 640) -> Point:
    return Point(width, width * 9 // 16, 26.0, bits, vmaf)


def test_a_point_below_the_line_of_its_neighbours_is_left_out() -> None:
    cheap, poor, dear = _point(100, 50), _point(200, 60), _point(300, 90)
    assert upper_hull([dear, poor, cheap]) == (cheap, dear)


def test_a_point_that_costs_more_and_shows_less_is_left_out() -> None:
    assert upper_hull([_point(100, 80), _point(200, 70)]) == (_point(100, 80),)


def test_sizes_take_turns_on_the_hull() -> None:
    small = [_point(bits, vmaf) for bits, vmaf in ((100, 60), (200, 70), (400, 74))]
    large = [_point(bits, vmaf, width=1280) for bits, vmaf in ((150, 45), (300, 78), (600, 92))]
    assert [point.width for point in upper_hull(small + large)] == [640, 640, 1280, 1280]


@given(_POINTS)
def test_a_hull_rises_ever_less_steeply(points: list[Point]) -> None:
    hull = upper_hull(points)
    slopes = [(above.vmaf - below.vmaf) / (above.bits - below.bits) for below, above in pairwise(hull)]
    assert all(slope > 0 for slope in slopes)
    assert all(later < earlier for earlier, later in pairwise(slopes))


@given(_POINTS)
def test_no_point_lies_above_its_hull_and_the_hull_is_made_of_points(points: list[Point]) -> None:
    hull = upper_hull(points)
    assert set(hull) <= set(points)
    assert all(point.bits < hull[0].bits or distance_below(point, hull) >= -1e-9 for point in points)
    assert hull[0].bits == min(point.bits for point in points)
    assert hull[-1].vmaf == max(point.vmaf for point in points)


@given(_POINTS, st.randoms())
def test_the_order_of_points_does_not_matter(points: list[Point], random: object) -> None:
    shuffled = sorted(points, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert [(point.bits, point.vmaf) for point in upper_hull(shuffled)] == [
        (point.bits, point.vmaf) for point in upper_hull(points)
    ]
