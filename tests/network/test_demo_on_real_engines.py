"""``make demo ENGINES=real``: every engine, one command, every film whole from every edge, and nothing beside them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import obstore
import pytest
from deploy.local import nats, postgresql, swift
from deploy.local.__main__ import BUCKET, COPIES, DATABASE, postgresql_folder
from deploy.local.__main__ import missing as lacking

from engines import missing
from house import ROOT
from matinee.adapters.events_jetstream import Address, JetStreamEventLog
from running_demo import PASSWORD, VIEWER, draw, free_port, until

RUN_SECONDS = 400


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    shutil.rmtree(postgresql_folder(tmp_path / "data"), ignore_errors=True)


class Run:
    """One run of the demo to its end, with what it says in files."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.out, self.errors = folder / "out", folder / "errors"
        with self.out.open("wb") as out, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=errors)

    def said(self) -> str:
        return self.out.read_text()[-3000:] + self.errors.read_text()[-3000:]

    def goes_on(self) -> bool:
        assert self.process.poll() is None, self.said()
        return True

    def told(self) -> dict[str, object]:
        """Its last line, once it has ended well."""
        assert self.process.wait(RUN_SECONDS) == 0, self.said()
        told: dict[str, object] = json.loads(self.out.read_text().splitlines()[-1])
        return told

    def stop(self) -> None:
        """Let it end, its engines too, if it has not."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(180)


def signs_in(client: httpx.Client) -> bool:
    answer = client.post("/api/v1/sessions", json={"email": VIEWER, "password": PASSWORD})
    assert answer.is_success or answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
    return answer.is_success


def sign_in_at_both(run: Run, port: int) -> None:
    """Sign in through nginx until each copy of ``serve`` has counted some."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:

        def ready() -> bool:
            with suppress(httpx.HTTPError):
                return run.goes_on() and client.get("/readyz").is_success
            return False

        until("the demo behind nginx", ready, RUN_SECONDS)
        counted = re.compile(r'^matinee_sign_ins_total\{outcome="accepted"\} (\S+)$', re.MULTILINE)

        def both() -> bool:
            # While the films are encoded, a sign-in may be asked to come again.
            signs_in(client)
            told = (client.get(f"http://{copy}:{port}/metrics").text for copy in COPIES)
            return all(sum(map(float, counted.findall(text))) > 0 for text in told)

        until("sign-ins at both copies", both)


@pytest.mark.timeout(3 * RUN_SECONDS)
def test_the_demo_on_real_engines_plays_every_film_through_every_edge_and_is_there_again(
    data: Path, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        missing("What Ray's nodes need", "run make test as root")
    for sentence in lacking():
        missing("An engine of the demo", sentence)
    draw(tmp_path / "films" / "tide.mp4", 3.0)
    port = free_port()
    command = [sys.executable, "-m", "deploy.local", "--data", str(data), "--port", str(port)]
    command += ["--films", str(tmp_path / "films"), "--check"]
    for turn in range(2):
        run = Run(command, tmp_path)
        try:
            if not turn:
                sign_in_at_both(run, port)
            told = run.told()
        finally:
            run.stop()
        assert told["ok"], told
        assert (told["films"], told["edges"], told["plays"]) == (1, 3, 5)
    assert {path.name for path in data.iterdir()}.isdisjoint({"matinee.db", "objects"})
    # On Ray: the worker joined a cluster where it had a film to encode; the second run may be over before.
    assert "compute.joined" in (data / "logs" / "worker.log").read_text()
    everything_lies_in_the_engines(data)


def everything_lies_in_the_engines(data: Path) -> None:
    """Started again without the demo, the engines have what it showed."""
    kept = data / "engines"
    with swift.swift(kept / "swift") as store:
        keys = [entry["path"] for entry in obstore.list(store.store(BUCKET)).collect()]
        assert any(re.fullmatch(r"media/[^/]+/[^/]+/master\.m3u8", key) for key in keys), keys
        assert any(key.startswith("sources/") for key in keys), keys
    with nats.cluster(folder=kept / "nats") as hub:
        log = JetStreamEventLog(Address.read(hub.address))
        types = {recorded.event.facts.type for recorded in log.tail().read(100_000)}
        log.close()
        assert {"title.encoded", "title.published", "edge.changed"} <= types
    password = (kept / "postgresql.password").read_text()
    with postgresql.postgresql(durable=True, password=password, folder=postgresql_folder(data)) as database:
        assert database.execute("SELECT count(*) FROM catalogue_titles", DATABASE) == "1"
