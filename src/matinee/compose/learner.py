"""What a worker learns with: the archive's upkeep, artefacts, the ranker's teacher, the nightly report, shown pages."""

import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from obstore.store import ObjectStore

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue
from matinee.compose.database import Limits, check_schema, open_database
from matinee.compose.engines import open_events
from matinee.compose.objects import open_objects
from matinee.ports import EventLog
from matinee.recommender.archive import Archive
from matinee.recommender.artefacts import Artefacts
from matinee.recommender.rankers import Rankers
from matinee.recommender.upkeep import Upkeep
from matinee.replay.journal import Journal
from matinee.settings import Settings
from matinee.teaching.forecasting import Forecasting
from matinee.teaching.nightly import Nightly, Reports
from matinee.teaching.shadowing import Shadowing
from matinee.teaching.training import Training


@dataclass(frozen=True, slots=True)
class Learner:
    """Made once a process; see each part."""

    upkeep: Upkeep
    artefacts: Artefacts
    training: Training
    nightly: Nightly
    shadowing: Shadowing
    journal: Journal

    def forget(self, profile_id: str, until_seconds: float) -> None:
        """Know nothing any more of what a profile did until a time (seconds since 1970)."""
        self.upkeep.forget(profile_id, until_seconds)
        self.journal.forget(profile_id, until_seconds)


def wire_learner(
    settings: Settings, engine: sa.Engine, objects: ObjectStore, log: EventLog, catalogue: Catalogue
) -> Learner:
    """On engines that are open already. Invalid if the archive is another log's."""
    clock, rankers = SystemClock(), Rankers(objects)
    archive = Archive(engine=engine, objects=objects, log=log, clock=clock)
    archive.check_log()
    return Learner(
        upkeep=Upkeep(archive, secrets.token_bytes, settings.events_keep_days, settings.archive_keep_days),
        artefacts=Artefacts(objects=objects, archive=archive, log=log, clock=clock, tell=Forecasting(log).tell),
        training=Training(archive, log, clock, rankers, catalogue.shelf),
        nightly=Nightly(archive, clock, rankers, Reports(engine, clock), catalogue.shelf),
        shadowing=Shadowing(archive, clock, rankers, catalogue.shelf),
        journal=Journal(engine, clock, secrets.token_bytes),
    )


def open_learner(settings: Settings) -> Learner:
    """For one act at the command line."""
    engine = open_database(settings.database_url, Limits.of(settings, "worker"))
    check_schema(engine)
    log, _ = open_events(settings, engine)
    catalogue = Catalogue(engine=engine, outbox=DatabaseOutbox(), clock=SystemClock(), random_bytes=secrets.token_bytes)
    return wire_learner(settings, engine, open_objects(settings.objects_url), log, catalogue)
