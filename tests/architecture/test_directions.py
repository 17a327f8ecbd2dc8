"""Who may import whom: import-linter's contracts hold, and each of them refuses what it is there to refuse."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from house import ROOT, SOURCE

CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}

# One line that breaks each contract, and the file it is written into.
TRESPASSES = {
    "direction": ("newcomer.py", '"""A top-level name that nobody gave a row."""'),
    "adapters": ("consumers.py", "import matinee.adapters.clock_manual"),
    "settings": ("pages/__init__.py", "import matinee.settings"),
    "web-framework": ("playback/__init__.py", "import fastapi"),
    "granian": ("delivery/__init__.py", "import granian"),
    "small-edge": ("ports.py", "import sqlalchemy"),
    "pure-model": ("model/text.py", "import structlog"),
    "cycles": ("model/ids.py", "import matinee.model.tokens"),
}
BACK = ("model/tokens.py", "import matinee.model.ids")


def lint(folder: Path, source: Path) -> tuple[int, str]:
    command = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command as main; main()"]
    ran = subprocess.run(
        [*command, "--config", str(ROOT / "pyproject.toml"), "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(source), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_every_import_keeps_the_contracts(tmp_path: Path) -> None:
    code, said = lint(tmp_path, SOURCE.parent)
    assert code == 0, said
    assert all(f"{name} KEPT" in said for name in CONTRACTS.values()), said


def test_every_contract_refuses_what_it_is_there_to_refuse(tmp_path: Path) -> None:
    assert set(TRESPASSES) == set(CONTRACTS)
    copy = tmp_path / "src" / "matinee"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("static", "client", "templates", "__pycache__"))
    for name, line in (*TRESPASSES.values(), BACK):
        with (copy / name).open("a") as file:
            file.write(f"\n{line}\n")
    code, said = lint(tmp_path, copy.parent)
    assert code == 1, said
    assert all(f"{name} BROKEN" in said for name in CONTRACTS.values()), said
