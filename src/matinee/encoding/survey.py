"""The task that decodes all of a source once: its frame list, and with it what is cut, interlaced, dark or missing.

What it finds is kept in the depot by content, so that an encode that was stopped does not look twice.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from matinee.encoding.commands import copy_command, survey_command
from matinee.encoding.depot import Depot, Finished
from matinee.encoding.ffmpeg import free_bytes, run_ffmpeg
from matinee.encoding.steps import Place, Progress, Source, granted_threads, picture_of, share_of
from matinee.inspection.frames import Frames, frames_from_json, frames_to_json, read_frames, surveyed
from matinee.inspection.inspection import Film
from matinee.model.errors import EncodingFailed, Refused, Unavailable

_SURVEY = 2  # counts changes of what a survey finds
# Containers that say where each frame is. Of others the picture is copied into one that does.
_KEEP_PLACES = frozenset({"mov", "matroska"})
_SURVEY_BYTES = 6 * 1024**3
# Seconds of all cores together: what a second of 2160p60 AV1 takes several times over, and something to begin with.
_SURVEY_SECONDS, _SLOWEST_DECODE = 600, 60.0


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A film and all of its frames; ``copy`` is the depot's file of its picture, where the source is not decoded."""

    film: Film
    frames: Frames
    copy: str | None


def survey_source(place: Place, source: Source, film: Film, progress: Progress) -> Surveyed:
    """Decode all of a source once; what was found by an earlier run is not looked for again.

    Refused if most of it cannot be decoded, or if decoding takes beyond all measure.
    """
    depot = place.depot
    digest = hashlib.sha256(repr((_SURVEY, source.identity, film)).encode()).hexdigest()[:16]
    copy = None
    if film.source.container not in _KEEP_PLACES:
        copy = _once(depot, f"picture-{digest}.mkv", lambda file: _copy(place, source, film, file))
    listed = _once(depot, f"frames-{digest}.list", lambda file: _survey(place, source, film, copy, file, progress))
    assert listed is not None
    frames = frames_from_json(depot.rendition(listed.file).read_text())
    return Surveyed(surveyed(film, frames), frames, None if copy is None else copy.file)


def _once(depot: Depot, file: str, make: Callable[[str], Finished | None]) -> Finished | None:
    """What was made before, by anybody, or is made now."""
    found = depot.find(file)
    if found is None:
        found = depot.shelved(file) or make(file)
        if found is not None:
            depot.keep(found)
    return found


def _copy(place: Place, source: Source, film: Film, file: str) -> Finished | None:
    """The picture in a container that can be sought in; None if it cannot be put into one."""
    tools, path, what = place.find_tools(), picture_of(place, source, None), f"copying the picture of {film.name}"
    with place.depot.desk() as desk:
        part, size = desk / file, path.stat().st_size
        if free_bytes(desk) < size:
            raise Unavailable(f"The disk has no room for {what}, which takes {size // 2**20} MiB.")
        try:
            ran = run_ffmpeg(copy_command(tools.ffmpeg, path, film, part), tools, what)
        except EncodingFailed:
            return None
        finished = Finished("picture", file, None, film.length_seconds, part.stat().st_size, ran.seconds)
        place.depot.shelve(finished, part)
    return finished


def _survey(place: Place, source: Source, film: Film, copy: Finished | None, file: str, progress: Progress) -> Finished:
    tools, path = place.find_tools(), picture_of(place, source, None if copy is None else copy.file)
    bounded = replace(tools, memory_bytes=min(tools.memory_bytes, _SURVEY_BYTES))
    has_places = copy is not None or film.source.container in _KEEP_PLACES
    expected = max(film.source.video.frames or 0, 1)
    cpu_seconds = _SURVEY_SECONDS + round(film.length_seconds * _SLOWEST_DECODE)
    with place.depot.desk() as desk:
        stamps, part = desk / "stamps", desk / file
        command = survey_command(
            tools.ffmpeg,
            path,
            film,
            stamps,
            is_copy=copy is not None,
            keeps_stamps=has_places,
            cores=granted_threads(),
        )
        try:
            ran = run_ffmpeg(
                command,
                bounded,
                f"decoding {film.name}",
                lambda report: progress(share_of(report, "frame", expected)),
                cpu_seconds,
            )
        except EncodingFailed as error:
            raise Refused(f"{film.name} cannot be decoded: {str(error).rpartition(': ')[2]}.") from error
        listed = stamps.read_text()
        # FFmpeg does not notice if a list of its cannot be written.
        if ran.encoded != (listed.count("\n"),):
            raise Unavailable(f"There is no space left on the disk for the list of the frames of {film.name}.")
        frames = read_frames(listed, ran.messages, film, has_places=has_places, damaged=ran.damaged)
        part.write_text(frames_to_json(frames))
        finished = Finished("frames", file, len(frames.times), film.length_seconds, part.stat().st_size, ran.seconds)
        place.depot.shelve(finished, part)
    return finished
