"""The last task of an encode: renditions out of the depot, packaged and with pictures, checked, into the store."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from matinee.drawing import thumbnails
from matinee.encoding.commands import first_frame_command
from matinee.encoding.depot import Finished
from matinee.encoding.ffmpeg import Tools, run_tool
from matinee.encoding.steps import Place, Progress
from matinee.encoding.text import text_files
from matinee.inspection.inspection import Film
from matinee.ladder.fixed import KEY_FRAME_SECONDS
from matinee.model.errors import EncodingFailed
from matinee.model.media import Ladder, Picture, Presentation
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
}


def publish_film(
    place: Place,
    film: Film,
    ladder: Ladder,
    finished: Mapping[str, Finished],
    title: str,
    font: Path | None,
    prefix: str,
    _progress: Progress,
) -> Presentation:
    """Put a presentation under ``prefix``, manifests last. ``finished`` are its renditions by name.

    ``title`` goes on the poster, set in ``font`` where that is on this machine.
    """
    tools = place.find_tools()
    with place.depot.desk() as desk:
        for one in finished.values():
            (desk / one.file).symlink_to(place.depot.rendition(one.file).absolute())
        videos = [
            VideoFile(rung, desk / finished[rung.name].file, finished[rung.name].frames or 0) for rung in ladder.rungs
        ]
        if len({video.frames for video in videos}) != 1:
            counts = ", ".join(f"{video.rung.name}: {video.frames}" for video in videos)
            raise EncodingFailed(f"The renditions of {film.name} differ in their number of frames ({counts}).")
        audios = [AudioFile(desk / finished[one.name].file, one) for one in plan_sounds(film.source.sounds)]
        folder = desk / "package"
        folder.mkdir()
        command = package_command(tools.packager, videos, audios, ladder.segment_seconds)
        run_tool(command, tools, f"packaging {film.name}", "Shaka Packager", folder=desk)
        pictures = draw_pictures(videos, film, title, font if font and font.exists() else None, folder, tools)
        texts = text_files(place.depot, film, [finished[name].file for name in text_names(film.source.texts)])
        write_texts(folder, f"{video_folder(videos[0].rung)}/{PLAYLIST}", texts)
        mend_manifests(folder, film.frame_rate, audios, texts)
        verified = verify(folder, videos, audios, film.frame_rate, pictures[0].colour, film.name, texts)
        presentation = replace(verified, pictures=pictures[1:])
        names = sorted((name for name, _ in presentation.files), key=lambda name: (name in {HLS, DASH}, name))
        place.depot.publish(folder, names, prefix, _TYPES)
    return presentation


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
    sprites = thumbnails.plan_sprites(film.picture.display_width, film.picture.height, film.length_seconds)
    command = thumbnails.sprites_command(tools.ffmpeg, small, folder, sprites, KEY_FRAME_SECONDS)
    run_tool(command, tools, what, "FFmpeg")
    (folder / THUMBNAILS).write_text(thumbnails.thumbnails_vtt(sprites))
    return pictures


def numbered(file: str, number: int) -> str:
    """The name of the same picture of another frame: ``poster.jpg``, ``poster-1.jpg``."""
    stem, dot, ending = file.partition(".")
    return f"{stem}-{number}{dot}{ending}" if number else file
