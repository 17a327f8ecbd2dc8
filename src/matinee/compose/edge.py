"""One edge: settings in, a wired process out. It stays small: no web framework and no database come with it."""

import asyncio
import gc
import resource
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import structlog
from anyio.lowlevel import checkpoint

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.dataplane_nginx import NginxDataPlane
from matinee.cache.bodies import Bodies
from matinee.cache.cache import Cache
from matinee.compose.control_channel import open_control, shown_control
from matinee.compose.control_check import check_control
from matinee.compose.edge_plane import is_nginx, open_plane, own_names
from matinee.compose.objects import NONE, open_objects
from matinee.compose.objects_check import check_objects
from matinee.compose.tls import own_identity, trusted
from matinee.edge.bills import Bills
from matinee.edge.control import Control
from matinee.edge.credential import Credential
from matinee.edge.fill import Fills
from matinee.edge.gate import Gate
from matinee.edge.health import Counters, Health, Orders
from matinee.edge.ledger import Ledger
from matinee.edge.pacing import FillRate
from matinee.edge.placing import Placing
from matinee.edge.reports import Identity, Reports
from matinee.edge.serving import EdgeApplication
from matinee.edge.standing import Standing
from matinee.findings import Question, require
from matinee.model.addresses import is_media_path
from matinee.model.errors import Invalid
from matinee.model.plans import Tier
from matinee.observability import configure
from matinee.ports import DataPlane
from matinee.settings import Settings
from matinee.upstream.hops import HopTokens
from matinee.upstream.neighbours import Neighbourhood
from matinee.upstream.origin import ObjectOrigin
from matinee.upstream.upstreams import Upstreams

_log = structlog.get_logger()

_DISK_THREADS = 16
_TURN_SECONDS = 0.0005
"""How long a thread at the side keeps the interpreter from the event loop: ten times less than Python's own word."""
_LEDGER_SECONDS = 5.0


async def run_edge(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; Invalid if settings are missing, Unavailable if the port or folder is taken."""
    configure("edge")
    sys.setswitchinterval(_TURN_SECONDS)
    identity = _checked(settings)
    credential = Credential(settings.data / "control")
    credential.choose(settings.join_token)
    _raise_file_limit()
    cache = Cache(
        settings.data / "cache", settings.edge_cache_bytes, edge_id=identity.edge_id, started=identity.started
    )
    cache.open()
    _ask_around(settings)
    box = _assembled(settings, identity, credential, cache)
    _obey_signals(box.plane)
    await checkpoint()  # has anyio's event loop imported, before anybody waits for an answer
    # What was imported stays: a collection that walks all of it takes forty milliseconds, every few seconds.
    gc.freeze()
    running = (box.control.run(), box.inflow.placing.run(), _synced(box.books.ledger))
    loops = [asyncio.create_task(work) for work in running]
    _log.info(
        "edge.started",
        edge=identity.edge_id,
        address=f"{settings.host}:{settings.port}",
        files=len(cache),
        cached_bytes=cache.used_bytes,
        cache_limit_bytes=cache.limit_bytes,
    )
    try:
        await box.plane.serve(box.application)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        box.application.close()
        await box.inflow.fills.close()
        await box.inflow.neighbours.close()
        box.books.ledger.close()
        cache.close()
        _log.info("edge.stopped", edge=identity.edge_id)


@dataclass(frozen=True, slots=True)
class _Box:
    """All of an edge that runs, but for its disk."""

    books: "_Books"
    inflow: "_Inflow"
    application: EdgeApplication
    plane: DataPlane
    control: Control


def _assembled(settings: Settings, identity: Identity, credential: Credential, cache: Cache) -> _Box:
    clock = SystemClock()
    counters, orders = Counters(), Orders()
    gate = Gate(now=lambda: clock.now().timestamp(), names=own_names(settings))
    books = _books(settings, identity, counters, cache)
    inflow = _inflow(settings, identity, gate, counters, cache)
    application = EdgeApplication(
        edge_id=identity.edge_id,
        cache=cache,
        fills=inflow.fills,
        gate=gate,
        bills=books.bills,
        counters=counters,
        orders=orders,
        health=Health(edge_id=identity.edge_id, counters=counters, cache=cache, orders=orders),
        bodies=Bodies(settings.edge_memory_bytes),
    )
    reports = Reports(
        identity=identity, counters=counters, cache=cache, now=time.monotonic(), totals=books.ledger.totals
    )

    def tick() -> None:
        application.tick()
        books.bills.tick()

    control = Control(
        connect=lambda shown: open_control(settings, shown),
        credential=credential,
        join_token=settings.join_token,
        standing=Standing(settings.data / "control"),
        report=reports.next,
        gate=gate,
        orders=orders,
        wall=time.time,
        steady=time.monotonic,
        disk=cache,
        ledger=books.ledger,
        neighbours=inflow.upstreams.use,
        stop_fills=inflow.fills.stop,
        tick=tick,
    )
    plane = open_plane(settings, own_identity(settings), gate=gate, orders=orders, bills=books.bills)
    return _Box(books, inflow, application, plane, control)


@dataclass(frozen=True, slots=True)
class _Books:
    """What was sent, as it is counted and as it is told."""

    ledger: Ledger
    bills: Bills


def _books(settings: Settings, identity: Identity, counters: Counters, cache: Cache) -> _Books:
    ledger = Ledger(settings.data / "ledger.db", edge_id=identity.edge_id, started=identity.started)
    bills = Bills(
        ledger=ledger,
        counters=counters,
        cache=cache,
        run=f"{identity.started:.6f}",
        steady=time.monotonic,
        settled_by_plane=is_nginx(settings),
    )
    return _Books(ledger, bills)


@dataclass(frozen=True, slots=True)
class _Inflow:
    """How files come in: from other edges and the origin, for who waits and ahead of them."""

    neighbours: Neighbourhood
    upstreams: Upstreams
    fills: Fills
    placing: Placing


def _inflow(settings: Settings, identity: Identity, gate: Gate, counters: Counters, cache: Cache) -> _Inflow:
    tokens = HopTokens(identity.edge_id, lambda: gate.keys, gate.now)
    neighbours = Neighbourhood(identity.edge_id, tokens, lambda: trusted(settings))
    upstreams = Upstreams(
        edge_id=identity.edge_id,
        origin=ObjectOrigin(open_objects(settings.objects_url, NONE)),
        neighbour=neighbours.neighbour,
    )
    rate = FillRate()
    fills = Fills(upstreams=upstreams, cache=cache, counters=counters, rate=rate)
    placing = Placing(cache=cache, fills=fills, rate=rate, counters=counters, now=SystemClock().now)
    return _Inflow(neighbours, upstreams, fills, placing)


async def _synced(ledger: Ledger) -> None:
    """Have what was booked synced at the side, for ever."""
    while True:
        await asyncio.sleep(_LEDGER_SECONDS)
        await asyncio.to_thread(ledger.checkpoint)


def _obey_signals(plane: DataPlane) -> None:
    loop = asyncio.get_running_loop()
    # Threads wait for disks here; a sync that takes long is not to keep a viewer's read waiting.
    loop.set_default_executor(ThreadPoolExecutor(_DISK_THREADS, thread_name_prefix="disk"))
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, plane.stop)
    if isinstance(plane, NginxDataPlane):
        loop.add_signal_handler(signal.SIGHUP, plane.renew)


def _checked(settings: Settings) -> Identity:
    is_nginx(settings)
    shown_control(settings.control)
    if not is_media_path(f"-/-/{settings.edge_id}"):
        raise Invalid(f"MATINEE_EDGE_ID={settings.edge_id!r} is not a name of letters, digits, '.', '_' and '-'.")
    if settings.edge_tier not in set(Tier):
        raise Invalid(f"MATINEE_EDGE_TIER={settings.edge_tier!r} is neither 'edge' nor 'parent'.")
    return Identity(
        edge_id=settings.edge_id,
        site=settings.edge_site or settings.edge_id,
        region=settings.edge_region,
        url=(settings.edge_url or settings.own_address).rstrip("/"),
        latitude=settings.edge_latitude,
        longitude=settings.edge_longitude,
        capacity_bps=settings.edge_capacity_bps,
        started=time.time(),
        tier=settings.edge_tier,
        dataplane=settings.dataplane.partition(":")[0],
    )


def _ask_around(settings: Settings) -> None:
    """Unavailable if this edge may not read the origin or report. While they are only away, what is held is served."""
    origin = settings.objects_url
    require(
        [
            Question("objects", origin, lambda: check_objects(origin, writes=False), spared=True),
            Question("control", shown_control(settings.control), lambda: check_control(settings), spared=True),
        ]
    )


def _raise_file_limit() -> None:
    """As many connections and files as the system lets this process have without asking anybody."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
