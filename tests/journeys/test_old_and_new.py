"""Old code beside new on one database: the code of before the newest revision, out of git, under load, and today's."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from alembic.script import ScriptDirectory
from deploy.local import postgresql
from deploy.local.control_plane import Process, running

from house import ROOT
from matinee.compose import schema

PASSWORD = "correct horse battery"


def old_sources(folder: Path) -> Path:
    """``src`` as it was before the newest revision was added; skips where git does not know."""
    head = ScriptDirectory(str(schema.MIGRATIONS)).get_revision("head")
    assert head is not None
    path = Path(head.path).relative_to(ROOT)
    if getattr(head.module, "needs", None) is not None:
        pytest.skip(f"The newest revision, {path.name}, takes something away: older code is refused beside it.")
    git = ["git", "-C", str(ROOT)]
    added = subprocess.run(
        [*git, "log", "--diff-filter=A", "--format=%H", "-1", "--", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    before = f"{added.stdout.strip()}^"
    known = subprocess.run([*git, "cat-file", "-e", before], capture_output=True, check=False)
    if not added.stdout.strip() or known.returncode != 0:
        pytest.skip(f"The history here does not tell what came before {path.name} (a shallow clone, or no clone).")
    archive = subprocess.run([*git, "archive", before, "src"], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    built = ROOT / "src" / "matinee" / "web" / "static"
    (folder / "src" / "matinee" / "web" / "static").symlink_to(built)
    return folder / "src"


def migrate(environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "matinee.cli", "migrate"], env=os.environ | environment, check=True, timeout=60
    )


def test_a_release_is_rolled_out_while_the_one_before_goes_on(
    postgresql_server: postgresql.Server, tmp_path: Path
) -> None:
    sources = old_sources(tmp_path)
    name = f"rolled_{os.getpid()}"
    new = {
        "MATINEE_DATA": str(tmp_path / "data"),
        "MATINEE_DATABASE": postgresql_server.create_database(name),
        "MATINEE_TOKEN_KEYS": "k1:a key of tests",
        # What the release before wants; written apart, because there is no such setting any more.
        "MATINEE_" + "EDGE_SECRET": "a secret of edges",
        "MATINEE_REGIONS": "europe=50.1/8.7",
    }
    old = {**new, "PYTHONPATH": str(sources)}
    migrate(old)
    newest = ScriptDirectory(str(schema.MIGRATIONS)).get_current_head()
    assert postgresql_server.execute("SELECT version_num FROM alembic_version", name) != newest
    before, after = Process("serve", old, tmp_path), Process("serve", new, tmp_path)
    account = {"email": "ada@example.com", "password": PASSWORD}
    answers: list[int] = []
    stop = threading.Event()

    def ask(headers: dict[str, str]) -> None:
        with httpx.Client(base_url=f"http://{before.place}/api/v1", headers=headers, timeout=20) as client:
            while not stop.is_set():
                answers.extend(client.get(path).status_code for path in ("/titles", "/sessions", "/profiles"))
                answers.append(client.post("/profiles", json={"name": "Grace", "maturity_limit": 12}).status_code)
                created = client.get("/profiles").json()["profiles"][-1]["id"]
                answers.append(client.delete(f"/profiles/{created}").status_code)

    with running([before]):
        there = f"http://{before.place}/api/v1"
        httpx.post(f"{there}/accounts", json=account, timeout=20).raise_for_status()
        token = httpx.post(f"{there}/sessions", json=account, timeout=20).raise_for_status().json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        asking = threading.Thread(target=ask, args=(headers,))
        asking.start()
        try:
            migrate(new)
            with running([after]):
                here = f"http://{after.place}/api/v1"
                # What one writes, the other reads, in both directions.
                assert httpx.get(f"{here}/sessions", headers=headers, timeout=20).status_code == 200
                other = {"email": "grace@example.com", "password": PASSWORD}
                httpx.post(f"{here}/accounts", json=other, timeout=20).raise_for_status()
                assert httpx.post(f"{there}/sessions", json=other, timeout=20).status_code == 201
        finally:
            stop.set()
            asking.join(30)
        # A copy of the old release that is started again takes the schema that is ahead of it.
        before.stop()
        before.start()
        assert httpx.get(f"{there}/sessions", headers=headers, timeout=20).status_code == 200
    assert len(answers) > 20
    assert set(answers) <= {200, 201, 204}
