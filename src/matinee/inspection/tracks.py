"""What tracks of sound and text say of themselves: their language, what they are for, and which of them come along."""

from matinee.inspection.bounds import MOST_TEXTS, first_few
from matinee.inspection.probe import TEXT_CODECS, ContainerReport, TrackReport
from matinee.model.media import Role, SourceTrack, TrackKind

_BITMAPS = {"hdmv_pgs_subtitle": "PGS", "dvd_subtitle": "VobSub", "dvb_subtitle": "DVB", "xsub": "XSUB"}
# ISO 639-2: undetermined, uncoded, no language; and a word that some recorders write.
_NO_LANGUAGE = frozenset({"und", "mis", "zxx", "unk"})
_ROLES = (  # FFmpeg's dispositions
    (0x02, Role.DUB),
    (0x04, Role.ORIGINAL),
    (0x08, Role.COMMENTARY),
    (0x40, Role.FORCED),
    (0x80, Role.CAPTIONS),  # for who does not hear
    (0x100, Role.DESCRIPTION),  # for who does not see
    (0x10000, Role.CAPTIONS),
    (0x20000, Role.DESCRIPTION),
)


def language_of(track: TrackReport) -> str | None:
    """The track's language as the shortest tag (RFC 5646: ``en`` for ISO 639-2's ``eng``), or None if nobody knows."""
    told = track.language or ""
    if told.lower() in _NO_LANGUAGE or not told.replace("-", "").isalnum() or not told.isascii():
        return None
    from langcodes import get, tag_is_valid  # noqa: PLC0415 - a tenth of a second, and every task would take it
    from langcodes.tag_parser import LanguageTagError  # noqa: PLC0415

    try:
        tag = get(told)
    except LanguageTagError:
        return None
    # A language that is not registered is a word of somebody's, and Shaka Packager refuses a film for it.
    return tag.to_tag() if tag.language and tag_is_valid(tag.language) else None


def roles_of(track: TrackReport) -> tuple[Role, ...]:
    """What the track is for, as far as its container says; by its kind, for FFmpeg has one bit for both."""
    fitting = set(Role)
    fitting -= {Role.FORCED, Role.CAPTIONS} if track.kind == "audio" else {Role.DUB, Role.DESCRIPTION}
    return tuple(dict.fromkeys(role for bit, role in _ROLES if track.disposition & bit and role in fitting))


def select_texts(report: ContainerReport) -> tuple[tuple[SourceTrack, ...], tuple[str, ...]]:
    """The subtitles that come along, and a sentence for each that does not."""
    carried, notes = [], []
    for track in report.tracks:
        if track.kind != "subtitle":
            continue
        language = language_of(track)
        which = f"Subtitles in {language}" if language else "Subtitles"
        is_matroska = report.format.startswith("matroska")
        codec = track.codec or ("webvtt" if is_matroska else "an unknown form")
        if track.codec in _BITMAPS:
            notes.append(f"{which} are pictures ({_BITMAPS[track.codec]}) and were left out: text alone is carried.")
        # MP4 wraps WebVTT in boxes of its own.
        elif codec not in TEXT_CODECS or (codec == "webvtt" and not is_matroska):
            notes.append(f"{which} are in {codec}, which Matinee does not read, and were left out.")
        elif track.encrypted:
            notes.append(f"{which} are encrypted and were left out.")
        elif not track.packets:
            notes.append(f"{which} are empty and were left out.")
        else:
            text = SourceTrack(track.index, TrackKind.TEXT, codec, language, title=track.title, roles=roles_of(track))
            carried.append(text)
    few, too_many = first_few(carried, MOST_TEXTS, "further tracks of subtitles")
    return few, (*notes, *too_many)
