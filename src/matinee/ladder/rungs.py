"""Which rungs a film gets when it is looked at itself: their sizes, and the CRF of each shot. Pure.

Rungs stand one just-noticeable difference apart, from the best that pays downwards. Each has the size that reaches its
quality with the fewest bits, and shares them out among the shots at one slope.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matinee.ladder.hull import Point
from matinee.ladder.slopes import Shot, frontier, mean_vmaf, total_bits
from matinee.model.media import Rung

# Six VMAF are seen by three of four people; above 95 nobody sees a difference; below 60 a picture is a last resort.
JUST_NOTICEABLE = 6.0
BEST, WORST = 95.0, 60.0
_NEAR = 1.0  # VMAF by which a rung may miss its target, where points are sparse
# What an encoder may spend over any while, and how much it may save up for a burst, in averages and seconds of the
# average. Over two seconds, the shortest segment, that is 200 % (HLS authoring specification, 1.30).
_RATE_SHARE, _BUFFER_SECONDS = 1.5, 1.0
# ITU-T H.264, table A-1: macroblocks a second, macroblocks a frame, kbit/s; the High profile may have 1.25 times that.
# Of levels that differ in bits alone the higher one stands here.
_LEVELS = (
    (1_485, 99, 64),
    (11_880, 396, 2_000),
    (20_250, 1_620, 4_000),
    (40_500, 1_620, 10_000),
    (108_000, 3_600, 14_000),
    (216_000, 5_120, 20_000),
    (245_760, 8_192, 50_000),
    (522_240, 8_704, 50_000),
    (589_824, 22_080, 135_000),
    (2_073_600, 36_864, 240_000),
)
_HIGH_PROFILE = 1.25


@dataclass(frozen=True, slots=True)
class ChosenRung:
    """A rung, with the CRF of each shot, and what is expected of it: each shot's VMAF and bits, and those of the whole.

    ``target`` is the mean VMAF that was asked for.
    """

    rung: Rung
    target: float
    crfs: tuple[float, ...]
    shot_vmaf: tuple[float, ...]
    shot_bits: tuple[float, ...]
    vmaf: float
    average_bps: float


def targets(best: float, worst: float = WORST, step: float = JUST_NOTICEABLE) -> tuple[float, ...]:
    """The mean VMAF of each rung, lowest first, where ``best`` can be reached; at least one."""
    top = min(best, BEST)
    count = max(math.floor((top - worst) / step), 0) + 1
    return tuple(top - step * place for place in reversed(range(count)))


def choose_rungs(shots: Sequence[Shot], frame_rate: float, wanted: Sequence[float] = ()) -> tuple[ChosenRung, ...]:
    """The ladder of a film: ``shots`` have points at every size and CRF that is thought of, measured or predicted.

    Rungs rise in quality and bits, and never shrink in size. ``wanted`` names other targets, rising. Without them the
    highest is 95, or what the shots can reach.
    """
    sizes = sorted(
        {(point.width, point.height) for shot in shots for point in shot.points}, key=lambda size: size[0] * size[1]
    )
    by_size = {size: _of_size(shots, size) for size in sizes}
    chosen: list[ChosenRung] = []
    for target in wanted or targets(max(frontier(by_size[size]).vmaf[-1] for size in sizes)):
        made = [_rung(by_size[size], target, size, frame_rate) for size in sizes]
        reaching = [one for one in made if one.vmaf >= target - _NEAR]
        best = min(reaching, key=lambda one: one.average_bps) if reaching else max(made, key=lambda one: one.vmaf)
        if chosen and (best.vmaf <= chosen[-1].vmaf or best.average_bps <= chosen[-1].average_bps):
            continue
        sizes = sizes[sizes.index((best.rung.width, best.rung.height)) :]
        chosen.append(best)
    return tuple(chosen)


def _of_size(shots: Sequence[Shot], size: tuple[int, int]) -> tuple[Shot, ...]:
    return tuple(
        Shot(shot.frames, tuple(point for point in shot.points if (point.width, point.height) == size))
        for shot in shots
    )


def _rung(shots: Sequence[Shot], target: float, size: tuple[int, int], frame_rate: float) -> ChosenRung:
    """The cheapest way to a quality at one size, with no shot beyond what the encoder may spend on it."""
    seconds = sum(shot.frames for shot in shots) / frame_rate
    left = tuple(shots)
    while True:
        choice = frontier(left).at_quality(target)
        average_bps = total_bits(choice) / seconds
        within = tuple(
            Shot(shot.frames, _within(shot.points, shot_cap_bits(average_bps, shot.frames / frame_rate)))
            if point.bits > shot_cap_bits(average_bps, shot.frames / frame_rate)
            else shot
            for shot, point in zip(left, choice, strict=True)
        )
        # Each round leaves out at least one point, or is the last.
        if within == left:
            break
        left = within
    return _chosen(shots, choice, target, size, frame_rate)


def _chosen(
    shots: Sequence[Shot], choice: Sequence[Point], target: float, size: tuple[int, int], frame_rate: float
) -> ChosenRung:
    frames = sum(shot.frames for shot in shots)
    average_bps = total_bits(choice) * frame_rate / frames
    return ChosenRung(
        rung=_capped(size, target, average_bps, frame_rate),
        target=target,
        crfs=tuple(point.crf for point in choice),
        shot_vmaf=tuple(point.vmaf for point in choice),
        shot_bits=tuple(point.bits for point in choice),
        vmaf=mean_vmaf(shots, choice),
        average_bps=average_bps,
    )


def shot_cap_bits(average_bps: float, seconds: float) -> float:
    """What a shot may take beside this average: the rate for as long as it lasts, and what was saved up."""
    return average_bps * (_RATE_SHARE * seconds + _BUFFER_SECONDS)


def level_bps(width: int, height: int, frame_rate: float) -> int:
    """What the lowest level of H.264 High for this size and rate allows, in bit/s; the highest level's beyond all."""
    blocks = math.ceil(width / 16) * math.ceil(height / 16)
    fitting = (
        kilobits
        for per_second, per_frame, kilobits in _LEVELS
        if blocks <= per_frame and blocks * frame_rate <= per_second
    )
    return round(next(fitting, _LEVELS[-1][2]) * 1000 * _HIGH_PROFILE)


def _within(points: Sequence[Point], cap: float) -> tuple[Point, ...]:
    """The points that a cap allows; the cheapest where it allows none."""
    return tuple(point for point in points if point.bits <= cap) or (min(points, key=lambda point: point.bits),)


def _capped(size: tuple[int, int], target: float, average_bps: float, frame_rate: float) -> Rung:
    width, height = size
    most = level_bps(width, height, frame_rate)
    bitrate_bps = min(round(average_bps * _RATE_SHARE), most)
    peak_bps = min(bitrate_bps + round(average_bps * _BUFFER_SECONDS), 2 * most)
    return Rung(f"{min(size)}p-vmaf{target:.0f}", width, height, bitrate_bps, peak_bps)
