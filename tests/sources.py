"""Small sources for encoding tests, drawn with FFmpeg's generators, and counts of what a folder decodes to."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from matinee.encoding.ffmpeg import find_tools

TOOLS = find_tools()


def ffmpeg(*arguments: str | Path) -> str:
    """Run FFmpeg; its messages."""
    command = [TOOLS.ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "verbose", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def ffmpeg_lists(what: str) -> str:
    """What FFmpeg says of its ``codecs``, or of whatever else it lists."""
    return subprocess.run([TOOLS.ffmpeg, "-hide_banner", f"-{what}"], capture_output=True, text=True, check=True).stdout


def picture(seconds: float = 2.5, size: str = "320x180", rate: str = "25") -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc2=duration={seconds}:size={size}:rate={rate}"]


def tone(seconds: float = 2.5, rate: int = 48_000, layout: str = "stereo") -> list[str]:
    return ["-f", "lavfi", "-i", f"sine=440:duration={seconds}:sample_rate={rate},aformat=channel_layouts={layout}"]


H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]


def draw(place: Path, *, seconds: float = 2.5, size: str = "320x180", rate: str = "25", sound: bool = True) -> Path:
    """An ordinary film."""
    ffmpeg(*picture(seconds, size, rate), *(tone(seconds) if sound else ()), *H264, "-bf", "2", place)
    return place


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one video track decodes to: times of its frames in seconds."""

    times: tuple[float, ...]

    @property
    def frames(self) -> int:
        return len(self.times)


def decode(source: Path | str, track: str = "0:v:0") -> Decoded:
    """Decode a video track and note every frame's time, counted from the first one's."""
    words = ffmpeg(
        *("-copyts", "-i", source, "-map", track, "-fps_mode", "passthrough", "-copyts"),
        *("-vf", "settb=1/90000,showinfo=checksum=0", "-f", "null", "-"),
    )
    times = [int(number) / 90_000 for number in re.findall(r"\] n: *\d+ pts: *(-?\d+)", words)]
    return Decoded(tuple(times))


def from_zero(decoded: Decoded) -> tuple[float, ...]:
    return tuple(time - decoded.times[0] for time in decoded.times)


def key_times(source: Path | str, track: str = "0:v:0") -> list[float]:
    """Times of the key frames of a video track."""
    words = ffmpeg(
        "-skip_frame", "nokey", "-copyts", "-i", source, "-map", track, "-vf", "showinfo=checksum=0", "-f", "null", "-"
    )
    return [float(time) for time in re.findall(r"\] n: *\d+ pts: *\S+ pts_time:(-?[\d.]+)", words)]


def onsets(source: Path | str) -> tuple[float, float]:
    """When the first light and when the first sound comes, in seconds of the presentation."""
    light = ffmpeg("-copyts", "-i", source, "-map", "0:v:0", "-vf", "blackdetect=d=0.01:pix_th=0.3", "-f", "null", "-")
    sound = ffmpeg("-copyts", "-i", source, "-map", "0:a:0", "-af", "silencedetect=n=-30dB:d=0.05", "-f", "null", "-")
    seen, heard = re.search(r"black_end:([\d.]+)", light), re.search(r"silence_end: ([\d.]+)", sound)
    assert seen is not None
    assert heard is not None
    return float(seen.group(1)), float(heard.group(1))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A folder over HTTP: FFmpeg's DASH reader needs an address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            """A file, or of one that is asked for as ``bytes=first-last`` so much."""
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            path = Path(self.translate_path(self.path))
            if asked is None or not path.is_file():
                return super().do_GET()
            whole = path.read_bytes()
            part = whole[int(asked[1]) : int(asked[2]) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {asked[1]}-{int(asked[1]) + len(part) - 1}/{len(whole)}")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part)
            return None

        def end_headers(self) -> None:
            # Players stand on a page of another site.
            self.send_header("Access-Control-Allow-Origin", "*")
            super().end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
