"""`matinee operator`: the first account that may enter the studio."""

import json
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from matinee.compose.database import open_database


def test_an_operator_is_made_once_and_the_password_comes_from_standard_input(
    tmp_path: Path, sqlite_template: bytes
) -> None:
    (tmp_path / "matinee.db").write_bytes(sqlite_template)
    command = [sys.executable, "-m", "matinee.cli", "operator", "ada@example.com", "--data", str(tmp_path), "--json"]

    def made(password: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, input=password, capture_output=True, text=True, check=False, timeout=60)

    short = made("short\n")
    assert short.returncode == 1
    assert short.stderr.startswith("matinee: ")
    well = made("a long enough password\n")
    assert well.returncode == 0, well.stderr
    engine = open_database(f"sqlite:///{tmp_path}/matinee.db")
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT id, role FROM accounts_members")).all()
    engine.dispose()
    assert [tuple(row) for row in rows] == [(json.loads(well.stdout)["id"], "operator")]
    again = made("a long enough password\n")
    assert again.returncode == 1
    assert "account" in again.stderr
