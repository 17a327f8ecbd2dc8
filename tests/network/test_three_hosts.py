"""Three machines and an edge site's as an operator sets them up: one service; parts may die, lines be cut."""

import json
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin

import httpx
import imageio_ffmpeg
import pytest
from deploy.local import ray

from engines import missing
from network.hosts import SITE, Host, Network, three_hosts, why_not
from network.installation import (
    PATIENCE_SECONDS,
    asking,
    installed,
    is_ready,
    start_postgresql,
    start_replica,
)
from running_demo import draw
from running_demo import until as until_within

FRAMES, SECONDS = 48, 2
until = partial(until_within, seconds=PATIENCE_SECONDS)
HEALTHY = [sys.executable, "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8222/healthz', timeout=5)"]


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    reason = why_not()
    if reason:
        missing("What three hosts need", reason)
    with three_hosts() as hosts, installed(hosts):
        yield hosts


@dataclass
class Viewer:
    """A member who signed up, with the film that is there to watch, and every event of theirs that was accepted."""

    client: httpx.Client
    member_id: str
    profile_id: str
    title_id: str
    accepted: list[str] = field(default_factory=list)

    def play(self) -> dict[str, Any]:
        """Press play of the whole film: each copy of the service hears of the others' changes a moment later."""
        body = {"profile_id": self.profile_id, "title_id": self.title_id, "device": {"kind": "test"}}

        def pressed() -> dict[str, Any] | None:
            title = self.client.get(f"/titles/{self.title_id}").raise_for_status().json()
            answer: dict[str, Any] = self.client.post("/playbacks", json=body).raise_for_status().json()
            whole = all(edge["url"].endswith(f"/{title['revision']}/") for edge in answer["edges"])
            return answer if whole and not title["is_growing"] else None

        return until("the whole film", pressed)


def film_taken_in(network: Network, folder: Path, picture: str = "testsrc2") -> str:
    """Ingest a small film on the worker's machine; its title's id."""
    film = draw(folder / "film.mp4", SECONDS, picture=picture)
    told = network["b"].matinee("matinee", "ingest", str(film), "--json")
    assert told.returncode == 0, told.stderr
    return str(json.loads(told.stdout)["titles"][0]["id"])


@pytest.fixture(scope="module")
def viewer(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    title_id = film_taken_in(network, tmp_path_factory.mktemp("film"))
    with asking(network) as client:
        client.base_url = httpx.URL(f"https://{network['a'].address}/api/v1")
        who = {"email": "ada@example.com", "password": "a password of ada's"}
        member = client.post("/accounts", json=who).raise_for_status().json()["id"]
        client.headers["Authorization"] = (
            f"Bearer {client.post('/sessions', json=who).raise_for_status().json()['token']}"
        )
        profile = client.get("/profiles").raise_for_status().json()["profiles"][0]["id"]
        until("the film", lambda: _playable(client.get(f"/titles/{title_id}")))
        yield Viewer(client, member, profile, title_id)


@pytest.mark.parametrize(("host", "process"), [("a", "matinee"), ("b", "matinee"), ("c", "matinee"), ("c", "edge")])
def test_the_doctor_finds_every_part_well_on_every_host(network: Network, host: str, process: str) -> None:
    # An edge is silent till its first heartbeat.
    parts = until("the doctor to find all well", lambda: well(network[host].matinee(process, "doctor", "--json")))
    if process == "edge":
        assert set(parts) == {"objects", "control", "dataplane", "secrets", "certificate"}
    else:
        assert {"database", "objects", "events", "compute", "tools", "public", "control", "edges"} <= set(parts)
        assert parts["edges"] == "1 known and heard"


def well(asked: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    """What the doctor says of each part, once it finds nothing amiss; what else it said is printed."""
    if asked.returncode:
        print(asked.stdout, asked.stderr)
        return {}
    return {part["part"]: part["says"] for part in json.loads(asked.stdout)["parts"]}


def test_a_film_is_played_through_the_edge(network: Network, viewer: Viewer, tmp_path: Path) -> None:
    playback = viewer.play()
    edges = playback["edges"]
    assert [edge["id"] for edge in edges] == ["edge-c"]
    assert decoded_frames(viewer.client, edges[0]["url"], tmp_path) == FRAMES


def test_a_killed_event_log_server_and_a_cut_line_lose_nothing_that_was_accepted(
    network: Network, viewer: Viewer
) -> None:
    a, b, c = (network[name] for name in "abc")
    with Telling(viewer) as telling:
        until("events", lambda: len(viewer.accepted) > 20)
        b.kill("matinee-nats")
        goes_on(viewer)
        b.unit("matinee-nats")
        # One at a time: two of three that are not there, or not up to date, are more than the log bears.
        until("NATS on b to have caught up", lambda: b.run(HEALTHY).returncode == 0)
        goes_on(viewer)
        c.space.cut()
        until("the edge to fall silent", lambda: "Silent: edge-c" in edges_at(a))
        goes_on(viewer)
        c.space.join()
        until("the edge to be heard again", lambda: edges_at(a) == "1 known and heard")
        goes_on(viewer)
    # Refusals are allowed, if they say when to come again; anything else is not.
    assert set(telling.answers) <= {503}
    counted = counted_in_log(a, viewer.accepted, f"{viewer.member_id}:")
    assert [name for name in viewer.accepted if counted[name] != 1] == []
    assert viewer.play()["edges"][0]["id"] == "edge-c"


def test_a_site_whose_line_is_cut_goes_on_and_the_hub_has_each_of_its_events_once_when_it_is_back(
    network: Network,
) -> None:
    a, site = network["a"], network[SITE]
    before = appended(site, "before")
    counted_in_log(a, before)
    site.space.cut()
    try:
        during = appended(site, "during")
        assert set(during).isdisjoint(ids_in_log(a))
        during += appended(site, "still")
    finally:
        site.space.join()
    counted_in_log(a, during)
    after = appended(site, "after")
    counted = counted_in_log(a, [*before, *during, *after])
    assert {name: counted[name] for name in (*before, *during, *after) if counted[name] != 1} == {}
    assert all(host.lives("matinee-nats") for host in network.hosts.values())


def appended(site: Host, source: str, count: int = 100) -> list[str]:
    """Have a process at the site append so many events; the ids that its server took."""
    where = [str(site.etc / "secrets" / "events"), str(site.etc / "tls" / "authorities.pem")]
    told = site.run([sys.executable, "-m", "tests.network.appending", source, str(count), *where])
    assert told.returncode == 0, told.stderr
    return [str(name) for name in json.loads(told.stdout.splitlines()[-1])]


def ids_in_log(host: Host) -> list[str]:
    """The ids of all events that a process on this host reads in the hub's log, in order."""
    read = host.run([sys.executable, "-m", "tests.network.reading"], ["matinee.env"])
    assert read.returncode == 0, read.stderr
    return [str(name) for name in json.loads(read.stdout.splitlines()[-1])]


def counted_in_log(host: Host, wanted: Iterable[str], prefix: str = "") -> Counter[str]:
    """How often each event is in the hub's log, once all those are; a read that was cut short is no answer.

    A prefix is dropped from their ids.
    """

    def counted() -> Counter[str]:
        found = Counter(name.removeprefix(prefix) for name in ids_in_log(host))
        return found if set(wanted) <= set(found) else Counter()

    return until("all that was taken", counted)


def goes_on(viewer: Viewer) -> None:
    """More events are accepted from now on."""
    known = len(viewer.accepted)
    until("more events", lambda: len(viewer.accepted) > known + 20)


def edges_at(host: Host) -> str:
    """What a host's doctor says of the edges."""
    found = json.loads(host.matinee("matinee", "doctor", "--json").stdout)["parts"]
    return str(next(part["says"] for part in found if part["part"] == "edges"))


def test_ray_on_two_hosts_encodes_for_who_has_its_token_and_certificates(
    network: Network, viewer: Viewer, tmp_path: Path
) -> None:
    if ray.find() is None:
        missing("Ray", ray.INSTALL)
    b, c = network["b"], network["c"]
    b.unit("matinee-ray-head", f"--temp-dir={b.home}/r")
    c.unit("matinee-ray-node", f"--temp-dir={c.home}/r", "--num-cpus=1")
    settings = b.etc / "matinee.env"
    settings.write_text(settings.read_text().replace('"local://"', f'"ray://{b.address}:10001"'))

    def compute(asked: "subprocess.CompletedProcess[str]") -> str:
        return str(next(part["says"] for part in json.loads(asked.stdout)["parts"] if part["part"] == "compute"))

    doctor = ("doctor", "--json")
    until("Ray", lambda: b.lives("matinee-ray-head") and "1 cores" in compute(b.matinee("matinee", *doctor)))
    # Without the environment that has them, nobody is let in.
    stranger = b.run([sys.executable, "-m", "matinee.cli", *doctor], ["matinee.env"])
    assert "cores" not in compute(stranger)
    b.end("matinee-worker")
    b.unit("matinee-worker")
    title_id = film_taken_in(network, tmp_path, picture="smptebars")
    state = f"/titles/{title_id}"
    until("the film", lambda: b.lives("matinee-worker") and _playable(viewer.client.get(state)))
    assert "compute.joined" in b.log("matinee-worker")
    edges = replace(viewer, title_id=title_id).play()["edges"]
    assert decoded_frames(viewer.client, edges[0]["url"], tmp_path) == FRAMES


def _playable(answer: httpx.Response) -> bool:
    return bool(answer.is_success and answer.json()["state"] == "playable" and not answer.json()["is_growing"])


def test_a_database_that_was_killed_is_waited_for_and_no_secret_is_told(network: Network, viewer: Viewer) -> None:
    a = network["a"]
    told = [viewer.client.get(f"https://{a.address}/nothing", headers={"Accept": "text/html"}).text]
    a.kill("postgresql")
    answer = until("a refusal", lambda: refused(viewer.client, f"https://{a.address}/readyz"))
    assert answer is not None
    assert "Retry-After" in answer.headers
    told.append(answer.text)
    told += [viewer.client.get(f"https://{a.address}/", headers={"Accept": "text/html"}).text]
    asked = a.matinee("matinee", "doctor")
    assert asked.returncode == 1
    told += [asked.stdout, asked.stderr]
    start_postgresql(a)
    until("the database", lambda: viewer.client.get(f"https://{a.address}/readyz").is_success)
    # An edge is silent for the doctor until its next heartbeat, if the database was away for longer than silence is.
    until("the doctor to find all well", lambda: a.matinee("matinee", "doctor").returncode == 0)
    told += [a.run(["ps", "-ewwo", "args"]).stdout]
    told += [path.read_text(errors="replace") for path in network.home.rglob("*.log")]
    secret = {value for host in network.hosts.values() for value in host.secrets()}
    assert secret
    assert [value for value in secret if any(value in text for text in told)] == []


def test_a_read_replica_has_its_line_and_serve_starts_while_it_is_away(network: Network) -> None:
    a, b = network["a"], network["b"]
    start_replica(b, a)
    settings = a.etc / "matinee.env"
    settings.write_text(settings.read_text().replace("#MATINEE_DATABASE_REPLICA_FILE", "MATINEE_DATABASE_REPLICA_FILE"))

    parts = until("the doctor to find all well", lambda: well(a.matinee("matinee", "doctor", "--json")))
    assert re.fullmatch(r"PostgreSQL \d+\.\d+, \d+\.\d s behind", parts["replica"])
    b.end("postgresql", signal.SIGINT)
    asked = a.matinee("matinee", "doctor", "--json")
    assert asked.returncode == 1
    says = {part["part"]: part["says"] for part in json.loads(asked.stdout)["parts"]}
    assert "does not answer" in says["replica"]
    a.end("matinee-serve@8400")
    a.unit("matinee-serve@8400")
    with asking(network) as client:
        until("serve", lambda: a.lives("matinee-serve@8400") and is_ready(client, f"https://{a.address}:8400"))


def refused(client: httpx.Client, address: str) -> httpx.Response | None:
    answer = client.get(address)
    return answer if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else None


class Telling(threading.Thread):
    """Sends impressions, one request after another, each until it is accepted; stops when it is left."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(name="telling", daemon=True)
        self._viewer, self._over = viewer, threading.Event()
        self.answers: Counter[int] = Counter()

    def run(self) -> None:
        seen = {"profile_id": self._viewer.profile_id, "title_id": self._viewer.title_id, "row_id": "new"}
        while not self._over.is_set():
            ids = [secrets.token_hex(12) for _ in range(5)]
            envelope = {"type": "impression.shown", "time": datetime.now(UTC).isoformat(), "row": 0, "place": 1}
            self._send([{"id": each, **envelope, **seen} for each in ids])
            time.sleep(0.05)

    def _send(self, events: list[dict[str, Any]]) -> None:
        """Until they are accepted; again with the same ids, as a player does."""
        while not self._over.is_set():
            with suppress(httpx.HTTPError):
                answer = self._viewer.client.post("/events", json={"events": events}, timeout=10)
                if answer.status_code == httpx.codes.ACCEPTED:
                    self._viewer.accepted += [event["id"] for event in events]
                    return
                self.answers[answer.status_code] += 1
            time.sleep(0.2)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()


def decoded_frames(client: httpx.Client, folder_url: str, folder: Path) -> int:
    """Fetch a presentation as a player does, and count the pictures of its first video rendition."""
    master = client.get(urljoin(folder_url, "master.m3u8")).raise_for_status().text
    playlist = next(line for line in master.splitlines() if line and not line.startswith("#"))
    address = urljoin(folder_url, playlist)
    lines = client.get(address).raise_for_status().text.splitlines()
    initial = next(line.split('URI="')[1].split('"')[0] for line in lines if line.startswith("#EXT-X-MAP"))
    names = [initial, *(line for line in lines if line and not line.startswith("#"))]
    whole = folder / "whole.mp4"
    whole.write_bytes(b"".join(client.get(urljoin(address, name)).raise_for_status().content for name in names))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-xerror", "-i", str(whole), "-map", "0:v:0"]
    played = subprocess.run([*command, "-f", "framecrc", "-"], capture_output=True, text=True, check=True, timeout=300)
    return sum(not line.startswith("#") for line in played.stdout.splitlines())
