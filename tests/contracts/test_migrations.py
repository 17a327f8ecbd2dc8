"""The migrations make exactly the tables that the rooms' stores name, on both databases."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from matinee.compose.database import all_metadata, check_schema, migrate, open_database
from matinee.model.errors import Invalid, Unavailable


def test_the_migrations_make_the_tables_that_the_stores_name(database: sa.Engine) -> None:
    with database.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), all_metadata())  # type: ignore[arg-type]  # Alembic takes several
    assert found == []


def test_migrating_twice_is_migrating_once(database: sa.Engine) -> None:
    migrate(database)
    check_schema(database)


def test_an_empty_database_is_told_to_be_migrated(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="matinee migrate"):
        check_schema(open_database(f"sqlite:///{tmp_path}/empty.db"))


def test_an_address_that_is_no_database_is_refused() -> None:
    with pytest.raises(Invalid, match="neither sqlite"):
        open_database("mysql://localhost/films")
