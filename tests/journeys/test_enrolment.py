"""An edge joins a control plane, as real processes: with one token, once, and from then on by itself."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from matinee.model.plans import KeyRing
from matinee.model.tokens import Token, sign
from running_edge import RunningEdge, free_port, running, until
from running_serve import Serve

PATH = "title/revision/1.m4s"


@pytest.fixture
def serve(tmp_path: Path, sqlite_template: bytes) -> Serve:
    data = tmp_path / "serve"
    data.mkdir()
    (data / "matinee.db").write_bytes(sqlite_template)
    objects = tmp_path / "objects" / "media" / PATH
    objects.parent.mkdir(parents=True)
    objects.write_bytes(b"a segment")
    return Serve(data, free_port())


def edge_of(serve: Serve, tmp_path: Path, token: str, folder: str = "edge") -> RunningEdge:
    """An edge that is given a join token, and nothing else that is secret."""
    environment = {"MATINEE_JOIN_TOKEN": token}
    return RunningEdge(
        tmp_path / folder, f"file://{tmp_path / 'objects'}", control=serve.address, environment=environment
    )


def kept_ring(edge: RunningEdge) -> KeyRing:
    words = json.loads((edge.data / "control" / "keys").read_text())
    return KeyRing(words["version"], words["keys"])


def opened(edge: RunningEdge, ring: KeyRing) -> list[int]:
    """What an edge answers to a token of each key."""
    expires = int(time.time()) + 60
    tokens = [sign(Token(key_id, expires, "p", "title/revision/"), key.encode()) for key_id, key in ring.keys.items()]
    return [edge.client.get(f"/{token}/{PATH}").status_code for token in tokens]


def secrets_of(edge: RunningEdge) -> Sequence[str]:
    return [(edge.data / "control" / "credential").read_text().split()[0], *kept_ring(edge).keys.values()]


def test_an_edge_joins_once_and_serves_on_through_restarts_and_a_control_plane_that_is_away(
    serve: Serve, tmp_path: Path
) -> None:
    made = serve.matinee("join-token", "europe-1")
    edge = edge_of(serve, tmp_path, made["token"])
    with serve.running():
        with running(edge):
            until("the edge has keys", (edge.data / "control" / "keys").exists)
            until("its keys open", lambda: opened(edge, kept_ring(edge)) == [200])
            first = kept_ring(edge)
        # A stranger with the same token is not let in.
        stranger = edge_of(serve, tmp_path, made["token"], "stranger")
        with running(stranger):
            until("it is refused", lambda: "used already" in stranger.log())
            assert not (stranger.data / "control" / "keys").exists()
        # A key is rotated while the edge is away; it hears of it when it comes back, without its token.
        rotated = serve.matinee("rotate-keys")["key_id"]
        edge.environment = {"MATINEE_JOIN_TOKEN": ""}
        with running(edge):
            until("the new key has come", lambda: rotated in kept_ring(edge).keys)
            until("all keys open", lambda: opened(edge, kept_ring(edge)) == [200, 200])
            assert set(first.keys) < set(kept_ring(edge).keys)
    with running(edge):
        assert opened(edge, kept_ring(edge)) == [200, 200]
    for secret in (made["token"], *secrets_of(edge)):
        assert secret not in edge.log()
        assert secret not in (serve.data / "log").read_text()


def test_a_revoked_edge_is_refused_and_may_join_anew(serve: Serve, tmp_path: Path) -> None:
    edge = edge_of(serve, tmp_path, serve.matinee("join-token", "europe-1")["token"])
    with serve.running():
        with running(edge):
            until("the edge has joined", lambda: "edge.enrolled" in edge.log())
            before = secrets_of(edge)[0] if (edge.data / "control" / "keys").exists() else ""
            serve.matinee("revoke-edge", "europe-1")
            until("its word is no longer taken", lambda: "with 403" in edge.log())
        edge.environment = {"MATINEE_JOIN_TOKEN": serve.matinee("join-token", "europe-1")["token"]}
        with running(edge):
            until("the edge has joined anew", lambda: edge.log().count("edge.enrolled") == 2)
            until("it has both keys", lambda: len(kept_ring(edge).keys) == 2)
            assert secrets_of(edge)[0] != before


def test_a_file_is_explained_by_what_is_known_of_it(serve: Serve) -> None:
    found = serve.matinee("why", "file", "europe-1", PATH)
    assert (found["holds"], found["planned"], found["generation"]) == (None, None, 0)
    assert found["reasons"] == [
        "No plan was made for this edge yet.",
        "The edge has not told what it holds.",
    ]
