"""What runs in compute tasks: module-level functions over frozen values, each with ``progress`` as its last argument.

They take what they need from a depot and leave what they made there, so that the next one may run anywhere. A finished
rendition is a file named for all that decides its content; whoever finds it need not make it again.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from matinee.commands.commands import look_command
from matinee.encoding.depot import Depot
from matinee.encoding.ffmpeg import Tools, find_tools, free_bytes, run_ffmpeg
from matinee.inspection.inspection import Film, accept, look, select
from matinee.inspection.probe import read_container
from matinee.model.errors import EncodingFailed, Refused, Unavailable

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
