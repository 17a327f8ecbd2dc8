"""The database's schema: brought to the newest revision while others work, and compared with what this code needs.

Each revision is a step that old code can live with (expand: something is added) or one that it cannot (contract:
something goes away that nobody uses any more). A contract step says from which revision on the code no longer uses it:
``needs = "0004"`` in its module. The database keeps the last such word beside Alembic's own, so that code of an older
release can tell whether a schema that it does not know still fits; see docs/decisions/0010-migrations-under-load.md.
"""

import time
from pathlib import Path

import psycopg
import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from matinee.compose.database_faults import shown, unavailable
from matinee.model.errors import Unavailable

MIGRATIONS = Path(__file__).parent.parent / "migrations"
# A step waits this long for a lock that others hold, while everybody else waits behind it; then it lets them pass and
# tries again.
LOCK_SECONDS = 2.0
_TRIES = 30
PAUSE_SECONDS = 1.0

_log = structlog.get_logger()


def all_metadata() -> list[sa.MetaData]:
    """Every room's tables, for migrations and their test."""
    from matinee.accounts.store import metadata as accounts
    from matinee.adapters.events_database import metadata as events
    from matinee.adapters.leases_database import metadata as leases
    from matinee.catalogue.store import metadata as catalogue
    from matinee.delivery.store import metadata as delivery
    from matinee.encodes.store import metadata as encoding
    from matinee.experiments.store import metadata as experiments
    from matinee.playback.store import metadata as playback
    from matinee.recommender.store import metadata as recommender
    from matinee.replay.store import metadata as replay
    from matinee.sources.store import metadata as sources
    from matinee.spans.store import metadata as spans
    from matinee.teaching.store import metadata as teaching

    learned = [experiments, recommender, replay, teaching]
    return [accounts, catalogue, delivery, encoding, events, leases, playback, sources, spans, *learned]


def migrate(engine: sa.Engine, scripts: Path = MIGRATIONS, to: str = "head") -> None:
    """Bring the schema to the newest revision; a database that is there already is left alone.

    Others may work meanwhile. Unavailable if the database does not answer, or if a step does not get its locks within
    about a minute; the steps before it stay done.
    """
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes.update({"engine": engine, "metadata": all_metadata(), "lock_seconds": LOCK_SECONDS})
    for tries in range(1, _TRIES + 1):
        try:
            command.upgrade(config, to)
        except (sa.exc.DBAPIError, BlockingIOError) as error:
            if isinstance(error, sa.exc.DBAPIError) and not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise unavailable(engine, error) from error
            _log.warning("migration.waits", tries=tries, reason=str(error).splitlines()[0])
            time.sleep(PAUSE_SECONDS)
        else:
            return
    raise Unavailable(
        f"Somebody holds locks on the database {shown(engine.url)} that a migration needs: end long transactions, "
        "then run `matinee migrate` again."
    )


def check_schema(engine: sa.Engine, scripts: Path = MIGRATIONS) -> None:
    """Unavailable, with a sentence, unless the database answers and its schema is one that this code can work on.

    That is the newest revision it knows, or one that it does not know yet as long as nothing it uses went away.
    """
    directory = ScriptDirectory(str(scripts))
    newest = str(directory.get_current_head())
    try:
        with engine.connect() as connection:
            found, needs = _revision(connection.execution_options(read_only=True))
    except sa.exc.DBAPIError as error:
        raise unavailable(engine, error) from error
    if found == newest:
        return
    known = {script.revision for script in directory.walk_revisions()}
    if found is None or found in known:
        raise Unavailable(f"The database's schema is {found or 'empty'}, not {newest}: run `matinee migrate`.")
    if needs not in known:
        raise Unavailable(
            f"The database's schema is {found}, which needs a release that knows revision {needs}; this one ends at "
            f"{newest}: install the newer release."
        )
    _log.info("schema.ahead", found=found, known=newest)


def _revision(connection: sa.Connection) -> tuple[str | None, str]:
    """The schema's revision, and the oldest that code must know to work on it."""
    inspector = sa.inspect(connection)
    if not inspector.has_table("alembic_version"):
        return None, ""
    # A schema of before the second revision says nothing of what it needs.
    told = "needs" in {column["name"] for column in inspector.get_columns("alembic_version")}
    columns: list[sa.ColumnClause[str]] = [sa.column("version_num"), sa.column("needs" if told else "version_num")]
    row = connection.execute(sa.select(*columns).select_from(sa.table("alembic_version"))).first()
    return (None, "") if row is None else (row[0], row[1])
