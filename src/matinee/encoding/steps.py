"""What runs in compute tasks: module-level functions over frozen values, each with ``progress`` as its last argument.

They take what they need from a depot and leave what they made there, so that the next one may run anywhere. A finished
rendition is a file named for all that decides its content; whoever finds it need not make it again.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matinee.commands.commands import look_command, video_command
from matinee.commands.stretches import Stretch, check_stretch
from matinee.encoding.costs import spent_seconds
from matinee.encoding.depot import Depot, Finished
from matinee.encoding.ffmpeg import Tools, find_tools, free_bytes, run_ffmpeg
from matinee.inspection.inspection import Film, accept, look, select
from matinee.inspection.probe import read_container
from matinee.ladder.recipes import Recipe
from matinee.model.errors import EncodingFailed, Refused, Unavailable
from matinee.model.media import Rung
from matinee.packaging.boxes import track_seconds

Progress = Callable[[float], None]
_MICROSECONDS = 1e6
_ROOM = 1.1  # times what a rendition may weigh; few films reach their caps


@dataclass(frozen=True, slots=True)
class Source:
    """What is encoded: an object's key, what identifies its bytes, and its name in sentences."""

    key: str
    identity: str
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a task of an encode works: its depot, and its tools, or None for those of the machine it comes to."""

    depot: Depot
    tools: Tools | None = None

    def find_tools(self) -> Tools:
        """The tools here."""
        return self.tools or find_tools()


def inspect_source(place: Place, source: Source, _progress: Progress) -> Film:
    """The film in a source; Refused with a sentence that names it."""
    tools, path, name = place.find_tools(), place.depot.source(source.key, source.identity), source.name
    selection = select(read_container(path, name, tools.sandbox), name)
    audio = None if selection.audio is None else selection.audio.index
    try:
        command = look_command(tools.ffmpeg, path, selection.video.index, audio)
        ran = run_ffmpeg(command, tools, f"looking at {name}")
    except EncodingFailed as error:
        raise Refused(f"{name} cannot be decoded: {str(error).rpartition(': ')[2]}.") from error
    return accept(selection, look(ran.messages, name), name)


def encode_stretch(
    place: Place,
    source: Source,
    film: Film,
    copy: str | None,
    stretch: Stretch,
    recipes: Sequence[Recipe],
    files: Sequence[str],
    preset: str,
    progress: Progress,
) -> tuple[Finished, ...]:
    """Encode frames of a film to rungs (smallest first) out of one decode; they must be those of the frame list.

    ``recipes`` are those of the stretch. ``copy`` is the depot's file of the picture, where the source is not decoded
    itself. What this machine made before and could not give to the store is given to it now, and not made again.
    """
    made = {file: one for file in files if (one := place.depot.shelved(file))}
    left = [(recipe, file) for recipe, file in zip(recipes, files, strict=True) if file not in made]
    if left:
        finished = _encode_left(place, source, film, copy, stretch, left, preset, progress)
        made |= {one.file: one for one in finished}
    for file in files:
        place.depot.keep(made[file])
    return tuple(made[file] for file in files)


def _encode_left(
    place: Place,
    source: Source,
    film: Film,
    copy: str | None,
    stretch: Stretch,
    left: Sequence[tuple[Recipe, str]],
    preset: str,
    progress: Progress,
) -> Sequence[Finished]:
    """Encode rungs into files on this machine's shelf, all or none."""
    tools, path = place.find_tools(), picture_of(place, source, copy)
    recipes = [recipe for recipe, _ in left]
    rungs = [recipe.rung for recipe in recipes]
    what = f"encoding {film.name} to {', '.join(rung.name for rung in rungs)}, part {stretch.number + 1}"
    length = stretch.encoded / float(film.shown_rate)
    with place.depot.desk() as desk:
        check_room(desk, sum(rung.bitrate_bps for rung in rungs), film, length)
        parts, stamps = [desk / file for _, file in left], desk / "stamps"

        before = spent_seconds()

        def encode(*, seeks: bool) -> float:
            command = video_command(
                tools.ffmpeg,
                path,
                film,
                stretch,
                recipes,
                parts,
                stamps,
                preset,
                is_copy=copy is not None,
                seeks=seeks,
                cores=granted_threads(),
            )
            ran = run_ffmpeg(command, tools, what, lambda report: progress(share_of(report, "frame", stretch.encoded)))
            if set(ran.encoded) != {stretch.encoded} or len(ran.encoded) != len(rungs):
                raise EncodingFailed(f"FFmpeg encoded {ran.encoded} of {stretch.encoded} frames while {what}.")
            check_stretch(stretch, stamps.read_text(), what)
            return ran.seconds

        try:
            seconds = encode(seeks=True)
        except EncodingFailed:
            if stretch.seek_microseconds is None:
                raise
            # The container's index misleads: decode from the film's start and count, which is slow and always right.
            seconds = encode(seeks=False)
        costs = _shared_out(spent_seconds() - before, rungs)
        finished = [
            Finished(
                *(rung.name, file, stretch.encoded, track_seconds(part), part.stat().st_size, seconds), cpu_seconds=cost
            )
            for rung, (_, file), part, cost in zip(rungs, left, parts, costs, strict=True)
        ]
        # All of them before the store is asked for any: it may not answer.
        for one, part in zip(finished, parts, strict=True):
            place.depot.shelve(one, part)
    return finished


def _shared_out(cpu_seconds: float, rungs: Sequence[Rung]) -> list[float]:
    """What each rung took of a run that made all of them: encoders take about as long as they have pixels."""
    whole = sum(rung.width * rung.height for rung in rungs)
    return [round(cpu_seconds * rung.width * rung.height / whole, 3) for rung in rungs]


def granted_threads() -> int | None:
    """As many as compute gave this task cores, if that is less than the machine has."""
    granted, there = float(os.environ.get("TASK_CORES", "inf")), len(os.sched_getaffinity(0))
    return max(1, round(granted)) if granted < there else None


def picture_of(place: Place, source: Source, copy: str | None) -> Path:
    """Where a film's picture is read: the source, or the depot's copy of it."""
    return place.depot.source(source.key, source.identity) if copy is None else place.depot.rendition(copy)


def check_room(desk: Path, bitrate_bps: int, film: Film, length_seconds: float | None = None) -> None:
    """Unavailable if the disk may not take so many bits a second for a length, or for the whole film."""
    length_seconds = film.length_seconds if length_seconds is None else length_seconds
    needed, free = round(bitrate_bps / 8 * length_seconds * _ROOM), free_bytes(desk)
    if free < needed:
        raise Unavailable(
            f"The disk has {free // 2**20} MiB left, and encoding {film.name} may take {needed // 2**20} MiB."
        )


def share_of(report: Mapping[str, str], key: str, whole: float) -> float:
    """How far one of FFmpeg's reports says that it is, from 0 to 1."""
    try:
        return min(max(float(report.get(key, "0")) / whole, 0.0), 1.0)
    except ValueError:  # FFmpeg says N/A before the first packet
        return 0.0
