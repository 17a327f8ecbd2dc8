"""The task that decodes all of a source once: its frame list, what is cut, interlaced, dark or missing, the first rung.

What it finds is kept in the depot by content, so that an encode that was stopped does not look twice.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from matinee.commands.commands import KEEP_PLACES, copy_command
from matinee.commands.first_rung import EARLY, FIRST, EarlySound, first_time_command, survey_command
from matinee.encoding.depot import Finished
from matinee.encoding.early import Early, EarlyEdition
from matinee.encoding.ffmpeg import free_bytes, run_ffmpeg
from matinee.encoding.joining import shown_packets
from matinee.encoding.steps import Place, Progress, Source, check_room, granted_threads, picture_of, share_of
from matinee.inspection.frames import Frames, frames_from_json, frames_to_json, read_frames, surveyed
from matinee.inspection.inspection import Film
from matinee.model.errors import EncodingFailed, Refused, Unavailable
from matinee.model.media import Rung
from matinee.packaging.sound import plan_sounds

_SURVEY = 3  # counts changes of what a survey finds
_SURVEY_BYTES = 6 * 1024**3
# Seconds of all cores together: what a second of 2160p60 AV1 takes several times over, and something to begin with.
_SURVEY_SECONDS, _SLOWEST_DECODE = 600, 60.0


@dataclass(frozen=True, slots=True)
class FirstRung:
    """The depot's file of the first rung; of each of its frames, as they are shown, the time in ticks and the bits."""

    rung: Rung
    file: str
    times: tuple[int, ...]
    bits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A film and all of its frames; ``copy`` is the depot's file of its picture, where the source is not decoded."""

    film: Film
    frames: Frames
    copy: str | None
    first: FirstRung | None = None


def survey_source(
    place: Place, source: Source, film: Film, rung: Rung | None, early: Early | None, progress: Progress
) -> Surveyed:
    """Decode all of a source once; what was found by an earlier run is not looked for again.

    The first rung is encoded meanwhile, if there is one, and shown ``early``, if that is asked for.
    Refused if most of the source cannot be decoded, or if decoding takes beyond all measure.
    """
    depot = place.depot
    copy = None
    if film.source.container not in KEEP_PLACES:
        digest = _digest(source, film)
        copy = _copied(place, source, film, f"picture-{digest}.mkv")
    seen, frames, first = _seen(place, source, film, copy, rung, early, progress)
    if seen.picture != film.picture:
        # It is not what its first frames say: the first rung was made of whole frames, or of fields, wrongly.
        seen, frames, first = _seen(place, source, replace(film, picture=seen.picture), copy, rung, None, progress)
    file = None if copy is None else copy.file
    if rung is None or first is None:
        return Surveyed(seen, frames, file)
    packets = shown_packets(depot.rendition(first.file))
    wanted = len(frames.times) * (2 if seen.picture.is_interlaced else 1)
    if len(packets) != wanted:
        raise EncodingFailed(f"The first rung of {film.name} has {len(packets)} frames, and its list holds {wanted}.")
    times, bits = tuple(time for time, _ in packets), tuple(8 * size for _, size in packets)
    return Surveyed(seen, frames, file, FirstRung(rung, first.file, times, bits))


def _seen(
    place: Place,
    source: Source,
    film: Film,
    copy: Finished | None,
    rung: Rung | None,
    early: Early | None,
    progress: Progress,
) -> tuple[Film, Frames, Finished | None]:
    """The film as its frames show it, these, and the first rung, if wanted, of the film as it was thought to be."""
    files = survey_files(source, film, rung)
    depot = place.depot
    kept = _all(map(depot.find, files))
    if kept is None:
        kept = _all(map(depot.shelved, files)) or _survey(place, source, film, copy, files, rung, early, progress)
        for one in kept:
            depot.keep(one)
    frames = frames_from_json(depot.rendition(files[0]).read_text())
    return surveyed(film, frames), frames, None if rung is None else kept[1]


def survey_files(source: Source, film: Film, rung: Rung | None) -> tuple[str, ...]:
    """What the list of a film's frames is called in the depot, and its first rung, if there is one."""
    digest = _digest(source, film)
    return (f"frames-{digest}.list", *(() if rung is None else (f"first-{digest}.mp4",)))


def _all(found: Iterable[Finished | None]) -> list[Finished] | None:
    there = list(found)
    made = [one for one in there if one is not None]
    return made if len(made) == len(there) else None


def _digest(source: Source, film: Film) -> str:
    return hashlib.sha256(repr((_SURVEY, source.identity, film)).encode()).hexdigest()[:16]


def _copied(place: Place, source: Source, film: Film, file: str) -> Finished | None:
    """The picture in a container that can be sought in; None if it cannot be put into one."""
    tools, path, what = place.find_tools(), picture_of(place, source, None), f"copying the picture of {film.name}"

    def make(part: Path) -> Finished:
        size = path.stat().st_size
        if free_bytes(part.parent) < size:
            raise Unavailable(f"The disk has no room for {what}, which takes {size // 2**20} MiB.")
        ran = run_ffmpeg(copy_command(tools.ffmpeg, path, film, part), tools, what)
        return Finished("picture", file, None, film.length_seconds, part.stat().st_size, ran.seconds)

    try:
        return place.depot.once(file, make)
    except EncodingFailed:
        return None


def _survey(
    place: Place,
    source: Source,
    film: Film,
    copy: Finished | None,
    files: tuple[str, ...],
    rung: Rung | None,
    early: Early | None,
    progress: Progress,
) -> list[Finished]:
    tools, path = place.find_tools(), picture_of(place, source, None if copy is None else copy.file)
    bounded = replace(tools, memory_bytes=min(tools.memory_bytes, _SURVEY_BYTES))
    has_places = copy is not None or film.source.container in KEEP_PLACES
    expected = max(film.source.video.frames or 0, 1)
    cpu_seconds = _SURVEY_SECONDS + round(film.length_seconds * _SLOWEST_DECODE)
    with place.depot.desk() as desk:
        if rung is not None:
            check_room(desk, rung.bitrate_bps * (1 if early is None else 2), film)
        # Without its own time stamps a picture is not in time with its sound before all is known.
        uploaded = picture_of(place, source, None).absolute()
        shown = EarlyEdition(place.depot, uploaded, desk, early, tools) if early is not None and has_places else None
        (desk / EARLY).mkdir()
        command = survey_command(
            tools.ffmpeg,
            path.absolute(),
            film,
            rung,
            desk / "stamps",
            is_copy=copy is not None,
            keeps_stamps=has_places,
            cores=granted_threads(),
            early=shown is not None,
            sound=None if shown is None else _early_sound(place, uploaded, film, is_copy=copy is not None),
        )

        def follow(report: Mapping[str, str]) -> None:
            progress(share_of(report, "frame", expected))
            if shown is not None and rung is not None:
                shown.show(film, rung)

        try:
            ran = run_ffmpeg(command, bounded, f"decoding {film.name}", follow, cpu_seconds, folder=desk)
        except EncodingFailed as error:
            raise Refused(f"{film.name} cannot be decoded: {str(error).rpartition(': ')[2]}.") from error
        listed = (desk / "stamps").read_text()
        # FFmpeg does not notice if a list of its cannot be written.
        if ran.encoded[:1] != (listed.count("\n"),):
            raise Unavailable(f"There is no space left on the disk for the list of the frames of {film.name}.")
        frames = read_frames(listed, ran.messages, film, has_places=has_places, damaged=ran.damaged)
        surveyed(film, frames)  # what is refused is not kept, and its early edition does not end well
        if shown is not None and rung is not None:
            shown.show(film, rung)
        return _shelved(place, film, frames, rung, files, desk, ran.seconds)


def _shelved(
    place: Place, film: Film, frames: Frames, rung: Rung | None, files: tuple[str, ...], desk: Path, seconds: float
) -> list[Finished]:
    """The list, and the first rung if there is one, from the desk to this machine's shelf."""
    (desk / files[0]).write_text(frames_to_json(frames))
    if rung is not None:
        (desk / FIRST).replace(desk / files[1])
    names = ("frames", *(() if rung is None else (rung.name,)))
    made = [
        Finished(name, file, len(frames.times), film.length_seconds, (desk / file).stat().st_size, seconds)
        for name, file in zip(names, files, strict=True)
    ]
    for one in made:
        place.depot.shelve(one, desk / one.file)
    return made


def _early_sound(place: Place, path: Path, film: Film, *, is_copy: bool) -> EarlySound | None:
    """The leading track's stereo, in time with a picture that begins as it does in the source, or a copy of that."""
    if film.source.audio is None:
        return None
    tools = place.find_tools()
    ran = run_ffmpeg(first_time_command(tools.ffmpeg, path, film), tools, f"looking at {film.name}")
    found = re.search(r" pts_time:(-?\d+(?:\.\d+)?)", ran.messages)
    if found is None:
        return None
    zero = float(found.group(1)) - (film.picture.first_seconds - film.shift_seconds)
    return EarlySound(plan_sounds(film.source.sounds)[0], zero, path if is_copy else None)
