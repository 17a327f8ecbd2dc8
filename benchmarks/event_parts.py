"""A control plane for questions about events: engines, ``matinee serve`` and ``matinee worker`` as real processes.

Each part can be killed and started again. The engines are those of ``deploy/local``, durable as in operation.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import psutil
import sqlalchemy as sa
from deploy.local import nats, postgresql

from benchmarks.events_load import Player
from matinee.accounts.members import Accounts
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.adapters.events_jetstream import JetStreamEventLog
from matinee.catalogue.titles import Catalogue, TitleDraft
from matinee.compose.database import migrate, open_database
from matinee.compose.engines import open_events
from matinee.delivery.edges import Edges
from matinee.model.media import Presentation
from matinee.model.plans import EdgeReport
from matinee.ports import EventLog, Relay
from matinee.settings import Settings, read_settings

PASSWORD = "correct horse"
_MEMBERS = 32
_READY_SECONDS = 60.0
_HOST = "127.0.0.1"


class Part:
    """One of our processes: ``matinee serve`` or ``matinee worker``."""

    def __init__(self, verb: str, environment: Mapping[str, str], folder: Path, number: int = 0) -> None:
        self.name = f"{verb} {number}"
        self._verb = verb
        with socket.socket() as probe:
            probe.bind((_HOST, 0))
            self._port = probe.getsockname()[1]
        data = folder / f"{verb}-{number}"
        self._environment = {**environment, "MATINEE_PORT": str(self._port), "MATINEE_DATA": str(data)}
        self._log = folder / f"{verb}-{number}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://{_HOST}:{self._port}"

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; comes back before it is ready."""
        command = [sys.executable, "-m", "matinee.cli", self._verb]
        if self._verb == "worker":  # as in deploy/systemd: pages have the way
            command = ["nice", "-n", "10", *command]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def wait(self, *, kept: bool = False) -> None:
        """Until it is ready; its log's last lines if that takes too long, or it ended and nobody keeps it."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.address}/readyz", timeout=5).is_success:
                    return
            if not (kept or self.running) or time.monotonic() > deadline:
                raise RuntimeError(f"matinee {self.name} is not ready: {self.said()[-3000:]}")
            time.sleep(0.1)

    def said(self) -> str:
        """What it wrote."""
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """``kill -9``, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)


@dataclass(frozen=True, slots=True)
class Service:
    """Everything that runs. ``database`` is None on SQLite, ``nats`` empty where events are the database's."""

    settings: Settings
    engine: sa.Engine
    serves: tuple[Part, ...]
    worker: Part
    database: postgresql.Server | None
    nats: tuple[nats.Server, ...]
    players: tuple[Player, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where events are accepted."""
        return tuple(serve.address for serve in self.serves)

    @contextmanager
    def events(self) -> Iterator[tuple[EventLog, Relay]]:
        """The event log and its relay, as a process of the service opens them."""
        log, relay = open_events(self.settings, self.engine)
        try:
            yield log, relay
        finally:
            if isinstance(log, JetStreamEventLog):
                log.close()


@contextmanager
def service(
    database: str, events: str, *, serves: int = 1, durable: bool = True, folder: Path | None = None
) -> Iterator[Service]:
    """A service on ``sqlite`` or ``postgresql``, its events in the ``database`` or on ``nats``, with some players."""
    with ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matinee-events-")))
        server, hub = None, None
        if database == "postgresql":
            server = stack.enter_context(postgresql.postgresql(durable=durable))
            url = server.create_database("matinee")
        else:
            url = f"sqlite:///{home / 'matinee.db'}"
        chosen = {"MATINEE_DATABASE": url, "MATINEE_OBJECTS": f"file://{home / 'objects'}"}
        if events == "nats":
            hub = stack.enter_context(nats.cluster())
            hub.wait()
            chosen["MATINEE_EVENTS"] = hub.address
        chosen |= {
            "MATINEE_TOKEN_KEYS": "k1:a key for measuring",
            "MATINEE_REGIONS": "europe=50.1/8.7",
            "MATINEE_NETWORKS": "127.0.0.0/8=europe",
            "MATINEE_EDGE_SILENCE_SECONDS": "60",  # its edge says a word when it is asked to
        }
        engine = open_database(url)
        stack.callback(engine.dispose)
        migrate(engine)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MATINEE_")}
        parts = [Part("serve", inherited | chosen, home, number) for number in range(serves)]
        parts.append(Part("worker", inherited | chosen, home))
        for part in parts:
            stack.callback(part.stop)
            part.start()
        for part in parts:
            part.wait()
        settings = read_settings(chosen)
        running = Service(
            settings, engine, tuple(parts[:-1]), parts[-1], server, tuple(hub.servers) if hub is not None else ()
        )
        yield replace(running, players=_players(running))


def _players(running: Service) -> tuple[Player, ...]:
    """Members who have pressed play on a film, each once."""
    chance, clock, outbox = random.Random(20260101), SystemClock(), DatabaseOutbox()
    catalogue = Catalogue(engine=running.engine, outbox=outbox, clock=clock, random_bytes=chance.randbytes)
    title = catalogue.create(TitleDraft(name="The Long Film"))
    catalogue.publish(title.id, "r1", Presentation(duration_seconds=5400.0, renditions=(), files=(), colour="#aa7733"))
    accounts = Accounts(engine=running.engine, clock=clock, random_bytes=chance.randbytes, session_seconds=86_400)
    players = []
    for number in range(_MEMBERS):
        member = accounts.sign_up(f"viewer-{number}@matinee.example", PASSWORD)
        token = accounts.sign_in(member.email, PASSWORD, "benchmark").token
        profile = accounts.create_profile(member.id, "Ada")
        report_edge(running)
        answer = httpx.post(
            f"{running.addresses[0]}/api/v1/playbacks",
            headers={"Authorization": f"Bearer {token}"},
            json={"profile_id": profile.id, "title_id": title.id},
            timeout=30,
        )
        answer.raise_for_status()
        players.append(Player(token, answer.json()["playback_id"]))
    return tuple(players)


def report_edge(running: Service) -> None:
    """Say that an edge is there, for who presses play within the next minute."""
    edges = Edges(engine=running.engine, outbox=DatabaseOutbox(), clock=SystemClock(), silence_seconds=60.0)
    edges.report(_report())


def _report() -> EdgeReport:
    return EdgeReport(
        edge_id="europe-1",
        site="europe",
        region="europe",
        url="http://127.0.1.1:8400",
        latitude=50.1,
        longitude=8.7,
        capacity_bps=10**12,
        started=1.0,
        egress_bps=0.0,
        connections=0,
        cached_bytes=0,
        cache_limit_bytes=1,
        files=0,
        demand_hit_bytes=0,
        origin_bytes=0,
        requests=0,
        refused=0,
    )


def ids_in_log(log: EventLog, after: int = 0, source: str = "player") -> list[str]:
    """The ids of all of a source's events that a new tail reads, in order."""
    tail = log.tail(after)
    found: list[str] = []
    while batch := tail.read(5000, 1.0):
        found += [recorded.event.id for recorded in batch if recorded.event.source == source]
    return found


def applied(running: Service, prefix: str) -> int:
    """How many samples of a run the worker has written."""
    asked = sa.text("SELECT count(*) FROM playback_samples WHERE sample_id LIKE :prefix")
    with running.engine.connect() as connection:
        return int(connection.execute(asked, {"prefix": f"{prefix}-%"}).scalar_one())


def cpu_seconds(pids: Sequence[int]) -> float:
    """What processes have used so far."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            total += sum(sum(one.cpu_times()[:2]) for one in family)
    return total
