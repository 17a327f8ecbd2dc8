"""One real edge as a process of its own, between an origin that can be slow or break and a control plane."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec

from matinee.edge.keeping import write_private
from matinee.model.plans import KeyRing
from matinee.model.tokens import Token, sign

KEY_ID, KEY = "k1", "an edge's test key of 32 bytes or more"
PREFIX = "title/revision/"
CREDENTIAL, VERSION = "an edge's own credential of the tests", "v1"
# A busy machine is no fault: nothing that works waits as long.
PATIENCE_SECONDS = 60.0


def free_port(address: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def token(prefix: str = PREFIX, *, seconds: float = 600, key_id: str = KEY_ID, key: str = KEY) -> str:
    return sign(Token(key_id, int(time.time() + seconds), "a-playback", prefix), key.encode())


def stand(data: Path, ring: KeyRing | None = None, credential: str = CREDENTIAL) -> None:
    """Leave in an edge's folder what it keeps of a control plane that it joined: a credential, keys."""
    control = data / "control"
    if (control / "credential").exists():
        return
    write_private(control / "credential", f"{credential}\n{'0' * 64}\n".encode())
    write_private(control / "keys", msgspec.json.encode(ring or KeyRing(VERSION, {KEY_ID: KEY})))


@dataclass
class RunningEdge:
    """``matinee edge`` on a free port; ``objects`` is the origin's address."""

    data: Path
    objects: str
    control: str = "http://127.0.0.1:9"
    cache_bytes: int = 64 * 1024 * 1024
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes]" = field(init=False)
    client: httpx.Client = field(init=False)

    def launch(self) -> "RunningEdge":
        own = {
            "MATINEE_DATA": str(self.data),
            "MATINEE_OBJECTS": self.objects,
            "MATINEE_CONTROL": self.control,
            "MATINEE_PORT": str(self.port),
            "MATINEE_EDGE_ID": "europe-1",
            "MATINEE_EDGE_REGION": "europe",
            "MATINEE_EDGE_CACHE_BYTES": str(self.cache_bytes),
        }
        # One client for all, since each new one takes its time over certificates that nobody needs here.
        self.client = httpx.Client(base_url=self.address, trust_env=False, verify=False, timeout=60)
        self.data.mkdir(parents=True, exist_ok=True)
        if "MATINEE_JOIN_TOKEN" not in self.environment:
            stand(self.data)
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "matinee.cli", "edge"],
                env={**os.environ, **own, **self.environment},
                stdout=log,
                stderr=log,
            )
        return self

    def start(self) -> "RunningEdge":
        """Launch it and wait until it answers."""
        self.launch()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with suppress(httpx.HTTPError):
                if self.client.get("/healthz").is_success:
                    return self
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"The edge did not start: {self.log()}")
            time.sleep(0.05)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, file: str, opened_by: str | None = None) -> str:
        return f"{self.address}/{opened_by or token()}/{PREFIX}{file}"

    def get(self, file: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.client.get(self.url(file), headers=headers)

    def raw(self, target: str | bytes, method: str = "GET") -> tuple[int, bytes]:
        """Status and body of a request whose target goes over the wire byte for byte."""
        target = target.encode() if isinstance(target, str) else target
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(method.encode() + b" " + target + b" HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), body

    def metric(self, name: str, **labels: str) -> float:
        """One figure of ``/metrics``; 0 where it is not shown."""
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(f"matinee_edge_{name}{{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def held(self) -> set[str]:
        """The files in the cache folder."""
        folders = [self.data / "cache" / kind / PREFIX for kind in ("placed", "demand")]
        return {path.relative_to(files).as_posix() for files in folders for path in files.rglob("*") if path.is_file()}

    def log(self) -> str:
        return (self.data / "log").read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def stop(self) -> int:
        """End it as an operator would; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def running(edge: RunningEdge) -> Iterator[RunningEdge]:
    edge.start()
    try:
        yield edge
    finally:
        if edge.process.poll() is None:
            edge.stop()
        edge.client.close()


_ABSENT = b"<Error><Code>NoSuchKey</Code><Message>There is no such object.</Message></Error>"


@dataclass
class Manner:
    """How the origin gives one object: in pieces with a pause before each, the second one not before ``release``.

    ``breaks`` times it breaks off after so many bytes.
    """

    pause_seconds: float = 0.0
    piece_bytes: int = 64 * 1024
    release: threading.Event | None = None
    breaks: int = 0
    break_after_bytes: int = 0


class SlowOrigin(ThreadingHTTPServer):
    """Just enough of an S3 server for reading, over real sockets; objects are bytes by their key.

    ``starts``: the byte that each request for a key began at.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _OriginHandler)
        self.objects = dict(objects)
        self.manners: dict[str, Manner] = {}
        self.gets: Counter[str] = Counter()
        self.starts: dict[str, list[int]] = {}
        self.abandoned: Counter[str] = Counter()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        """What an S3 client needs to come here."""
        return {
            "AWS_ENDPOINT": f"http://127.0.0.1:{self.server_port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_SKIP_SIGNATURE": "true",
            "AWS_REGION": "us-east-1",
        }

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that leaves is no error of the test."""


class _OriginHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SlowOrigin

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        key = self.path.removeprefix("/bucket/")
        data = self.server.objects.get(key)
        if not key.endswith("/probe"):  # an edge that starts asks whether it may read
            self.server.gets[key] += body
        asked = self.headers["Range"]
        first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and data is not None else 0
        self.server.starts.setdefault(key, []).append(first)
        self.send_response(404 if data is None else 206 if first else 200)
        self.send_header("Content-Length", str(len(_ABSENT if data is None else data) - first))
        if first and data is not None:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Last-Modified", "Sun, 01 Nov 2026 00:00:00 GMT")
        self.send_header("ETag", '"x"')
        self.end_headers()
        if data is None and body:
            self.wfile.write(_ABSENT)
        if not body or data is None:
            return
        manner = self.server.manners.get(key, Manner())
        end = len(data)
        if manner.breaks:
            manner.breaks -= 1
            end = manner.break_after_bytes
        for start in range(first, end, manner.piece_bytes):
            if start > first and manner.release is not None:
                manner.release.wait(PATIENCE_SECONDS)
            time.sleep(manner.pause_seconds)
            try:
                self.wfile.write(data[start : min(start + manner.piece_bytes, end)])
                self.wfile.flush()
            except OSError:
                self.server.abandoned[key] += 1
                raise
        if end < len(data):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class ControlPlane(ThreadingHTTPServer):
    """Takes what edges say and answers reports with ``orders``; ``status`` other than 200 refuses everything.

    ``answers`` are its answers to the other verbs, by the end of their path.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ControlHandler)
        self.reports: list[tuple[str, str, dict[str, Any]]] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        """What came besides reports: the verb, and its words."""
        self.orders: Any = {"draining": False, "egress_limit_bps": None, "plan_generation": 0}
        self.answers: dict[str, Any] = {
            "keys": {"version": VERSION, "keys": {KEY_ID: KEY}},
            "enrolment": {},
            "holdings": lambda word: {"through": word["sequence"]},
            "accounts": lambda word: {"through": word["sequence"]},
        }
        self.status = 200
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _ControlHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ControlPlane

    def do_POST(self) -> None:
        word = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._verb == "report":
            self.server.reports.append((self.path, self.headers["Authorization"], word))
        else:
            self.server.told.append((self._verb, word))
        self._answer(word)

    def do_GET(self) -> None:
        self.server.told.append((self._verb, {}))
        self._answer({})

    @property
    def _verb(self) -> str:
        return self.path.partition("/edges/")[2].partition("/")[2]

    def _answer(self, told: dict[str, Any]) -> None:
        verb = self._verb
        word = self.server.orders if verb == "report" else self.server.answers.get(verb)
        word = word(told) if callable(word) else word
        body = json.dumps(word).encode()
        self.send_response(self.server.status if word is not None else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def until(what: str, true: Any, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something to come true; AssertionError names it if it does not."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)
