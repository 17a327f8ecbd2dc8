"""The control plane: pages, API, steering and manifests in one process; any number of them may run."""

import asyncio
import gc
import secrets
import signal
import socket
import sys
import threading
from importlib.metadata import version

import sqlalchemy as sa
import structlog
from granian.constants import Interfaces, SSLProtocols
from granian.server.embed import Server
from obstore.store import ObjectStore

from matinee.accounts.members import Accounts, Allowance
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.api.application import application
from matinee.api.proxies import BehindProxies, read_proxies
from matinee.catalogue.titles import Catalogue
from matinee.compose.breakage import breakage
from matinee.compose.control_channel import answering
from matinee.compose.database import Limits, check_schema, open_database, open_replica, shown
from matinee.compose.doctor import serve_questions
from matinee.compose.engines import open_events
from matinee.compose.network import open_network
from matinee.compose.objects import REQUEST, open_objects
from matinee.compose.tls import own_identity
from matinee.delivery.accounts import Accounting
from matinee.delivery.edges import Edges
from matinee.encodes.jobs import Jobs
from matinee.experiments.experiments import Experiments
from matinee.findings import require
from matinee.model.errors import Unavailable
from matinee.model.topology import Topology
from matinee.observability import configure
from matinee.pages.rooms import Rooms
from matinee.playback.marks import Marks
from matinee.playback.misses import Misses
from matinee.playback.playbacks import Playbacks
from matinee.playback.telemetry import Telemetry
from matinee.ports import EventLog, Relay
from matinee.recommender.archive import Archive
from matinee.recommender.artefacts import Artefacts
from matinee.recommender.rankers import Rankers, Watch
from matinee.recommender.serving import Recommender
from matinee.replay.journal import Journal
from matinee.settings import Settings
from matinee.sources.sources import Sources
from matinee.spans.spans import Spans
from matinee.teaching.nightly import Reports
from matinee.web import application as web

_log = structlog.get_logger()
_RELAY_SECONDS = 0.05
_FAILED_SECONDS = 5.0
_YOUNG_OBJECTS = 20_000
_SWITCH_SECONDS = 0.0005


def wire(settings: Settings) -> tuple[Rooms, Relay]:
    """Every room on the engines that the settings choose, and the relay that carries its events."""
    engine, lagging = _databases(settings)
    objects = open_objects(settings.objects_url, REQUEST)
    clock, outbox = SystemClock(), DatabaseOutbox()
    log, relay = open_events(settings, engine)
    catalogue = Catalogue(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes)
    edges = Edges(
        engine=engine, outbox=outbox, clock=clock, silence_seconds=settings.edge_silence_seconds, lagging=lagging
    )
    network = open_network(settings, engine)
    misses = Misses(engine=engine, clock=clock, catalogue=catalogue, edges=edges, holdings=network.holdings)
    accounting = Accounting(engine=engine, clock=clock, classify=misses.classify)
    topology = Topology.read(settings.regions, settings.networks, settings.territories)
    accounts = _accounts(settings, engine, clock)
    rooms = Rooms(
        accounts=accounts,
        catalogue=catalogue,
        encoding=Jobs(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes),
        sources=Sources(engine=engine, objects=objects, clock=clock, random_bytes=secrets.token_bytes),
        edges=edges,
        topology=topology,
        playbacks=Playbacks(
            engine=engine,
            outbox=outbox,
            clock=clock,
            random_bytes=secrets.token_bytes,
            catalogue=catalogue,
            edges=edges,
            topology=topology,
            objects=objects,
            keys=network.keys,
            revocations=network.revocations,
            audit=network.audit,
            public_address=settings.public_address,
            token_seconds=settings.token_seconds,
            steering_seconds=settings.steering_seconds,
            member_streams=settings.member_streams,
        ),
        marks=Marks(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes),
        telemetry=Telemetry(engine=engine, log=log, clock=clock, accounts=accounts, lagging=lagging),
        recommender=_recommender(engine, objects, log, relay, clock),
        objects=objects,
        clock=clock,
        random_bytes=secrets.token_bytes,
        network=network,
        accounting=accounting,
        desk=network.desk(edges, accounting),
        experiments=Experiments(engine, log, clock, secrets.token_bytes, network.audit.note),
        reports=Reports(engine, clock),
        journal=Journal(engine, clock, secrets.token_bytes),
        spans=Spans(engine, clock, secrets.token_bytes, network.audit.note),
        trust_region=settings.trust_region,
        demo=breakage(settings.demo_control) if settings.demo_control else None,
    )
    return rooms, relay


def _accounts(settings: Settings, engine: sa.Engine, clock: SystemClock) -> Accounts:
    return Accounts(
        engine=engine,
        clock=clock,
        random_bytes=secrets.token_bytes,
        session_seconds=settings.session_seconds,
        allowed=_allowed(settings),
    )


def _recommender(
    engine: sa.Engine, objects: ObjectStore, log: EventLog, relay: Relay, clock: SystemClock
) -> Recommender:
    archive = _archive(engine, objects, log, clock)
    artefacts, rankers = Artefacts(objects=objects, archive=archive, log=log, clock=clock), Watch(Rankers(objects))
    # What was learned at the start stays: titles, boards and who is known are half a million objects to look through.
    return Recommender(log=log, relay=relay, clock=clock, artefacts=artefacts, rankers=rankers, begun=gc.freeze)


def _archive(engine: sa.Engine, objects: ObjectStore, log: EventLog, clock: SystemClock) -> Archive:
    """The archive of this log; Invalid if it is another's."""
    archive = Archive(engine=engine, objects=objects, log=log, clock=clock)
    archive.check_log()
    return archive


def _databases(settings: Settings) -> tuple[sa.Engine, sa.Engine]:
    """The database, and where to read what may lag: its replica, or itself."""
    limits = Limits.of(settings, "serve")
    engine = open_database(settings.database_url, limits)
    check_schema(engine)
    replica = settings.database_replica
    return engine, open_replica(replica, settings.database_url, limits) if replica else engine


def _allowed(settings: Settings) -> dict[Allowance, int]:
    return {
        Allowance.SIGN_INS: settings.rate_sign_ins,
        Allowance.SEARCHES: settings.rate_searches,
        Allowance.PLAYBACKS: settings.rate_playbacks,
        Allowance.EVENTS: settings.rate_events,
        Allowance.FORGETTING: settings.rate_forgetting,
    }


def check_port(host: str, port: int) -> None:
    """Unavailable, with a sentence, if somebody listens there already."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "a port is 1 to 65535"
            raise Unavailable(f"Cannot listen on {host}:{port}: {reason}.") from error


async def run_serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; Unavailable if the port is taken."""
    configure("serve")
    # So long a request waits for the interpreter each time it comes back from the log, while the recommender reads.
    sys.setswitchinterval(_SWITCH_SECONDS)
    shown_to_clients, proxies = own_identity(settings), read_proxies(settings.proxies)
    check_port(settings.host, settings.port)
    require(serve_questions(settings))
    rooms, relay = wire(settings)
    app = application(rooms, version("matinee"))
    web.install(app, rooms)
    # What stands now stands until the end: no collection of garbage needs to look through it, which stops everybody.
    gc.collect()
    gc.freeze()
    # A batch of events is some thousand objects that its own end frees: looking through them is work for nothing.
    gc.set_threshold(_YOUNG_OBJECTS)
    stop = threading.Event()
    relaying = threading.Thread(target=_relay, args=(relay, stop), name="relay")
    relaying.start()
    rooms.recommender.start()
    rooms.journal.start()
    server = Server(
        BehindProxies(app, proxies),
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        backlog=1024,
        log_enabled=False,
        websockets=False,
        ssl_cert=shown_to_clients.certificate,
        ssl_key=shown_to_clients.key,
        ssl_protocol_min=SSLProtocols.tls12,
    )
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, server.stop)
    _log.info("serve.started", address=f"{settings.host}:{settings.port}", database=shown(settings.database_url))
    try:
        with answering(settings, rooms.desk.answer):
            await server.serve()
    finally:
        rooms.recommender.stop()
        rooms.journal.stop()
        stop.set()
        relaying.join()
        _log.info("serve.stopped")


def _relay(relay: Relay, stop: threading.Event) -> None:
    while not stop.wait(_RELAY_SECONDS):
        try:
            relay.forward()
        except Unavailable:
            continue
        except Exception:  # noqa: BLE001 - a thread that ends would leave every event of this process in the outbox
            _log.exception("relay.failed")
            stop.wait(_FAILED_SECONDS)
