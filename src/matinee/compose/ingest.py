"""Puts sources into a service's catalogue, as films or as episodes of a series."""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.lifecycle import checked_draft
from matinee.catalogue.titles import Catalogue, TitleDraft, TitleKind
from matinee.compose.database import check_schema, open_database
from matinee.compose.films import FilmFile, episode_name, film_file, find_films, ingest
from matinee.compose.objects import OUTAGE, open_objects
from matinee.compose.objects_check import check_objects
from matinee.encodes.jobs import Jobs
from matinee.model.errors import Invalid
from matinee.model.ids import new_id
from matinee.settings import Settings
from matinee.sources.sources import Sources

_SAY_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Said:
    """What an operator says of all that is taken in at once; what is None or empty, the files' names say.

    ``series``, ``season`` and ``episode`` are an episode's, and make one.
    """

    name: str | None = None
    kind: TitleKind | None = None
    synopsis: str = ""
    year: int | None = None
    genres: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    maturity: int = 0
    territories: tuple[str, ...] = ()
    series: str | None = None
    season: int | None = None
    episode: int | None = None


def ingest_paths(
    settings: Settings, paths: Sequence[Path], said: Said | None = None, say: Callable[[str], None] | None = None
) -> list[dict[str, Any]]:
    """Take in files, and the films under folders; returns ``{id, name, kind, source, new}`` of each.

    What was taken in before is not ``new`` and left as it is; what an earlier run was stopped over goes on. A series
    that is not there is made. ``say`` hears how far each upload is. Invalid, before anything is taken in, for what an
    episode lacks.
    """
    said = said or Said()
    files = [found for path in paths for found in (find_films(path) if path.is_dir() else [film_file(path)])]
    if len(files) > 1 and (said.name or said.episode is not None):
        raise Invalid(f"A name or a number fits one file only, and here are {len(files)}.")
    films = [told(file, said) for file in files]
    engine = open_database(settings.database_url)
    try:
        check_schema(engine)
        clock, outbox = SystemClock(), DatabaseOutbox()
        catalogue = Catalogue(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes)
        jobs = Jobs(engine=engine, outbox=outbox, clock=clock, random_bytes=secrets.token_bytes)
        check_objects(settings.objects_url)
        objects = open_objects(settings.objects_url, OUTAGE)
        sources = Sources(engine=engine, objects=objects, clock=clock, random_bytes=secrets.token_bytes)
        taken: list[dict[str, Any]] = []
        for film, series in films:
            draft = film.draft if series is None else replace(film.draft, parent_id=_series(catalogue, series, said))
            teller = _Teller(film.path, say) if say else None
            done = ingest(replace(film, draft=draft), catalogue, jobs, sources, tell=teller)
            about = {"id": done.title_id, "name": draft.name, "kind": draft.kind.value}
            taken.append(about | {"source": str(film.path), "new": done.new})
        return taken
    finally:
        engine.dispose()


def told(film: FilmFile, said: Said) -> tuple[FilmFile, str | None]:
    """A file with what was said of it, and the name of its series if it is an episode.

    Invalid with a sentence for an episode of which neither tells series, season and number.
    """
    named = episode_name(film.path.stem)
    speaks = said.series or said.season is not None or said.episode is not None or (named and named.series)
    kind = said.kind or (TitleKind.EPISODE if speaks else TitleKind.FILM)
    draft = checked_draft(
        replace(
            film.draft,
            name=said.name or film.draft.name,
            kind=kind,
            synopsis=said.synopsis,
            year=said.year if said.year is not None else film.draft.year,
            genres=said.genres or film.draft.genres,
            moods=said.moods,
            maturity=said.maturity,
            territories=said.territories,
        )
    )
    if kind is not TitleKind.EPISODE:
        return replace(film, draft=draft), None
    series = said.series or (named.series if named else "")
    season = said.season if said.season is not None else (named.season if named else None)
    episode = said.episode if said.episode is not None else (named.episode if named else None)
    if not series or season is None or episode is None:
        raise Invalid(
            f"{film.path.name} does not say which episode it is: name it like 'Series S01E02 Name', or give --series, "
            "--season and --episode."
        )
    name = said.name or (named.name or f"Episode {episode}" if named else film.draft.name)
    draft = checked_draft(replace(draft, name=name, season_number=season, episode_number=episode))
    return replace(film, draft=draft), series


def _series(catalogue: Catalogue, name: str, said: Said) -> str:
    """The id of the series of that name; it is made where there is none."""
    for title in catalogue.titles():
        if title.kind is TitleKind.SERIES and title.name.casefold() == name.casefold():
            return title.id
    draft = TitleDraft(
        name=name, kind=TitleKind.SERIES, genres=said.genres, maturity=said.maturity, territories=said.territories
    )
    # Named for its name: two that take in episodes at the same time make one series.
    digest = hashlib.sha256(f"series {name.casefold()}".encode()).digest()
    return catalogue.create(draft, new_id(lambda size: digest[:size])).id


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
