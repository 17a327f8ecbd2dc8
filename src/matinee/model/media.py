"""What films are made of, before and after encoding.

A *source* is what came in. A *rung* is what a ladder asks for, a *rendition* is what was made of it. A *presentation*
is one encode of one title as players see it: renditions, cut on one grid of segments, under one revision.
"""

from dataclasses import dataclass
from enum import StrEnum


class TrackKind(StrEnum):
    """What a track carries."""

    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"


class Codec(StrEnum):
    """Codecs we make."""

    H264 = "h264"
    AAC = "aac"


@dataclass(frozen=True, slots=True)
class SourceTrack:
    """One track of a source, as probed. Sizes are display pixels after rotation and sample aspect."""

    index: int
    kind: TrackKind
    codec: str
    language: str | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    frames: int | None = None
    channels: int | None = None
    sample_rate_hz: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A source that was accepted. ``video`` is the track that becomes the film; ``audio`` the one heard with it."""

    container: str
    duration_seconds: float
    size_bytes: int
    video: SourceTrack
    audio: SourceTrack | None


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder: what to encode. ``bitrate_bps`` caps the average, ``peak_bps`` any second."""

    name: str
    width: int
    height: int
    bitrate_bps: int
    peak_bps: int
    codec: Codec = Codec.H264


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rungs from the smallest up, and the grid of segments they share."""

    rungs: tuple[Rung, ...]
    segment_seconds: float


@dataclass(frozen=True, slots=True)
class Rendition:
    """One encoded track as players see it.

    ``uri`` is its media playlist relative to the title's folder; ``codecs`` is the RFC 6381 string; ``frames`` counts
    video frames (None for sound). Bandwidths are the packager's, in bit/s.
    """

    name: str
    kind: TrackKind
    codecs: str
    uri: str
    bandwidth_bps: int
    average_bandwidth_bps: int
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    frames: int | None = None
    language: str | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Presentation:
    """One encode of a title: what stands in the folder ``<title>/<revision>/``.

    ``colour`` is the poster's own colour as ``#rrggbb``. ``files`` are all names under the folder with their sizes in
    bytes, so that a planner and an edge can count without listing.
    """

    duration_seconds: float
    renditions: tuple[Rendition, ...]
    files: tuple[tuple[str, int], ...]
    colour: str
    hls: str = "master.m3u8"
    dash: str = "manifest.mpd"
    poster: str = "poster.jpg"
    still: str = "still.jpg"
    thumbnails: str | None = "thumbnails.vtt"

    @property
    def video(self) -> tuple[Rendition, ...]:
        """The video renditions, smallest first."""
        return tuple(rendition for rendition in self.renditions if rendition.kind is TrackKind.VIDEO)

    @property
    def audio(self) -> tuple[Rendition, ...]:
        """The audio renditions."""
        return tuple(rendition for rendition in self.renditions if rendition.kind is TrackKind.AUDIO)

    @property
    def size_bytes(self) -> int:
        """The size of the whole folder in bytes."""
        return sum(size for _, size in self.files)
