"""What can be played of a film while it is still arriving: segments of the first rung, in a playlist that grows.

Segments are put into the store once and never change; the playlist (RFC 8216bis §4.4.3.5, EVENT) is written anew with
each, by appending only. A run that was stopped leaves what it put, and the next one goes on behind it. A store that
does not answer stops nothing: the film is then played when it is whole.
"""

import json
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import m3u8
import structlog

from matinee.commands.commands import first_frame_command
from matinee.commands.first_rung import EARLY, EARLY_PLAYLIST, FIRST_STILL, still_command
from matinee.commands.sound import BITRATES_BPS
from matinee.encoding.depot import Depot, StoreUnavailable
from matinee.encoding.ffmpeg import Tools, run_ffmpeg, run_tool
from matinee.inspection.inspection import Film
from matinee.model.errors import EncodingFailed, Refused
from matinee.model.media import Presentation, Rendition, Rung, TrackKind, presentation_to_json
from matinee.packaging.packaging import HLS, POSTER, STILL, video_folder
from matinee.packaging.sound import STEREO

_log = structlog.get_logger()

NOTE = "early.json"
"""Under the edition's prefix: the presentation, once its first segment is there."""

# A playlist's target duration never changes (RFC 8216bis §4.4.3.1); key frames are forced every four seconds.
_TARGET_SECONDS = 6
_PATIENCE_SECONDS = 10.0
_STILL_CPU = 20  # seconds: players wait for it
_TYPES = {".ts": "video/mp2t", ".m3u8": "application/vnd.apple.mpegurl", ".jpg": "image/jpeg", ".json": "text/json"}


@dataclass(frozen=True, slots=True)
class Early:
    """Where the first rung is shown while it is made, and the name on its poster, in ``font`` if there is one."""

    prefix: str
    title: str
    font: Path | None = None


@dataclass(slots=True)
class EarlyEdition:
    """One edition of a source on its way. ``desk`` is where FFmpeg writes it."""

    depot: Depot
    source: Path
    desk: Path
    early: Early
    tools: Tools
    _shown: int = -1  # segments that stand in the store's playlist
    _ended: bool = False
    _not_before: float = field(default=0.0)

    def show(self, film: Film, rung: Rung) -> None:
        """Put what has come since the last call into the store."""
        written = self.desk / EARLY / EARLY_PLAYLIST
        if self._ended or not written.exists() or time.monotonic() < self._not_before:
            return
        text = written.read_text()
        playlist = m3u8.loads(text)
        try:
            if self._shown < 0:
                self._shown = self._stands(rung)
            if len(playlist.segments) > self._shown or playlist.is_endlist:
                self._put(film, rung, text, [segment.uri for segment in playlist.segments])
                self._ended = bool(playlist.is_endlist)
        except StoreUnavailable as error:
            self._not_before = time.monotonic() + _PATIENCE_SECONDS
            _log.warning("encode.not_shown_early", film=film.name, reason=str(error))

    def _stands(self, rung: Rung) -> int:
        """How many segments an earlier run has shown."""
        text = self.depot.read(f"{self.early.prefix}/{video_folder(rung)}/{EARLY_PLAYLIST}")
        return 0 if text is None else len(m3u8.loads(text.decode()).segments)

    def _put(self, film: Film, rung: Rung, text: str, segments: list[str]) -> None:
        folder, place = self.desk / "shown", video_folder(rung)
        (folder / place).mkdir(parents=True, exist_ok=True)
        new = segments[self._shown :]
        for name in new:
            (folder / place / name).hardlink_to(self.desk / EARLY / name)
        # A new file: the store may hold the old one by a link.
        (folder / place / EARLY_PLAYLIST).unlink(missing_ok=True)
        told = re.sub(r"(#EXT-X-TARGETDURATION:)\d+", rf"\g<1>{_TARGET_SECONDS}", text)
        (folder / place / EARLY_PLAYLIST).write_text(told)
        names = [f"{place}/{name}" for name in (*new, EARLY_PLAYLIST)]
        if self._shown == 0:
            names += self._first(film, rung, folder, folder / place / segments[0])
        self.depot.publish(folder, names, self.early.prefix, _TYPES)
        for name in new:
            (folder / place / name).unlink()
        self._shown = len(segments)

    def _first(self, film: Film, rung: Rung, folder: Path, segment: Path) -> list[str]:
        """What goes with the first segment: pictures, and the word that there is something to play."""
        from matinee.drawing import posters  # noqa: PLC0415 - Pillow, which the worker itself does not need

        still = self._still(film, segment)
        posters.make_still(still, folder / STILL)
        font = self.early.font if self.early.font and self.early.font.exists() else None
        colour = posters.make_poster(still, self.early.title, font, folder / POSTER)
        presentation = _presentation(film, rung, codecs_of(segment), colour)
        (folder / NOTE).write_text(json.dumps(presentation_to_json(presentation)))
        return [STILL, POSTER, NOTE]

    def _still(self, film: Film, segment: Path) -> Path:
        """A picture from inside the film, where one can be had; else the first one of what there is."""
        still, what = self.desk / FIRST_STILL, f"drawing the pictures of {film.name}"
        with suppress(EncodingFailed, Refused):  # a source that is damaged there
            run_ffmpeg(
                still_command(self.tools.ffmpeg, self.source, film, still), self.tools, what, cpu_seconds=_STILL_CPU
            )
        if not still.exists():
            run_tool(first_frame_command(self.tools.ffmpeg, segment, still), self.tools, what, "FFmpeg")
        return still


def codecs_of(segment: Path) -> str:
    """The RFC 6381 string of what is in a segment: H.264's from its parameter set (ISO/IEC 14496-15, Annex E)."""
    import av  # noqa: PLC0415 - loads FFmpeg's libraries, which other tasks do not need

    with av.open(segment) as container:
        found = re.search(
            rb"\x00\x00\x01\x67(...)", container.streams.video[0].codec_context.extradata or b"", re.DOTALL
        )
        sounds = ["mp4a.40.2"] if container.streams.audio else []
    if found is None:
        raise EncodingFailed(f"{segment.name} has no parameter set.")
    return ",".join([f"avc1.{found.group(1).hex()}", *sounds])


def _presentation(film: Film, rung: Rung, codecs: str, colour: str) -> Presentation:
    sound = BITRATES_BPS[STEREO] if "mp4a" in codecs else 0
    rendition = Rendition(
        name=rung.name,
        kind=TrackKind.VIDEO,
        codecs=codecs,
        uri=f"{video_folder(rung)}/{EARLY_PLAYLIST}",
        bandwidth_bps=rung.peak_bps + sound,
        average_bandwidth_bps=rung.bitrate_bps + sound,
        width=rung.width,
        height=rung.height,
        frame_rate=round(float(film.shown_rate), 3),
    )
    return Presentation(
        duration_seconds=round(film.length_seconds, 6),
        renditions=(rendition,),
        files=(),
        colour=colour,
        hls=HLS,
        poster=POSTER,
        still=STILL,
        thumbnails=None,
        is_growing=True,
    )
