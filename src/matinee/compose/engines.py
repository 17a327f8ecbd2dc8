"""Opens the engines that an address names: the event log and its relay, compute."""

import sqlalchemy as sa

from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.events_database import DatabaseEventLog, DatabaseRelay
from matinee.model.errors import Invalid
from matinee.ports import Compute, EventLog, Relay
from matinee.settings import Settings


def open_events(settings: Settings, engine: sa.Engine) -> tuple[EventLog, Relay]:
    """The event log, and the relay that carries the outbox into it; Invalid if the address names no engine."""
    if settings.events == "database:":
        return DatabaseEventLog(engine), DatabaseRelay(engine)
    raise Invalid(f"MATINEE_EVENTS={settings.events!r}: this version knows only 'database:'.")


def open_compute(settings: Settings) -> Compute:
    """Machines that do work; Invalid if the address names none."""
    if settings.compute == "local://":
        return LocalCompute()
    raise Invalid(f"MATINEE_COMPUTE={settings.compute!r}: this version knows only 'local://'.")
