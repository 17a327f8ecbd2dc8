"""The servers that ``edge_throughput`` compares, each on one core, and the client's view of them on the other."""

import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.joined import joined
from matinee.adapters.dataplane_nginx_process import modules
from matinee.model.tokens import Token, sign

RIVALS = Path(__file__).parent / "rivals"
PREFIX = "title/revision/"
KEY = "a key for one benchmark of thirty-two bytes or more"
CONNECTIONS = 16
Files = Mapping[int, Sequence[str]]
VIEWERS = 64

# wrk asks for the paths in turn and says exactly what it got.
_WRK = """
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


def program(name: str) -> str | None:
    """Where a program is, among those of the administrator too."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Server:
    """A server under load: its port, and the paths of files by size, as it wants them."""

    name: str
    port: int
    log: Path
    paths: Mapping[int, Sequence[str]]

    def fetch(self, path: str) -> bytes:
        """One body; waits up to fifteen seconds for the server to answer."""
        deadline = time.monotonic() + 15
        while True:
            with suppress(httpx.ConnectError, httpx.ReadError):
                return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False).raise_for_status().content
            if time.monotonic() > deadline:
                sys.exit(f"{self.name} does not answer:\n{self.log.read_text()}")
            time.sleep(0.05)

    def round(self, size: int, seconds: int, core: int) -> float:
        """MB/s of one round of files of that size, asked for from that core."""
        script = self.log.with_name(f"{self.name}-{size}.wrk.lua")
        if not script.exists():
            script.write_text(_WRK.format(paths=", ".join(f'"{path}"' for path in self.paths[size])))
        command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script)]
        ended = subprocess.run(
            [*command, f"http://127.0.0.1:{self.port}"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        got: dict[str, int] = json.loads(ended.stderr)
        if got["errors"]:
            sys.exit(f"{self.name}: wrk saw {got['errors']} errors among {got['requests']} requests.")
        if not got["bytes"]:
            sys.exit(f"{self.name} sent nothing within {seconds} s: the machine has too much else to do.")
        return got["bytes"] / got["microseconds"]


@contextmanager
def _running(
    command: Sequence[str], core: int, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def edge(dataplane: str, folder: Path, objects: Path, files: Files, core: int) -> Iterator[Server]:
    """``matinee edge`` on one core, asked with the tokens of many viewers, which it checks and books."""
    name, port = f"edge-{dataplane.rstrip(':')}", free_port()
    environment = {
        "MATINEE_DATA": str(folder / name),
        "MATINEE_DATAPLANE": dataplane,
        "MATINEE_OBJECTS": f"file://{objects}",
        "MATINEE_PORT": str(port),
        "MATINEE_CONTROL": "http://127.0.0.1:9",
        "MATINEE_EDGE_ID": "bench",
    }
    joined(folder / name, "k1", KEY)
    ends = int(time.time()) + 3600
    tokens = [sign(Token("k1", ends, f"viewer-{number:02}", PREFIX), KEY.encode()) for number in range(VIEWERS)]
    paths = {size: [f"/{token}/{PREFIX}{file}" for token in tokens for file in some] for size, some in files.items()}
    with _running([sys.executable, "-m", "matinee.cli", "edge"], core, folder / f"{name}.log", environment):
        yield Server(name, port, folder / f"{name}.log", paths)


@contextmanager
def nginx(kind: str, folder: Path, root: Path, files: Files, core: int) -> Iterator[Server]:
    """Debian's nginx with a configuration of ``rivals``: ``plain`` checks nothing, ``hmac`` a signed path."""
    port = free_port()
    configuration = folder / f"{kind}.conf"
    values = {
        "USER": "user root;" if os.geteuid() == 0 else "",
        "MODULES": "\n".join(f"load_module {module};" for module in modules()),
        "FOLDER": str(folder),
        "HERE": str(RIVALS),
        "ROOT": str(root),
        "PORT": str(port),
    }
    configuration.write_text(_filled(f"nginx-{kind}.conf", values))
    found = program("nginx")
    assert found is not None
    signed = ""
    if kind == "hmac":
        ends = int(time.time()) + 3600
        mac = hmac.digest(KEY.encode(), f"{ends}\n{PREFIX}".encode(), hashlib.sha256)
        signed = f"/k1.{ends}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    paths = {size: [f"{signed}/{PREFIX}{file}" for file in some] for size, some in files.items()}
    command = [found, "-p", str(folder), "-c", str(configuration), "-e", str(folder / f"{kind}-error.log")]
    with _running(command, core, folder / f"{kind}.log"):
        yield Server(f"nginx-{kind}", port, folder / f"{kind}-error.log", paths)


@contextmanager
def granian(how: str, folder: Path, root: Path, files: Files, core: int) -> Iterator[Server]:
    """The embedded data plane's server alone, checking nothing: bodies ``ready`` in memory, or by ``path``."""
    name, port = f"granian-{how}", free_port()
    command = [sys.executable, "-m", "granian", "granian_app:app", "--interface", "asgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--no-ws", "--loop", "uvloop", "--log-level", "error"]
    environment = {"ROOT": str(root), "HOW": how, "PYTHONPATH": str(RIVALS)}
    with _running(command, core, folder / f"{name}.log", environment):
        yield Server(name, port, folder / f"{name}.log", _plain(files))


@contextmanager
def varnish(folder: Path, origin: int, files: Files, core: int) -> Iterator[Server]:
    """Varnish with everything in memory."""
    port, place = free_port(), folder / "varnish"
    place.mkdir()
    place.chmod(0o755)
    (folder / "varnish.vcl").write_text(_filled("varnish.vcl", {"ORIGIN": str(origin)}))
    (folder / "varnish.vcl").chmod(0o644)
    found = program("varnishd")
    assert found is not None
    command = [
        found,
        "-F",
        "-n",
        str(place),
        "-a",
        f"127.0.0.1:{port}",
        "-T",
        "none",
        "-f",
        str(folder / "varnish.vcl"),
    ]
    command += ["-s", "malloc,256m", "-j", "none", "-p", "thread_pools=1", "-p", "thread_pool_min=64"]
    with _running(command, core, folder / "varnish.log"):
        yield Server("varnish", port, folder / "varnish.log", _plain(files))


@contextmanager
def traffic_server(folder: Path, origin: int, files: Files, core: int) -> Iterator[Server]:
    """Traffic Server with one thread and everything in its memory cache."""
    port, place = free_port(), folder / "ats"
    for name in ("etc", "run", "log", "cache"):
        (place / name).mkdir(parents=True)
    shutil.copytree("/etc/trafficserver", place / "etc", dirs_exist_ok=True)
    user = "#-1"
    (place / "etc" / "records.config").write_text(_filled("records.config", {"PORT": str(port), "USER": user}))
    (place / "etc" / "remap.config").write_text(f"map / http://127.0.0.1:{origin}/\n")
    (place / "etc" / "storage.config").write_text(f"{place / 'cache'} 256M\n")
    (place / "etc" / "cache.config").write_text("dest_ip=127.0.0.1 ttl-in-cache=1d\n")
    found = program("traffic_server")
    assert found is not None
    environment = {
        "PROXY_CONFIG_CONFIG_DIR": str(place / "etc"),
        "PROXY_CONFIG_LOCAL_STATE_DIR": str(place / "run"),
        "PROXY_CONFIG_LOG_LOGFILE_DIR": str(place / "log"),
    }
    with _running([found], core, folder / "ats.log", environment):
        yield Server("traffic server", port, folder / "ats.log", _plain(files))


def _plain(files: Files) -> dict[int, list[str]]:
    return {size: [f"/{PREFIX}{file}" for file in some] for size, some in files.items()}


def _filled(name: str, values: Mapping[str, str]) -> str:
    text = (RIVALS / name).read_text()
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text
