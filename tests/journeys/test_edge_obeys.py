"""An edge does what the control plane decides, as real processes: plans, purges, revocations; what it did is told."""

import hashlib
import secrets
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from matinee.adapters.clock_system import SystemClock
from matinee.compose.database import open_database
from matinee.delivery.accounts import Sum
from matinee.delivery.network import Network
from matinee.delivery.plan_store import read_sums
from matinee.delivery.planner import Chosen, Group, Offer
from matinee.model.tokens import Token, sign
from running_edge import RunningEdge, free_port, running, until
from running_serve import Serve

FOLDER = "title/revision/"
FILES = {f"{number}.m4s": secrets.token_bytes(10_000 + number) for number in range(5)}


@pytest.fixture
def serve(tmp_path: Path, sqlite_template: bytes) -> Iterator[Serve]:
    data = tmp_path / "serve"
    data.mkdir()
    (data / "matinee.db").write_bytes(sqlite_template)
    folder = tmp_path / "objects" / "media" / FOLDER
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    serve = Serve(data, free_port())
    with serve.running():
        yield serve


@pytest.fixture
def network(serve: Serve) -> Iterator[Network]:
    """The same control plane, as another copy of it sees it."""
    engine = open_database(f"sqlite:///{serve.data / 'matinee.db'}")
    yield Network.open(engine=engine, clock=SystemClock(), random_bytes=secrets.token_bytes, token_seconds=3600)
    engine.dispose()


@pytest.fixture
def edge(serve: Serve, network: Network, tmp_path: Path) -> Iterator[RunningEdge]:
    made = network.enrolment.make_token("europe-1")
    environment = {"MATINEE_JOIN_TOKEN": made.token}
    origin = f"file://{tmp_path / 'objects'}"
    with running(RunningEdge(tmp_path / "edge", origin, control=serve.address, environment=environment)) as started:
        until("it has keys", (started.data / "control" / "keys").exists)
        yield started


def asked(edge: RunningEdge, network: Network, name: str, playback_id: str = "a-playback") -> int:
    """The status of an edge's answer to a viewer whose token the control plane signed."""
    ring = network.keys.ring()
    token = Token(ring.signing_key_id, int(time.time()) + 600, playback_id, FOLDER)
    answer = edge.client.get(f"/{sign(token, ring.signing_key)}/{FOLDER}{name}")
    assert answer.status_code != 200 or answer.content == FILES[name]
    return answer.status_code


def planned(*names: str) -> list[Chosen]:
    files = tuple((name, len(FILES[name]), hashlib.sha256(FILES[name]).hexdigest()) for name in names)
    offer = Offer("title", "revision", (Group("", files),))
    return [Chosen(offer, offer.groups[0], len(files), 1.0)]


def sums(network: Network) -> dict[tuple[str, str], int]:
    with network.plans._engine.connect() as connection:
        rows = [Sum(**row) for row in read_sums(connection, "2000-01-01")]
    return {(row.origin, row.miss): row.size_bytes for row in rows}


def test_a_plan_is_filled_ahead_told_and_what_is_sent_of_it_is_counted_to_the_byte(
    edge: RunningEdge, network: Network
) -> None:
    network.plans.put("europe-1", planned("0.m4s", "1.m4s", "2.m4s"))
    until("the plan is on its disk", lambda: edge.held() == {"0.m4s", "1.m4s", "2.m4s"})

    def told() -> bool:
        network.holdings._recent.forget()
        return network.holdings.files_in(FOLDER) == {"europe-1": 3}

    until("it has told what it holds", told)
    until("it opens to viewers", lambda: asked(edge, network, "0.m4s") == 200)
    for _ in range(3):
        asked(edge, network, "1.m4s")
    asked(edge, network, "4.m4s")
    expected = {
        ("placed", "other"): len(FILES["0.m4s"]) + 3 * len(FILES["1.m4s"]),
        ("origin", "other"): len(FILES["4.m4s"]),
    }
    until("all of it is counted", lambda: sums(network) == expected)
    # The next plan wants other files; those of the one before may stay, as the demand cache's.
    assert network.plans.put("europe-1", planned("3.m4s")) == 2
    until("the next plan is on its disk", lambda: "3.m4s" in edge.held())


def test_a_purge_reaches_an_edge_within_seconds(edge: RunningEdge, network: Network, tmp_path: Path) -> None:
    network.plans.put("europe-1", planned("0.m4s", "1.m4s"))
    until("the plan is on its disk", lambda: edge.held() == {"0.m4s", "1.m4s"})
    for path in (tmp_path / "objects" / "media" / FOLDER).iterdir():
        path.unlink()
    network.purges.purge("title/revision/0")
    until("the one is gone, the other stays", lambda: edge.held() == {"1.m4s"})
    network.purges.purge("title/")
    until("all are gone", lambda: edge.held() == set())
    assert asked(edge, network, "1.m4s") == 404


def test_a_revoked_playback_is_refused_within_seconds_and_after_a_restart_without_a_control_plane(
    serve: Serve, edge: RunningEdge, network: Network
) -> None:
    until("it opens to viewers", lambda: asked(edge, network, "0.m4s") == 200)
    with network.plans._engine.begin() as connection:
        network.revocations.add(connection, "a-playback", SystemClock().now() + timedelta(seconds=600))
    until("the one is refused", lambda: asked(edge, network, "0.m4s") == 403)
    assert asked(edge, network, "0.m4s", "another") == 200
    edge.stop()
    edge.client.close()
    edge.control = "http://127.0.0.1:9"
    edge.start()
    assert asked(edge, network, "0.m4s") == 403
    assert asked(edge, network, "0.m4s", "another") == 200
