"""WebVTT: cues on the film's time, whole and cut into segments (https://www.w3.org/TR/webvtt1/, RFC 8216bis §3.1.4).

HLS has segments, each of which begins where a segment of the picture does; a cue that crosses a seam stands in both.
DASH has the whole track in one file, which every player of it reads.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matinee.model.media import Rendition, Role, SourceTrack

TEXT_SECONDS = 60.0
"""A segment of text holds as many of the picture's as fill this, for text is small and every file is counted."""

WHOLE, PLAYLIST = "text.vtt", "main.m3u8"
_LEAST_SECONDS = 0.001  # WebVTT counts milliseconds
_MAP = "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0"  # RFC 8216bis §3.1.4: cues count from the film's first picture
_SETTING = re.compile(r"(?:vertical:(?:rl|lr)|(?:line|position|size|align|region):[\w.,%-]+)\Z")


@dataclass(frozen=True, slots=True, order=True)
class Cue:
    """What stands on the screen from ``start_seconds`` to ``end_seconds`` of the film: WebVTT cue text and settings."""

    start_seconds: float
    end_seconds: float
    text: str
    settings: str = ""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A finished track of subtitles: its folder's name, the track it was, and its cues."""

    name: str
    track: SourceTrack
    cues: tuple[Cue, ...]


def text_names(tracks: Sequence[SourceTrack]) -> tuple[str, ...]:
    """The folders of tracks of subtitles, no two alike: ``t-en``, ``t-en-2``."""
    return numbered([f"t-{track.language or 'und'}" for track in tracks])


def numbered(names: Sequence[str], joint: str = "-") -> tuple[str, ...]:
    """Names, of which the second and further of the same get a number."""
    return tuple(
        f"{name}{joint}{nth}" if (nth := names[: place + 1].count(name)) > 1 else name
        for place, name in enumerate(names)
    )


def tidy(cues: Iterable[Cue], shift_seconds: float, length_seconds: float) -> tuple[Cue, ...]:
    """Cues by their time, from the film's beginning to its end, each once, with no text that would end a cue.

    ``shift_seconds`` is taken from all times, as it is from the picture's.
    """
    kept = set()
    for cue in cues:
        start, end = max(cue.start_seconds - shift_seconds, 0.0), min(cue.end_seconds - shift_seconds, length_seconds)
        # An empty line ends a cue, an arrow begins one.
        lines = [line.strip() for line in re.split(r"[\r\n]+", cue.text.replace("\0", "")) if line.strip()]
        text = "\n".join(lines).replace("-->", "--&gt;")
        if text and end - start >= _LEAST_SECONDS:
            settings = " ".join(word for word in cue.settings.split() if _SETTING.match(word))
            kept.add(Cue(round(start, 3), round(end, 3), text, settings))
    return tuple(sorted(kept))


def webvtt(cues: Iterable[Cue], *, segment: bool = False) -> str:
    """A WebVTT file; ``segment`` says that it is one of a playlist."""
    head = f"WEBVTT\n{_MAP}\n" if segment else "WEBVTT\n"
    blocks = [
        f"\n{_stamp(cue.start_seconds)} --> {_stamp(cue.end_seconds)}{' ' if cue.settings else ''}{cue.settings}\n"
        f"{cue.text}\n"
        for cue in cues
    ]
    return head + "".join(blocks)


def read_webvtt(text: str) -> tuple[Cue, ...]:
    """The cues of a file that ``webvtt`` wrote."""
    cues = []
    for block in text.split("\n\n")[1:]:
        timing, _, said = block.strip("\n").partition("\n")
        start, _, rest = timing.partition(" --> ")
        end, _, settings = rest.partition(" ")
        cues.append(Cue(_seconds(start), _seconds(end), said, settings))
    return tuple(cues)


def text_cells(cuts: Sequence[float]) -> tuple[float, ...]:
    """How long each segment of text lasts, out of how long the picture's do: neighbours are put together."""
    cells: list[float] = []
    for cut in cuts:
        if cells and cells[-1] + cut <= TEXT_SECONDS:
            cells[-1] += cut
        else:
            cells.append(cut)
    return tuple(cells)


def segments(cues: Sequence[Cue], cells: Sequence[float]) -> tuple[tuple[Cue, ...], ...]:
    """The cues on the screen in each stretch of time; the last stretch has also what comes later."""
    found, start = [], 0.0
    for place, cell in enumerate(cells):
        end = start + cell if place < len(cells) - 1 else float("inf")
        found.append(tuple(cue for cue in cues if cue.start_seconds < end and cue.end_seconds > start))
        start = end
    return tuple(found)


def playlist(cells: Sequence[float]) -> str:
    """The media playlist of a track whose segments last so long."""
    # RFC 8216bis §6.2.4: subtitles of a film that is over may have a target duration of their own.
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", f"#EXT-X-TARGETDURATION:{round(max(cells))}", "#EXT-X-PLAYLIST-TYPE:VOD"]
    for number, cell in enumerate(cells, start=1):
        lines += [f"#EXTINF:{cell:.3f},", segment_name(number)]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def segment_name(number: int) -> str:
    """The file of a segment, the first being 1."""
    return f"{number:05d}.vtt"


def labels(tracks: Sequence[SourceTrack | Rendition], unknown: str = "unknown") -> tuple[str, ...]:
    """Names for people, no two alike (RFC 8216bis §4.4.6.1.1): the source's, or language and roles."""
    names = []
    for track in tracks:
        plain = [role.value for role in track.roles if role not in {Role.DUB, Role.ORIGINAL}]
        names.append(track.title or " ".join([track.language or unknown, *(f"({role})" for role in plain)]))
    return numbered(names, " ")


def hls_text_attributes(label: str, track: SourceTrack | Rendition) -> list[tuple[str, str]]:
    """What an EXT-X-MEDIA tag says of a track of subtitles between its group and its address (RFC 8216bis §4.4.6.1)."""
    attributes = [("NAME", quoted(label)), *hls_language(track.language)]
    # Nothing is shown that nobody asked for, but what translates a few foreign words of the sound.
    forced = Role.FORCED in track.roles
    attributes += [("DEFAULT", "NO"), ("AUTOSELECT", "YES"), ("FORCED", "YES" if forced else "NO")]
    if Role.CAPTIONS in track.roles:
        told = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"
        attributes.append(("CHARACTERISTICS", quoted(told)))
    return attributes


def hls_language(language: str | None) -> list[tuple[str, str]]:
    """LANGUAGE, where the language is known (RFC 5646 calls one that is not ``und``)."""
    return [("LANGUAGE", quoted(language))] if language and language != "und" else []


def quoted(text: str) -> str:
    """A quoted string (RFC 8216bis §4.2): no line feed, carriage return or double quote in it."""
    return '"' + re.sub(r'[\r\n"]', " ", text) + '"'


def _stamp(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _seconds(stamp: str) -> float:
    hours, minutes, seconds = stamp.split(":")
    return round(int(hours) * 3600 + int(minutes) * 60 + float(seconds), 3)
