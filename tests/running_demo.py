"""A whole service for journeys and browser tests: ``matinee demo`` in a folder of its own, on a port of its own."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

HOSTS = ("127.0.0.1", "127.0.1.1", "127.0.2.1", "127.0.3.1", "127.0.4.1")
EDGE_HOSTS = {"europe-1": "127.0.1.1", "america-1": "127.0.2.1", "asia-1": "127.0.3.1"}
VIEWER, OPERATOR, PASSWORD = "viewer@matinee.example", "operator@matinee.example", "matinee-demo"
# A busy machine is no fault: nothing that works waits as long.
PATIENCE_SECONDS = 120.0


def free_port() -> int:
    """A port that nobody listens on, on all of the demo's addresses."""
    for _ in range(200):
        port = random.randint(20_000, 32_000)
        with suppress(OSError):
            for host in HOSTS:
                with socket.socket() as probe:
                    probe.bind((host, port))
            return port
    raise RuntimeError("No free port was found.")


T = TypeVar("T")


def until(what: str, ask: Callable[[], T | None], seconds: float = PATIENCE_SECONDS) -> T:
    """The first truthy answer; an AssertionError that names what did not come."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:.0f} s; last answer: {answer!r}"
        time.sleep(0.1)


def draw(
    path: Path,
    seconds: float,
    size: str = "320x180",
    picture: str = "testsrc2",
    rate: str = "24",
    chapters: Mapping[int, str] | None = None,
) -> Path:
    """A small film with picture and sound, drawn by FFmpeg; ``chapters`` are names by their beginnings in seconds."""
    import imageio_ffmpeg

    path.parent.mkdir(parents=True, exist_ok=True)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y"]
    command += ["-f", "lavfi", "-i", f"{picture}=size={size}:rate={rate}:duration={seconds}"]
    command += ["-f", "lavfi", "-i", f"sine=frequency=330:sample_rate=48000:duration={seconds}"]
    told = ";FFMETADATA1\n"
    for start, name in (chapters or {}).items():
        told += f"[CHAPTER]\nTIMEBASE=1/1\nSTART={start}\nEND={start + 1}\ntitle={name}\n"
    command += ["-f", "ffmetadata", "-i", "-", "-map", "0", "-map", "1", "-map_chapters", "2"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest", str(path)]
    subprocess.run(command, check=True, input=told.encode())
    return path


@dataclass
class RunningDemo:
    """A demo that runs in a process of its own; its output is kept, its processes are found by its data folder.

    ``settings`` are MATINEE_ variables beyond the demo's own.
    """

    data: Path
    films: Path | None
    port: int = field(default_factory=free_port)
    settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return (self.data.parent / f"{self.data.name}.out").read_text()

    def command(self, *more: str) -> list[str]:
        films = ["--films", str(self.films)] if self.films else []
        return [
            sys.executable,
            "-m",
            "matinee.cli",
            "demo",
            "--data",
            str(self.data),
            "--port",
            str(self.port),
            *films,
            *more,
        ]

    def start(self) -> "RunningDemo":
        with (self.data.parent / f"{self.data.name}.out").open("ab") as out:
            self.process = subprocess.Popen(
                self.command(), stdout=out, stderr=out, start_new_session=True, env={**os.environ, **self.settings}
            )
        until("the control plane", self._answers)
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the demo ended: {self.output}"
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.address}/readyz", timeout=2).is_success
        return False

    def stop(self) -> int:
        """Ctrl-C; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)

    def processes(self) -> dict[str, psutil.Process]:
        """The service's processes by name: serve, worker and the edges."""
        assert self.process is not None
        found = {}
        for child in psutil.Process(self.process.pid).children():
            # One that has just ended or just been born has no command line.
            with suppress(psutil.Error, IndexError):
                verb = child.cmdline()[-1]
                found[child.environ().get("MATINEE_EDGE_ID") or verb if verb == "edge" else verb] = child
        return found

    def breakage(self, action: str, edge: str) -> None:
        """Break or mend an edge, as the studio's panel does."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.processes()["serve"].environ()["MATINEE_DEMO_CONTROL"])
            connection.sendall(json.dumps({"action": action, "edge": edge}).encode() + b"\n")
            answer = json.loads(connection.recv(4096))
        assert answer["ok"], answer

    @contextmanager
    def client(self, email: str = VIEWER) -> Iterator[httpx.Client]:
        """A client that is signed in with a bearer token."""
        with httpx.Client(base_url=f"{self.address}/api/v1", timeout=60) as client:
            answer = client.post("/sessions", json={"email": email, "password": PASSWORD})
            client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['token']}"
            yield client

    def press_play(
        self, client: httpx.Client, profile: str, title: str, edges: int = 3, **device: str
    ) -> dict[str, Any]:
        """A playback, once so many edges were heard of: a small film may be playable before the first of them."""
        body = {"profile_id": profile, "title_id": title, "device": {"kind": "test", **device}}

        def enough() -> dict[str, Any] | None:
            answer = client.post("/playbacks", json=body)
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                return None
            playback: dict[str, Any] = answer.raise_for_status().json()
            return playback if len(playback["edges"]) >= edges else None

        return until(f"{edges} edges that were heard of", enough)

    def titles(self, client: httpx.Client) -> list[dict[str, Any]]:
        """The titles that are playable as a whole, by name."""
        answer = client.get("/titles", params={"query": ""}).raise_for_status().json()
        titles: list[dict[str, Any]] = [title for title in answer["titles"] if not title["is_growing"]]
        return sorted(titles, key=lambda title: str(title["name"]))
