"""The task that encodes a chunk: all of its rungs out of one decode, and a look at one of them meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matinee.commands.commands import Look, video_command
from matinee.commands.stretches import Stretch, check_stretch
from matinee.encoding.costs import spent_seconds
from matinee.encoding.depot import Finished
from matinee.encoding.ffmpeg import run_ffmpeg
from matinee.encoding.measuring import Looked, read_looked, write_measured
from matinee.encoding.steps import Place, Progress, Source, check_room, granted_threads, picture_of, share_of
from matinee.inspection.inspection import Film
from matinee.ladder.quality import read_quality
from matinee.ladder.recipes import Recipe
from matinee.model.errors import EncodingFailed
from matinee.model.media import Rung
from matinee.packaging.boxes import track_seconds


@dataclass(frozen=True, slots=True)
class Looking:
    """The rung that is compared with the source while it is encoded, every so many frames; where that is kept."""

    name: str
    every: int
    file: str


@dataclass(frozen=True, slots=True)
class Made:
    """Parts that are made, and what was seen of the one that was looked at; None if it lay on the shelf already."""

    finished: tuple[Finished, ...]
    looked: Looked | None = None


def encode_stretch(
    place: Place,
    source: Source,
    film: Film,
    copy: str | None,
    stretch: Stretch,
    recipes: Sequence[Recipe],
    files: Sequence[str],
    preset: str,
    looking: Looking | None,
    progress: Progress,
) -> Made:
    """Encode frames of a film to rungs (smallest first) out of one decode; they must be those of the frame list.

    ``recipes`` are those of the stretch. ``copy`` is the depot's file of the picture, where the source is not decoded
    itself. One of them is looked at out of the same decode, if that is asked for. What this machine made before and
    could not give to the store is given to it now, and not made again.
    """
    made = {file: one for file in files if (one := place.depot.shelved(file))}
    left = [(recipe, file) for recipe, file in zip(recipes, files, strict=True) if file not in made]
    seen = next((file for recipe, file in left if looking is not None and recipe.rung.name == looking.name), None)
    look = looking if seen is not None else None
    if left:
        finished = _encode_left(place, source, film, copy, stretch, left, preset, look, progress)
        made |= {one.file: one for one in finished}
    for file in (*files, *((look.file,) if look else ())):
        place.depot.keep(made[file])
    looked = None if look is None or seen is None else read_looked(place, stretch, seen, look.file)
    return Made(tuple(made[file] for file in files), looked)


def _encode_left(
    place: Place,
    source: Source,
    film: Film,
    copy: str | None,
    stretch: Stretch,
    left: Sequence[tuple[Recipe, str]],
    preset: str,
    looking: Looking | None,
    progress: Progress,
) -> Sequence[Finished]:
    """Encode rungs into files on this machine's shelf, and what was seen of one of them; all or none."""
    tools, path = place.find_tools(), picture_of(place, source, copy)
    recipes = [recipe for recipe, _ in left]
    rungs = [recipe.rung for recipe in recipes]
    what = f"encoding {film.name} to {', '.join(rung.name for rung in rungs)}, part {stretch.number + 1}"
    length = stretch.encoded / float(film.shown_rate)
    with place.depot.desk() as desk:
        check_room(desk, sum(rung.bitrate_bps for rung in rungs), film, length)
        parts, stamps = [desk / file for _, file in left], desk / "stamps"
        look = None if looking is None else _look(looking, rungs, desk)
        before = spent_seconds()

        def encode(*, seeks: bool) -> float:
            command = video_command(
                *(tools.ffmpeg, path, film, stretch, recipes, parts, stamps, preset),
                is_copy=copy is not None,
                seeks=seeks,
                cores=granted_threads(),
                look=look,
            )
            ran = run_ffmpeg(command, tools, what, lambda report: progress(share_of(report, "frame", stretch.encoded)))
            counted = ran.encoded[: len(rungs)]
            if set(counted) != {stretch.encoded} or len(counted) != len(rungs):
                raise EncodingFailed(f"FFmpeg encoded {counted} of {stretch.encoded} frames while {what}.")
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
        if look is not None and looking is not None:
            measured = read_quality(look.log.read_text(), stretch.encoded, look.every)
            parts.append(desk / looking.file)
            finished.append(write_measured(film, measured, parts[-1], seconds))
        # All of them before the store is asked for any: it may not answer.
        for one, part in zip(finished, parts, strict=True):
            place.depot.shelve(one, part)
    return finished


def _look(looking: Looking, rungs: Sequence[Rung], desk: Path) -> Look:
    return Look([rung.name for rung in rungs].index(looking.name), looking.every, desk / "vmaf.json")


def _shared_out(cpu_seconds: float, rungs: Sequence[Rung]) -> list[float]:
    """What each rung took of a run that made all of them: encoders take about as long as they have pixels."""
    whole = sum(rung.width * rung.height for rung in rungs)
    return [round(cpu_seconds * rung.width * rung.height / whole, 3) for rung in rungs]
