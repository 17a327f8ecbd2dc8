"""A cold herd: 64 clients ask at once for one segment that nobody holds, from an upstream that sends 1 MB/s.

How often is the upstream asked, and how long after the first client's first byte do the others have theirs? Beside
Varnish and nginx with ``proxy_cache_lock``, whose configurations lie in ``rivals/``. Turn and turn about, a new file
each round, the same clients, the same upstream. The clients are one loop over their sockets, so that a client adds
microseconds.
"""

import os
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.joined import joined
from benchmarks.machine import report
from matinee.adapters.dataplane_nginx_process import modules
from matinee.model.tokens import Token, sign

CLIENTS, SEGMENT_BYTES, UPSTREAM_BYTES_PER_SECOND = 64, 2_000_000, 1_000_000
ROUNDS = 7
PREFIX = "title/revision/"
KEY = "a key for one benchmark of thirty-two bytes or more"
RIVALS = Path(__file__).parent / "rivals"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


@dataclass(frozen=True)
class Cache:
    """What is measured: where it listens, and by which addresses it and the upstream know a file."""

    name: str
    port: int
    prefix: str
    upstream_prefix: str


@dataclass(frozen=True)
class Round:
    """One herd. Times in milliseconds: the first client's first byte, the others' after it, and until all had all."""

    gets: int
    first_ms: float
    behind_ms: tuple[float, ...]
    whole_ms: float


class Client:
    """One of the herd: a connection, and when it had what."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.settimeout(0)
        self.first_at = self.last_at = 0.0
        self._head, self._got = b"", 0

    def ask(self, path: str) -> None:
        """Send the request; it fits into the socket's buffer."""
        self.socket.send(f"GET {path} HTTP/1.1\r\nHost: herd\r\n\r\n".encode())

    def take(self, now: float) -> bool:
        """Read what has come; whether that was the last of it."""
        piece = self.socket.recv(262_144)
        if not piece:
            raise ConnectionError("A cache closed the connection of a client.")
        if not self.first_at:
            self._head += piece
            head, end, piece = self._head.partition(b"\r\n\r\n")
            if not end or not piece:
                return False
            if b" 200 " not in head.split(b"\r\n", 1)[0]:
                raise ConnectionError(f"A cache answered {head[:60]!r}.")
            self.first_at = now
        self._got += len(piece)
        self.last_at = now
        return self._got >= SEGMENT_BYTES


def herd(cache: Cache, file: str) -> tuple[float, list[float], float]:
    """Seconds until the first byte of the first, of each after that, and until the last had the last."""
    clients = [Client(cache.port) for _ in range(CLIENTS)]
    with selectors.DefaultSelector() as ready:
        for client in clients:
            ready.register(client.socket, selectors.EVENT_READ, client)
        started = time.perf_counter()
        for client in clients:
            client.ask(cache.prefix + file)
        left = CLIENTS
        while left:
            for key, _ in ready.select(timeout=60):
                if key.data.take(time.perf_counter()):
                    ready.unregister(key.fileobj)
                    left -= 1
    for client in clients:
        client.socket.close()
    firsts = sorted(client.first_at for client in clients)
    behind = [first - firsts[0] for first in firsts[1:]]
    return firsts[0] - started, behind, max(client.last_at for client in clients) - started


def fetch(port: int, path: str, seconds: float = 15) -> bytes:
    """One body; waits for the server to listen."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: herd\r\n\r\n".encode())
            got = connection.recv(262_144)
            head, _, body = got.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            while len(body) < length:
                body += connection.recv(262_144)
            return body
        if time.monotonic() > deadline:
            sys.exit(f"Nobody answers on port {port}.")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(command: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(15)


@contextmanager
def _edge(folder: Path, upstream: int, dataplane: str = "embedded") -> Iterator[Cache]:
    port, data = _free_port(), folder / dataplane
    # What it keeps of a control plane that it joined.
    joined(data, "k1", KEY)
    environment = {
        "MATINEE_DATA": str(data),
        "MATINEE_DATAPLANE": f"{dataplane}:",
        "MATINEE_OBJECTS": "s3://bucket",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{upstream}",
        "AWS_SKIP_SIGNATURE": "true",
        "MATINEE_PORT": str(port),
        "MATINEE_CONTROL": "http://127.0.0.1:9",
        "MATINEE_EDGE_ID": "bench",
    }
    token = sign(Token("k1", int(time.time()) + 3600, "bench", PREFIX), KEY.encode())
    with _running([sys.executable, "-m", "matinee.cli", "edge"], folder / f"{dataplane}.log", environment):
        yield Cache(f"Matinee edge, {dataplane}, token checked", port, f"/{token}/{PREFIX}", f"/bucket/media/{PREFIX}")


def _nginx_edge(folder: Path, upstream: int) -> AbstractContextManager[Cache]:
    return _edge(folder, upstream, "nginx")


@contextmanager
def _varnish(folder: Path, upstream: int) -> Iterator[Cache]:
    port, vcl = _free_port(), folder / "herd.vcl"
    vcl.write_text((RIVALS / "cold_herd.vcl").read_text().replace("@UPSTREAM@", str(upstream)))
    command = [shutil.which("varnishd", path=PATH) or "", "-F", "-n", str(folder / "varnish")]
    command += ["-a", f"127.0.0.1:{port}", "-f", str(vcl), "-s", "malloc,256m"]
    # Threads are there before the herd is.
    command += ["-p", "thread_pool_min=200", "-j", "none"]
    with _running(command, folder / "varnish.log"):
        yield Cache("Varnish, streaming", port, f"/{PREFIX}", f"/{PREFIX}")


@contextmanager
def _nginx(folder: Path, upstream: int) -> Iterator[Cache]:
    port, configuration = _free_port(), folder / "nginx.conf"
    words = {"@USER@": "user root;" if os.geteuid() == 0 else "", "@FOLDER@": str(folder)}
    words |= {"@PORT@": str(port), "@UPSTREAM@": str(upstream)}
    text = (RIVALS / "cold_herd.nginx.conf").read_text()
    for word, value in words.items():
        text = text.replace(word, value)
    configuration.write_text(text)
    command = [shutil.which("nginx", path=PATH) or "", "-c", str(configuration), "-e", str(folder / "error.log")]
    with _running(command, folder / "nginx.log"):
        yield Cache("nginx, proxy_cache_lock", port, f"/{PREFIX}", f"/{PREFIX}")


def _rounds(caches: Sequence[Cache], upstream: int) -> dict[str, list[Round]]:
    results: dict[str, list[Round]] = {cache.name: [] for cache in caches}
    for cache in caches:
        fetch(cache.port, f"{cache.prefix}warm.m4s")  # connections to the upstream are open then
    for number in range(ROUNDS):
        turn = number % len(caches)
        for cache in [*caches[turn:], *caches[:turn]]:
            file = f"{cache.port}-{number}.m4s"
            first, behind, whole = herd(cache, file)
            gets = int(fetch(upstream, f"/gets{cache.upstream_prefix}{file}"))
            results[cache.name].append(Round(gets, first * 1000, tuple(value * 1000 for value in behind), whole * 1000))
    return results


def _spread(values: Sequence[float], digits: int = 1) -> str:
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f} to {max(values):.{digits}f}]"


def main() -> None:
    rivals = {"varnishd": _varnish, "nginx": _nginx}
    packages = {"varnishd": "varnish", "nginx": "nginx-light"}
    absent = {name: package for name, package in packages.items() if shutil.which(name, path=PATH) is None}
    upstream = _free_port()
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        command = [sys.executable, "-m", "benchmarks.paced_upstream", str(upstream), str(SEGMENT_BYTES)]
        stack.enter_context(_running([*command, str(UPSTREAM_BYTES_PER_SECOND)], folder / "upstream.log"))
        fetch(upstream, "/gets/ready")
        ours = [_edge, _nginx_edge] if modules() else [_edge]
        chosen = [*ours, *(start for program, start in rivals.items() if program not in absent)]
        caches = [stack.enter_context(start(folder, upstream)) for start in chosen]
        results = _rounds(caches, upstream)
    rows = [
        {
            "cache": name,
            "upstream fetches a herd": "-".join(str(count) for count in sorted({one.gets for one in rounds})),
            "first byte of the first, ms": _spread([one.first_ms for one in rounds]),
            "of the others after it, ms: median": _spread([statistics.median(one.behind_ms) for one in rounds]),
            "of the last after it, ms": _spread([max(one.behind_ms) for one in rounds]),
            "all have all, ms": _spread([one.whole_ms for one in rounds], 0),
        }
        for name, rounds in results.items()
    ]
    rows += [
        dict.fromkeys(rows[0], "") | {"cache": f"{program}: not installed here (apt-get install {package})"}
        for program, package in absent.items()
    ]
    report(
        "cold_herd",
        f"{CLIENTS} clients, one cold segment of 2 MB, an upstream of 1 MB/s: how long does each wait?",
        rows,
        figures=f"median [least to most] of {ROUNDS} rounds, turn and turn about, a new file each",
        bar="1 upstream fetch; each waiter's first byte at most 10 ms after the first's",
        load_before=f"{busy:.1f}",
        last_behind_ms={name: [round(one.behind_ms[-1], 2) for one in rounds] for name, rounds in results.items()},
    )


if __name__ == "__main__":
    main()
