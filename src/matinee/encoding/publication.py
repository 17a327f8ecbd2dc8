"""The last task of an encode: renditions out of the depot, packaged and with pictures, checked, into the store."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from matinee.commands.commands import first_frame_command
from matinee.drawing import thumbnails
from matinee.encoding.depot import Finished
from matinee.encoding.ffmpeg import Tools, free_bytes, run_tool
from matinee.encoding.joining import delay_of, join
from matinee.encoding.steps import Place, Progress
from matinee.encoding.text import text_files
from matinee.inspection.inspection import Film
from matinee.ladder.shots import LONGEST_SECONDS
from matinee.model.errors import EncodingFailed, Unavailable
from matinee.model.media import Chapter, Codec, Ladder, Picture, Presentation, Rung
from matinee.packaging.chapters import list_chapters, write_chapters
from matinee.packaging.images import Sheets
from matinee.packaging.packaging import (
    DASH,
    HLS,
    POSTER,
    STILL,
    THUMBNAILS,
    VideoFile,
    mend_manifests,
    package_command,
    verify,
    video_folder,
)
from matinee.packaging.protection import Protection, name_keys, protecting_words
from matinee.packaging.sound import AudioFile, plan_sounds
from matinee.packaging.text import PLAYLIST, text_names
from matinee.packaging.text_manifests import write_texts

FURTHER_PICTURES = 3
"""So many frames besides the first become pictures of a title, where so many are good and different."""

_TYPES = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".vtt": "text/vtt",
    ".json": "application/json",
}


@dataclass(frozen=True, slots=True)
class Cuts:
    """What all renditions of a film's picture share: the times of their frames in ticks, and how many segments."""

    times: tuple[int, ...]
    end: int
    segments: int


def publish_film(
    place: Place,
    film: Film,
    ladder: Ladder,
    parts: Mapping[str, Sequence[Finished]],
    cuts: Cuts,
    title: str,
    font: Path | None,
    prefix: str,
    protection: Protection | None,
    _progress: Progress,
) -> Presentation:
    """Put a presentation under ``prefix``, manifests last. ``parts`` are its renditions by name, each in order.

    ``title`` goes on the poster, set in ``font`` where that is on this machine. With ``protection``, picture and sound
    are encrypted; posters and thumbnails are not.
    """
    tools = place.find_tools()
    with place.depot.desk() as desk:
        videos = [_joined(place, film, rung, parts[rung.name], cuts, desk) for rung in ladder.rungs]
        sounds = plan_sounds(film.source.sounds)
        for one in sounds:
            (heard,) = parts[one.name]
            (desk / heard.file).symlink_to(place.depot.rendition(heard.file).absolute())
        audios = [AudioFile(desk / parts[one.name][0].file, one) for one in sounds]
        folder = desk / "package"
        folder.mkdir()
        command = package_command(tools.packager, videos, audios, ladder.segment_seconds)
        if protection is not None:
            command += protecting_words(desk, protection)
        run_tool(command, tools, f"packaging {film.name}", "Shaka Packager", folder=desk)
        if protection is not None:
            name_keys(folder, protection)
        pictures = draw_pictures(
            shown_videos(videos), film, title, font if font and font.exists() else None, folder, tools
        )
        texts = text_files(place.depot, film, [parts[name][0].file for name in text_names(film.source.texts)])
        write_texts(folder, f"{video_folder(videos[0].rung)}/{PLAYLIST}", texts)
        mend_manifests(folder, film.shown_rate, audios, texts, sheets_of(film))
        chapters = list_film_chapters(folder, film)
        verified = verify(folder, videos, audios, film.shown_rate, pictures[0].colour, film.name, texts)
        presentation = replace(verified, pictures=pictures[1:], chapters=chapters)
        for rendition in presentation.video:
            place_of = rendition.uri.rpartition("/")[0] + "/"
            made = sum(name.startswith(place_of) and name.endswith(".m4s") for name, _ in presentation.files)
            if made != cuts.segments:
                raise EncodingFailed(f"{film.name}: {rendition.name} is in {made} segments, not in {cuts.segments}.")
        names = sorted((name for name, _ in presentation.files), key=lambda name: (name in {HLS, DASH}, name))
        place.depot.publish(folder, names, prefix, _TYPES)
    return presentation


def _joined(place: Place, film: Film, rung: Rung, parts: Sequence[Finished], cuts: Cuts, desk: Path) -> VideoFile:
    needed = sum(part.size_bytes for part in parts)
    if free_bytes(desk) < needed:
        raise Unavailable(f"The disk has no room for joining {film.name}, which takes {needed // 2**20} MiB.")
    whole = desk / f"{rung.name}.mp4"
    files = [place.depot.rendition(part.file) for part in parts]
    join(files, whole, cuts.times, cuts.end, delay_of(rung.codec, is_steady=film.is_steady), film.name)
    return VideoFile(rung, whole, len(cuts.times))


def shown_videos(videos: Sequence[VideoFile]) -> list[VideoFile]:
    """Those that pictures are taken of: H.264's are in ordinary colours and cheap to decode."""
    return [video for video in videos if video.rung.codec is Codec.H264]


def draw_pictures(
    videos: Sequence[VideoFile], film: Film, title: str, font: Path | None, folder: Path, tools: Tools
) -> tuple[Picture, ...]:
    """Make stills, posters and thumbnails in a folder; the pictures, of which the first is the title's own.

    The others are of frames that were looked at for the first, as far as they are good and clearly different.
    Renditions are upright, in square pixels and standard colours already, and made by us: no source is opened again.
    """
    from matinee.drawing import frames, posters  # noqa: PLC0415 - Pillow, which the worker itself does not need

    small, large = videos[0].path, videos[-1].path
    what = f"drawing the pictures of {film.name}"
    with TemporaryDirectory(dir=folder.parent) as scratch:
        frame, looked_at = Path(scratch) / "frame.jpg", Path(scratch) / "looked_at"
        looked_at.mkdir()
        command = posters.still_command(tools.ffmpeg, large, frame, film.length_seconds, looked_at)
        run_tool(command, tools, what, "FFmpeg")
        if not frame.exists():  # a film of few frames may have none in the stretch that was looked at
            run_tool(first_frame_command(tools.ffmpeg, large, frame), tools, what, "FFmpeg")
        candidates = sorted(looked_at.iterdir(), key=lambda path: int(path.stem))
        others = frames.different(candidates, frame, FURTHER_PICTURES)

        def draw(number: int) -> Picture:
            one, poster, still = [frame, *others][number], numbered(POSTER, number), numbered(STILL, number)
            posters.make_still(one, folder / still)
            return Picture(poster, still, posters.make_poster(one, title, font, folder / poster))

        # Pillow lets go of the interpreter's lock while it scales and packs.
        with ThreadPoolExecutor(len(others) + 1) as pool:
            pictures = tuple(pool.map(draw, range(len(others) + 1)))
    sprites = _sprites(film)
    command = thumbnails.sprites_command(tools.ffmpeg, small, folder, sprites, LONGEST_SECONDS)
    run_tool(command, tools, what, "FFmpeg")
    (folder / THUMBNAILS).write_text(thumbnails.thumbnails_vtt(sprites))
    return pictures


def list_film_chapters(folder: Path, film: Film) -> tuple[Chapter, ...]:
    """Write the chapters that begin within the frames that there are, and name them in HLS."""
    chapters = tuple(one for one in film.chapters if one.start_seconds < film.length_seconds)
    write_chapters(folder, chapters, film.length_seconds)
    (folder / HLS).write_text(list_chapters((folder / HLS).read_text(), chapters))
    return chapters


def sheets_of(film: Film) -> Sheets:
    """How the thumbnails of a film lie in their files, for DASH."""
    sprites = _sprites(film)
    return Sheets(
        count=sprites.sheets,
        columns=sprites.columns,
        rows=sprites.rows,
        tile_width=sprites.tile_width,
        tile_height=sprites.tile_height,
        interval_ms=sprites.interval_ms,
    )


def _sprites(film: Film) -> thumbnails.Sprites:
    return thumbnails.plan_sprites(film.picture.display_width, film.picture.height, film.length_seconds)


def numbered(file: str, number: int) -> str:
    """The name of the same picture of another frame: ``poster.jpg``, ``poster-1.jpg``."""
    stem, dot, ending = file.partition(".")
    return f"{stem}-{number}{dot}{ending}" if number else file
