"""What runs in compute tasks: module-level functions over frozen values, each with ``progress`` as its last argument.

A finished rendition is a file named for all that decides its content, moved into place when it is whole, and a note
beside it. Whoever finds both need not make it again.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from matinee.encoding.boxes import track_seconds
from matinee.encoding.commands import audio_command, first_frame_command, look_command, video_command
from matinee.encoding.ffmpeg import Ran, Tools, run_ffmpeg, run_tool
from matinee.encoding.inspection import Film, accept, check_decoded, look, select
from matinee.encoding.ladder import KEY_FRAME_SECONDS
from matinee.encoding.probe import read_container
from matinee.model.errors import EncodingFailed, Refused
from matinee.model.media import Rung

POSTER, STILL, THUMBNAILS = "poster.jpg", "still.jpg", "thumbnails.vtt"
Progress = Callable[[float], None]
_MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Finished:
    """A rendition that is done. ``file`` is its name in the work folder; ``frames`` is None for sound.

    ``length_seconds`` is what its media header says, ``seconds`` what making it took.
    """

    name: str
    file: str
    frames: int | None
    length_seconds: float
    size_bytes: int
    seconds: float


def inspect_source(source: Path, name: str, tools: Tools, _progress: Progress) -> Film:
    """The film in a source; Refused with a sentence that names it by ``name``."""
    selection = select(read_container(source, name, tools.sandbox), name)
    audio = None if selection.audio is None else selection.audio.index
    try:
        command = look_command(tools.ffmpeg, source, selection.video.index, audio)
        ran = run_ffmpeg(command, tools, f"looking at {name}")
    except EncodingFailed as error:
        raise Refused(f"{name} cannot be decoded: {str(error).rpartition(': ')[2]}.") from error
    return accept(selection, look(ran.messages, name), name)


def encode_videos(
    film: Film,
    source: Path,
    rungs: Sequence[Rung],
    files: Sequence[str],
    folder: Path,
    preset: str,
    crf: float,
    tools: Tools,
    progress: Progress,
) -> tuple[Finished, ...]:
    """Encode rungs (smallest first) out of one decode; every decoded frame must have been encoded."""
    parts = [folder / f"{file}.part" for file in files]
    names = ", ".join(rung.name for rung in rungs)
    what = f"encoding {film.name} to {names}"
    expected = max(film.source.video.frames or 0, 1)
    ran = run_ffmpeg(
        video_command(tools.ffmpeg, source, film, rungs, parts, preset, crf),
        tools,
        what,
        lambda report: progress(_share(report, "frame", expected)),
    )
    frames = _frames(film, ran, len(rungs), what)
    finished = tuple(
        Finished(rung.name, file, frames, track_seconds(part), part.stat().st_size, ran.seconds)
        for rung, file, part in zip(rungs, files, parts, strict=True)
    )
    for one in finished:
        keep(folder, one)
    return finished


def encode_audio(
    film: Film, source: Path, name: str, file: str, folder: Path, tools: Tools, progress: Progress
) -> Finished:
    """Encode the sound of the whole film."""
    part = folder / f"{file}.part"
    length = max(film.length_seconds, 0.001) * _MICROSECONDS
    what = f"encoding the sound of {film.name}"
    ran = run_ffmpeg(
        audio_command(tools.ffmpeg, source, film, part),
        tools,
        what,
        lambda report: progress(_share(report, "out_time_us", length)),
    )
    seconds = track_seconds(part)
    if not seconds:
        raise Refused(f"{film.name} has sound that cannot be decoded.")
    finished = Finished(name, file, None, seconds, part.stat().st_size, ran.seconds)
    keep(folder, finished)
    return finished


def run_packager(command: Sequence[str], folder: Path, name: str, tools: Tools, _progress: Progress) -> float:
    """Run Shaka Packager in a folder; how long it took, in seconds."""
    return run_tool(command, tools, f"packaging {name}", "Shaka Packager", folder=folder).seconds


def draw_pictures(
    small: Path, large: Path, film: Film, name: str, font: Path | None, folder: Path, tools: Tools, _progress: Progress
) -> str:
    """Make still, poster and thumbnails in a folder; the poster's colour.

    Renditions are upright, in square pixels and standard colours already, and made by us: no source is opened again.
    """
    from matinee.encoding import posters, thumbnails  # noqa: PLC0415 - Pillow, which no other step needs

    what = f"drawing the pictures of {film.name}"
    with TemporaryDirectory(dir=folder.parent) as scratch:
        frame = Path(scratch) / "frame.jpg"
        run_tool(posters.still_command(tools.ffmpeg, large, frame, film.length_seconds), tools, what, "FFmpeg")
        if not frame.exists():  # a film of few frames may have none in the stretch that was looked at
            run_tool(first_frame_command(tools.ffmpeg, large, frame), tools, what, "FFmpeg")
        posters.make_still(frame, folder / STILL)
        colour = posters.make_poster(frame, name, font, folder / POSTER)
    sprites = thumbnails.plan_sprites(film.picture.display_width, film.picture.height, film.length_seconds)
    command = thumbnails.sprites_command(tools.ffmpeg, small, folder, sprites, KEY_FRAME_SECONDS)
    run_tool(command, tools, what, "FFmpeg")
    (folder / THUMBNAILS).write_text(thumbnails.thumbnails_vtt(sprites))
    return colour


def keep(folder: Path, finished: Finished) -> None:
    """Move a whole rendition from its ``.part`` into place, with its note; a kill in between leaves no half."""
    part, place = folder / f"{finished.file}.part", folder / finished.file
    note = place.with_suffix(".json")
    note.write_text(json.dumps(asdict(finished)))
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(place)


def find_finished(folder: Path, file: str) -> Finished | None:
    """The rendition that was kept under this name, if it is there and whole."""
    place = folder / file
    try:
        finished = Finished(**json.loads(place.with_suffix(".json").read_text()))
        return finished if place.stat().st_size == finished.size_bytes else None
    except (OSError, ValueError, TypeError):
        return None


def _frames(film: Film, ran: Ran, outputs: int, what: str) -> int:
    """The number of frames in each output; it must be what came out of the decoder, and most of what went in."""
    decoded = ran.decoded or 0
    if len(ran.encoded) != outputs or len(set(ran.encoded)) != 1:
        raise EncodingFailed(f"FFmpeg made outputs of unequal length while {what}: {ran.encoded} frames.")
    if ran.encoded[0] != decoded:
        raise EncodingFailed(f"FFmpeg encoded {ran.encoded[0]} of {decoded} decoded frames while {what}.")
    check_decoded(film, decoded)
    return decoded


def _share(report: Mapping[str, str], key: str, whole: float) -> float:
    try:
        return min(max(float(report.get(key, "0")) / whole, 0.0), 1.0)
    except ValueError:  # FFmpeg says N/A before the first packet
        return 0.0
