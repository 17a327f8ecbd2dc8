"""What the steps of an encode take of a machine. Pure.

x264 keeps about four cores busy with a large picture, two with a small one; beside the programs themselves, memory
holds frames of 1.5 bytes a pixel, waiting in decoders, filters and lookaheads.
"""

from collections.abc import Sequence

from matinee.commands.encoders import held_pixels
from matinee.inspection.inspection import Film
from matinee.model.media import Rung
from matinee.ports import Needs

_LARGE_PIXELS = 640 * 360
_PROGRAM_BYTES = 256 * 2**20
_SOURCE_FRAMES, _RUNG_FRAMES, _PIXEL_BYTES = 60, 90, 1.5
SMALL = Needs(cores=1.0, memory_bytes=_PROGRAM_BYTES)
# A few frames are looked at: this waits for nobody, also where a rung has the whole machine, so that a new film's first
# rung is in line before the machine is given away again.
GLANCE = Needs(cores=0.0, memory_bytes=0)


def survey_needs(film: Film) -> Needs:
    """Decoding all of a source and encoding its first rung."""
    pixels = film.picture.width * film.picture.height
    return Needs(2.0, _PROGRAM_BYTES + round((pixels * _SOURCE_FRAMES + _LARGE_PIXELS * _RUNG_FRAMES) * _PIXEL_BYTES))


def measuring_needs(film: Film) -> Needs:
    """Comparing an encode with its source: a stretch a core."""
    pixels = film.picture.display_width * film.picture.height
    return Needs(1.0, _PROGRAM_BYTES + round(pixels * _SOURCE_FRAMES * _PIXEL_BYTES))


def video_needs(film: Film, rungs: Sequence[Rung], *, alone: bool) -> Needs:
    """What a stretch takes: one core, so that many run beside each other, unless there is but one."""
    pixels = [rung.width * rung.height for rung in rungs]
    frames = film.picture.display_width * film.picture.height * _SOURCE_FRAMES + sum(map(held_pixels, rungs))
    held = 1.0 if alone else 0.5  # fewer threads hold fewer: 2160p60 to five rungs was seen to take 700 MiB
    cores = 1.0 if not alone else 4.0 if max(pixels) > _LARGE_PIXELS else 2.0
    return Needs(cores, _PROGRAM_BYTES + round(frames * held * _PIXEL_BYTES))


def packaging_needs() -> Needs:
    """Joining, packaging and drawing."""
    return Needs(cores=2.0, memory_bytes=2 * _PROGRAM_BYTES)
