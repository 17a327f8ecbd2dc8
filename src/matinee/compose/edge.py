"""One edge: settings in, a wired process out. It stays small: no web framework and no database come with it."""

import asyncio
import resource
import signal
import time
from contextlib import suppress

import structlog

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.dataplane_embedded import EmbeddedDataPlane
from matinee.compose.control_channel import open_control, shown_control
from matinee.compose.control_check import check_control
from matinee.compose.objects import NONE, open_objects
from matinee.compose.objects_check import check_objects
from matinee.compose.tls import own_identity
from matinee.edge.addresses import is_media_path
from matinee.edge.cache import Cache
from matinee.edge.fill import Fills
from matinee.edge.health import Counters, Health, Orders
from matinee.edge.reports import Identity, Reports, wait_seconds
from matinee.edge.serving import EdgeApplication
from matinee.findings import Question, require
from matinee.model.errors import Invalid, MatineeError
from matinee.model.tokens import edge_credential, parse_keys
from matinee.observability import configure
from matinee.ports import ControlChannel
from matinee.settings import Settings

_log = structlog.get_logger()


async def run_edge(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; Invalid if settings are missing, Unavailable if the port or folder is taken."""
    configure("edge")
    keys, identity = _checked(settings)
    shown = own_identity(settings)
    _raise_file_limit()
    counters, orders = Counters(), Orders()
    cache = Cache(settings.data / "cache", settings.edge_cache_bytes)
    cache.open()
    _ask_around(settings)
    origin = open_objects(settings.objects_url, NONE)
    fills = Fills(objects=origin, cache=cache, counters=counters)
    application = EdgeApplication(
        cache=cache,
        fills=fills,
        keys=keys,
        counters=counters,
        orders=orders,
        health=Health(edge_id=identity.edge_id, counters=counters, cache=cache, orders=orders),
        clock=SystemClock(),
    )
    plane = EmbeddedDataPlane(settings.host, settings.port, certificate=shown.certificate, key=shown.key)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, plane.stop)
    credential = edge_credential(settings.edge_secret.encode(), identity.edge_id)
    control = open_control(settings, credential)
    reports = Reports(identity=identity, counters=counters, cache=cache, now=time.monotonic())
    reporting = asyncio.create_task(_report(control, reports, orders, application))
    _log.info(
        "edge.started",
        edge=identity.edge_id,
        address=f"{settings.host}:{settings.port}",
        files=len(cache),
        cached_bytes=cache.used_bytes,
        cache_limit_bytes=cache.limit_bytes,
    )
    try:
        await plane.serve(application)
    finally:
        reporting.cancel()
        application.close()
        await fills.close()
        await control.close()
        cache.close()
        _log.info("edge.stopped", edge=identity.edge_id)


async def _report(control: ControlChannel, reports: Reports, orders: Orders, application: EdgeApplication) -> None:
    """Report and obey, for ever. While nobody answers, the last orders stand and the edge goes on."""
    failures = 0
    while True:
        application.tick()
        try:
            heard = await control.report(reports.next(time.monotonic()))
        except MatineeError as error:
            failures += 1
            if failures == 1:
                _log.warning("control.lost", reason=str(error))
        else:
            if failures:
                _log.info("control.found", failures=failures)
            failures = 0
            if (heard.draining, heard.egress_limit_bps) != (orders.draining, orders.egress_limit_bps):
                _log.info("orders.changed", draining=heard.draining, egress_limit_bps=heard.egress_limit_bps)
            orders.draining, orders.egress_limit_bps = heard.draining, heard.egress_limit_bps
        await asyncio.sleep(wait_seconds(failures))


def _checked(settings: Settings) -> tuple[dict[str, bytes], Identity]:
    if settings.dataplane != "embedded:":
        raise Invalid(f"MATINEE_DATAPLANE={settings.dataplane!r}: this version knows only 'embedded:'.")
    shown_control(settings.control)
    keys = parse_keys(settings.token_keys)
    if not keys:
        raise Invalid("MATINEE_TOKEN_KEYS is empty: without a key no media token can be checked.")
    if not settings.edge_secret:
        raise Invalid("MATINEE_EDGE_SECRET is empty: without it the control plane does not know this edge.")
    if not is_media_path(f"-/-/{settings.edge_id}"):
        raise Invalid(f"MATINEE_EDGE_ID={settings.edge_id!r} is not a name of letters, digits, '.', '_' and '-'.")
    identity = Identity(
        edge_id=settings.edge_id,
        site=settings.edge_site or settings.edge_id,
        region=settings.edge_region,
        url=(settings.edge_url or settings.own_address).rstrip("/"),
        latitude=settings.edge_latitude,
        longitude=settings.edge_longitude,
        capacity_bps=settings.edge_capacity_bps,
        started=time.time(),
    )
    return keys, identity


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
