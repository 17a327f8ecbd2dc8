"""What runs in compute tasks: module-level functions over frozen values, each with ``progress`` as its last argument.

They take what they need from a depot and leave what they made there, so that the next one may run anywhere. A finished
rendition is a file named for all that decides its content; whoever finds it need not make it again.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matinee.encoding.commands import look_command, video_command
from matinee.encoding.depot import Depot, Finished
from matinee.encoding.ffmpeg import Ran, Tools, find_tools, free_bytes, run_ffmpeg
from matinee.inspection.inspection import Film, accept, check_decoded, look, select
from matinee.inspection.probe import read_container
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


def encode_videos(
    place: Place,
    source: Source,
    film: Film,
    rungs: Sequence[Rung],
    files: Sequence[str],
    preset: str,
    crf: float,
    progress: Progress,
) -> tuple[Finished, ...]:
    """Encode rungs (smallest first) out of one decode; every decoded frame must have been encoded.

    What this machine made before and could not give to the store is given to it now, and not made again.
    """
    made = {file: one for file in files if (one := place.depot.shelved(file))}
    left = [(rung, file) for rung, file in zip(rungs, files, strict=True) if file not in made]
    if left:
        made |= {one.file: one for one in _encode_left(place, source, film, left, preset, crf, progress)}
    for file in files:
        place.depot.keep(made[file])
    return tuple(made[file] for file in files)


def _encode_left(
    place: Place,
    source: Source,
    film: Film,
    left: Sequence[tuple[Rung, str]],
    preset: str,
    crf: float,
    progress: Progress,
) -> Sequence[Finished]:
    """Encode rungs into files on this machine's shelf, all or none."""
    tools, path = place.find_tools(), place.depot.source(source.key, source.identity)
    rungs = [rung for rung, _ in left]
    what = f"encoding {film.name} to {', '.join(rung.name for rung in rungs)}"
    expected = max(film.source.video.frames or 0, 1)
    with place.depot.desk() as desk:
        check_room(desk, sum(rung.bitrate_bps for rung in rungs), film)
        parts = [desk / file for _, file in left]
        ran = run_ffmpeg(
            video_command(tools.ffmpeg, path, film, rungs, parts, preset, crf, granted_threads()),
            tools,
            what,
            lambda report: progress(share_of(report, "frame", expected)),
        )
        frames = _frames(film, ran, len(rungs), what)
        finished = [
            Finished(rung.name, file, frames, track_seconds(part), part.stat().st_size, ran.seconds)
            for (rung, file), part in zip(left, parts, strict=True)
        ]
        # All of them before the store is asked for any: it may not answer.
        for one, part in zip(finished, parts, strict=True):
            place.depot.shelve(one, part)
    return finished


def granted_threads() -> int | None:
    """As many as compute gave this task cores, if that is less than the machine has."""
    granted, there = float(os.environ.get("TASK_CORES", "inf")), len(os.sched_getaffinity(0))
    return max(1, round(granted)) if granted < there else None


def check_room(desk: Path, bitrate_bps: int, film: Film) -> None:
    """Unavailable if the disk may not take a film of so many bits a second."""
    needed, free = round(bitrate_bps / 8 * film.length_seconds * _ROOM), free_bytes(desk)
    if free < needed:
        raise Unavailable(
            f"The disk has {free // 2**20} MiB left, and encoding {film.name} may take {needed // 2**20} MiB."
        )


def _frames(film: Film, ran: Ran, outputs: int, what: str) -> int:
    """The number of frames in each output; it must be what came out of the decoder, and most of what went in."""
    decoded = ran.decoded or 0
    if len(ran.encoded) != outputs or len(set(ran.encoded)) != 1:
        raise EncodingFailed(f"FFmpeg made outputs of unequal length while {what}: {ran.encoded} frames.")
    if ran.encoded[0] != decoded:
        raise EncodingFailed(f"FFmpeg encoded {ran.encoded[0]} of {decoded} decoded frames while {what}.")
    check_decoded(film, decoded)
    return decoded


def share_of(report: Mapping[str, str], key: str, whole: float) -> float:
    """How much of the whole FFmpeg's report says is done, from 0 to 1."""
    try:
        return min(max(float(report.get(key, "0")) / whole, 0.0), 1.0)
    except ValueError:  # FFmpeg says N/A before the first packet
        return 0.0
