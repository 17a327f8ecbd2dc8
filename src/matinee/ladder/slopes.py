"""How the bits of a film are shared out among its shots: at one slope of quality over bits. Pure.

Where one more bit would bring more in one shot than it costs in another, bits are in the wrong place; so at the optimum
all shots stand where their curves have the same slope (Everett: Generalized Lagrange Multiplier Method, 1963; for
encoders Shoham and Gersho: Efficient Bit Allocation for an Arbitrary Set of Quantizers, 1988; for shots Katsavounidis:
Dynamic Optimizer, 2018). Equal quality in every shot costs more: it buys hard shots at any price.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from matinee.ladder.hull import Point, upper_hull


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of film that is encoded with one CRF a rung: how many frames it has, and the ways to encode it."""

    frames: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Frontier:
    """The choices of a point a shot that nothing beats, from all at their cheapest to all at their best.

    Each goes one step further than the one before, in the shot where that brings most for its bits. No choice at all
    has the same bits or fewer and a higher mean quality. ``bits`` and ``vmaf`` are those of each choice: its sum, and
    its mean over frames; ``order`` is the shot of each step.
    """

    hulls: tuple[tuple[Point, ...], ...]
    order: tuple[int, ...]
    bits: tuple[float, ...]
    vmaf: tuple[float, ...]

    def choice(self, steps: int) -> tuple[Point, ...]:
        """The points after so many steps, a shot each."""
        taken = Counter(self.order[:steps])
        return tuple(hull[taken[place]] for place, hull in enumerate(self.hulls))

    def at_quality(self, vmaf: float) -> tuple[Point, ...]:
        """The choice whose mean quality lies nearest to a target; of equals the cheaper one."""
        above = min(bisect_left(self.vmaf, vmaf), len(self.vmaf) - 1)
        below = max(above - 1, 0)
        return self.choice(below if vmaf - self.vmaf[below] <= self.vmaf[above] - vmaf else above)

    def at_bits(self, bits: float) -> tuple[Point, ...]:
        """The best choice that takes at most so many bits; the cheapest of all where none does."""
        return self.choice(max(bisect_right(self.bits, bits) - 1, 0))


def frontier(shots: Sequence[Shot]) -> Frontier:
    """The best choices for these shots, at least one, each with at least one point."""
    hulls = tuple(upper_hull(shot.points) for shot in shots)
    frames = sum(shot.frames for shot in shots)
    steps = sorted(
        (-shot.frames * (above.vmaf - below.vmaf) / (above.bits - below.bits), place, step)
        for place, (shot, hull) in enumerate(zip(shots, hulls, strict=True))
        for step, (below, above) in enumerate(pairwise(hull))
    )
    # Along a hull slopes fall, so that the steps of one shot come in their order.
    rises = [
        (hulls[place][step + 1].bits - hulls[place][step].bits, hulls[place][step + 1].vmaf - hulls[place][step].vmaf)
        for _, place, step in steps
    ]
    first = tuple(hull[0] for hull in hulls)
    shares = [shots[place].frames / frames for _, place, _ in steps]
    return Frontier(
        hulls=hulls,
        order=tuple(place for _, place, _ in steps),
        bits=tuple(accumulate((rise for rise, _ in rises), initial=total_bits(first))),
        vmaf=tuple(
            accumulate(
                (rise * share for (_, rise), share in zip(rises, shares, strict=True)), initial=mean_vmaf(shots, first)
            )
        ),
    )


def total_bits(choice: Sequence[Point]) -> float:
    """What a choice takes, in bits."""
    return sum(point.bits for point in choice)


def mean_vmaf(shots: Sequence[Shot], choice: Sequence[Point]) -> float:
    """The mean quality of a choice over all frames."""
    frames = sum(shot.frames for shot in shots)
    return sum(shot.frames * point.vmaf for shot, point in zip(shots, choice, strict=True)) / frames
