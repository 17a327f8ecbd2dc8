"""Tasks that run on any machine: an episode's fingerprint made and kept in the object store; a season compared.

They read what was published, never an upload: the leading sound and the smallest picture.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import obstore
from numpy.typing import NDArray
from obstore.store import ObjectStore

from matinee.commands.commands import start
from matinee.encoding.ffmpeg import find_tools, run_ffmpeg
from matinee.model.errors import EncodingFailed, Unavailable
from matinee.model.media import Presentation, Rendition
from matinee.spans.pictures import RATE, SIDE, hashes_of
from matinee.spans.season import Fingerprint, found_in
from matinee.spans.span import Extent
from matinee.spans.words import RATE_HZ, words_of

FINGERPRINTS = "fingerprints"
LONGEST_SECONDS = 4 * 3600.0
"""What comes later in an episode is not looked at."""

RECIPE = 2  # counts changes of what fingerprints hold
COMPARISON = 2  # and of how they are compared: another one compares anew, without listening again
_MEMORY_BYTES = 2 * 1024**3
_CPU_SECONDS = 3600
_LAST = ("nice", "-n", "19")  # whoever encodes has the machine first
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a task works: the store as it is opened there, and a folder of the machine."""

    open_store: Callable[[], ObjectStore]
    folder: Path


@dataclass(frozen=True, slots=True)
class Heard:
    """What of an episode a fingerprint is made of: objects of its sound and its picture, in order, and its name."""

    name: str
    duration_seconds: float
    sound: tuple[str, ...]
    picture: tuple[str, ...]
    key: str


def heard_of(presentation: Presentation, prefix: str, name: str) -> Heard:
    """What to read of a presentation that stands under a prefix. ``key`` is the same for the same bytes."""
    digests = dict(zip((file for file, _ in presentation.files), presentation.digests, strict=False))
    chosen = [_files(presentation, some[0]) if some else () for some in (presentation.audio, presentation.video)]
    bytes_of = [[digests.get(file, f"{prefix}/{file}") for file in files] for files in chosen]
    words = json.dumps([RECIPE, bytes_of, presentation.duration_seconds])
    sound, picture = (tuple(f"{prefix}/{file}" for file in files) for files in chosen)
    key = f"{FINGERPRINTS}/{hashlib.sha256(words.encode()).hexdigest()[:32]}.npz"
    return Heard(name, presentation.duration_seconds, sound, picture, key)


def _files(presentation: Presentation, rendition: Rendition) -> tuple[str, ...]:
    """The rendition's initialisation and its segments, in order."""
    folder = rendition.uri.rpartition("/")[0] + "/"
    names = [file for file, _ in presentation.files if file.startswith(folder)]
    return (*(file for file in names if file.endswith(".mp4")), *sorted(f for f in names if f.endswith(".m4s")))


def make_fingerprint(place: Workplace, heard: Heard, progress: Progress) -> None:
    """Make an episode's fingerprint and put it into the store; what is there already is left as it is."""
    found = find_tools()
    tools = replace(found, memory_bytes=_MEMORY_BYTES, sandbox=(*_LAST, *found.sandbox))
    with _store(place) as store:
        if _is_there(store, heard.key):
            return
    with _desk(place) as desk:
        sound, picture = desk / "sound.raw", desk / "picture.raw"
        for files, output, command in ((heard.sound, sound, sound_command), (heard.picture, picture, picture_command)):
            output.touch()
            if files:
                _fetch(place, files, desk / "track.mp4")
                words = command(tools.ffmpeg, desk / "track.mp4", output)
                run_ffmpeg(words, tools, f"listening to {heard.name}", cpu_seconds=_CPU_SECONDS)
            progress(0.5 if output is sound else 0.9)
        # Mapped, not read: what was looked at makes room for what is looked at next.
        words_ = words_of(_mapped(sound, np.dtype(np.int16)))
        hashes = hashes_of(_mapped(picture, np.dtype(np.uint8)).reshape(-1, SIDE, SIDE))
        packed = io.BytesIO()
        np.savez_compressed(packed, words=words_, hashes=hashes, duration_seconds=heard.duration_seconds)
        with _store(place) as store:
            obstore.put(store, heard.key, packed.getvalue())
    progress(1.0)


def compare_season(
    place: Workplace, keys: Mapping[str, str], order: Sequence[str], wanted: Sequence[str], _progress: Progress
) -> dict[str, tuple[Extent, ...]]:
    """The spans of the wanted episodes of a season; one whose fingerprint is gone is left out.

    ``keys`` are the fingerprints' by episode, and ``order`` is the season's.
    """
    season = {}
    with _store(place) as store:
        for episode, key in keys.items():
            with suppress(FileNotFoundError):
                season[episode] = read_fingerprint(bytes(obstore.get(store, key).bytes()))
    there = [episode for episode in order if episode in season]
    return found_in(season, there, [episode for episode in wanted if episode in season])


def read_fingerprint(packed: bytes) -> Fingerprint:
    """A fingerprint as ``make_fingerprint`` kept it."""
    with np.load(io.BytesIO(packed), allow_pickle=False) as found:
        return Fingerprint(float(found["duration_seconds"]), found["words"], found["hashes"])


def sound_command(ffmpeg: str, track: Path, output: Path) -> list[str]:
    """Sound as the words take it."""
    # Filled from the beginning of time on, where the first sample comes late.
    mend = f"aresample={RATE_HZ}:async=1:first_pts=0"
    return [*_open(ffmpeg, track), "-map", "0:a:0", "-af", mend, "-ac", "1", "-f", "s16le", "-y", str(output)]


def picture_command(ffmpeg: str, track: Path, output: Path) -> list[str]:
    """Some pictures a second, grey and tiny, one after another."""
    graph = f"fps={RATE}:start_time=0,scale={SIDE}:{SIDE}:flags=area,format=gray"
    return [*_open(ffmpeg, track), "-map", "0:v:0", "-vf", graph, "-f", "rawvideo", "-y", str(output)]


def _open(ffmpeg: str, track: Path) -> list[str]:
    # Its own times: FFmpeg lets a file begin at nought, and a track alone that begins late would be early.
    return [*start(ffmpeg, "error"), "-copyts", "-threads", "1", "-t", f"{LONGEST_SECONDS:g}", "-i", f"file:{track}"]


def _fetch(place: Workplace, files: Sequence[str], output: Path) -> None:
    """A track's initialisation and segments as one file (ISO/IEC 23000-19 §7.3)."""
    with _store(place) as store, output.open("wb") as whole:
        for file in files:
            for chunk in obstore.get(store, file).stream():
                whole.write(bytes(chunk))


def _mapped(file: Path, kind: np.dtype[Any]) -> NDArray[Any]:

    return np.memmap(file, kind, "r") if file.stat().st_size else np.zeros(0, kind)


def _is_there(store: ObjectStore, key: str) -> bool:
    try:
        obstore.head(store, key)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _desk(place: Workplace) -> Iterator[Path]:
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=place.folder, prefix="fingerprint-", ignore_cleanup_errors=True) as desk:
            yield Path(desk)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise EncodingFailed(f"What was published is not whole: {str(error).partition(chr(10))[0]}.") from error
        raise Unavailable(f"There is no room to work under {place.folder}: {error.strerror}.") from error


@contextmanager
def _store(place: Workplace) -> Iterator[ObjectStore]:
    try:
        yield place.open_store()
    except obstore.exceptions.BaseError as error:
        raise Unavailable(f"The object store does not answer: {str(error).partition(chr(10))[0]}") from error
