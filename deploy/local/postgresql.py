"""PostgreSQL on this machine: a server of its own, which may be killed and started again, and a streaming read replica.

PostgreSQL refuses to run as root; where this process is root, its servers run as ``nobody``.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlencode

from deploy.local.certificates import Certificates

INSTALL = "apt-get install postgresql"
_USER, _GROUP = "nobody", "nogroup"
_HOST = "127.0.0.1"
_STEP_SECONDS = 120.0
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
# What a test or a demo can afford to lose when the machine, not only the server, goes down.
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def find() -> Path | None:
    """The folder of PostgreSQL's own programs, newest first: Debian keeps them off the PATH."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True)
    if homes:
        return homes[0].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


class Server:
    """One server: its addresses, and what a test may do to it. Start it from a thread that outlives it."""

    def __init__(
        self, programs: Path, home: Path, settings: Mapping[str, str], password: str, tls: Certificates | None
    ) -> None:
        self.programs = programs
        self.home = home
        self.data = home / "data"
        self.settings = dict(settings)
        self.password = password
        self.tls = tls
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What the server said."""
        path = self.home / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def address(self, name: str = "postgres", password: str | None = None) -> str:
        """The address of a database as ``MATINEE_DATABASE`` takes it, with the server's password or another."""
        word = self.password if password is None else password
        query = {"sslmode": "verify-full", "sslrootcert": str(self.tls.authorities)} if self.tls else {}
        user = f"postgres:{quote(word, safe='')}" if word else "postgres"
        asked = f"?{urlencode(query)}" if query else ""
        return f"postgresql+psycopg://{user}@{_HOST}:{self.port}/{name}{asked}"

    def start(self, **settings: str) -> None:
        """Start the server, with some settings changed, and wait until it answers."""
        self.settings |= settings
        deadline = time.monotonic() + _START_SECONDS
        while not self._started(deadline):
            # Killed, its backends hold the shared memory for a moment longer, and a new server refuses to start.
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start within {_START_SECONDS:g} s: {self.log[-2000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the server as an operator does: transactions are broken off, data is written (fast shutdown)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Send kill -9 to the server's first process; the others end when they notice."""
        self._end(signal.SIGKILL)

    def create_database(self, name: str) -> str:
        """Make an empty database; its address."""
        self._client("createdb", name)
        return self.address(name)

    def execute(self, statement: str, name: str = "postgres") -> str:
        """Run a statement as the server's owner; what it printed, without headings."""
        return self._client("psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, name)

    def copy_of(self, primary: "Server") -> None:
        """Make this server's data a copy of another's, which it will follow."""
        arguments = ["-h", _HOST, "-p", str(primary.port), "-U", "postgres", "-D", str(self.data), "-R", "-X", "stream"]
        reach = primary.environment() | {"HOME": str(self.home)}
        if self.tls is not None:  # libpq keeps the path for the replica, whose user may not see ours
            reach["PGSSLROOTCERT"] = str(self.home / "authorities.pem")
        run([str(self.programs / "pg_basebackup"), *arguments, "-c", "fast"], reach)

    def environment(self) -> dict[str, str]:
        """What PostgreSQL's own clients need to reach this server."""
        known = {**os.environ, "PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "5"}
        return known | ({"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(self.tls.authorities)} if self.tls else {})

    def _client(self, program: str, *arguments: str) -> str:
        reach = ["-h", _HOST, "-p", str(self.port), "-U", "postgres"]
        command = [str(self.programs / program), *reach, *arguments]
        return subprocess.run(
            command, check=True, env=self.environment(), stdout=subprocess.PIPE, text=True, timeout=_STEP_SECONDS
        ).stdout.strip()

    def _started(self, deadline: float) -> bool:
        given = {"listen_addresses": _HOST, "unix_socket_directories": str(self.home), "port": str(self.port)}
        options = [part for name, value in (given | self.settings).items() for part in ("-c", f"{name}={value}")]
        # SIGINT, a fast shutdown, when this process is killed: no server is left behind.
        command = _unprivileged([str(self.programs / "postgres"), "-D", str(self.data), *options], "--pdeathsig", "INT")
        with (self.home / "log").open("ab") as log:
            # A replica looks for certificates of its own in its home, which may not be that of who started it.
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd="/",
                env={**os.environ, "HOME": str(self.home)},
                start_new_session=True,
            )
        ready = [str(self.programs / "pg_isready"), "-q", "-h", _HOST, "-p", str(self.port)]
        while self.running and time.monotonic() < deadline:
            if subprocess.run(ready, check=False, timeout=_STEP_SECONDS).returncode == 0:
                return True
            time.sleep(0.05)
        return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def postgresql(
    *,
    durable: bool = False,
    connections: int = 100,
    password: str = "",
    tls: Certificates | None = None,
    settings: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[Server]:
    """A server on a free loopback port, in a folder of its own; ``find()`` must have found its programs.

    Where a folder is named, what it keeps is there again at the next start, under the password of the first.

    ``durable`` writes through to the disk, as in operation. Without a password every local user is believed; with one
    it is asked for (SCRAM). With certificates only TLS is answered.
    """
    programs = find()
    if programs is None:
        raise RuntimeError(f"PostgreSQL is not installed here: {INSTALL}")
    chosen = {"max_connections": str(connections), **({} if durable else _CARELESS), **(settings or {})}
    with _home(folder) as home:
        server = Server(programs, home, chosen | _encrypted(home, tls), password, tls)
        if not (server.data / "PG_VERSION").exists():
            _initialise(server)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def replica(primary: Server) -> Iterator[Server]:
    """A read replica that follows a server (streaming replication, asynchronous)."""
    with _home() as home:
        encrypted = _encrypted(home, primary.tls)
        server = Server(primary.programs, home, primary.settings | encrypted, primary.password, primary.tls)
        server.copy_of(primary)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Run one of PostgreSQL's programs that makes files, as the user whose files they are to be."""
    subprocess.run(
        _unprivileged(list(command)),
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        timeout=_STEP_SECONDS,
    )


def _initialise(server: Server) -> None:
    method = "scram-sha-256" if server.password else "trust"
    word = server.home / f"password-{secrets.token_hex(4)}"
    arguments = ["-A", method, "-U", "postgres", "-N", "--no-instructions", "--locale=C.UTF-8", "-D", str(server.data)]
    if server.password:
        word.write_text(server.password)
        _give(word)
        arguments += ["--pwfile", str(word)]
    run([str(server.programs / "initdb"), *arguments])
    word.unlink(missing_ok=True)
    kind = "hostssl" if server.tls else "host"
    allowed = [f"local all all {method}", *(f"{kind} {what} all all {method}" for what in ("all", "replication"))]
    (server.data / "pg_hba.conf").write_text("\n".join(allowed) + "\n")


@contextmanager
def _home(folder: Path | None = None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        _give(folder)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="matinee-pg-", dir="/tmp") as own:
        home = Path(own)
        _give(home)
        yield home


def _give(path: Path) -> None:
    """Let the server's user own a file, and nobody else read it."""
    path.chmod(0o700 if path.is_dir() else 0o600)
    if os.geteuid() == 0:
        shutil.chown(path, _USER, _GROUP)


def _encrypted(home: Path, tls: Certificates | None) -> dict[str, str]:
    """Settings for TLS, with files of the server's own: it refuses a key that others own or may read."""
    if tls is None:
        return {}
    authorities, certificate, key = (home / name for name in ("authorities.pem", "server.pem", "server.key"))
    for source, target in ((tls.authorities, authorities), (tls.certificate, certificate), (tls.key, key)):
        shutil.copyfile(source, target)
        _give(target)
    return {"ssl": "on", "ssl_cert_file": str(certificate), "ssl_key_file": str(key)}


def _unprivileged(command: list[str], *more: str) -> list[str]:
    if os.geteuid() == 0:
        more = (f"--reuid={_USER}", f"--regid={_GROUP}", "--clear-groups", *more)
    return ["setpriv", *more, *command] if more else command


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
    return port
