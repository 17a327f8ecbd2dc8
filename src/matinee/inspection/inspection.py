"""Accepts a source or refuses it with one sentence, from what the probe and the first frames told. Pure."""

import re
from dataclasses import dataclass
from fractions import Fraction

from matinee.inspection.bounds import MOST_SOUNDS, check_bounds, first_few
from matinee.inspection.chapters import tidy_chapters
from matinee.inspection.codecs import AUDIO_CODECS, VIDEO_CODECS
from matinee.inspection.probe import ContainerReport, TrackReport
from matinee.inspection.tracks import language_of, roles_of, select_texts
from matinee.model.errors import Refused
from matinee.model.media import Chapter, Source, SourceTrack, TrackKind

# What may be missing at the end before a source counts as broken off.
_MISSING_SECONDS = 1.0
_MISSING_SHARE = 0.1
# Containers that state no length: what FFmpeg calls theirs is counted or guessed from what is there.
_CLAIMLESS = ("mpegts", "mpeg", "ogg")
# Sound this long before the first picture is kept; less is what recorders catch while they wait for a key frame.
_SOUND_ALONE_SECONDS = 1.0
_UNHEARD_SECONDS = 0.05
_OUTLASTS_SECONDS = 1.0  # sound that is worth a word when it is cut where the picture ends
# Containers that say where each frame is.
_KNOW_PLACES = frozenset({"mov", "matroska"})
_ISO_BOXES = frozenset({"ftyp", "moov", "mdat", "free", "skip", "wide", "styp", "moof", "pnot", "uuid"})
# How Matroska, AVI (RIFF holds other things too), FLV, Ogg, ASF, MXF and MPEG program streams begin, in hexadecimal.
_OTHER_CONTAINERS = re.compile("1a45dfa3|52494646.{8}41564920|464c56|4f676753|3026b275|060e2b34|000001ba")
_SLOWEST_RATE, _FASTEST_RATE = Fraction(1), Fraction(240)
_RATE_TOLERANCE = 0.1
_WIDEST_PIXEL = 8
# Colour matrices that neither of FFmpeg's converters reads, by its words.
UNREAD_MATRICES = frozenset({"bt2020c", "smpte2085", "ipt-c2", "ycgco-re", "ycgco-ro"})
_HD_LINES = 576  # taller pictures are BT.709 where nothing says otherwise


@dataclass(frozen=True, slots=True)
class Selection:
    """The tracks that become the film, and what there is to say about the others."""

    report: ContainerReport
    video: TrackReport
    audio: TrackReport | None
    notes: tuple[str, ...]
    texts: tuple[SourceTrack, ...] = ()
    others: tuple[TrackReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """What the first frames look like after rotation. ``first_seconds`` counts from the container's start.

    Colour words are FFmpeg's; ``unknown`` where nothing says. Of one that ``changes_shape``, later frames are wider or
    higher.
    """

    width: int
    height: int
    pixel_aspect: Fraction
    pixel_format: str
    is_interlaced: bool
    first_seconds: float
    colour_space: str = "unknown"
    colour_primaries: str = "unknown"
    colour_transfer: str = "unknown"
    is_bottom_first: bool = False
    changes_shape: bool = False

    @property
    def display_width(self) -> int:
        """The width in square pixels."""
        return max(round(self.width * self.pixel_aspect), 1)

    @property
    def is_high_dynamic_range(self) -> bool:
        """Whether it is HDR10 (PQ) or HLG, and must be mapped down for ordinary screens."""
        return self.colour_transfer in {"smpte2084", "arib-std-b67"}

    @property
    def is_wide_gamut(self) -> bool:
        """Whether its colours reach beyond BT.709."""
        return self.is_high_dynamic_range or self.colour_primaries == "bt2020"

    @property
    def usual_matrix(self) -> str:
        """The colour matrix to assume where none is named."""
        if self.is_wide_gamut:
            return "bt2020nc"
        return "bt709" if min(self.width, self.height) > _HD_LINES else "smpte170m"


@dataclass(frozen=True, slots=True)
class Film:
    """A source that was accepted, with all that commands need to know of it.

    ``shift_seconds`` is taken from every time stamp, so that the film begins at zero; ``length_seconds`` is the
    picture's, counted from there. ``is_steady`` says that all frames last about as long; ``frame_rate`` is the
    source's. ``headless`` packets come before the first key frame: a recording begins anywhere. ``has_places`` says
    that the container tells where each of its frames is.
    """

    name: str
    source: Source
    picture: Picture
    frame_rate: Fraction
    shift_seconds: float
    length_seconds: float
    is_steady: bool
    notes: tuple[str, ...]
    chapters: tuple[Chapter, ...] = ()
    headless: int = 0
    has_places: bool = True

    @property
    def shown_rate(self) -> Fraction:
        """Frames a second as they are encoded: of an interlaced picture every field becomes one."""
        return self.frame_rate * 2 if self.picture.is_interlaced else self.frame_rate


def select(report: ContainerReport, name: str) -> Selection:
    """The tracks to encode; Refused with a sentence that names the source and what is wrong with it."""
    if report.size_bytes == 0:
        raise Refused(f"{name} is empty.")
    if report.is_elsewhere:
        raise Refused(f"{name} refers to other files for its content: Matinee opens none of them and needs all in one.")
    if report.failure is not None:
        raise Refused(_unreadable(report, name))
    video = _select_video(report, name)
    check_bounds(video, name)
    audio, others, notes = _select_audio(report, video, name)
    for track in (video, audio):
        if track is not None and track.encrypted:
            raise Refused(f"{name} is encrypted: Matinee needs it without copy protection.")
    missing = _broken_off(report, video, audio, name)
    texts, left_out = select_texts(report)
    further = sum(1 for track in report.tracks if _is_moving(track) and track is not video)
    pictures = (f"{further} further track(s) of video were left out: a film has one picture.",) if further else ()
    return Selection(report, video, audio, (*pictures, *notes, *left_out, *missing), texts, others)


def look(frames: str, name: str) -> Picture:
    """The picture, out of what FFmpeg's filter ``showinfo`` wrote of the first frames; Refused if none came."""
    times = [float(time) for time in re.findall(r"\] n: *\d+ pts: *\S+ pts_time:(-?[\d.]+)", frames)]
    shapes = re.findall(r"fmt:(\S+) cl:\S+ sar:(\d+)/(\d+) s:(\d+)x(\d+) i:(\S)", frames)
    if not times or not shapes:
        raise Refused(f"{name} cannot be decoded: no frame came out of its video track.")
    pixel_format, above, below, width, height, _ = shapes[0]
    aspect = Fraction(int(above), int(below)) if int(above) and int(below) else Fraction(1)
    if not Fraction(1, _WIDEST_PIXEL) <= aspect <= _WIDEST_PIXEL:
        aspect = Fraction(1)
    colours = re.search(r"color_space:(\S+) color_primaries:(\S+) color_trc:(\S+)", frames)
    space, primaries, transfer = colours.groups() if colours else ("unknown",) * 3
    return Picture(
        width=int(width),
        height=int(height),
        pixel_aspect=aspect,
        pixel_format=pixel_format,
        is_interlaced=any(shape[5] in "TB" for shape in shapes),
        first_seconds=min(times),
        colour_space=space,
        colour_primaries=primaries,
        colour_transfer=transfer,
    )


def accept(selection: Selection, picture: Picture, name: str) -> Film:
    """The film, with its tracks as the rest of the house knows them."""
    video, audio, report = selection.video, selection.audio, selection.report
    # H.264's fields may have a packet each (ITU-T H.264, 7.4.1.2.4), as broadcasters and camcorders write them.
    fields = video.second_fields if picture.is_interlaced and video.codec == "h264" else 0
    rate = Fraction(video.frame_rate) if fields and video.frame_rate else _frame_rate(video)
    notes = list(selection.notes)
    shift = picture.first_seconds
    # Priming packets of AAC and Opus stand before zero and are not heard.
    heard = shift if audio is None else max(audio.first_seconds or 0.0, 0.0)
    if shift - heard > _SOUND_ALONE_SECONDS:
        notes.append(f"The picture begins {shift - heard:.2f} s after the sound: its first frame stands till then.")
        shift = heard
    elif shift - heard > _UNHEARD_SECONDS:
        notes.append(f"The sound began {shift - heard:.2f} s before the picture and was cut there.")
    length = max((video.end_seconds or 0.0) - shift, 0.0)
    outlasts = 0.0 if audio is None else (audio.end_seconds or 0.0) - shift - length
    if outlasts > _OUTLASTS_SECONDS:
        notes.append(f"The sound goes on for {outlasts:.1f} s after the picture and was cut there.")
    if picture.is_high_dynamic_range:
        notes.append("The picture is HDR and was mapped to standard dynamic range (BT.709).")
    if picture.colour_space in UNREAD_MATRICES:
        notes.append(f"The colours are coded as {picture.colour_space}, and were read as {picture.usual_matrix}.")
    if audio is None:
        notes.append("There is no sound.")
    chapters, left_out = tidy_chapters(report.chapters, shift, length)
    notes += left_out
    source = Source(
        container=report.format.split(",")[0],
        duration_seconds=length,
        size_bytes=report.size_bytes,
        video=SourceTrack(
            index=video.index,
            kind=TrackKind.VIDEO,
            codec=video.codec or "",
            language=language_of(video),
            width=picture.display_width,
            height=picture.height,
            frame_rate=float(rate),
            frames=video.packets - fields,
        ),
        audio=None if audio is None else _sound(audio),
        others=tuple(map(_sound, selection.others)),
        texts=selection.texts,
    )
    steady = video.is_steady and shift == picture.first_seconds
    return Film(
        name,
        source,
        picture,
        rate,
        shift,
        length,
        steady,
        tuple(notes),
        chapters,
        video.headless,
        # Of frames before a container's zero libavformat does not tell the time.
        has_places=source.container in _KNOW_PLACES and not (video.untimed and report.start_seconds < 0),
    )


def check_decoded(film: Film, decoded: int) -> None:
    """Refused if far fewer frames came out of the decoder than packets went in."""
    packets = film.source.video.frames or 0
    if decoded < (packets - film.headless) * (1 - _MISSING_SHARE):
        raise Refused(f"{film.name} is damaged: of its {packets} frames only {decoded} can be decoded.")


def _unreadable(report: ContainerReport, name: str) -> str:
    if _OTHER_CONTAINERS.match(report.begins):
        return f"{name} is damaged or broke off before its content began: {report.failure}."
    if _ISO_BOXES.isdisjoint(report.boxes[:1]):
        is_text = bool(re.fullmatch(rb"[\s\x20-\x7e]+", bytes.fromhex(report.begins)))
        return f"{name} is not a media file that Matinee can read{': it begins like text' if is_text else ''}."
    if report.index_is_cut:
        return f"{name} ends within its index (moov): the recording or the upload broke off before its end."
    if "moov" not in report.boxes and "mdat" in report.boxes:
        return f"{name} has no index (moov): the recording or the upload broke off before its end."
    return f"{name} is damaged: {report.failure}."


def _select_video(report: ContainerReport, name: str) -> TrackReport:
    tracks = [track for track in report.tracks if track.kind == "video" and not track.is_picture]
    if not tracks:
        heard = any(track.kind == "audio" for track in report.tracks)
        raise Refused(f"{name} has no video track{', only sound' if heard else ''}.")
    readable = [track for track in tracks if track.codec in VIDEO_CODECS]
    if not readable:
        raise Refused(f"{name} holds video in {tracks[0].codec or 'an unknown codec'}, which Matinee does not decode.")
    filled = [track for track in readable if track.packets and track.width and track.height]
    if not filled:
        raise Refused(f"{name} holds no frames: its video track is empty.")
    # As players choose: the first of those that the container prefers, and no cover where anything moves.
    return max(filled, key=lambda track: (track.packets > 1, track.is_default, -track.index))


def _is_moving(track: TrackReport) -> bool:
    return track.kind == "video" and not track.is_picture and track.packets > 1


def _select_audio(
    report: ContainerReport, video: TrackReport, name: str
) -> tuple[TrackReport | None, tuple[TrackReport, ...], tuple[str, ...]]:
    """The track that leads, the others that can be read, and what there is to say."""
    everywhere = [track for track in report.tracks if track.kind == "audio" and track.packets]
    # In a multiplex others' sound has nothing to do with this picture.
    filled = [track for track in everywhere if not video.programs or set(track.programs) & set(video.programs)]
    readable = [track for track in filled if track.codec in AUDIO_CODECS and track.channels]
    if filled and not readable:
        codec = filled[0].codec
        what = f"is in {codec}, which Matinee does not decode" if codec else "has no description of its codec"
        raise Refused(f"{name} has sound that cannot be read: its track {what}.")
    elsewhere = len(everywhere) - len(filled)
    of_others = (f"{elsewhere} sound track(s) of other programmes were left out.",) if elsewhere else ()
    if not readable:
        empty = any(track.kind == "audio" and not track.packets for track in report.tracks)
        return None, (), (*of_others, *(("The sound track is empty.",) if empty else ()))
    # As players choose: the first of those that the container prefers.
    chosen = max(readable, key=lambda track: (track.is_default, -track.index))
    others = tuple(track for track in readable if track is not chosen and not track.encrypted)
    left = len(filled) - 1 - len(others)
    notes = (f"{left} sound track(s) that cannot be read were left out.",) if left else ()
    others, too_many = first_few(others, MOST_SOUNDS, "further sound tracks", taken=1)
    return chosen, others, (*of_others, *notes, *too_many)


def _sound(track: TrackReport) -> SourceTrack:
    return SourceTrack(
        index=track.index,
        kind=TrackKind.AUDIO,
        codec=track.codec or "",
        language=language_of(track),
        channels=track.channels,
        sample_rate_hz=track.sample_rate_hz,
        title=track.title,
        roles=roles_of(track),
    )


def _broken_off(report: ContainerReport, video: TrackReport, audio: TrackReport | None, name: str) -> tuple[str, ...]:
    """Compare what is claimed with what is there; a small loss at the end is a note."""
    container = report.format.split(",")[0]
    if container in _CLAIMLESS:
        return ()
    if container == "mov":
        fragmented = "moof" in report.boxes
        pairs = [
            (track.claimed_seconds, _held(track), kind)
            for track, kind in ((video, "video"), (audio, "sound"))
            # Without fragments the claim may include what an edit list hides; places past the end prove the loss.
            if track is not None and (fragmented or report.index_is_cut or track.beyond_end)
        ]
    else:
        ends = [track.end_seconds for track in report.tracks if track.end_seconds is not None]
        # Matroska counts from zero, wherever its first frame stands.
        pairs = [(report.claimed_seconds, max(ends, default=0.0) + max(report.start_seconds, 0.0), "film")]
    notes = ["The file ends within its index (moov): what stood behind is lost."] if report.index_is_cut else []
    for claimed, held, kind in pairs:
        if claimed is None or claimed <= held:
            continue
        if claimed - held > _MISSING_SECONDS or held < claimed * (1 - _MISSING_SHARE):
            raise Refused(f"{name} breaks off: it claims {claimed:.1f} s of {kind} and holds {held:.1f} s.")
        if video.beyond_end:
            notes.append(f"The last {claimed - held:.2f} s of {kind} are missing.")
    if container == "avi":
        # libavformat shortens the claim of an AVI to the file's size; its header's count stays as it was written.
        claimed, held = video.counted_seconds, video.end_seconds or 0.0
        if claimed - held > _MISSING_SECONDS:
            notes.append(f"The film breaks off: its header speaks of {claimed:.1f} s, and {held:.1f} s are there.")
    return tuple(notes)


def _held(track: TrackReport) -> float:
    return (track.end_seconds or 0.0) - (track.first_seconds or 0.0)


def _frame_rate(track: TrackReport) -> Fraction:
    """Frames a second, as most of them come: the container's word if the time stamps bear it out."""
    claimed = Fraction(track.frame_rate) if track.frame_rate else None
    if not track.step_seconds:
        rate = claimed or Fraction(25)
    elif claimed is not None and abs(claimed * Fraction(track.step_seconds) - 1) < _RATE_TOLERANCE:
        rate = claimed
    else:
        rate = (1 / Fraction(track.step_seconds)).limit_denominator(1001)
    return min(max(rate, _SLOWEST_RATE), _FASTEST_RATE)
