"""A film that arrives little by little, as an encode puts it: real segments, its playlist, and the events that tell."""

import re
import secrets
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import imageio_ffmpeg
import sqlalchemy as sa
from obstore.store import ObjectStore

from matinee.adapters.events_database import DatabaseOutbox
from matinee.model.events import Event, TitleEncoded, TitleEncodingFailed
from matinee.model.ids import new_id
from matinee.model.media import Presentation, presentation_to_json
from matinee.packaging.growing import appended
from playing import presentation, video

SEGMENT_SECONDS = 2
RATE = 24
REVISION = "grows"
URI = "v180/main.m3u8"
# H.264 Constrained Baseline, level 1.3: what the command below makes at this size.
CODECS = "avc1.42c00d,mp4a.40.2"


def make_segments(folder: Path, seconds: int) -> list[tuple[Path, float]]:
    """Segments with picture and sound in one MPEG transport stream, cut by FFmpeg, and how long each lasts."""
    folder.mkdir(parents=True)
    sources = ["-f", "lavfi", "-i", f"testsrc2=s=320x180:r={RATE}:d={seconds}"]
    sources += ["-f", "lavfi", "-i", f"sine=330:sample_rate=48000:d={seconds}"]
    coded = ["-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    coded += ["-force_key_frames", f"expr:gte(t,n_forced*{SEGMENT_SECONDS})", "-sc_threshold", "0"]
    coded += ["-c:a", "aac", "-ac", "2"]
    cut = ["-f", "hls", "-hls_time", str(SEGMENT_SECONDS), "-hls_playlist_type", "event", "-start_number", "1"]
    cut += ["-hls_segment_filename", "%05d.ts", "main.m3u8"]
    program = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([program, "-nostdin", "-v", "error", *sources, *coded, *cut], cwd=folder, check=True, timeout=120)
    found = re.findall(r"#EXTINF:([0-9.]+),\n(\S+)", (folder / "main.m3u8").read_text())
    return [(folder / name, float(length)) for length, name in found]


@dataclass
class ArrivingFilm:
    """One title's growing revision in an object store, and the outbox through which an encode tells of it."""

    engine: sa.Engine
    objects: ObjectStore
    title_id: str
    segments: list[tuple[Path, float]]
    there: int = 0

    @property
    def presentation(self) -> Presentation:
        rung = replace(video("v180", 180, 400_000), codecs=CODECS, uri=URI)
        seconds = sum(length for _, length in self.segments)
        shown = presentation(rung, duration_seconds=seconds)
        return replace(shown, is_growing=True, thumbnails=None)

    @property
    def arrived_seconds(self) -> float:
        return sum(length for _, length in self.segments[: self.there])

    def arrive(self, count: int) -> None:
        """Put so many further segments, and then the playlist that names them; the last one ends it."""
        folder = f"media/{self.title_id}/{REVISION}/{URI.rpartition('/')[0]}"
        self.there = min(self.there + count, len(self.segments))
        for path, _ in self.segments[: self.there]:
            self.objects.put(f"{folder}/{path.name}", path.read_bytes())
        named = [(path.name, length) for path, length in self.segments[: self.there]]
        whole = self.there == len(self.segments)
        text = appended("", named, target_seconds=SEGMENT_SECONDS, whole=whole)
        self.objects.put(f"{folder}/main.m3u8", text.encode())

    def tell(self, revision: str = REVISION, shown: Presentation | None = None) -> None:
        """Say that a revision stands in the store: the one that grows, unless another is named."""
        values = presentation_to_json(shown or self.presentation)
        self._append(TitleEncoded(self.title_id, revision, values))

    def fail(self, sentence: str) -> None:
        """Say that the encode broke off."""
        self._append(TitleEncodingFailed(self.title_id, sentence))

    def _append(self, facts: TitleEncoded | TitleEncodingFailed) -> None:
        event = Event(new_id(secrets.token_bytes), datetime.now(UTC), "encoding", facts)
        with self.engine.begin() as connection:
            DatabaseOutbox().append(connection, [event])
