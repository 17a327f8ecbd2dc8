"""Reads the subtitles of a source, in a process of its own, as ``probe`` reads the container.

Whatever they are, libavcodec makes lines of Advanced SubStation of them; WebVTT is left as it is. What the lines mean
is ``packaging.styled``'s business. Text that is not UTF-8 is read by the code page that its language had on Windows.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matinee.inspection.probe import demuxer_options, limit_this_process, run_reader

if TYPE_CHECKING:
    import av.container

WEBVTT, SUBSTATION = "webvtt", "ass"
_MOST_LINES = 50_000  # of one track: a long opera has 3,000
_MOST_CHARACTERS = 5_000
# A line whose end nothing tells stands until the next one, or so long.
_UNTOLD_SECONDS = 4.0
_CODE_PAGES = {
    **dict.fromkeys(("bul", "mac", "mkd", "rus", "srp", "ukr", "bel"), "cp1251"),
    **dict.fromkeys(("cze", "ces", "hrv", "hun", "pol", "ron", "rum", "slk", "slo", "slv"), "cp1250"),
    **dict.fromkeys(("ell", "gre"), "cp1253"),
    **dict.fromkeys(("est", "lav", "lit"), "cp1257"),
    "tur": "cp1254",
    "heb": "cp1255",
    "ara": "cp1256",
    "tha": "cp874",
    "vie": "cp1258",
    "chi": "gb18030",
    "zho": "gb18030",
    "jpn": "cp932",
    "kor": "cp949",
}
_USUAL_CODE_PAGE = "cp1252"


@dataclass(frozen=True, slots=True)
class Line:
    """One line in seconds from the container's start; ``text`` as its form writes it, ``settings`` as WebVTT does."""

    start_seconds: float
    end_seconds: float
    text: str
    settings: str = ""


@dataclass(frozen=True, slots=True)
class TextReport:
    """One track of subtitles. ``form`` is WEBVTT or SUBSTATION, ``header`` its styles where it has any.

    ``recoded`` lines were read by ``code_page``, for they are not UTF-8; ``lost`` could not be read at all. ``failure``
    says in a sentence why there is nothing.
    """

    index: int
    form: str = SUBSTATION
    header: str = ""
    lines: tuple[Line, ...] = ()
    recoded: int = 0
    code_page: str = ""
    lost: int = 0
    failure: str = ""


def read_texts(path: Path, name: str, sandbox: tuple[str, ...], tracks: Sequence[int]) -> tuple[TextReport, ...]:
    """What these tracks of a file say, in this order; errors as ``read_container``."""
    reports = json.loads(run_reader(__name__, path, [str(track) for track in tracks], name, sandbox))
    return tuple(TextReport(**{**one, "lines": tuple(Line(*line) for line in one["lines"])}) for one in reports)


# --- the program -----------------------------------------------------------------------------------------------------


def main(path: str, tracks: Sequence[int]) -> None:
    """Print the reports on tracks of a file as one line of JSON."""
    limit_this_process()
    import av  # noqa: PLC0415 - loads FFmpeg's libraries, which belong into the limited process alone

    av.logging.set_level(av.logging.PANIC)
    with av.open(path, options=demuxer_options()) as container:
        reading = {track: _Reading(container.streams[track]) for track in tracks}
        _read(container, reading)
        start = (container.start_time or 0) / av.time_base
    reports = [asdict(reading[track].report(start)) for track in tracks]
    for one in reports:
        one["lines"] = [list(line.values()) for line in one["lines"]]
    sys.stdout.write(json.dumps(reports) + "\n")


def _read(container: "av.container.InputContainer", reading: "dict[int, _Reading]") -> None:
    import av  # noqa: PLC0415 - as in main

    try:
        for packet in container.demux([one.stream for one in reading.values()]):
            if packet.size and packet.pts is not None:
                reading[packet.stream_index].add(packet)
    except (av.FFmpegError, OSError):
        return  # what came so far is what the file holds


@dataclass(slots=True)
class _Reading:
    """One track while it is read."""

    stream: Any
    lines: list[Line] = field(default_factory=list)
    recoded: int = 0
    lost: int = 0

    @property
    def is_webvtt(self) -> bool:
        # Matroska's S_TEXT/WEBVTT comes without a codec; what else has none is not selected.
        context = self.stream.codec_context
        return context is None or context.codec.canonical_name == "webvtt"

    @property
    def code_page(self) -> str:
        return _CODE_PAGES.get(self.stream.language or "", _USUAL_CODE_PAGE)

    def add(self, packet: Any) -> None:
        if len(self.lines) >= _MOST_LINES:
            self.lost += 1
            return
        tick = float(packet.time_base)
        start = packet.pts * tick
        end = start + (packet.duration or 0) * tick
        for text in self._texts(packet):
            self.lines.append(Line(start, end, text[:_MOST_CHARACTERS], _settings(packet)))

    def _texts(self, packet: Any) -> list[str]:
        if self.is_webvtt:
            return [self._decoded(bytes(packet))]
        import av  # noqa: PLC0415 - as in main

        try:
            if self.stream.codec_context.codec.canonical_name != "mov_text":
                packet = self._as_utf8(packet)
            # ReadOrder, Layer, Style, Name, three margins, Effect, Text.
            return [sub.ass.decode("utf-8", "replace") for sub in packet.decode() if getattr(sub, "ass", None)]
        except (av.FFmpegError, UnicodeError):
            self.lost += 1
            return []

    def _as_utf8(self, packet: Any) -> Any:
        import av  # noqa: PLC0415 - as in main

        said = bytes(packet)
        text = self._decoded(said).encode()
        if text == said:
            return packet
        again = av.Packet(text)
        again.stream, again.time_base = packet.stream, packet.time_base
        again.pts, again.dts, again.duration = packet.pts, packet.dts, packet.duration
        return again

    def _decoded(self, said: bytes) -> str:
        try:
            return said.decode()
        except UnicodeDecodeError:
            self.recoded += 1
            return said.decode(self.code_page, "replace")

    def report(self, container_start: float) -> TextReport:
        context = self.stream.codec_context
        header = b"" if self.is_webvtt or context.codec.canonical_name != "ass" else context.extradata or b""
        lines = sorted(self.lines, key=lambda line: line.start_seconds)
        for place, line in enumerate(lines):
            end = line.end_seconds
            if end <= line.start_seconds:
                later = (one.start_seconds for one in lines[place + 1 :] if one.start_seconds > line.start_seconds)
                end = min(next(later, line.start_seconds + _UNTOLD_SECONDS), line.start_seconds + _UNTOLD_SECONDS)
            lines[place] = Line(line.start_seconds - container_start, end - container_start, line.text, line.settings)
        return TextReport(
            index=self.stream.index,
            form=WEBVTT if self.is_webvtt else SUBSTATION,
            header=header.decode("utf-8", "replace"),
            lines=tuple(lines),
            recoded=self.recoded,
            code_page=self.code_page if self.recoded else "",
            lost=self.lost,
        )


def _settings(packet: Any) -> str:
    """WebVTT's cue settings, which stand beside the text."""
    if packet.has_sidedata("webvtt_settings"):
        return bytes(packet.get_sidedata("webvtt_settings")).decode("utf-8", "replace").strip("\0 ")
    if packet.has_sidedata("matroska_block_additional"):
        # Its number in 64 bits, then lines: settings, identifier, comments (Matroska's codec specification, WebVTT).
        added = bytes(packet.get_sidedata("matroska_block_additional"))[8:]
        return added.decode("utf-8", "replace").partition("\n")[0].strip("\0\r ")
    return ""


if __name__ == "__main__":
    main(sys.argv[1], [int(track) for track in sys.argv[2:]])
