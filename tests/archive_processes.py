"""Processes that write the archive, for tests that kill them at any step."""

import os
import random
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from obstore.store import LocalStore

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog
from matinee.compose.database import open_database
from matinee.model.events import Event, PlaybackHeartbeat
from matinee.recommender.archive import Archive
from matinee.recommender.upkeep import Upkeep

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
RANGE_EVENTS = 200


def watched(number: int, profile_id: str = "ada", at: datetime = NOW) -> Event:
    """The heartbeat of that number; its id says it."""
    facts = PlaybackHeartbeat(f"play-{profile_id}", profile_id, f"title-{number % 7}", float(number), 10.0)
    return Event(id=f"event-{number}", time=at, source="test", facts=facts)


def open_archive(engine: sa.Engine, folder: Path, now: datetime = NOW, range_events: int = RANGE_EVENTS) -> Archive:
    """The archive of a database's log in a folder."""
    objects = LocalStore(folder, mkdir=True)
    return Archive(engine, objects, DatabaseEventLog(engine), ManualClock(now), range_events)


def dying(archive: Archive, step: int) -> None:
    """Let this process be killed at the archive's step of that number: before or after it asks database or store."""
    left = step

    def at_once() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*arguments: Any) -> Any:
            at_once()
            result = function(*arguments)
            at_once()
            return result

        return stepping

    archive.put = around(archive.put)  # type: ignore[method-assign]
    archive.remove = around(archive.remove)  # type: ignore[method-assign]
    sa.event.listen(archive._engine, "commit", lambda _connection: at_once())


def write_and_die(url: str, folder: Path, step: int) -> None:
    """Write what the log has, killed at a step, if it comes to it."""
    archive = open_archive(open_database(url), folder)
    dying(archive, step)
    archive.write()


def keep_up_and_die(url: str, folder: Path, step: int) -> None:
    """Compact, days later, killed at a step, if it comes to it."""
    archive = open_archive(open_database(url), folder, NOW + timedelta(days=3))
    dying(archive, step)
    Upkeep(archive, random.Random(step).randbytes).compact()


def forget_and_die(url: str, folder: Path, step: int, profile_id: str, until_seconds: float) -> None:
    """Forget a profile, killed at a step, if it comes to it."""
    archive = open_archive(open_database(url), folder)
    dying(archive, step)
    Upkeep(archive, random.Random(step).randbytes).forget(profile_id, until_seconds)
