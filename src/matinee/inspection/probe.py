"""Reads what a container says and holds, in a process of its own: uploads are hostile.

``read_container`` starts this module as a program under limits (memory, time, files, no network where the kernel
allows) and takes its answer as JSON. The program demuxes every packet with PyAV, through listed demuxers only, and
decodes nothing beyond what libavformat decodes to know its streams. What the answer means is ``inspection``'s business.
"""

import json
import os
import subprocess
import sys
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matinee.inspection.chapters import ChapterReport, read_chapters
from matinee.inspection.codecs import DECODERS
from matinee.inspection.transport import Clock, read_programs
from matinee.model.errors import Refused
from matinee.packaging.boxes import first_level, index_is_cut, lies_elsewhere

if TYPE_CHECKING:
    import av.container
    import av.stream

DEMUXERS = ("mov", "matroska", "mpegts", "mpeg", "flv", "avi", "ogg", "asf", "mxf", "dv", "gif")
# Subtitles that are text. What Matroska calls S_TEXT/WEBVTT libavformat does not know: it comes without a codec.
TEXT_CODECS = ("subrip", "ass", "mov_text", "webvtt", "text")
MOST_PIXELS = 2**26  # of one picture: 8192 x 8192

_MEMORY_BYTES = 4 * 1024**3
_CPU_SECONDS = 600
_OPEN_FILES = 64
_LEAST_SECONDS = 60.0
_SLOWEST_BYTES_PER_SECOND = 10e6
_MICROSECONDS = 1e6
_JUMPS = 0x0200  # AVFMT_TS_DISCONT
_HALF_FRAME = (0.25, 0.75)
_ENCRYPTED_TAGS = ("encv", "enca", "drmi", "drms", "drmd")


@dataclass(frozen=True, slots=True)
class TrackReport:
    """One track: what is claimed of it, and the packets that are there.

    ``packets`` are those to be shown (an edit list hides the others); ``beyond_end`` are those whose place in the file
    lies past its end, and ``untimed`` those that do not say when they are shown. Times are in seconds from the
    container's start; ``step_seconds`` is the median between frames, and ``is_steady`` says that no step is far from
    it. ``counted_seconds`` is what AVI's header counts, in ticks of the track, and nothing with other containers.
    ``disposition`` holds FFmpeg's bits (libavformat/avformat.h). ``second_fields`` are packets without a time, or half
    a frame after another: where the picture has fields, each may have a packet. ``headless`` packets come before the
    first key frame. ``programs`` are those of a transport stream that the track belongs to.
    """

    index: int
    kind: str
    codec: str | None
    width: int = 0
    height: int = 0
    frame_rate: str | None = None
    sample_rate_hz: int = 0
    channels: int = 0
    language: str | None = None
    is_default: bool = False
    is_picture: bool = False
    encrypted: bool = False
    counted_seconds: float = 0.0
    claimed_seconds: float | None = None
    packets: int = 0
    beyond_end: int = 0
    untimed: int = 0
    first_seconds: float | None = None
    end_seconds: float | None = None
    step_seconds: float | None = None
    is_steady: bool = True
    title: str | None = None
    disposition: int = 0
    second_fields: int = 0
    headless: int = 0
    programs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerReport:
    """A file as its demuxer sees it. ``failure`` is FFmpeg's word if it could not be opened, and the rest is empty.

    ``boxes`` are the types of the first level of an ISO file; ``begins`` are its first bytes. ``is_elsewhere`` says
    that it names other files or addresses for what it shows; ``index_is_cut``, that the file ends within its index.
    """

    size_bytes: int
    begins: str
    boxes: tuple[str, ...] = ()
    failure: str | None = None
    format: str = ""
    claimed_seconds: float | None = None
    start_seconds: float = 0.0
    tracks: tuple[TrackReport, ...] = ()
    chapters: tuple[ChapterReport, ...] = ()
    is_elsewhere: bool = False
    index_is_cut: bool = False


def read_container(path: Path, name: str, sandbox: tuple[str, ...]) -> ContainerReport:
    """The report on a file. ``sandbox`` is what stands before a command to take the network from it.

    Raises Refused, naming the file by ``name``, if the reader was killed by it or ran out of time.
    """
    values = json.loads(run_reader(__name__, path, (), name, sandbox))
    tracks = tuple(TrackReport(**track) for track in values.pop("tracks"))
    chapters = tuple(ChapterReport(**chapter) for chapter in values.pop("chapters"))
    return ContainerReport(**{**values, "tracks": tracks, "chapters": chapters, "boxes": tuple(values["boxes"])})


def run_reader(module: str, path: Path, arguments: Sequence[str], name: str, sandbox: tuple[str, ...]) -> str:
    """The last line that a module of ours prints, run as a program on a file; errors as ``read_container``."""
    command = [*sandbox, sys.executable, "-m", module, str(path), *arguments]
    seconds = _LEAST_SECONDS + path.stat().st_size / _SLOWEST_BYTES_PER_SECOND
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(f"{name} could not be read within {seconds:.0f} s: it is damaged or made to do harm.") from error
    if done.returncode != 0:
        raise Refused(f"{name} broke the program that reads it: it is damaged or made to do harm.")
    return done.stdout.splitlines()[-1]


# --- the program -----------------------------------------------------------------------------------------------------


def main(path: str) -> None:
    """Print the report on a file as one line of JSON."""
    limit_this_process()
    import av  # noqa: PLC0415 - loads FFmpeg's libraries, which belong into the limited process alone

    av.logging.set_level(av.logging.PANIC)
    with Path(path).open("rb") as file:
        begins = file.read(16)
        size_bytes = file.seek(0, 2)
    boxes = first_level(Path(path))
    elsewhere, cut = lies_elsewhere(Path(path)), index_is_cut(Path(path))
    report = ContainerReport(size_bytes, begins.hex(), boxes, is_elsewhere=elsewhere, index_is_cut=cut)
    try:
        with av.open(path, options=demuxer_options()) as container:
            report = _report(container, report, read_programs(Path(path)))
    except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
        report = replace(report, failure=getattr(error, "strerror", None) or repr(error))
    sys.stdout.write(json.dumps(asdict(report)) + "\n")


def demuxer_options() -> dict[str, str]:
    """What libavformat is told before it opens what was uploaded."""
    return {
        # A playlist or a reference inside a file opens nothing else.
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(DEMUXERS),
        "codec_whitelist": ",".join(DECODERS),
    }


def limit_this_process() -> None:
    """Bind a program that reads what was uploaded, before it does."""
    import resource  # noqa: PLC0415 - exists on Unix alone, and only the program needs it

    for limit, value in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (allowed, allowed))


@dataclass(slots=True)
class _Seen:
    """What the packets of one track add up to, in ticks of its time base."""

    packets: int = 0
    untimed: int = 0
    encrypted: bool = False
    headless: int | None = None
    end: int | None = None
    times: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, packet: Any, clock: Clock | None) -> None:
        self.encrypted = self.encrypted or packet.has_sidedata("encryption_info")
        if packet.is_discard:
            return
        if packet.is_keyframe and self.headless is None:
            self.headless = self.packets
        self.packets += 1
        self.untimed += packet.pts is None
        time = packet.dts if packet.pts is None else packet.pts
        if time is not None:
            if clock is not None:
                tick = float(packet.time_base)
                decoded = time if packet.dts is None else packet.dts
                time += round(clock.mend(packet.stream_index, decoded * tick, (packet.duration or 0) * tick) / tick)
            self.times.append(time)
            end = time + (packet.duration or 0)
            self.end = end if self.end is None else max(self.end, end)


def _report(
    container: "av.container.InputContainer", report: ContainerReport, programs: dict[int, tuple[int, ...]]
) -> ContainerReport:
    seen = {stream.index: _Seen() for stream in container.streams}
    _count(container, seen)
    start = (container.start_time or 0) / _MICROSECONDS
    return ContainerReport(
        report.size_bytes,
        report.begins,
        report.boxes,
        format=container.format.name,
        claimed_seconds=None if container.duration is None else container.duration / _MICROSECONDS,
        start_seconds=start,
        tracks=tuple(
            replace(
                _track(stream, seen[stream.index], start, report.size_bytes),
                programs=tuple(number for number, pids in programs.items() if stream.id in pids),
            )
            for stream in container.streams
        ),
        chapters=read_chapters(container, start),
        is_elsewhere=report.is_elsewhere,
        index_is_cut=report.index_is_cut,
    )


def _count(container: "av.container.InputContainer", seen: dict[int, _Seen]) -> None:
    import av  # noqa: PLC0415 - as in main

    clock = Clock() if container.format.flags & _JUMPS else None
    try:
        for packet in container.demux():
            if packet.size and packet.stream_index in seen:
                followed = clock if packet.stream.type in ("video", "audio") else None
                seen[packet.stream_index].add(packet, followed)
    except (av.FFmpegError, OSError):
        return  # what came so far is what the file holds; inspection compares it with the claims


def _track(stream: "av.stream.Stream", seen: _Seen, start: float, size_bytes: int) -> TrackReport:
    context: Any = stream.codec_context
    kind = stream.type
    tick = float(stream.time_base or 0)
    times = sorted(seen.times)
    steps = sorted(later - earlier for earlier, later in pairwise(times) if later > earlier)
    disposition = int(getattr(stream, "disposition", 0))
    guess = getattr(stream, "guessed_rate", None)
    entries = getattr(stream, "index_entries", ())
    return TrackReport(
        index=stream.index,
        kind=kind,
        codec=_codec(context),
        width=context.width if context is not None and kind == "video" else 0,
        height=context.height if context is not None and kind == "video" else 0,
        frame_rate=str(Fraction(guess)) if guess else None,
        sample_rate_hz=context.sample_rate or 0 if context is not None and kind == "audio" else 0,
        channels=context.layout.nb_channels if context is not None and kind == "audio" else 0,
        language=stream.language,
        is_default=bool(disposition & 0x1),
        is_picture=bool(disposition & 0xC00),  # AV_DISPOSITION_ATTACHED_PIC, AV_DISPOSITION_TIMED_THUMBNAILS
        encrypted=seen.encrypted
        or _tag(context) in _ENCRYPTED_TAGS
        or "enc_key_id" in stream.metadata,  # Matroska and WebM
        counted_seconds=stream.frames * tick,
        claimed_seconds=None if not stream.duration else stream.duration * tick,
        packets=seen.packets,
        beyond_end=sum(1 for entry in entries if entry.pos + entry.size > size_bytes),
        untimed=seen.untimed,
        first_seconds=None if not times else times[0] * tick - start,
        end_seconds=None if seen.end is None else seen.end * tick - start,
        step_seconds=None if not steps else steps[len(steps) // 2] * tick,
        # Unequal time stamps that round equal steps to a container's ticks pass for steady.
        title=stream.metadata.get("title") or None,
        disposition=disposition,
        second_fields=_second_fields(seen, tick, guess) if kind == "video" else 0,
        headless=seen.headless or 0,
        is_steady=not steps or (steps[-1] < steps[len(steps) // 2] * 1.5 and steps[0] > steps[len(steps) // 2] * 0.5),
    )


def _second_fields(seen: _Seen, tick: float, guess: Any) -> int:
    timeless = seen.packets - len(seen.times)
    if not guess:
        return timeless
    last, found, (least, most) = None, 0, _HALF_FRAME
    for time in sorted(seen.times):
        if last is not None and least < (time - last) * tick * float(guess) < most:
            found, last = found + 1, None  # the next one is a frame's first again
        else:
            last = time
    return timeless + found


def _tag(context: Any) -> str:
    """The container's four letters for a codec; none where it has a number: AVI calls AAC 255, which is no letter."""
    try:
        return "" if context is None else str(context.codec_tag)
    except UnicodeDecodeError:
        return ""


def _codec(context: Any) -> str | None:
    """The codec's own name; the context's is its decoder's (libdav1d for av1)."""
    if context is None:
        return None
    canonical: str = getattr(context.codec, "canonical_name", None) or context.name
    return canonical


if __name__ == "__main__":
    main(sys.argv[1])
