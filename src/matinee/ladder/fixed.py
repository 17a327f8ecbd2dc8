"""Which rungs a film gets: a fixed ladder, cut off at the film's own size.

Every rung has a box, as wide as 16:9 makes it and lying on its side for upright films; the film is fitted into it. The
first box that holds the whole film (or nearly) gets the film at its own size and ends the ladder: nothing is scaled up.
"""

from fractions import Fraction

from matinee.ladder.shots import SHORTEST_SECONDS
from matinee.model.media import Ladder, Rung

_BOX_HEIGHTS = (240, 360, 480, 720, 1080)
_SMALLEST_SIDE = 32  # decoders in hardware want at least two macroblocks
_NEARLY_WHOLE = Fraction(9, 10)  # a box that shrinks the film by less than a tenth is not worth a rung below it
_OTHER_SHAPE = 1.1

# The rates of the HLS authoring specification, 1.26 (H.264), follow this curve from 360p to 1080p: bits grow a little
# more slowly than the picture does.
_FULL_PIXELS = 1920 * 1080
_FULL_BPS = 6_500_000
_GROWTH = 0.95
_LEAST_BPS = 64_000
_REFERENCE_RATE = 30.0
_PEAK_SHARE = 2  # HLS authoring specification, 1.30: the peak of a film on demand is at most 200 % of its average


def fixed_ladder(width: int, height: int, frame_rate: float) -> Ladder:
    """The rungs for a film of this display size (square pixels), smallest first; at least one."""
    rungs: list[Rung] = []
    for box_height in _BOX_HEIGHTS:
        scale = min(Fraction(1), _fit(box_height, width, height))
        whole = scale >= _NEARLY_WHOLE
        if whole and box_height != _BOX_HEIGHTS[-1]:
            scale = Fraction(1)
        rung = _rung(f"{box_height}p", _even(width, scale), _even(height, scale), frame_rate)
        if not rungs or rung.width * rung.height > rungs[-1].width * rungs[-1].height:
            rungs.append(rung)
        if whole:
            break
    return Ladder(rungs=tuple(rungs), segment_seconds=SHORTEST_SECONDS)


def needs_bars(rung: Rung, width: int, height: int) -> bool:
    """Whether the rung has another shape than the film: one too narrow for a decoder keeps its shape between bars."""
    stretch = rung.width * height / (rung.height * width)
    return max(stretch, 1 / stretch) > _OTHER_SHAPE


def _fit(box_height: int, width: int, height: int) -> Fraction:
    long_side, short_side = max(width, height), min(width, height)
    return min(Fraction(box_height * 16, 9 * long_side), Fraction(box_height, short_side))


def _even(length: int, scale: Fraction) -> int:
    """The nearest even length, at most the source's own unless that is below the smallest side."""
    nearest = 2 * round(length * scale / 2)
    return max(min(nearest, length - length % 2), _SMALLEST_SIDE)


def _rung(name: str, width: int, height: int, frame_rate: float) -> Rung:
    space = (width * height / _FULL_PIXELS) ** _GROWTH
    time = (max(frame_rate, _REFERENCE_RATE) / _REFERENCE_RATE) ** 0.5
    bitrate_bps = max(round(_FULL_BPS * space * time / 1000) * 1000, _LEAST_BPS)
    return Rung(name, width, height, bitrate_bps, bitrate_bps * _PEAK_SHARE)
