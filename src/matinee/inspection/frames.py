"""Every frame of a film by its time, and what else one decode of the whole source tells. Pure.

The list is fixed here, before anything is encoded: every rendition must hold these frames at these times, no more and
no fewer. Times are counted in ticks of 1/90,000 s.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise

from matinee.inspection.inspection import Film, check_decoded
from matinee.model.errors import Refused

TICKS = 90_000  # finer than any frame step, and the unit of MPEG-2 systems: VFR time stamps survive in it

# Matroska and WebM round time stamps to milliseconds: equal steps come as 33, 33 and 34.
_ROUNDING_TICKS = TICKS // 1000
_LONGEST_LAST_TICKS = 10 * TICKS  # how long the last frame of a screen recording may stand
# What idet takes for fields in progressive films is of either order; real fields are all of one.
_FIELDS_SHARE, _OTHER_ORDER = 0.2, 0.1
_FEWEST_TOLD, _MANY_TOLD, _NEARLY_ALL = 10, 250, 0.9
_LOOK_WIDTH = 320
_LEAST_BAR = 0.01
_SAME_SHAPE = 1.02  # pixels of one television standard are said to be a hundredth wider or narrower
# Their packets are not one for one frame: some are never shown, and no container says which.
_HIDDEN_FRAMES = frozenset({"vp8", "vp9", "av1"})


@dataclass(frozen=True, slots=True)
class Bars:
    """Black edges that are there in every frame that was looked at, as shares of the picture's width or height."""

    left: float
    right: float
    top: float
    bottom: float

    @property
    def worth_telling(self) -> bool:
        """Whether any is more than a line or two."""
        return max(self.left, self.right, self.top, self.bottom) >= _LEAST_BAR


@dataclass(frozen=True, slots=True)
class Frames:
    """What came out of the decoder. ``times`` are the frames' time stamps in ticks, as they came.

    ``cuts`` are the places of frames that begin another shot. ``top_first``, ``bottom_first`` and ``progressive`` count
    frames by what the filter ``idet`` took them for; ``damaged`` ones were made of broken packets. ``has_places`` says
    that time stamps lead back to frames: that one who seeks midway between two of them and decodes from there begins
    with the second. ``changes_shape`` says that some are shown wider or higher than others.
    """

    times: tuple[int, ...]
    cuts: tuple[int, ...] = ()
    top_first: int = 0
    bottom_first: int = 0
    progressive: int = 0
    bars: Bars | None = None
    has_places: bool = True
    damaged: int = 0
    changes_shape: bool = False


def look_size(film: Film) -> tuple[int, int]:
    """The size in which pictures are compared with each other: small, where noise and grain are gone."""
    width = min(_LOOK_WIDTH, film.picture.width)
    return width, max(round(film.picture.height * width / film.picture.width), 1)


def read_frames(stamps: str, words: str, film: Film, *, has_places: bool = True, damaged: int = 0) -> Frames:
    """The frames, out of a list of time stamps in ticks and what FFmpeg said meanwhile; Refused if there are none."""
    times: list[int] = []
    for stamp in stamps.split():
        # A frame without a time comes right after the one before it.
        times.append(int(stamp) if re.fullmatch(r"-?\d+", stamp) else (times[-1] + 1 if times else 0))
    if not times:
        raise Refused(f"{film.name} cannot be decoded: no frame came out of its video track.")
    fields = re.findall(r"Multi frame detection: TFF: *(\d+) BFF: *(\d+) Progressive: *(\d+)", words)
    top, bottom, progressive = (sum(int(counts[place]) for counts in fields) for place in range(3))
    order = sorted(range(len(times)), key=times.__getitem__)
    rising = [times[place] for place in order]
    found = {
        order[_nearest(rising, round(Fraction(time) * TICKS))]
        for time in re.findall(r"lavfi\.scd\.time: (\d+(?:\.\d+)?)", words)
    }
    return Frames(
        tuple(times),
        tuple(sorted(found - {0})),
        top,
        bottom,
        progressive,
        _bars(words, *look_size(film)),
        has_places,
        damaged,
        _changes_shape(words),
    )


def frames_to_json(frames: Frames) -> str:
    """The frames as text."""
    return json.dumps(asdict(frames))


def frames_from_json(text: str) -> Frames:
    """What ``frames_to_json`` wrote; ValueError, KeyError or TypeError if it did not."""
    values = json.loads(text)
    bars = values.pop("bars")
    times, cuts = tuple(values.pop("times")), tuple(values.pop("cuts"))
    return Frames(times, cuts, bars=None if bars is None else Bars(**bars), **values)


def surveyed(film: Film, frames: Frames) -> Film:
    """The film as all of its frames show it; Refused if most of what it holds does not come out of the decoder."""
    check_decoded(film, len(frames.times))
    notes = list(film.notes)
    packets = film.source.video.frames or 0
    if len(frames.times) < packets and film.source.video.codec not in _HIDDEN_FRAMES:
        notes.append(f"{packets - len(frames.times)} of {packets} frames cannot be decoded and are missing.")
    if frames.damaged:
        notes.append(f"{frames.damaged} frame(s) are damaged in the source and were mended as well as the decoder can.")
    picture = replace(
        film.picture,
        is_interlaced=_is_interlaced(film, frames),
        is_bottom_first=frames.bottom_first > frames.top_first,
        changes_shape=frames.changes_shape,
    )
    if picture.changes_shape:
        notes.append("The picture changes its shape in mid-film: all of it is shown, where need be between black bars.")
    if picture.is_interlaced:
        notes.append("The picture is interlaced and was deinterlaced (bwdif): every field became a frame.")
    if frames.bars is not None and frames.bars.worth_telling:
        sides = ", ".join(f"{share:.0%} {side}" for side, share in asdict(frames.bars).items() if share >= _LEAST_BAR)
        notes.append(f"The picture has black bars ({sides}), which were kept.")
    film = replace(film, picture=picture, is_steady=film.is_steady and _is_even(frames.times), notes=tuple(notes))
    _, end = film_times(film, frames)
    source = replace(film.source, duration_seconds=end / TICKS)
    return replace(film, source=source, length_seconds=end / TICKS)


def film_times(film: Film, frames: Frames) -> tuple[tuple[int, ...], int]:
    """When each frame is shown, in ticks from the film's start, strictly rising, and when the last one ends.

    The first frame stands from zero on, also where sound alone comes before it.
    """
    lead = round((film.picture.first_seconds - film.shift_seconds) * TICKS)
    first = frames.times[0]
    times = [0]
    for time in frames.times[1:]:
        times.append(max(time - first + lead, times[-1] + 1))
    even = [round(place * TICKS / film.frame_rate) for place in range(len(times) + 1)]
    if film.is_steady and all(abs(one - other) <= _ROUNDING_TICKS for one, other in zip(times, even, strict=False)):
        return tuple(even[:-1]), even[-1]
    stands = round(film.length_seconds * TICKS) - times[-1]
    if film.is_steady or not 0 < stands <= _LONGEST_LAST_TICKS:
        steps = sorted(later - earlier for earlier, later in pairwise(times))
        stands = steps[len(steps) // 2] if steps else round(TICKS / film.frame_rate)
    return tuple(times), times[-1] + stands


def field_times(times: Sequence[int], end: int) -> tuple[int, ...]:
    """The times of both fields of every frame: the second comes midway to the next frame."""
    return tuple(
        time for one, following in pairwise((*times, end)) for time in (one, max((one + following) // 2, one + 1))
    )


def places(frames: Frames) -> tuple[bool, ...]:
    """For each frame, whether the film can be cut before it: all earlier frames have earlier time stamps."""
    if not frames.has_places:
        return (True, *(False for _ in frames.times[1:]))
    before = accumulate(frames.times, max)
    after = [*accumulate(reversed(frames.times), min)][::-1]
    return (True, *(earlier < later for earlier, later in zip(before, after[1:], strict=False)))


def _is_interlaced(film: Film, frames: Frames) -> bool:
    told = frames.top_first + frames.bottom_first + frames.progressive
    if told < _FEWEST_TOLD:  # nothing moves: what the first frames say of themselves is all there is
        return film.picture.is_interlaced
    fewer, more = sorted((frames.top_first, frames.bottom_first))
    if not film.picture.is_interlaced:
        # Drawn pictures of thin lines look like fields: what does not call itself interlaced must look so throughout.
        return told >= _MANY_TOLD and more > told * _NEARLY_ALL
    return more > told * _FIELDS_SHARE and fewer < more * _OTHER_ORDER


def _is_even(times: Sequence[int]) -> bool:
    """Whether all steps are about as long; one frame that is missing is enough to say no."""
    steps = sorted(later - earlier for earlier, later in pairwise(times))
    middle = steps[len(steps) // 2] if steps else 0
    return not steps or (steps[-1] < middle * 1.5 and steps[0] > middle * 0.5)


def _nearest(rising: Sequence[int], time: int) -> int:
    place = min(bisect_left(rising, time), len(rising) - 1)
    return place - 1 if place and time - rising[place - 1] < rising[place] - time else place


def _changes_shape(words: str) -> bool:
    """Whether what came to the filter ``scale``, which tells of every change, is not all of one shape."""
    came = re.findall(r" w:(\d+) h:(\d+) fmt:\S+ [^\n>]*?sar:(\d+)/(\d+) ->", words)
    shapes = [
        int(w) * int(above) / (int(h) * int(below)) if int(above) and int(below) else int(w) / int(h)
        for w, h, above, below in came
    ]
    return bool(shapes) and max(shapes) > min(shapes) * _SAME_SHAPE


def _bars(words: str, width: int, height: int) -> Bars | None:
    """The last word of ``cropdetect`` is what no frame was black in; None if all of it was, or it said nothing."""
    last = re.findall(r"x1:(-?\d+) x2:(-?\d+) y1:(-?\d+) y2:(-?\d+) .*limit", words)[-1:]
    if not last:
        return None
    left, right, top, bottom = map(int, last[0])
    if left >= right or top >= bottom:
        return None
    shares = (left / width, (width - 1 - right) / width, top / height, (height - 1 - bottom) / height)
    return Bars(*(round(share, 4) for share in shares))
