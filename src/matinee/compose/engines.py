"""Opens the engines that an address names: the event log and its relay, compute."""

from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.compute_ray import RayCompute, examine
from matinee.adapters.events_database import DatabaseEventLog, DatabaseRelay
from matinee.adapters.leases_database import DatabaseLeases
from matinee.model.errors import Invalid
from matinee.ports import EventLog, Relay
from matinee.settings import Settings


def open_events(settings: Settings, engine: sa.Engine) -> tuple[EventLog, Relay]:
    """The event log, and the relay that carries the outbox into it; Invalid if the address names no engine."""
    if settings.events == "database:":
        return DatabaseEventLog(engine), DatabaseRelay(engine)
    if settings.events.startswith(("nats:", "tls:")):
        from matinee.adapters.events_jetstream import Address, JetStreamEventLog, JetStreamRelay, Keeping

        kept = JetStreamEventLog(
            Address.read(settings.events),
            leases=DatabaseLeases(engine, SystemClock()),
            authorities=_authorities(settings),
            keeping=Keeping(
                replicas=settings.events_replicas,
                # An outer bound, should nothing be archived for long: retention drops what is, day by day.
                days=4 * settings.events_keep_days,
                stream_bytes=settings.events_keep_bytes,
                sites=tuple(site.strip() for site in settings.events_sites.split(",") if site.strip()),
            ),
        )
        return kept, JetStreamRelay(engine, kept.publisher)
    raise Invalid("MATINEE_EVENTS is none of database:, nats://… and tls://….")


def shown_events(settings: Settings) -> str:
    """The event log's address as it may be shown; Invalid if it is not one."""
    if not settings.events.startswith(("nats:", "tls:")):
        return settings.events.partition(":")[0] + ":"
    from matinee.adapters.events_jetstream import Address

    return str(Address.read(settings.events))


def check_events(settings: Settings) -> str:
    """What the event log says of itself, its version first. Invalid or Unavailable, with a sentence, as opening it."""
    if settings.events == "database:":
        return "a table of the database"
    from matinee.adapters.events_jetstream import examine

    version, says = examine(settings.events, _authorities(settings))
    return f"NATS {version}, {says}"


def _authorities(settings: Settings) -> Path | None:
    return Path(settings.tls_authorities) if settings.tls_authorities else None


def open_compute(settings: Settings) -> LocalCompute | RayCompute:
    """Machines that do work; Invalid if the address names none."""
    if settings.compute == "local://":
        return LocalCompute()
    if _names_ray(settings):
        return RayCompute(settings.compute)
    raise Invalid(_UNKNOWN_COMPUTE)


def check_compute(settings: Settings) -> str:
    """What compute says of itself, its version first. Invalid or Unavailable, with a sentence, if work cannot start."""
    if settings.compute == "local://":
        return f"processes of this machine, {LocalCompute().machines[0].cores:g} cores"
    if _names_ray(settings):
        return examine(settings.compute)
    raise Invalid(_UNKNOWN_COMPUTE)


def films_at_once(settings: Settings, compute: LocalCompute | RayCompute) -> int:
    """How many films a worker carries now: as it was told, or four for every machine or every four cores there are.

    One keeps a machine busy; with the others, a new film's first rung need not wait for an old one's last.
    """
    cores = sum(machine.cores for machine in compute.machines)
    return settings.worker_slots or 4 * max(len(compute.machines), int(cores // 4), 1)


def _names_ray(settings: Settings) -> bool:
    parts = urlsplit(settings.compute)
    return parts.scheme == "ray" and bool(parts.hostname) and not parts.username


_UNKNOWN_COMPUTE = (
    "MATINEE_COMPUTE is neither local:// nor ray://HOST:PORT; a cluster's token is in RAY_AUTH_TOKEN_PATH."
)
