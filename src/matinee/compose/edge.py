"""One edge: settings in, a wired process out. It stays small: no web framework and no database come with it."""

import asyncio
import resource
import signal
import time
from collections.abc import Iterable
from contextlib import suppress

import structlog

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.control_http import HttpControlChannel
from matinee.adapters.dataplane_embedded import EmbeddedDataPlane
from matinee.compose.control_check import check_control
from matinee.compose.objects import NONE, open_objects
from matinee.compose.objects_check import check_objects
from matinee.compose.tls import own_identity, trusted
from matinee.edge.addresses import is_media_path
from matinee.edge.cache import Cache
from matinee.edge.control import Control
from matinee.edge.credential import Credential
from matinee.edge.fill import Fills
from matinee.edge.health import Counters, Health, Orders
from matinee.edge.reports import Identity, Reports
from matinee.edge.serving import EdgeApplication
from matinee.edge.standing import Standing
from matinee.findings import Question, require
from matinee.model.errors import Invalid
from matinee.model.plans import KeyRing, Revocation, Tier
from matinee.observability import configure
from matinee.settings import Settings

_log = structlog.get_logger()


async def run_edge(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; Invalid if settings are missing, Unavailable if the port or folder is taken."""
    configure("edge")
    identity = _checked(settings)
    shown, trust = own_identity(settings), trusted(settings) if settings.control.startswith("https:") else None
    _raise_file_limit()
    folder = settings.data / "control"
    credential, standing, gate = Credential(folder), Standing(folder), _Gate()
    credential.choose(settings.join_token)
    counters, orders = Counters(), Orders()
    cache = Cache(settings.data / "cache", settings.edge_cache_bytes)
    cache.open()
    _ask_around(settings)
    origin = open_objects(settings.objects_url, NONE)
    fills = Fills(objects=origin, cache=cache, counters=counters)
    application = EdgeApplication(
        cache=cache,
        fills=fills,
        keys=gate.keys,
        counters=counters,
        orders=orders,
        health=Health(edge_id=identity.edge_id, counters=counters, cache=cache, orders=orders),
        clock=SystemClock(),
    )
    plane = EmbeddedDataPlane(settings.host, settings.port, certificate=shown.certificate, key=shown.key)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, plane.stop)
    reports = Reports(identity=identity, counters=counters, cache=cache, now=time.monotonic())
    control = Control(
        connect=lambda shown: HttpControlChannel(settings.control, identity.edge_id, shown, trust=trust),
        credential=credential,
        join_token=settings.join_token,
        standing=standing,
        report=reports.next,
        gate=gate,
        orders=orders,
        wall=time.time,
        steady=time.monotonic,
        tick=application.tick,
    )
    controlled = asyncio.create_task(control.run())
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
        controlled.cancel()
        await asyncio.gather(controlled, return_exceptions=True)
        application.close()
        await fills.close()
        cache.close()
        _log.info("edge.stopped", edge=identity.edge_id)


class _Gate:
    """Who is let in, as far as this data plane asks: by its keys."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.down = False
        self.skew_seconds = 0.0

    def use_keys(self, ring: KeyRing) -> None:
        """From now on these keys open tokens, and no others."""
        self.keys.clear()
        self.keys.update({key_id: secret.encode() for key_id, secret in ring.keys.items()})

    def revoke(self, revocations: Iterable[Revocation]) -> None:
        """Nothing here asks for them."""


def _checked(settings: Settings) -> Identity:
    if settings.dataplane != "embedded:":
        raise Invalid(f"MATINEE_DATAPLANE={settings.dataplane!r}: this version knows only 'embedded:'.")
    if not settings.control.startswith(("http://", "https://")):
        raise Invalid(f"MATINEE_CONTROL={settings.control!r} is not an http:// or https:// address.")
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
            Question("control", settings.control, lambda: check_control(settings), spared=True),
        ]
    )


def _raise_file_limit() -> None:
    """As many connections and files as the system lets this process have without asking anybody."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
