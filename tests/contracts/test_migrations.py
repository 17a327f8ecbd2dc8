"""The migrations make exactly the tables that the rooms' stores name, on both databases."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from matinee.compose import schema
from matinee.compose.database import Limits, all_metadata, check_schema, migrate, open_database
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


_EXPANDS = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9001", "{head}"


def upgrade():
    op.add_column("accounts_members", sa.Column("nickname", sa.Text(), nullable=False, server_default="nobody"))
"""
_CONTRACTS = """
from alembic import op

revision, down_revision = "9002", "9001"
needs = "{needs}"


def upgrade():
    with op.batch_alter_table("accounts_members") as table:
        table.drop_column("nickname")
"""


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The migrations of a later release, which adds a column; to today's code the release is a newer one."""
    scripts = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    head = ScriptDirectory(str(schema.MIGRATIONS)).get_current_head()
    (scripts / "versions" / "9001_expands.py").write_text(_EXPANDS.format(head=head))
    return scripts


def contracted(scripts: Path, needs: str) -> Path:
    """The release after that, which takes the column away."""
    (scripts / "versions" / "9002_contracts.py").write_text(_CONTRACTS.format(needs=needs))
    return scripts


def test_old_code_goes_on_beside_a_schema_that_was_expanded(database: sa.Engine, later: Path) -> None:
    migrate(database, later)
    check_schema(database)
    check_schema(database, later)


def test_new_code_refuses_a_schema_that_is_behind(database: sa.Engine, later: Path) -> None:
    with pytest.raises(Unavailable, match=r"not 9001: run `matinee migrate`"):
        check_schema(database, later)


def test_old_code_refuses_a_schema_from_which_something_it_uses_was_taken(database: sa.Engine, later: Path) -> None:
    migrate(database, contracted(later, needs="9001"))
    with pytest.raises(Unavailable, match=r"is 9002, which needs a release that knows revision 9001; .* newer release"):
        check_schema(database)
    check_schema(database, later)


def test_old_code_goes_on_beside_a_schema_from_which_only_what_it_does_not_use_was_taken(
    database: sa.Engine, later: Path
) -> None:
    migrate(database, contracted(later, needs=str(ScriptDirectory(str(schema.MIGRATIONS)).get_current_head())))
    check_schema(database)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_two_who_migrate_at_once_take_turns(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if engine == "sqlite":
        url = f"sqlite:///{tmp_path}/empty.db"
    else:
        url = request.getfixturevalue("postgresql_server").create_database(f"turns_{os.getpid()}")
    command = [sys.executable, "-m", "matinee.cli", "migrate"]
    both = [subprocess.Popen(command, env=os.environ | {"MATINEE_DATABASE": url}) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    migrated = open_database(url)
    check_schema(migrated)
    migrated.dispose()


def test_a_migration_that_waits_for_a_long_transaction_lets_the_others_pass(
    database_url: str, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one lock for everything.")
    monkeypatch.setattr(schema, "LOCK_SECONDS", 0.3)
    monkeypatch.setattr(schema, "PAUSE_SECONDS", 0.2)
    # Whoever queued behind the migration for as long as it takes would be given up after these seconds, and fail.
    engine = open_database(database_url, Limits(lock_seconds=5.0))
    members = sa.text("SELECT count(*) FROM accounts_members")
    done = threading.Event()

    def bring_up() -> None:
        migrate(engine, later)
        done.set()

    with engine.connect() as long, long.begin():
        long.execute(members)
        migrating = threading.Thread(target=bring_up)
        migrating.start()
        passed = 0
        while passed < 200:
            with engine.begin() as connection:
                connection.execute(members)
                connection.execute(sa.text("UPDATE accounts_members SET role = role"))
            passed += 1
            # Some of them while the migration waits for its lock, some while it pauses.
            done.wait(0.01)
        assert not done.is_set()
    assert done.wait(30)
    migrating.join()
    check_schema(engine, later)
    engine.dispose()
