"""The tasks that look at encodes beside their source: how good a stretch came out, and which ladder follows from it.

What was measured is kept in the depot by content, as encodes are, so that it is not measured twice.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from matinee.commands.commands import open_source, seek_in
from matinee.commands.pictures import reference_of
from matinee.commands.stretches import Stretch
from matinee.encoding.depot import Finished
from matinee.encoding.ffmpeg import run_ffmpeg
from matinee.encoding.joining import shown_packets
from matinee.encoding.steps import Place, Progress, Source, granted_threads, picture_of, share_of
from matinee.inspection.inspection import Film
from matinee.ladder.correction import Deviation, corrected
from matinee.ladder.prediction import CRFS, Probe, predicted, taught
from matinee.ladder.quality import (
    FrameQuality,
    by_shot,
    mean_quality,
    quality_command,
    read_quality,
)
from matinee.ladder.rungs import ChosenRung, choose_again, choose_rungs
from matinee.ladder.verification import Miss, misses
from matinee.model.errors import EncodingFailed
from matinee.model.media import Rung

_SHOWN = 3  # of each so many frames three are compared: the scored one and its neighbours


@dataclass(frozen=True, slots=True)
class Encoded:
    """What is measured: a file of the depot, and where in it the stretch begins; None: with its first frame."""

    rung: Rung
    file: str
    seek_microseconds: int | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen of a part, by shot: how its frames look beside the source, and the bits that they took."""

    shots: tuple[tuple[FrameQuality, ...], ...]
    bits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the first rung told of each shot, the ladder that was chosen by it, and what the best rung came to.

    ``verified`` is the best rung's mean VMAF by shot, ``again`` which shots were encoded a second time; ``seen``, how
    far its shots came out from the expected, told how to encode the other rungs.
    """

    probes: tuple[Probe, ...]
    chosen: tuple[ChosenRung, ...]
    verified: tuple[float, ...] = ()
    again: tuple[Miss, ...] = ()
    seen: tuple[Deviation, ...] = ()


def measure_stretch(
    place: Place,
    source: Source,
    film: Film,
    copy: str | None,
    stretch: Stretch,
    encoded: Encoded,
    every: int,
    file: str,
    progress: Progress,
) -> tuple[tuple[FrameQuality, ...], ...]:
    """How each shot of a stretch looks beside the source, every so many frames; ``file`` is where it is kept."""

    def make(part: Path) -> Finished:
        measured, seconds = _measure(place, source, film, copy, stretch, encoded, every, part.parent, progress)
        return write_measured(film, measured, part, seconds)

    return read_measured(place, stretch, place.depot.once(file, make).file)


def write_measured(film: Film, measured: Sequence[FrameQuality], part: Path, seconds: float) -> Finished:
    """Write down how frames look, in a file that is called as it will be in the depot."""
    part.write_text(json.dumps([asdict(one) for one in measured]))
    return Finished("quality", part.name, len(measured), film.length_seconds, part.stat().st_size, seconds)


def read_measured(place: Place, stretch: Stretch, file: str) -> tuple[tuple[FrameQuality, ...], ...]:
    """How each shot of a stretch looks, from what was written down."""
    values = json.loads(place.depot.rendition(file).read_text())
    return by_shot([FrameQuality(**one) for one in values], stretch.starts, stretch.encoded)


def verify_stretch(
    place: Place,
    source: Source,
    film: Film,
    copy: str | None,
    stretch: Stretch,
    encoded: Encoded,
    every: int,
    file: str,
    progress: Progress,
) -> Looked:
    """Look at a part that was encoded by itself."""
    measure_stretch(place, source, film, copy, stretch, encoded, every, file, progress)
    return read_looked(place, stretch, encoded.file, file)


def read_looked(place: Place, stretch: Stretch, encoded: str, measured: str) -> Looked:
    """How each shot of a part looks that was encoded by itself, and how many bits it took; both are in the depot."""
    sizes = [size for _, size in shown_packets(place.depot.rendition(encoded))]
    ends = (*stretch.starts[1:], stretch.encoded)
    bits = tuple(8 * sum(sizes[start:end]) for start, end in zip(stretch.starts, ends, strict=True))
    return Looked(read_measured(place, stretch, measured), bits)


def choose_ladder(
    _place: Place,
    _source: Source,
    sizes: Sequence[tuple[int, int]],
    frame_rate: float,
    probes: Sequence[Probe],
    _progress: Progress,
) -> tuple[ChosenRung, ...]:
    """The rungs of a film, out of what its first one told of each shot."""
    return choose_rungs([predicted(probe, sizes, CRFS, taught()) for probe in probes], frame_rate)


def choose_ladder_again(
    _place: Place,
    _source: Source,
    chosen: Sequence[ChosenRung],
    frame_rate: float,
    probes: Sequence[Probe],
    seen: Sequence[Deviation],
    _progress: Progress,
) -> tuple[ChosenRung, ...]:
    """The same rungs, out of how far the best one's shots came out from the expected, besides."""
    sizes = list(dict.fromkeys((one.rung.width, one.rung.height) for one in chosen))
    shots = [
        corrected(predicted(probe, sizes, CRFS, taught()), probe, one) for probe, one in zip(probes, seen, strict=True)
    ]
    return choose_again(chosen, shots, frame_rate)


def missed(
    chosen: ChosenRung, probes: Sequence[Probe], measured: Sequence[Sequence[FrameQuality]]
) -> tuple[tuple[float, ...], tuple[Miss, ...]]:
    """What a rung's shots came to, and those that must be encoded again; all three are of the same shots."""
    size = (chosen.rung.width, chosen.rung.height)
    came_to = tuple(mean_quality([one.vmaf for one in shot]) for shot in measured)
    return came_to, misses(chosen, came_to, [predicted(probe, [size], CRFS, taught()) for probe in probes])


def _measure(
    place: Place,
    source: Source,
    film: Film,
    copy: str | None,
    stretch: Stretch,
    encoded: Encoded,
    every: int,
    desk: Path,
    progress: Progress,
) -> tuple[tuple[FrameQuality, ...], float]:
    tools, path = place.find_tools(), picture_of(place, source, copy)
    what = f"measuring {encoded.rung.name} of {film.name}, part {stretch.number + 1}"
    threads, log = granted_threads() or 1, desk / "vmaf.json"
    words = ("-threads", str(threads))

    track = 0 if copy is not None else film.source.video.index

    def measure(*, seeks: bool) -> tuple[tuple[FrameQuality, ...], float]:
        inputs = (*words, *(seek_in(stretch.seek_microseconds) if seeks else ()), *open_source(path))
        reference = reference_of(film, stretch, inputs, track, seeks=seeks)
        own = (*words, *seek_in(encoded.seek_microseconds), "-i", str(place.depot.rendition(encoded.file)))
        ran = run_ffmpeg(
            quality_command(tools.ffmpeg, reference, own, log, every, threads),
            tools,
            what,
            lambda report: progress(share_of(report, "frame", stretch.encoded * _SHOWN / every)),
        )
        return read_quality(log.read_text(), stretch.encoded, every), ran.seconds

    try:
        return measure(seeks=True)
    except EncodingFailed:
        if stretch.seek_microseconds is None:
            raise
        return measure(seeks=False)
