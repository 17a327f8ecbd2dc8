"""What films are made of, before and after encoding.

A *source* is what came in. A *rung* is what a ladder asks for, a *rendition* is what was made of it. A *presentation*
is one encode of one title as players see it: renditions, cut on one grid of segments, under one revision.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from enum import StrEnum
from typing import Any, get_args, get_type_hints

from matinee.model.errors import Invalid


class TrackKind(StrEnum):
    """What a track carries."""

    VIDEO = "video"
    AUDIO = "audio"
    TEXT = "text"


class Codec(StrEnum):
    """Codecs we make. Of pictures, H.264 is the floor: every player has it."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"
    AAC = "aac"


class VideoRange(StrEnum):
    """How light is coded, in HLS's words (RFC 8216bis §4.4.6.2): ordinary, or high dynamic range as PQ or HLG."""

    SDR = "SDR"
    PQ = "PQ"
    HLG = "HLG"


class Role(StrEnum):
    """What a track of sound or text is for, where it is not the ordinary one of its language."""

    FORCED = "forced"  # text for what is said in another language than the sound's, shown without being asked for
    CAPTIONS = "captions"  # text that tells sounds as well
    COMMENTARY = "commentary"
    DESCRIPTION = "description"  # sound that tells the picture
    DUB = "dub"
    ORIGINAL = "original"


@dataclass(frozen=True, slots=True)
class SourceTrack:
    """One track of a source, as probed. Sizes are display pixels after rotation and sample aspect.

    ``title`` is what the source calls it.
    """

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
    title: str | None = None
    roles: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A source that was accepted. ``video`` is the track that becomes the film; ``audio`` the one heard with it.

    ``others`` are its further tracks of sound, ``texts`` the subtitles that come along.
    """

    container: str
    duration_seconds: float
    size_bytes: int
    video: SourceTrack
    audio: SourceTrack | None
    texts: tuple[SourceTrack, ...] = ()
    others: tuple[SourceTrack, ...] = ()

    @property
    def sounds(self) -> tuple[SourceTrack, ...]:
        """All tracks of sound; the first is heard unless another is asked for."""
        return () if self.audio is None else (self.audio, *self.others)


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder: what to encode. ``bitrate_bps`` caps the average, ``peak_bps`` any second.

    ``grain`` is the strength of film grain that is taken out and drawn again by AV1's decoders (0: none).
    """

    name: str
    width: int
    height: int
    bitrate_bps: int
    peak_bps: int
    codec: Codec = Codec.H264
    video_range: VideoRange = VideoRange.SDR
    grain: int = 0

    @property
    def depth(self) -> int:
        """Bits a sample."""
        return 8 if self.codec is Codec.H264 else 10


@dataclass(frozen=True, slots=True)
class Ladder:
    """H.264's rungs from the smallest up, then each other codec's; all are cut into segments alike.

    ``segment_seconds`` is the least that a segment lasts.
    """

    rungs: tuple[Rung, ...]
    segment_seconds: float


@dataclass(frozen=True, slots=True)
class Rendition:
    """One encoded track as players see it.

    ``uri`` is its media playlist relative to the title's folder; ``codecs`` is the RFC 6381 string; ``frames`` counts
    video frames (None for sound). Bandwidths are of its segments, in bit/s, as RFC 8216bis §4.1 counts them. ``title``
    is the source's name for a track. ``video_range`` is HLS's word (SDR, HLG or PQ). ``iframe_uri`` is the playlist of
    its key frames alone, which players show while people search, and the bandwidths beside it are that one's.
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
    title: str | None = None
    roles: tuple[Role, ...] = ()
    video_range: str = "SDR"
    iframe_uri: str | None = None
    iframe_bandwidth_bps: int | None = None
    iframe_average_bandwidth_bps: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as a title is shown by it: its poster and its still by name, and the poster's colour, ``#rrggbb``."""

    poster: str
    still: str
    colour: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a film by its name; it lasts until the next one begins."""

    name: str
    start_seconds: float


@dataclass(frozen=True, slots=True)
class Presentation:
    """One encode of a title: what stands in the folder ``<title>/<revision>/``.

    ``colour`` is the poster's own colour as ``#rrggbb``. ``files`` are all names under the folder with their sizes in
    bytes, so that a planner and an edge can count without listing; ``digests`` are their SHA-256 in hexadecimal, in the
    same order (none, where nobody wrote them down). ``pictures`` are further ones, of other shots, by which the title
    may be shown instead of ``poster`` and ``still``. ``chapters`` are in order of time.

    Of one that ``is_growing`` the media playlist lengthens while the film is encoded: ``duration_seconds`` are the
    whole film's, ``files`` are not counted, and there is nothing for DASH (decision 36).
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
    digests: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    is_growing: bool = False

    @property
    def every_picture(self) -> tuple[Picture, ...]:
        """All pictures of the title; its own is the first."""
        return (Picture(self.poster, self.still, self.colour), *self.pictures)

    @property
    def video(self) -> tuple[Rendition, ...]:
        """The video renditions: H.264's from the smallest up, then each other codec's."""
        return tuple(rendition for rendition in self.renditions if rendition.kind is TrackKind.VIDEO)

    @property
    def audio(self) -> tuple[Rendition, ...]:
        """The audio renditions; the first is heard unless another is asked for."""
        return tuple(rendition for rendition in self.renditions if rendition.kind is TrackKind.AUDIO)

    @property
    def text(self) -> tuple[Rendition, ...]:
        """The subtitles."""
        return tuple(rendition for rendition in self.renditions if rendition.kind is TrackKind.TEXT)

    @property
    def size_bytes(self) -> int:
        """The size of the whole folder in bytes."""
        return sum(size for _, size in self.files)


def presentation_to_json(presentation: Presentation) -> dict[str, Any]:
    """The presentation as values that JSON can hold; ``files`` becomes a list of ``[name, size_bytes]``.

    Digests stand apart from it, where readers of the release before pass them over, as they do ``is_growing``.
    """
    values = asdict(presentation)
    values["renditions"] = [
        {**rendition, "kind": rendition["kind"].value, "roles": [role.value for role in rendition["roles"]]}
        for rendition in values["renditions"]
    ]
    values["files"] = [[name, size] for name, size in presentation.files]
    values["digests"] = list(presentation.digests)
    values["pictures"] = [asdict(picture) for picture in presentation.pictures]
    values["chapters"] = [asdict(chapter) for chapter in presentation.chapters]
    return values


def presentation_from_json(values: Mapping[str, Any]) -> Presentation:
    """The presentation out of ``presentation_to_json``'s values; unknown names are ignored.

    Raises Invalid with a sentence for a missing name or a value of the wrong type.
    """
    try:
        renditions = tuple(map(_rendition, values["renditions"]))
        files = tuple((str(name), int(size)) for name, size in values["files"])
        digests = tuple(str(digest) for digest in values.get("digests") or ())
        pictures = tuple(Picture(**_known(Picture, one, leave=())) for one in values.get("pictures") or ())
        chapters = tuple(Chapter(**_known(Chapter, one, leave=())) for one in values.get("chapters") or ())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid(f"This is not a presentation: {type(error).__name__} {error}.") from error
    plain = _known(Presentation, values, leave=("renditions", "files", "digests", "pictures", "chapters"))
    return Presentation(
        renditions=renditions, files=files, digests=digests, pictures=pictures, chapters=chapters, **plain
    )


def _rendition(values: Mapping[str, Any]) -> Rendition:
    plain = _known(Rendition, values, leave=("kind", "roles"))
    # A role that a later release told is passed over.
    roles = tuple(Role(role) for role in values.get("roles") or () if role in set(Role))
    return Rendition(kind=TrackKind(values["kind"]), roles=roles, **plain)


def _accepted(kind: type) -> dict[str, tuple[type, ...]]:
    hints = get_type_hints(kind)
    wanted = {field.name: get_args(hints[field.name]) or (hints[field.name],) for field in fields(kind)}
    return {name: (*types, int) if float in types else types for name, types in wanted.items()}


_KINDS: tuple[type, ...] = (Rendition, Presentation, Picture, Chapter)
_ACCEPTED = {kind: _accepted(kind) for kind in _KINDS}
_NEEDED = {kind: tuple(field.name for field in fields(kind) if field.default is MISSING) for kind in _KINDS}


def _known(kind: type, values: Mapping[str, Any], leave: tuple[str, ...]) -> dict[str, Any]:
    accepted = _ACCEPTED[kind]
    for name in _NEEDED[kind]:
        if name not in values:
            raise Invalid(f"A {kind.__name__.lower()} needs {name!r}.")
    chosen = {name: value for name, value in values.items() if name in accepted and name not in leave}
    for name, value in chosen.items():
        finite = not isinstance(value, float) or math.isfinite(value)
        # To Python, True is a number as well.
        right = type(value) in accepted[name] if isinstance(value, bool) else isinstance(value, accepted[name])
        if not right or not finite:
            raise Invalid(f"In a {kind.__name__.lower()}, {name!r} cannot be {value!r}.")
    return chosen
