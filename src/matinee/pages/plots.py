"""A plot's frame, in an SVG's own units: where values stand in it, and which of them its axes name. Pure."""

import math
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 260
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis: where it stands, and what it says."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What the axes enclose: ``across`` and ``up`` are the least and the greatest value that have a place in it."""

    across: tuple[float, float]
    up: tuple[float, float]
    left: int = 64
    right: int = WIDTH - 12
    top: int = 12
    bottom: int = HEIGHT - 30

    def x(self, value: float) -> float:
        """Where a value stands from the left; the middle, if there is only one."""
        low, high = self.across
        share = (value - low) / (high - low) if high > low else 0.5
        return round(self.left + share * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        """Where a value stands from above; one beyond the frame stands at its edge."""
        low, high = self.up
        return round(self.top + (high - min(high, max(low, value))) / (high - low) * (self.bottom - self.top), 1)


def ticks(low: float, high: float) -> tuple[float, ...]:
    """About five round values between two, by steps of 1, 2 or 5 of some power of ten."""
    rough = (high - low) / _TICKS
    if rough <= 0 or not math.isfinite(rough):
        return (low,)
    power: float = 10.0 ** math.floor(math.log10(rough))
    step = next(power * size for size in (1, 2, 5, 10) if power * size >= rough)
    return tuple(round(place * step, 10) for place in range(math.ceil(low / step), math.floor(high / step) + 1))
