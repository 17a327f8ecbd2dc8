"""How long an upload takes until all of it can be played, beside the commands of MediaCMS and PeerTube.

Ours is what an operator waits for: a running control plane and worker on SQLite and a folder, the bytes sent over tus,
the job, with the survey, sound, packaging, pictures and checks; the fixed ladder, four rungs. The rivals are their
encoders' command lines alone for the same four rungs, one after the other as their workers run them, without upload,
queue, thumbnails or packaging: MediaCMS 8.3 (``files/helpers.py``: x264 medium, CRF 23) and PeerTube
(``ffmpeg-default-transcoding-profile.ts``: veryfast, capped). All three run in every round, in turns.
``python -m benchmarks.encoding_peers [ROUNDS [SOURCE]]``; without a source a minute of 720p is drawn. Bar: at most 0.8
of MediaCMS.
"""

import base64
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from benchmarks.encoding_chunks import RATE, draw
from benchmarks.machine import report
from matinee.encoding.ffmpeg import find_tools
from matinee.ladder.fixed import fixed_ladder
from matinee.model.media import Rung

ROUNDS = 5
_OURS, _MEDIACMS, _PEERTUBE = "Matinee, from upload to job done", "MediaCMS's commands", "PeerTube's commands"
_FFMPEG = (find_tools().ffmpeg, "-nostdin", "-v", "error", "-y")
_EMAIL, _PASSWORD = "operator@benchmark.example", "benchmark of encodes"
_TUS = {"Tus-Resumable": "1.0.0"}
# Kilobits a second by lines of picture, up to 30 frames a second.
_MEDIACMS_KILOBITS = {240: 300, 360: 500, 480: 1000, 720: 2500}
_PEERTUBE_BITS_A_PIXEL = {240: 0.15, 360: 0.15, 480: 0.12, 720: 0.11}
_LARGEST_WAIT = 600.0


def mediacms(source: Path, rung: Rung, output: Path) -> list[str]:
    """What it runs for one profile."""
    kilobits = _MEDIACMS_KILOBITS[rung.height]
    scaled = f"scale=-2:{rung.height}:flags=lanczos,fps=fps={RATE}"
    words = ["-i", str(source), "-c:v", "libx264", "-filter:v", scaled, "-pix_fmt", "yuv420p", "-crf", "23"]
    words += ["-c:a", "aac", "-b:a", "128k", "-ac", "2", "-maxrate", f"{1.5 * kilobits:g}k"]
    words += ["-bufsize", f"{1.5 * kilobits:g}k", "-force_key_frames", "expr:gte(t,n_forced*4)"]
    words += ["-x264-params", f"keyint={8 * RATE}:keyint_min={4 * RATE}", "-preset", "medium"]
    return [*_FFMPEG, *words, "-profile:v", "main", "-level", "4.2", "-strict", "-2", str(output)]


def peertube(source: Path, rung: Rung, output: Path) -> list[str]:
    """What it runs for one resolution."""
    bits = round(rung.width * rung.height * RATE * _PEERTUBE_BITS_A_PIXEL[rung.height])
    words = ["-i", str(source), "-vf", f"scale=w=-2:h={rung.height}", "-pix_fmt", "yuv420p", "-c:v", "libx264"]
    words += ["-preset", "veryfast", "-maxrate", str(bits), "-bufsize", str(2 * bits), "-b_strategy", "1", "-bf", "16"]
    words += ["-r", str(RATE), "-g:v", str(2 * RATE), "-c:a", "aac", "-ac", "2"]
    words += ["-hls_time", "4", "-hls_list_size", "0", "-hls_playlist_type", "vod", "-hls_segment_type", "fmp4"]
    return [*_FFMPEG, *words, "-hls_flags", "single_file", "-f", "hls", str(output.with_suffix(".m3u8"))]


@contextmanager
def service(data: Path) -> Iterator[httpx.Client]:
    """A control plane and a worker; an operator's client."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"MATINEE_DATA": str(data), "MATINEE_LADDER": "fixed", "MATINEE_TOKEN_KEYS": "k1:benchmark"}
    environment = os.environ | own | {"MATINEE_PORT": str(port)}
    matinee = [sys.executable, "-m", "matinee.cli"]
    subprocess.run([*matinee, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        [*matinee, "operator", _EMAIL],
        env=environment,
        check=True,
        input=f"{_PASSWORD}\n".encode(),
        stdout=subprocess.DEVNULL,
    )
    with (data / "log").open("wb") as log:
        worker = {**environment, "MATINEE_HOST": "127.0.0.2"}
        running = [
            subprocess.Popen([*matinee, "serve"], env=environment, stdout=log, stderr=log),
            subprocess.Popen([*matinee, "worker"], env=worker, stdout=log, stderr=log),
        ]
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60) as client:
                _sign_in(client, data)
                yield client
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(30)


def _sign_in(client: httpx.Client, data: Path) -> None:
    end = time.monotonic() + 30
    while True:
        with suppress(httpx.HTTPError):
            body = {"email": _EMAIL, "password": _PASSWORD}
            answer = client.post("/sessions", json=body)
            if answer.is_success:
                client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
                return
        if time.monotonic() > end:
            sys.exit((data / "log").read_text())
        time.sleep(0.1)


def matinee(client: httpx.Client, source: Path, name: str) -> float:
    """Seconds from the first byte to the end of the job."""
    size, started = source.stat().st_size, time.monotonic()
    told = {"Upload-Length": str(size), "Upload-Metadata": f"filename {base64.b64encode(name.encode()).decode()}"}
    made = client.post("/studio/uploads", headers=_TUS | told).raise_for_status()
    place = made.headers["Location"].removeprefix("/api/v1")
    sending = _TUS | {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    with source.open("rb") as content:
        client.patch(place, content=content, headers=sending | {"Content-Length": str(size)}).raise_for_status()
    body = {"source": place.rpartition("/")[2], "name": name.removesuffix(".mp4")}
    job = client.post("/studio/titles", json=body).raise_for_status().json()["encode_id"]
    while time.monotonic() - started < _LARGEST_WAIT:
        encodes = client.get("/studio/encodes").raise_for_status().json()["encodes"]
        state = next(one["state"] for one in encodes if one["id"] == job)
        if state == "done":
            return time.monotonic() - started
        if state == "failed":
            sys.exit(f"The encode failed: {encodes}")
        time.sleep(0.2)
    sys.exit(f"The encode did not end within {_LARGEST_WAIT:g} s.")


def rival(name: str, source: Path, folder: Path) -> float:
    """Seconds of all commands, one after the other."""
    build, started = mediacms if name == _MEDIACMS else peertube, time.monotonic()
    for rung in fixed_ladder(1280, 720, float(RATE)).rungs:
        subprocess.run(build(source, rung, folder / f"{rung.name}.mp4"), check=True)
    return time.monotonic() - started


def main(rounds: int = ROUNDS, source: Path | None = None) -> None:
    """Measure and report."""
    seconds: dict[str, list[float]] = {name: [] for name in (_OURS, _MEDIACMS, _PEERTUBE)}
    with tempfile.TemporaryDirectory() as folder:
        source = source or draw(Path(folder) / "drawn.mp4")
        data = Path(folder) / "data"
        data.mkdir()
        with service(data) as client:
            for turn in range(rounds):
                names = [*seconds]
                for name in names[turn % 3 :] + names[: turn % 3]:
                    if name == _OURS:
                        took = matinee(client, source, f"Film {turn}.mp4")
                    else:
                        with tempfile.TemporaryDirectory(dir=folder) as made:
                            took = rival(name, source, Path(made))
                    seconds[name].append(took)
    rows = []
    for name, spent in seconds.items():
        ratios = sorted(ours / one for ours, one in zip(seconds[_OURS], spent, strict=True))
        rows.append(
            {
                "who": name,
                "seconds": f"{statistics.median(spent):.1f} [{min(spent):.1f} to {max(spent):.1f}]",
                "ours takes": f"{statistics.median(ratios):.2f} [{ratios[0]:.2f} to {ratios[-1]:.2f}]",
            }
        )
    question = "how long does a minute of 720p take from upload to four rungs, beside the commands of others?"
    report("encoding_peers", question, rows, rounds=rounds, source=source.name)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else ROUNDS, Path(given[1]) if len(given) > 1 else None)
