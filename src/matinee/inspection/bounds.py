"""How large a source may be before it is no film, and what is left of too many tracks. Pure.

A file of a few kilobytes may claim anything: a picture of four thousand million pixels, the same minute ten thousand
times, a thousand languages. What a decoder or an encoder would need for it is decided here, before either begins.
"""

from collections.abc import Sequence
from typing import TypeVar

from matinee.inspection.probe import MOST_PIXELS, TrackReport
from matinee.model.errors import Refused

LONGEST_HOURS = 24
MOST_FRAMES = LONGEST_HOURS * 3600 * 60
MOST_SOUNDS, MOST_TEXTS = 32, 64

_T = TypeVar("_T")


def check_bounds(video: TrackReport, name: str) -> None:
    """Refused with a sentence that names the source if it is larger than a film can be."""
    if video.width * video.height > MOST_PIXELS:
        most = MOST_PIXELS // 10**6
        raise Refused(
            f"{name} is {video.width} x {video.height}: Matinee takes pictures of up to {most} million pixels."
        )
    hours = ((video.end_seconds or 0.0) - (video.first_seconds or 0.0)) / 3600
    if hours > LONGEST_HOURS:
        raise Refused(f"{name} lasts {hours:.0f} hours: Matinee takes films of up to {LONGEST_HOURS}.")
    if video.packets > MOST_FRAMES:
        raise Refused(f"{name} has {video.packets} frames: Matinee takes films of up to {MOST_FRAMES}.")


def first_few(tracks: Sequence[_T], most: int, what: str, taken: int = 0) -> tuple[tuple[_T, ...], tuple[str, ...]]:
    """The first of some tracks, as many as make ``most`` with those already ``taken``; a sentence if there are more."""
    left = len(tracks) + taken - most
    return tuple(tracks[: most - taken]), ((f"{left} {what} were left out: Matinee takes {most}.",) if left > 0 else ())
