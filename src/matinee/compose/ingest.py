"""Puts sources into a service's catalogue."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue
from matinee.compose.database import check_schema, open_database
from matinee.compose.films import film_file, find_films, ingest
from matinee.compose.objects import open_objects
from matinee.encoding.jobs import Jobs
from matinee.settings import Settings


def ingest_paths(settings: Settings, paths: Sequence[Path], name: str | None = None) -> list[dict[str, str]]:
    """Take in files, and the films under folders; returns ``{id, name, source}`` of each title made."""
    engine = open_database(settings.database_url)
    check_schema(engine)
    clock, outbox = SystemClock(), DatabaseOutbox()
    catalogue = Catalogue(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes)
    jobs = Jobs(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes)
    objects = open_objects(settings.objects_url)
    taken = []
    for path in paths:
        for found in find_films(path) if path.is_dir() else [film_file(path)]:
            film = found if name is None else replace(found, draft=replace(found.draft, name=name))
            title_id = ingest(film, catalogue, jobs, objects)
            catalogue.mark_encoding(title_id)
            taken.append({"id": title_id, "name": film.draft.name, "source": str(film.path)})
    return taken
