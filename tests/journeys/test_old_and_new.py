"""Old code beside new on one database: the code of before the newest revision, out of git, under load, and today's."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic.script import ScriptDirectory
from deploy.local import postgresql
from deploy.local.control_plane import Process, running

from engines import missing
from house import ROOT
from matinee.compose import schema
from running_demo import draw, until

PASSWORD = "correct horse battery"
# A member may press play 120 times a minute.
PAUSE_SECONDS = 0.5
SHALLOW = "this clone is shallow: git fetch --unshallow"


def old_sources(folder: Path) -> Path:
    """``src`` as it was before the newest revision was added; skips, and fails in CI, where a clone does not know."""
    head = ScriptDirectory(str(schema.MIGRATIONS)).get_revision("head")
    assert head is not None
    path = Path(head.path).relative_to(ROOT)
    if getattr(head.module, "needs", None) is not None:
        pytest.skip(f"The newest revision, {path.name}, takes something away: older code is refused beside it.")
    if not (ROOT / ".git").exists():
        pytest.skip(f"This is no clone: nothing here tells what came before {path.name}.")
    git = ["git", "-C", str(ROOT)]
    added = subprocess.run(
        [*git, "log", "--diff-filter=A", "--format=%H", "-1", "--", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not added.stdout.strip():
        pytest.skip(f"The newest revision, {path.name}, is not committed yet.")
    before = f"{added.stdout.strip()}^"
    if subprocess.run([*git, "cat-file", "-e", before], capture_output=True, check=False).returncode != 0:
        missing(f"The history before {path.name}", SHALLOW)
    archive = subprocess.run([*git, "archive", before, "src"], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    built = ROOT / "src" / "matinee" / "web" / "static"
    (folder / "src" / "matinee" / "web" / "static").symlink_to(built)
    return folder / "src"


def verb(environment: dict[str, str], *words: str) -> str:
    """Run a verb of that environment's release to its end; what it printed."""
    command = [sys.executable, "-m", "matinee.cli", *words]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Viewer:
    """A member at one copy of ``serve``, who does what viewers do, again and again; each request is to succeed."""

    copy: Process
    name: str
    headers: dict[str, str]
    title_id: str
    accepted: list[str] = field(default_factory=list)
    failed: list[BaseException] = field(default_factory=list)

    def once(self, client: httpx.Client) -> None:
        """Look around, change a profile's name, press play, and tell how that goes."""
        own = [self._kept(client.get(path)) for path in ("/titles", "/sessions", "/profiles")][-1].json()["profiles"][0]
        self._kept(client.patch(f"/profiles/{own['id']}", json={"name": f"Ada {len(self.accepted)}"}))
        self._kept(client.get(f"/profiles/{own['id']}/home"))
        asked = {"profile_id": own["id"], "title_id": self.title_id, "device": {"kind": "test"}}
        playback = self._kept(client.post("/playbacks", json=asked)).json()["playback_id"]
        event_id = f"{self.name}-{len(self.accepted)}"
        told = {"playback_id": playback, "position_seconds": 1.0, "watched_seconds": 1.0}
        event = {"id": event_id, "type": "playback.heartbeat", "time": datetime.now(UTC).isoformat(), **told}
        self._kept(client.post("/events", json={"events": [event]}))
        self.accepted.append(event_id)

    @staticmethod
    def _kept(answer: httpx.Response) -> httpx.Response:
        assert answer.is_success, f"{answer.request.method} {answer.url}: {answer.text}"
        return answer

    @contextmanager
    def watching(self) -> Iterator[None]:
        """For as long as the body runs, in which nothing may go wrong."""
        stop = threading.Event()

        def work() -> None:
            there = f"http://{self.copy.place}/api/v1"
            try:
                with httpx.Client(base_url=there, headers=self.headers, timeout=60) as client:
                    while not stop.wait(PAUSE_SECONDS):
                        self.once(client)
            except (AssertionError, httpx.HTTPError, KeyError) as error:
                self.failed.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(60)
        assert self.failed == []

    def goes_on(self, rounds: int = 5) -> None:
        """So many rounds more are done from now on."""
        wanted = len(self.accepted) + rounds
        until(f"{rounds} rounds of the {self.name} copy's viewer", lambda: self.failed or len(self.accepted) >= wanted)
        assert self.failed == []


class Release:
    """One release's processes on the shared database: a copy of ``serve`` and a worker."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.serve, self.worker = (Process(kind, environment, folder) for kind in ("serve", "worker"))
        self.there = f"http://{self.serve.place}/api/v1"

    def token(self, account: dict[str, str]) -> dict[str, str]:
        """Sign up where nobody is yet, and in; the headers of who did."""
        answer = httpx.post(f"{self.there}/sessions", json=account, timeout=60)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            httpx.post(f"{self.there}/accounts", json=account, timeout=60).raise_for_status()
            answer = httpx.post(f"{self.there}/sessions", json=account, timeout=60)
        return {"Authorization": f"Bearer {answer.raise_for_status().json()['token']}"}

    def get(self, path: str, headers: dict[str, str]) -> dict[str, Any]:
        """What it answers."""
        answer: dict[str, Any] = httpx.get(f"{self.there}{path}", headers=headers, timeout=60).raise_for_status().json()
        return answer


@pytest.mark.timeout(900)  # seven processes of Python and an encode
def test_a_release_is_rolled_out_while_the_one_before_goes_on(
    postgresql_server: postgresql.Server, tmp_path: Path
) -> None:
    sources = old_sources(tmp_path)
    name = f"rolled_{os.getpid()}"
    new = {
        "MATINEE_DATA": str(tmp_path / "data"),
        "MATINEE_DATABASE": postgresql_server.create_database(name),
        "MATINEE_TOKEN_KEYS": "k1:a key of tests",
        "MATINEE_REGIONS": "europe=50.1/8.7",
        "MATINEE_EDGE_SILENCE_SECONDS": "60",
    }
    old = {**new, "PYTHONPATH": str(sources)}
    verb(old, "migrate")
    newest = ScriptDirectory(str(schema.MIGRATIONS)).get_current_head()
    assert postgresql_server.execute("SELECT version_num FROM alembic_version", name) != newest
    before, after = Release(old, tmp_path), Release(new, tmp_path)
    own = {"MATINEE_EDGE_ID": "europe-1", "MATINEE_EDGE_REGION": "europe", "MATINEE_DATA": str(tmp_path / "edge")}
    own |= {"MATINEE_CONTROL": f"http://{before.serve.place}", "MATINEE_OBJECTS": f"file://{tmp_path}/data/objects"}
    own["MATINEE_JOIN_TOKEN"] = verb(old, "join-token", "europe-1").strip()
    edge = Process("edge", old | own, tmp_path)
    ada, grace = ({"email": f"{who}@example.com", "password": PASSWORD} for who in ("ada", "grace"))
    with running([before.serve, before.worker]), running([edge]):
        headers = before.token(ada)
        film = draw(tmp_path / "film.mp4", 2.0)
        title = json.loads(verb(old, "ingest", str(film), "--json"))["titles"][0]["id"]
        shown = f"{before.there}/titles/{title}"

        def whole() -> bool:
            told = httpx.get(shown, headers=headers, timeout=60).json()
            return told.get("state") == "playable" and not told.get("is_growing")

        until("the film", whole)
        at_the_old = Viewer(before.serve, "old", headers, title)
        with at_the_old.watching():
            verb(new, "migrate")
            with running([after.serve, after.worker]):
                # What one writes, the other reads, in both directions.
                assert after.get("/sessions", headers)
                assert before.get("/sessions", after.token(grace))
                at_the_new = Viewer(after.serve, "new", after.token(grace), title)
                with at_the_new.watching():
                    at_the_new.goes_on()
                    at_the_old.goes_on()
                # One log for both: what either copy accepted, either worker applies.
                applied(postgresql_server, name, at_the_old, at_the_new)
                before.worker.stop()
                at_the_old.goes_on()
                applied(postgresql_server, name, at_the_old, at_the_new)
        # A copy of the old release that is started again takes the schema that is ahead of it.
        for process in (before.serve, before.worker):
            process.stop()
            process.start()
        assert before.get("/sessions", headers)
        with at_the_old.watching():
            at_the_old.goes_on()
        applied(postgresql_server, name, at_the_old, at_the_new)


def applied(server: postgresql.Server, name: str, *viewers: Viewer) -> None:
    """Wait until a worker has written what follows from each event that was accepted up to now."""
    accepted = {event_id for viewer in viewers for event_id in viewer.accepted}

    def written() -> set[str]:
        rows = server.execute("SELECT sample_id FROM playback_samples", name).split()
        return {row.rpartition(":")[2] for row in rows}

    until("what follows from accepted events", lambda: accepted <= written())
