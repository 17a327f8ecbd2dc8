"""Real engines for the tests: found on this machine, started for the session, stopped at its end.

A missing engine skips its tests with the reason on a laptop and fails them where ``CI=true``.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def missing(engine: str, how: str) -> None:
    """Skip the test, or fail it in CI: the engine it needs is not here."""
    sentence = f"{engine} is not installed here: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


def find_postgresql() -> Path | None:
    """The folder of PostgreSQL's own programs, newest first: Debian keeps them off the PATH."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True)
    if homes:
        return homes[0].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def _run(command: list[str]) -> None:
    # PostgreSQL refuses to run as root, and tests often do.
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=120)


@contextmanager
def postgresql_server(programs: Path) -> Iterator[str]:
    """A server of its own on a socket in a folder of its own; yields an address with ``{name}`` for the database."""
    with tempfile.TemporaryDirectory(prefix="matinee-pg-", dir="/tmp") as folder:
        home = Path(folder)
        data, socket = home / "data", home
        home.chmod(0o777)
        arguments = ["-A", "trust", "-U", "postgres", "-N", "--no-instructions", "--locale=C.UTF-8", "-D", str(data)]
        _run([str(programs / "initdb"), *arguments])
        options = f"-c listen_addresses= -k {socket} -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        control = [str(programs / "pg_ctl"), "-w", "-D", str(data)]
        _run([*control, "-o", options, "-l", str(home / "log"), "start"])
        try:
            yield f"postgresql+psycopg://postgres@/{{name}}?host={socket}"
        finally:
            _run([*control, "-m", "immediate", "stop"])
