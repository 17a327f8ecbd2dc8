"""Which rungs a film gets when it is looked at itself: their sizes, and the CRF of each shot. Pure.

Rungs stand one just-noticeable difference apart, from the best that pays downwards. Each has the size that reaches its
quality with the fewest bits, and shares them out among the shots at one slope.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matinee.ladder.hull import Point
from matinee.ladder.slopes import Frontier, Shot, frontier, mean_vmaf, total_bits
from matinee.model.media import Rung

# Six VMAF are seen by three of four people; above 95 nobody sees a difference; below 60 a picture is a last resort.
JUST_NOTICEABLE = 6.0
BEST, WORST = 95.0, 60.0
# The least of Apple's rungs (HLS authoring specification, H.264): what takes no more plays wherever anything does.
LEAST_BPS = 145_000.0
_NEAR = 1.0  # VMAF by which a rung may miss its target, where points are sparse
# What a shot is planned to take, in averages, and how many seconds of the average may be saved up for a burst.
# With the first share that is 200 % over two seconds, the shortest segment (HLS authoring specification, 1.30: a peak
# should be no more). Where half a film stands still, its average says little: the next share is taken where the one
# before would make a rung dearer or worse by so much.
_RATE_SHARES, _BUFFER_SECONDS = (1.5, 2.0, 3.0, 5.0), 1.0
_DEARER, _WORSE = 1.05, 0.5
# Predictions of bits are off by a seventh: an encoder held to the plan itself lost 1.6 VMAF, with a third more and
# twice the buffer .1. Its caps are a net.
_NET_RATE, _NET_BUFFER = 4 / 3, 2.0
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


def choose_rungs(
    shots: Sequence[Shot], frame_rate: float, wanted: Sequence[float] = (), least_bps: float = LEAST_BPS
) -> tuple[ChosenRung, ...]:
    """The ladder of a film: ``shots`` have points at every size and CRF that is thought of, measured or predicted.

    Rungs rise in quality and bits, and never shrink in size. ``wanted`` names other targets, rising. Without them the
    highest is 95, or what the shots can reach. Of the rungs that take at most ``least_bps`` the best one is enough.
    """
    sizes = sorted(
        {(point.width, point.height) for shot in shots for point in shot.points}, key=lambda size: size[0] * size[1]
    )
    by_size = {size: _of_size(shots, size) for size in sizes}
    free = {size: frontier(by_size[size]) for size in sizes}
    chosen: list[ChosenRung] = []
    for target in wanted or targets(max(one.vmaf[-1] for one in free.values())):
        made = [_rung(by_size[size], free[size], target, size, frame_rate) for size in sizes]
        reaching = [one for one in made if one.vmaf >= target - _NEAR]
        best = min(reaching, key=lambda one: one.average_bps) if reaching else max(made, key=lambda one: one.vmaf)
        if chosen and (best.vmaf <= chosen[-1].vmaf or best.average_bps <= chosen[-1].average_bps):
            continue
        sizes = sizes[sizes.index((best.rung.width, best.rung.height)) :]
        if chosen and best.average_bps <= least_bps:
            chosen.pop()
        chosen.append(best)
    return tuple(chosen)


def choose_again(chosen: Sequence[ChosenRung], shots: Sequence[Shot], frame_rate: float) -> tuple[ChosenRung, ...]:
    """The same rungs when more is known of the shots: with other CRFs and caps, but for the best, which is made."""
    again = []
    for one in chosen[:-1]:
        size = (one.rung.width, one.rung.height)
        of_size = _of_size(shots, size)
        again.append(_rung(of_size, frontier(of_size), one.target, size, frame_rate))
    return (*again, *chosen[-1:])


def _of_size(shots: Sequence[Shot], size: tuple[int, int]) -> tuple[Shot, ...]:
    return tuple(
        Shot(shot.frames, tuple(point for point in shot.points if (point.width, point.height) == size))
        for shot in shots
    )


def _rung(shots: Sequence[Shot], free: Frontier, target: float, size: tuple[int, int], frame_rate: float) -> ChosenRung:
    """The cheapest way to a quality at one size that keeps peaks as near to the rule as is worth while.

    ``free`` is the frontier of the shots, without any cap.
    """
    uncapped = free.at_quality(target)
    dearest, least = total_bits(uncapped) * _DEARER, min(target, mean_vmaf(shots, uncapped)) - _WORSE
    for share in _RATE_SHARES:
        choice = _choice_within(shots, uncapped, target, size, frame_rate, share)
        if total_bits(choice) <= dearest and mean_vmaf(shots, choice) >= least:
            break
    else:
        choice = _choice_within(shots, uncapped, target, size, frame_rate, math.inf)
        average_bps = total_bits(choice) * frame_rate / sum(shot.frames for shot in shots)
        share = (
            max(point.bits * frame_rate / shot.frames for point, shot in zip(choice, shots, strict=True)) / average_bps
        )
    return _chosen(shots, choice, target, size, frame_rate, share)


def _choice_within(
    shots: Sequence[Shot],
    uncapped: tuple[Point, ...],
    target: float,
    size: tuple[int, int],
    frame_rate: float,
    share: float,
) -> tuple[Point, ...]:
    """A choice for a target none of whose shots is beyond a cap, if its cheapest point is not."""
    left, choice = tuple(shots), uncapped
    while True:
        average_bps = total_bits(choice) * frame_rate / sum(shot.frames for shot in shots)
        rate, burst = planned_rates(size, average_bps, frame_rate, share)
        caps = [rate * shot.frames / frame_rate + burst for shot in shots]
        within = tuple(
            Shot(shot.frames, _within(shot.points, cap)) if point.bits > cap else shot
            for shot, point, cap in zip(left, choice, caps, strict=True)
        )
        # Each round leaves out at least one point, or is the last.
        if within == left:
            return choice
        left = within
        choice = frontier(left).at_quality(target)


def _chosen(
    shots: Sequence[Shot],
    choice: Sequence[Point],
    target: float,
    size: tuple[int, int],
    frame_rate: float,
    share: float,
) -> ChosenRung:
    average_bps = total_bits(choice) * frame_rate / sum(shot.frames for shot in shots)
    rate, burst = planned_rates(size, average_bps, frame_rate, share)
    most = level_bps(*size, frame_rate)
    net, burst = min(rate * _NET_RATE, most), min(burst * _NET_BUFFER, most)
    return ChosenRung(
        rung=Rung(f"{min(size)}p-vmaf{target:.0f}", *size, math.ceil(net), math.ceil(net + burst)),
        target=target,
        crfs=tuple(point.crf for point in choice),
        shot_vmaf=tuple(point.vmaf for point in choice),
        shot_bits=tuple(point.bits for point in choice),
        vmaf=mean_vmaf(shots, choice),
        average_bps=average_bps,
    )


def planned_rates(size: tuple[int, int], average_bps: float, frame_rate: float, share: float) -> tuple[float, float]:
    """What a shot may take beside this average: in bit/s for as long as it lasts, and in bits that were saved up."""
    most = level_bps(*size, frame_rate)
    return min(average_bps * share, most), min(average_bps * _BUFFER_SECONDS, most)


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
