"""Bytes per second and CPU of 1 MB segments: an edge that checks a token, beside plain nginx that checks nothing.

The same files, the same client (wrk), the same machine, in one run: pairs of rounds, turn and turn about, after a round
each that does not count. CPU is that of the server's processes, from /proc; the client's own is not in it.
"""

import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.machine import report
from matinee.edge.keeping import write_private
from matinee.model.tokens import Token, sign

SEED = 20261101
SEGMENTS, SEGMENT_BYTES = 16, 1_000_000
PAIRS, ROUND_SECONDS, CONNECTIONS = 7, 3, 16
PREFIX = "title/revision/"
KEY = "a key for one benchmark of thirty-two bytes or more"

# Debian's nginx, tuned for whole files out of the page cache: one worker a core, sendfile, open files remembered.
NGINX = """
daemon off;
{user}
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_requests 1000000;
  open_file_cache max=1000 inactive=60s;
  open_file_cache_valid 60s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  types {{ video/iso.segment m4s; }}
  server {{ listen 127.0.0.1:{port} backlog=2048; root {root}; }}
}}
"""

# wrk asks for the segments in turn and says exactly what it got.
WRK = """
local paths, at = {{{paths}}}, 0
request = function()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end
done = function(summary)
  local bad = summary.errors
  io.stderr:write(string.format('{{"bytes": %d, "microseconds": %d, "requests": %d, "errors": %d}}', summary.bytes,
    summary.duration, summary.requests, bad.connect + bad.read + bad.write + bad.status + bad.timeout))
end
"""


class Server:
    """A process under load: what wrk asks of it, and the CPU of it and its children."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", port: int, prefix: str, folder: Path) -> None:
        self.process, self._port, self._log = process, port, folder / f"{name}.log"
        self.paths = [f"{prefix}{PREFIX}{number:05}.m4s" for number in range(SEGMENTS)]
        self._script = folder / f"{name}.lua"
        self._script.write_text(WRK.format(paths=", ".join(f'"{path}"' for path in self.paths)))

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        processes = [psutil.Process(self.process.pid)]
        processes += processes[0].children(recursive=True)
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    def fetch(self, path: str) -> bytes:
        """One body; waits up to ten seconds for the server to answer."""
        deadline = time.monotonic() + 10
        while True:
            with suppress(httpx.ConnectError):
                return httpx.get(f"http://127.0.0.1:{self._port}{path}", trust_env=False).raise_for_status().content
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{self.process.args!r} does not answer:\n{self._log.read_text()}")
            time.sleep(0.05)

    def round(self, seconds: int) -> tuple[float, float]:
        """MB/s and CPU seconds per GB of one round."""
        before = self.cpu_seconds()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(self._script)]
        ended = subprocess.run(
            [*command, f"http://127.0.0.1:{self._port}"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        cpu = self.cpu_seconds() - before
        got: dict[str, int] = json.loads(ended.stderr)
        if got["errors"]:
            sys.exit(f"wrk saw {got['errors']} errors among {got['requests']} requests.")
        return got["bytes"] / got["microseconds"], cpu / (got["bytes"] / 1e9)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(15)


@contextmanager
def _edge(folder: Path) -> Iterator[Server]:
    port = _free_port()
    environment = {
        "MATINEE_DATA": str(folder / "edge"),
        "MATINEE_OBJECTS": f"file://{folder / 'objects'}",
        "MATINEE_PORT": str(port),
        "MATINEE_CONTROL": "http://127.0.0.1:9",
        "MATINEE_EDGE_ID": "bench",
    }
    write_private(folder / "edge" / "control" / "credential", f"{KEY}\n{'0' * 64}\n".encode())
    write_private(folder / "edge" / "control" / "keys", json.dumps({"version": "v", "keys": {"k1": KEY}}).encode())
    token = sign(Token("k1", int(time.time()) + 3600, "bench", PREFIX), KEY.encode())
    with _running([sys.executable, "-m", "matinee.cli", "edge"], environment, folder / "edge.log") as process:
        yield Server("edge", process, port, f"/{token}/", folder)


@contextmanager
def _nginx(folder: Path, root: Path) -> Iterator[Server]:
    port = _free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(user=user, folder=folder, port=port, root=root))
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program is not None
    command = [program, "-c", str(configuration), "-e", str(folder / "error.log")]
    with _running(command, {}, folder / "nginx.log") as process:
        yield Server("nginx", process, port, "/", folder)


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f} to {max(values):.{digits}f}]"


def main() -> None:
    for program, how in (("wrk", "apt-get install wrk"), ("nginx", "apt-get install nginx")):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
            print(f"edge_throughput is skipped: {program} is not installed here ({how}).")
            return
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as name:
        folder = Path(name)
        segments = folder / "objects" / "media" / PREFIX
        segments.mkdir(parents=True)
        bytes_of = random.Random(SEED)
        for number in range(SEGMENTS):
            (segments / f"{number:05}.m4s").write_bytes(bytes_of.randbytes(SEGMENT_BYTES))
        # Both send the very same files: those that the edge holds once it has fetched them.
        held = folder / "edge" / "cache" / "files"
        with _edge(folder) as edge:
            for path in edge.paths:
                assert edge.fetch(path) == (segments / Path(path).name).read_bytes()
            while len(list(held.rglob("*.m4s"))) < SEGMENTS:
                time.sleep(0.05)
            with _nginx(folder, held) as nginx:
                assert all(nginx.fetch(path) == (held / path.lstrip("/")).read_bytes() for path in nginx.paths)
                _report(edge, nginx)


def _report(edge: Server, nginx: Server) -> None:
    busy = os.getloadavg()[0]
    edge.round(1), nginx.round(1)
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    for pair in range(PAIRS):
        turn = [(edge, ours), (nginx, theirs)]
        for server, results in turn if pair % 2 else reversed(turn):
            results.append(server.round(ROUND_SECONDS))
    rows: list[dict[str, Any]] = []
    for column, what, digits in ((0, "MB/s", 0), (1, "CPU s per GB", 3)):
        mine, other = [result[column] for result in ours], [result[column] for result in theirs]
        ratios = [a / b for a, b in zip(mine, other, strict=True)]
        rows.append(
            {
                "what": what,
                "edge, token checked": _spread(mine, digits),
                "nginx, sendfile": _spread(other, digits),
                "ratio edge / nginx": _spread(ratios, 2),
            }
        )
    report(
        "edge_throughput",
        "1 MB segments out of the page cache: what does an edge send, and at what CPU, beside plain nginx?",
        rows,
        figures=f"median [least to most] of {PAIRS} pairs of {ROUND_SECONDS} s rounds, {CONNECTIONS} connections",
        seed=SEED,
        load_before=f"{busy:.1f} (over about 1, bytes/s say more of the other load than of the servers)",
        client="wrk, one thread, on the same cores",
        pairs=[{"edge": a, "nginx": b} for a, b in zip(ours, theirs, strict=True)],
    )


if __name__ == "__main__":
    main()
