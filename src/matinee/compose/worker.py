"""A worker: encodes films, reacts to events, runs what is due. Any number of them may run."""

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType

import sqlalchemy as sa
import structlog

from matinee.accounts.members import Accounts
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.adapters.leases_database import DatabaseLeases
from matinee.catalogue.titles import Catalogue
from matinee.compose.database import Limits, check_schema, open_database
from matinee.compose.doctor import worker_questions
from matinee.compose.encoding import encode_films, open_pipeline
from matinee.compose.engines import open_compute, open_events
from matinee.compose.learner import wire_learner
from matinee.compose.network import open_network, open_planner
from matinee.compose.objects import open_objects
from matinee.compose.tls import own_identity, server_context
from matinee.compose.vitals import Vitals
from matinee.consumers import Consumers
from matinee.delivery.edges import Edges
from matinee.delivery.network import Network
from matinee.encodes.jobs import Jobs
from matinee.experiments.gathering import Gathering
from matinee.findings import require
from matinee.observability import configure
from matinee.playback.growing import GrowingPlaylists
from matinee.playback.telemetry import Telemetry
from matinee.ports import Compute
from matinee.schedule import Periods, Schedule, entries, episodes_entry, learning_entries
from matinee.settings import Settings
from matinee.sources.sources import Sources
from matinee.spans.episodes import Episodes
from matinee.spans.spans import Spans

_log = structlog.get_logger()
_DAY_SECONDS = 86_400.0


def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    configure("worker")
    tls = server_context(own_identity(settings))
    require(worker_questions(settings))
    engine = open_database(settings.database_url, Limits.of(settings, "worker"))
    check_schema(engine)
    clock, outbox = SystemClock(), DatabaseOutbox()
    log, relay = open_events(settings, engine)
    catalogue = Catalogue(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes)
    accounts = Accounts(
        engine=engine, clock=clock, random_bytes=secrets.token_bytes, session_seconds=settings.session_seconds
    )
    edges = Edges(engine=engine, outbox=outbox, clock=clock, silence_seconds=settings.edge_silence_seconds)
    telemetry = Telemetry(engine=engine, log=log, clock=clock, accounts=accounts)
    jobs = Jobs(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes)
    objects = open_objects(settings.objects_url)
    sources = Sources(engine=engine, objects=objects, clock=clock, random_bytes=secrets.token_bytes)
    learner = wire_learner(settings, engine, objects, log, catalogue)
    compute = open_compute(settings)
    pipeline = open_pipeline(settings, jobs, compute, clock)
    vitals = Vitals(settings.host, settings.port, lambda: check_schema(engine), tls)
    owner = f"{socket.gethostname()}-{os.getpid()}"
    stop = threading.Event()
    network = open_network(settings, engine)
    consumers = Consumers(
        log,
        catalogue,
        telemetry,
        forget=learner.forget,
        purge=network.purges.purge,
        expect=network.demand.keep,
        forget_pages=learner.journal.forget,
    )
    planner = open_planner(network, edges, catalogue, engine)
    periods = Periods(settings.plan_seconds, settings.token_keys_days * _DAY_SECONDS, settings.token_seconds)
    gathering, growing = Gathering(engine, log, clock), GrowingPlaylists(catalogue, objects, clock)
    table = (
        *entries(relay, accounts, edges, sources, pipeline, network, planner, gathering, growing, periods),
        episodes_entry(_episodes(settings, engine, catalogue, network, compute).renew),
        *learning_entries(
            learner.upkeep, learner.artefacts, learner.training, learner.nightly.renew, learner.journal.tidy
        ),
    )
    schedule = Schedule(leases=DatabaseLeases(engine=engine, clock=clock), owner=owner, entries=table)
    threads = [
        threading.Thread(target=consumers.run, args=(stop,), name="consumers"),
        threading.Thread(target=schedule.run, args=(stop,), name="schedule"),
        threading.Thread(target=encode_films, args=(settings, pipeline, compute, owner, stop), name="encodes"),
    ]
    stopper = _stopper(stop, compute)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, stopper)
    for thread in threads:
        thread.start()
    vitals.start()
    _log.info("worker.started", compute=settings.compute)
    for thread in threads:
        thread.join()
    vitals.stop()
    _log.info("worker.stopped")


def _episodes(
    settings: Settings, engine: sa.Engine, catalogue: Catalogue, network: Network, compute: Compute
) -> Episodes:
    clock, store = SystemClock(), partial(open_objects, settings.objects_url)
    spans = Spans(engine, clock, secrets.token_bytes, network.audit.note)
    return Episodes(engine, catalogue, spans, store, compute, settings.data.absolute() / "work", clock)


def _stopper(stop: threading.Event, compute: Compute) -> Callable[[int, FrameType | None], None]:
    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        stop.set()
        # What was being encoded is given up; its finished renditions stay, and the next worker goes on from there.
        threading.Thread(target=compute.close, name="closing").start()

    return on_signal
