"""An edge that holds a million real files, small ones: its folder, the process, and a control plane that listens.

Nine in ten are placed by a plan that names some more besides, so that there is something to tell. A benchmark makes
the folder in about two minutes, or takes one that was made before (an argument; it is kept).
"""

import atexit
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from benchmarks.joined import joined
from matinee.cache.cache import Cache
from matinee.cache.index import Row
from matinee.cache.shelf import name_of
from matinee.model.plans import FillWindow, PlannedFile
from matinee.model.tokens import Token, sign

FILES, PLACED, MISSING = 1_000_000, 900_000, 5_000
_FOLDER_FILES = 1000
_BATCH = 10_000
EDGE = "bench"
_KEY = "a key for one benchmark of thirty-two bytes or more"
LIMIT_BYTES = 64 * 1024**3


def path_of(number: int) -> str:
    """The media path of one of the files; from ``FILES`` on, of one that is planned and not held."""
    title, file = divmod(number, _FOLDER_FILES)
    return f"title-{title:05}/revision-1/video-1080p/segment-{file:05}.m4s"


def data_of(number: int) -> bytes:
    """The bytes of one of the files."""
    return f"the bytes of file {number}\n".encode()


@contextmanager
def folder() -> Iterator[Path]:
    """An edge's data folder with a million files in its cache."""
    if len(sys.argv) > 1:
        data = Path(sys.argv[1])
        if not (data / "whole").exists():
            _make(data)
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as name:
        _make(Path(name))
        yield Path(name)


def _make(data: Path) -> None:
    began = time.monotonic()
    cache = Cache(data / "cache", LIMIT_BYTES, in_background=False)
    data.mkdir(exist_ok=True)
    cache.open()
    shelf, index = cache._shelf, cache._index  # noqa: SLF001 - a million by the front door would take an hour
    assert index is not None
    planned: list[PlannedFile] = []
    # One that was broken off goes on, a batch before the last one that is there.
    begun = max(0, len(cache) // _BATCH - 1) * _BATCH
    shelf.plan.staged_files = begun
    for start in range(begun, FILES + MISSING, _BATCH):
        with index.writing():
            for number in range(start, min(start + _BATCH, FILES + MISSING)):
                path, content, placed = path_of(number), data_of(number), number < PLACED or number >= FILES
                digest = hashlib.sha256(content).digest()
                if placed:
                    planned.append(PlannedFile(path, len(content), 1.0 / (number + 1), digest.hex()))
                if number >= FILES:
                    continue
                file = f"{data}/cache/{'placed' if placed else 'demand'}/{path}"
                if number % _FOLDER_FILES == 0:
                    Path(file).parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
                os.write(descriptor, content)
                os.close(descriptor)
                seat = None if placed else shelf.order.add(name_of(path), len(content))
                index.put(Row(path, len(content), digest, seat), number << 1)
        shelf.plan.stage(index, planned)
        planned.clear()
    shelf.plan.swap(index, 1, FillWindow(), shelf.share_bytes)
    with index.writing():
        for number in range(FILES, FILES + MISSING):
            shelf.plan.mark(index, path_of(number), held=False)
    shelf.plan.applied(index)
    cache.close()
    (data / "whole").touch()
    print(f"Made {FILES} files in {time.monotonic() - began:.0f} s.", flush=True)


class ControlPlane(ThreadingHTTPServer):
    """Hears reports and holdings; ``told_at`` (steady seconds) is when the whole had been told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.begin()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def begin(self) -> None:
        """Nothing has been heard yet."""
        self.through, self.updates = -1, 0
        self.held = 0
        self.told_at: float | None = None

    def hold(self, update: dict[str, Any]) -> None:
        """Take an update, as a receiver that keeps count."""
        if update["sequence"] <= self.through:
            return
        if update.get("begins"):
            self.held = PLACED + MISSING if update["generation"] else 0
        self.held += len(update["added"]) - len(update["missing"]) - len(update["removed"])
        self.through, self.updates = update["sequence"], self.updates + 1
        if not update["more"] and self.told_at is None:
            self.told_at = time.monotonic()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """An edge that is killed breaks its connections."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ControlPlane

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer: dict[str, Any] = {
            "draining": False,
            "egress_limit_bps": None,
            "plan_generation": 1,
            "holdings_through": self.server.through,
            "time": time.time(),
        }
        if self.path.endswith("/holdings"):
            self.server.hold(body)
            answer = {"through": self.server.through}
        elif self.path.endswith("/accounts"):
            answer = {"through": body["sequence"]}
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class Edge:
    """``matinee edge`` over that folder."""

    def __init__(self, data: Path, control: str) -> None:
        self._data = data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        joined(data, "k1", _KEY)
        own = {
            "MATINEE_DATA": str(data),
            "MATINEE_OBJECTS": f"file://{data / 'objects'}",
            "MATINEE_PORT": str(self.port),
            "MATINEE_CONTROL": control,
            "MATINEE_EDGE_ID": EDGE,
            "MATINEE_EDGE_CACHE_BYTES": str(LIMIT_BYTES),
        }
        (data / "objects").mkdir(exist_ok=True)
        atexit.register(self.stop)  # whatever becomes of the benchmark
        self.started_at = time.monotonic()
        with (data / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "matinee.cli", "edge"], env={**os.environ, **own}, stdout=log, stderr=log
            )

    def request(self, number: int) -> bytes:
        """A request for one of the files, over a connection that stays."""
        path = path_of(number)
        token = sign(Token("k1", int(time.time()) + 3600, EDGE, path.rpartition("/")[0] + "/"), _KEY.encode())
        return f"GET /{token}/{path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()

    def first_byte_at(self, number: int) -> float:
        """Ask for a file until its bytes come; when they did."""
        request, content = self.request(number), data_of(number)
        while True:
            if self.process.poll() is not None or time.monotonic() - self.started_at > 60:
                sys.exit(f"The edge does not serve; see {self._data / 'log'}.")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    connection.sendall(request)
                    answer = b""
                    while len(answer) < 20 or not answer.endswith(content):
                        answer += (piece := connection.recv(4096))
                        if not piece:
                            break
                if answer.startswith(b"HTTP/1.1 200") and answer.endswith(content):
                    return time.monotonic()
            except OSError:
                pass
            time.sleep(0.005)

    def cpu_seconds(self) -> float:
        """What the process has worked so far."""
        return float(sum(psutil.Process(self.process.pid).cpu_times()[:2]))

    def stop(self) -> None:
        """End it as an operator would."""
        self.process.terminate()
        self.process.wait(30)

    def kill(self) -> None:
        """End it as a power cut would, but for the disk."""
        self.process.kill()
        self.process.wait(30)
