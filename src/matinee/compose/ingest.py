"""Puts sources into a service's catalogue."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue
from matinee.compose.database import check_schema, open_database
from matinee.compose.films import film_file, find_films, ingest
from matinee.compose.objects import OUTAGE, open_objects
from matinee.compose.objects_check import check_objects
from matinee.encoding.jobs import Jobs
from matinee.settings import Settings
from matinee.sources.sources import Sources

_SAY_SECONDS = 3.0


def ingest_paths(
    settings: Settings, paths: Sequence[Path], name: str | None = None, say: Callable[[str], None] | None = None
) -> list[dict[str, Any]]:
    """Take in files, and the films under folders; returns ``{id, name, source, new}`` of each title.

    What was taken in before is not ``new`` and left as it is; what an earlier run was stopped over goes on. ``say``
    hears how far each upload is.
    """
    engine = open_database(settings.database_url)
    check_schema(engine)
    clock, outbox = SystemClock(), DatabaseOutbox()
    catalogue = Catalogue(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes)
    jobs = Jobs(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes)
    check_objects(settings.objects_url)
    objects = open_objects(settings.objects_url, OUTAGE)
    sources = Sources(engine=engine, objects=objects, clock=clock, random_bytes=secrets.token_bytes)
    taken: list[dict[str, Any]] = []
    for path in paths:
        for found in find_films(path) if path.is_dir() else [film_file(path)]:
            film = found if name is None else replace(found, draft=replace(found.draft, name=name))
            done = ingest(film, catalogue, jobs, sources, tell=_Teller(film.path, say) if say else None)
            taken.append({"id": done.title_id, "name": film.draft.name, "source": str(film.path), "new": done.new})
    return taken


class _Teller:
    """Says how much of a file has gone up, every few seconds."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._name, self._bytes, self._say = path.name, path.stat().st_size, say
        self._started = self._said = time.monotonic()

    def __call__(self, sent_bytes: int) -> None:
        now = time.monotonic()
        if now - self._said >= _SAY_SECONDS:
            self._said = now
            rate = sent_bytes / 1e6 / (now - self._started)
            self._say(f"{self._name}: {sent_bytes / self._bytes:.0%} of {self._bytes / 1e6:.0f} MB, {rate:.1f} MB/s")
