"""The whole service on this machine: control plane, three edges in three regions and a worker, as real processes."""

import asyncio
import fcntl
import json
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import httpx
import sqlalchemy as sa

from matinee.accounts.members import Accounts, Role
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue, TitleState
from matinee.compose.breakage import ACTIONS
from matinee.compose.database import migrate, open_database
from matinee.compose.films import FilmFile, find_films
from matinee.compose.network import open_network
from matinee.compose.objects import OUTAGE, open_objects
from matinee.compose.serve import check_port
from matinee.delivery.edges import Edges
from matinee.demo.history import retell
from matinee.demo.intake import Intake
from matinee.demo.processes import EDGES, SERVE_HOST, WORKER_HOST, programs
from matinee.demo.supervisor import Supervisor
from matinee.encodes.jobs import Jobs
from matinee.encoding.ffmpeg import find_tools
from matinee.learning.datasets import read_interactions
from matinee.model.errors import Conflict, Invalid, MatineeError, Unavailable
from matinee.observability import configure
from matinee.settings import Settings
from matinee.sources.sources import Sources

VIEWER, OPERATOR, PASSWORD = "viewer@matinee.example", "operator@matinee.example", "matinee-demo"
_PROFILES = (("Maya", 18), ("Theo", 18), ("Juniper", 7))
_READY_SECONDS = 30.0
_POLL_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Demo:
    """What was asked for: films of one's own or drawn ones, where to keep everything, which port, on which engines.

    ``hosts`` are the loopback addresses of the control plane's copies. Where there is more than its own address,
    something that was started before stands in front of them.
    """

    data: Path
    port: int
    films: Path | None
    say: Callable[[str], None]
    ready: Callable[[Settings], bool] | None = None
    history: Path | None = None
    engines: Settings = field(default_factory=Settings)
    hosts: tuple[str, ...] = (SERVE_HOST,)

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{SERVE_HOST}:{self.port}"


def run_demo(demo: Demo) -> bool:
    """Run until Ctrl-C, SIGTERM, or until ``demo.ready`` (called once all films are done) returned; its answer."""
    tools = find_tools()
    films = find_films(demo.films) if demo.films is not None else None
    if demo.history is not None:
        read_interactions(demo.history)  # a sentence now rather than after the last film
    for host in (*demo.hosts, WORKER_HOST, *(edge.host for edge in EDGES)):
        check_port(host, demo.port)
    demo.data.mkdir(parents=True, exist_ok=True)
    with _alone(demo.data), _log_file(demo.data) as log:
        configure("demo", stream=log)
        settings = _settings(demo)
        engine = open_database(settings.database_url)
        migrate(engine)
        _sign_up(engine, settings)
        # Not in the data folder: a socket's address holds 108 bytes, a path may be longer.
        with TemporaryDirectory(prefix="matinee-") as folder:
            settings = replace(settings, demo_control=f"{folder}/control.sock")
            return asyncio.run(_Show(demo, settings, engine, films, tools.ffmpeg).run())


def _log_file(data: Path) -> TextIO:
    folder = data / "logs"
    folder.mkdir(exist_ok=True)
    return (folder / "demo.log").open("a")


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    with (data / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Unavailable(f"A demo is already running on {data}.") from error
        yield


def _settings(demo: Demo) -> Settings:
    return replace(
        demo.engines,
        data=demo.data.absolute(),
        port=demo.port,
        control=demo.address,
        public_url=demo.address,
        regions=",".join(f"{edge.region}={edge.latitude}/{edge.longitude}" for edge in EDGES),
        trust_region=True,
    )


def _sign_up(engine: sa.Engine, settings: Settings) -> None:
    accounts = Accounts(
        engine=engine,
        clock=SystemClock(),
        random_bytes=secrets.token_bytes,
        session_seconds=settings.session_seconds,
    )
    with suppress(Conflict):
        member = accounts.sign_up(OPERATOR, PASSWORD, role=Role.OPERATOR)
        accounts.create_profile(member.id, "Operator")
    with suppress(Conflict):
        member = accounts.sign_up(VIEWER, PASSWORD)
        for name, maturity_limit in _PROFILES:
            accounts.create_profile(member.id, name, maturity_limit=maturity_limit)


class _Show:
    """One run of the demo: the supervisor, the films coming in, the panel's socket, the words on the terminal."""

    def __init__(
        self, demo: Demo, settings: Settings, engine: sa.Engine, films: list[FilmFile] | None, ffmpeg: str
    ) -> None:
        self._demo, self._settings = demo, settings
        self._engine = engine
        outbox, clock = DatabaseOutbox(), SystemClock()
        self._begun = clock.now()
        self._edges = Edges(engine=engine, outbox=outbox, clock=clock, silence_seconds=settings.edge_silence_seconds)
        self._catalogue = Catalogue(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes)
        self._jobs = Jobs(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes)
        self._intake = Intake(
            films=films,
            drawn=settings.data / "drawn",
            ffmpeg=ffmpeg,
            catalogue=self._catalogue,
            jobs=self._jobs,
            sources=Sources(engine, open_objects(settings.objects_url, OUTAGE), clock, secrets.token_bytes),
            say=self._say,
        )
        self._started = time.monotonic()
        # New ones each time: what the edges' folders keep may be of another database.
        enrolment = open_network(settings, engine).enrolment
        tokens = {edge.id: enrolment.make_token(edge.id).token for edge in EDGES}
        self._supervisor = Supervisor(programs(settings, demo.hosts, tokens), settings.data / "logs", self._say)
        self._stop = asyncio.Event()

    def _say(self, sentence: str) -> None:
        self._demo.say(f"{time.monotonic() - self._started:6.1f} s  {sentence}")

    async def run(self) -> bool:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop.set)
        panel = await asyncio.start_unix_server(self._on_panel, self._settings.demo_control)
        supervising = asyncio.create_task(self._supervisor.run())
        stopped = asyncio.create_task(self._stop.wait())
        showing = asyncio.create_task(self._play())
        try:
            await asyncio.wait({supervising, stopped, showing}, return_when=asyncio.FIRST_COMPLETED)
            return await showing if showing.done() else not self._demo.ready
        finally:
            self._stop.set()
            showing.cancel()
            self._say("stopping")
            self._intake.stop()
            self._supervisor.stop()
            await supervising
            panel.close()
            self._say("all processes have ended; start again to go on from here")

    async def _play(self) -> bool:
        bringing = asyncio.create_task(asyncio.to_thread(self._intake.bring))
        await self._ready()
        self._welcome()
        await self._watch(bringing)
        if self._demo.history is not None:
            plays = await asyncio.to_thread(self._retell, self._demo.history)
            self._say(f"{plays} plays of {self._demo.history} are retold")
        if self._demo.ready is not None:
            return await asyncio.to_thread(self._demo.ready, self._settings)
        await self._stop.wait()
        return True

    async def _ready(self) -> None:
        """Wait until every process answers and the control plane has heard of every edge, so that each is offered."""
        waiting = {"serve": self._demo.address} | {edge.id: f"http://{edge.host}:{self._demo.port}" for edge in EDGES}
        edges = {edge.id for edge in EDGES}
        deadline = time.monotonic() + _READY_SECONDS
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            while waiting:
                heard = await asyncio.to_thread(self._heard)
                for name, address in list(waiting.items()):
                    with suppress(httpx.HTTPError):
                        well = (await client.get(f"{address}/readyz")).is_success
                        # One that an operator drained or took down stays so, and says that it is not ready.
                        ordered = heard.get(name, False)
                        if (well or ordered) and (name in heard or name not in edges):
                            del waiting[name]
                            self._say(f"{name} is {'as it was ordered' if ordered else 'ready'} at {address}")
                if time.monotonic() > deadline:
                    logs = self._settings.data / "logs"
                    raise Unavailable(f"Not ready after {_READY_SECONDS:.0f} s: {', '.join(waiting)}; see {logs}.")
                await asyncio.sleep(0.1)

    def _heard(self) -> dict[str, bool]:
        """The edges that are heard, and whether an operator wants them to serve nobody new."""
        return {edge.id: edge.draining or edge.down for edge in self._edges.edges() if edge.last_seen >= self._begun}

    def _welcome(self) -> None:
        self._demo.say(
            f"\n  Open      {self._demo.address}\n"
            f"  Watch as  {VIEWER}  with password  {PASSWORD}\n"
            f"  Operate   {self._demo.address}/studio  as {OPERATOR}  with the same password\n"
            f"  Stop with Ctrl-C; everything is kept in {self._demo.data}\n"
        )

    def _retell(self, history: Path) -> int:
        titles = sorted(self._catalogue.shelf().titles, key=lambda title: title.created_at)
        return retell(history, titles, self._engine, DatabaseOutbox(), SystemClock().now())

    async def _watch(self, bringing: asyncio.Task[None]) -> None:
        """Say when films become playable, are whole or fail, until all have come to their end."""
        playing: set[str] = set()
        ended: set[str] = set()
        while True:
            done = bringing.done()
            if done:
                bringing.result()
            begun = {job.title_id for job in await asyncio.to_thread(self._jobs.jobs, 100_000)}
            titles = [title for title in await asyncio.to_thread(self._catalogue.titles) if title.id in begun]
            for title in reversed(titles):
                if title.id in ended:
                    continue
                if title.is_growing or title.state in {TitleState.DRAFT, TitleState.ENCODING}:
                    if title.is_growing and title.id not in playing:
                        playing.add(title.id)
                        self._say(f"{title.name} is playable while it is encoded")
                    continue
                ended.add(title.id)
                if title.state is TitleState.PLAYABLE:
                    self._say(f"{title.name} is whole ({len(ended)} of {len(titles)})")
                elif title.state is TitleState.FAILED:
                    self._say(f"{title.name} cannot be played: {title.message}")
            if done and len(ended) == len(titles):
                self._say("every film is done")
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _on_panel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one breakage from the studio's panel."""
        answer: dict[str, object] = {"ok": True}
        try:
            wanted = json.loads(await reader.readline())
            if wanted.get("action") not in ACTIONS or wanted.get("edge") not in {edge.id for edge in EDGES}:
                raise Invalid(f"The demo cannot {wanted.get('action')} {wanted.get('edge')}.")
            getattr(self._supervisor, wanted["action"])(wanted["edge"])
        except (ValueError, MatineeError) as error:
            answer = {"ok": False, "error": str(error)}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
        writer.close()
