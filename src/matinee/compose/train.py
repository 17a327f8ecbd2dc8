"""Teaches a ranker by hand, or takes the last one back."""

from typing import Any

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue
from matinee.compose.database import Limits, check_schema, open_database
from matinee.compose.engines import open_events
from matinee.compose.objects import open_objects
from matinee.recommender.archive import Archive
from matinee.recommender.rankers import Rankers
from matinee.settings import Settings
from matinee.teaching.training import Training


def train_ranker(settings: Settings, *, rollback: bool = False) -> dict[str, Any]:
    """The report of ``teaching.training``; ``version`` is 0 where no new ranker was let in.

    For a rollback ``{version, sentence}``: the one before the ranker in force ranks again, 0 being the formula.
    """
    if rollback:
        return _roll_back(settings)
    engine = open_database(settings.database_url, Limits.of(settings, "worker"))
    check_schema(engine)
    clock, objects = SystemClock(), open_objects(settings.objects_url)
    log, _ = open_events(settings, engine)
    archive = Archive(engine=engine, objects=objects, log=log, clock=clock)
    archive.check_log()
    catalogue = Catalogue(engine=engine, outbox=DatabaseOutbox(), clock=clock, random_bytes=bytes)
    return Training(archive, log, clock, Rankers(objects), catalogue.shelf).train().to_json()


def _roll_back(settings: Settings) -> dict[str, Any]:
    version = Rankers(open_objects(settings.objects_url)).roll_back()
    named = f"Version {version} ranks" if version else "The formula ranks, as before the first ranker,"
    return {"version": version, "sentence": f"{named} again, in every process within a minute."}


def ranker_told(settings: Settings) -> str:
    """Which ranker is in force and how old it is, for the doctor; without one, why. Unavailable as the store says."""
    rankers = Rankers(open_objects(settings.objects_url))
    version = rankers.version()
    if not version:
        said = rankers.last().get("sentence")
        return f"the formula ranks; last try: {said}" if said else "the formula ranks; no ranker was taught yet"
    found = rankers.in_force()
    if found is None:
        return f"version {version} is not whole: the formula ranks where a process starts"
    hours = (SystemClock().now().timestamp() - found.made_at) / 3600
    whole = "" if found.version == version else f"version {version} is not whole; "
    return f"{whole}version {found.version} ranks, {hours:.0f} h old"
