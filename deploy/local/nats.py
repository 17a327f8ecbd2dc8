"""NATS servers on this machine: a hub of three with JetStream, and an edge site's leaf, from ``deploy/nats/*.conf``.

Both yield addresses as ``MATINEE_EVENTS`` takes them, and the servers, which a test may kill, stop and start again.
"""

import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.certificates import Certificates, make_certificates

CONFIGURATIONS = Path(__file__).parent.parent / "nats"
INSTALL = "apt-get install nats-server"
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
# A bound, not a reservation on the disk: every stream counts against it with all it may ever keep.
_STORE_BYTES = 1024**4


def find() -> Path | None:
    """The server's program; None if it is not installed."""
    found = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/bin")
    return Path(found) if found else None


class Server:
    """One server: its name, its port for clients, and what a test may do to it."""

    def __init__(self, name: str, program: Path, configuration: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.alone = "NATS_ROUTES" not in environment
        self.port = int(environment["NATS_LISTEN"].rpartition(":")[2].strip('"'))
        self._monitor = environment["NATS_MONITOR"].strip('"')
        self._command = [str(program), "-c", str(configuration)]
        self._environment = {**os.environ, **environment}
        self._log = configuration.parent / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process's number; None while it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, or start it again with what it has kept; comes back before it is ready."""
        if self.running:
            return
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=output, stderr=output)

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end; killed if it takes longer than 15 s."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Let it stand still (SIGSTOP): connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)
        if self._process is not None and self.running:
            # A signal takes its time on a busy machine, in which an answer would still come.
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """Let it go on after ``freeze``."""
        self._signal(signal.SIGCONT)

    def log(self) -> str:
        """What it wrote."""
        return self._log.read_text(errors="replace")

    def monitor(self, path: str) -> dict[str, Any]:
        """What its monitoring port says under a path (``/jsz``, ``/healthz``); empty if it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self._monitor}{path}", timeout=2) as answer:
                said: dict[str, Any] = json.load(answer)
                return said
        except (OSError, ValueError, urllib.error.URLError):
            return {}

    @property
    def ready(self) -> bool:
        """Whether its streams are here and current, and the cluster (if it is in one) has a leader."""
        if self.monitor("/healthz").get("status") != "ok":
            return False
        return self.alone or bool(self.monitor("/jsz").get("meta_cluster", {}).get("leader"))

    def _end(self, how: int) -> None:
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)

    def _signal(self, which: int) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(which)


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers that belong together. ``address`` is for ``MATINEE_EVENTS``, ``authorities`` for the TLS setting."""

    servers: tuple[Server, ...]
    user: str
    password: str
    authorities: Path | None
    # A cluster's address for leaf nodes, as their configuration takes it.
    leaf_urls: tuple[str, ...] = ()
    site: str = ""
    certificates: Certificates | None = None
    edge_password: str = ""

    @property
    def control_address(self) -> str:
        """A site's address as ``MATINEE_CONTROL`` takes it."""
        scheme = "tls" if self.authorities else "nats"
        return f"{scheme}://edge:{self.edge_password}@127.0.0.1:{self.servers[0].port}"

    @property
    def address(self) -> str:
        """The address of all of them, with user and password."""
        scheme = "tls" if self.authorities else "nats"
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        return f"{scheme}://{self.user}:{self.password}@{hosts}" + (f"?site={self.site}" if self.site else "")

    def leader(self, stream: str) -> Server:
        """The server that leads a stream now."""
        found = _until(lambda: self._leading(stream), f"no leader of {stream}", _START_SECONDS)
        return next(server for server in self.servers if server.name == found)

    def wait(self, seconds: float = _START_SECONDS) -> None:
        """Until every server that runs is ready; TimeoutError with the last lines of their logs otherwise."""
        running = [server for server in self.servers if server.running]

        def ready() -> bool:
            for server in running:
                if not server.running:
                    raise RuntimeError(f"The NATS server {server.name} ended at its start:\n{server.log()[-2000:]}")
            return all(server.ready for server in running)

        try:
            _until(ready, "not every NATS server is ready", seconds)
        except TimeoutError as error:
            raise TimeoutError("\n".join([str(error), *(server.log()[-2000:] for server in running)])) from None

    def _leading(self, stream: str) -> str:
        for server in self.servers:
            if not server.running:
                continue
            for account in server.monitor("/jsz?streams=true&accounts=true").get("account_details", []):
                for entry in account.get("stream_detail") or []:
                    leader = (entry.get("cluster") or {}).get("leader", "")
                    if entry["name"] == stream and leader == server.name:
                        return str(leader)
        return ""


@contextmanager
def cluster(*, tls: bool = False, folder: Path | None = None, servers: int = 3) -> Iterator[Servers]:
    """A hub of three servers, ready for streams of three replicas, with passwords made for the run.

    What they keep lies in a temporary folder, or in ``folder``, which stays.
    """
    with _home(folder) as home:
        certificates = _configured(home, tls=tls)
        ports = free_ports(4 * servers)
        passwords = {what: _password() for what in ("client", "system", "route", "site")}
        rows = [ports[4 * place : 4 * place + 4] for place in range(servers)]
        routes = [f"nats-route://route:{passwords['route']}@127.0.0.1:{row[2]}" for row in rows]
        members = tuple(
            _server(
                f"hub{place}",
                home,
                "hub.conf",
                certificates,
                NATS_LISTEN=f"127.0.0.1:{row[0]}",
                NATS_MONITOR=f"127.0.0.1:{row[1]}",
                NATS_CLUSTER_LISTEN=f"127.0.0.1:{row[2]}",
                NATS_LEAF_LISTEN=f"127.0.0.1:{row[3]}",
                NATS_ROUTES=routes,
                NATS_PASSWORD=passwords["client"],
                NATS_SYSTEM_PASSWORD=passwords["system"],
                NATS_CLUSTER_PASSWORD=passwords["route"],
                NATS_SITE_PASSWORD=passwords["site"],
            )
            for place, row in enumerate(rows, start=1)
        )
        scheme = "tls" if tls else "nats"
        hub = Servers(
            servers=members,
            user="matinee",
            password=passwords["client"],
            authorities=certificates.authorities if certificates else None,
            leaf_urls=tuple(f"{scheme}://site:{passwords['site']}@127.0.0.1:{row[3]}" for row in rows),
            certificates=certificates,
        )
        with _running(hub):
            yield hub


@contextmanager
def leaf(hub: Servers, site: str = "edge1", folder: Path | None = None) -> Iterator[Servers]:
    """An edge site's server, joined to a hub; its domain is the site's name."""
    with _home(folder) as home:
        _configured(home, tls=False)
        if hub.certificates is not None:
            for name in ("tls.conf", "tls_remote.conf"):
                shutil.copy(CONFIGURATIONS / name, home / name)
        ports = free_ports(2)
        password, edge_password = _password(), _password()
        member = _server(
            f"site-{site}",
            home,
            "leaf.conf",
            hub.certificates,
            NATS_LISTEN=f"127.0.0.1:{ports[0]}",
            NATS_MONITOR=f"127.0.0.1:{ports[1]}",
            NATS_SITE=site,
            NATS_HUB=list(hub.leaf_urls),
            NATS_PASSWORD=password,
            NATS_EDGE_PASSWORD=edge_password,
            NATS_SYSTEM_PASSWORD=_password(),
        )
        there = Servers(
            (member,),
            user="matinee",
            password=password,
            authorities=hub.authorities,
            site=site,
            edge_password=edge_password,
        )
        with _running(there):
            yield there


@contextmanager
def _running(these: Servers) -> Iterator[None]:
    with ExitStack() as stack:
        for server in these.servers:
            stack.callback(server.kill)
            server.start()
        these.wait()
        yield


@contextmanager
def _home(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="matinee-nats-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _configured(home: Path, *, tls: bool) -> Certificates | None:
    for name in ("hub.conf", "leaf.conf"):
        shutil.copy(CONFIGURATIONS / name, home / name)
    for name in ("tls.conf", "tls_remote.conf"):
        # Without TLS the included files are there and say nothing.
        (home / name).write_text((CONFIGURATIONS / name).read_text() if tls else "")
    return make_certificates(home / "tls") if tls else None


def _server(name: str, home: Path, file: str, certificates: Certificates | None, **values: object) -> Server:
    program = find()
    if program is None:
        raise FileNotFoundError(f"nats-server is not installed here: {INSTALL}")
    values |= {"NATS_NAME": name, "NATS_STORE": str(home / name), "NATS_STORE_BYTES": _STORE_BYTES}
    if certificates is not None:
        values["NATS_CERTIFICATE"] = str(certificates.certificate)
        values["NATS_KEY"] = str(certificates.key)
        values["NATS_AUTHORITIES"] = str(certificates.authorities)
    # JSON is what the configuration's own language reads: quoted strings, bare numbers, lists.
    return Server(name, program, home / file, {key: json.dumps(value) for key, value in values.items()})


def _password() -> str:
    return secrets.token_hex(16)


def free_ports(count: int) -> Sequence[int]:
    """Loopback ports that nobody listens on."""
    # Below the range that outgoing connections take theirs from, so that a server that is down finds its own again.
    chosen: list[int] = []
    with ExitStack() as held:
        while len(chosen) < count:
            probe = held.enter_context(socket.socket())
            port = random.randrange(12_000, 32_000)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            chosen.append(port)
    return chosen


def _until(ask: Callable[[], Any], what: str, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"After {seconds:g} s: {what}.")
        time.sleep(0.05)
    return found
