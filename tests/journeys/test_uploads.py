"""Operators bring films over HTTP: promised, uploaded, made titles of; into a folder and straight into a real S3."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import obstore
import psutil
import pytest
from deploy.local.swift import Swift
from obstore.store import LocalStore, ObjectStore

from matinee.accounts.members import Accounts, Role
from matinee.adapters.clock_system import SystemClock
from matinee.compose.database import open_database
from running_demo import PASSWORD, until
from running_edge import free_port
from s3_faults import Line, line_to
from uploading import TUS, begin, reached, send


@dataclass(frozen=True)
class Desk:
    """An operator's client, the process it speaks with, the store behind, and the line to it, if it is S3."""

    client: httpx.Client
    pid: int
    objects: ObjectStore
    line: Line | None = None


@contextmanager
def control_plane(
    data: Path, template: bytes, environment: dict[str, str], ends: int = 0
) -> Iterator[tuple[httpx.Client, int]]:
    """``matinee serve`` on a database of its own, and a client that is signed in as an operator; and its pid."""
    if not data.exists():
        data.mkdir()
        (data / "matinee.db").write_bytes(template)
        engine = open_database(f"sqlite:///{data / 'matinee.db'}")
        accounts = Accounts(engine=engine, clock=SystemClock(), random_bytes=os.urandom, session_seconds=3600)
        accounts.sign_up("operator@example.org", PASSWORD, role=Role.OPERATOR)
        engine.dispose()
    port = free_port()
    own = {"MATINEE_DATA": str(data), "MATINEE_PORT": str(port)}
    command = [sys.executable, "-m", "matinee.cli", "serve"]
    with (data / "log").open("ab") as log:
        process = subprocess.Popen(command, env={**os.environ, **own, **environment}, stdout=log, stderr=log)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False, timeout=60) as client:
        try:
            until("serve", lambda: _answers(client, process, data))
            body = {"email": "operator@example.org", "password": PASSWORD}
            token = client.post("/sessions", json=body).raise_for_status().json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield client, process.pid
        finally:
            process.terminate()
            assert process.wait(timeout=60) == ends, (data / "log").read_text()


def _answers(client: httpx.Client, process: subprocess.Popen[bytes], data: Path) -> bool:
    assert process.poll() is None, (data / "log").read_text()
    try:
        return client.get("/../../readyz").is_success
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="module")
def folder_desk(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Iterator[Desk]:
    data = tmp_path_factory.mktemp("uploads") / "data"
    with control_plane(data, sqlite_template, {}) as (client, pid):
        yield Desk(client, pid, LocalStore(data / "objects", mkdir=True))


@pytest.fixture(scope="module")
def s3_desk(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes, swift: Swift) -> Iterator[Desk]:
    swift.create_bucket("uploads")
    data = tmp_path_factory.mktemp("uploads") / "data"
    with line_to(swift.address) as line:
        environment = {**swift.environment(), "MATINEE_OBJECTS": "s3://uploads", "AWS_ENDPOINT_URL": line.address}
        with control_plane(data, sqlite_template, environment) as (client, pid):
            yield Desk(client, pid, swift.store("uploads"), line)


def test_a_film_goes_straight_into_s3_and_becomes_a_title(s3_desk: Desk) -> None:
    client, objects = s3_desk.client, s3_desk.objects
    body = {"name": "Metropolis.mp4", "size_bytes": 9, "content_type": "video/mp4"}
    promised = client.post("/studio/sources", json=body)
    assert promised.status_code == 201, promised.text
    source, upload = promised.json(), promised.json()["upload"]
    assert upload["method"] == "PUT"
    order = {"source": source["key"], "name": "Metropolis", "year": 1927}
    early = client.post("/studio/titles", json=order)
    assert (early.status_code, early.json()["detail"]) == (
        409,
        "Metropolis.mp4 is not uploaded: its 9 bytes have not arrived.",
    )
    # Whoever has the address needs nothing else: no session goes with it.
    assert httpx.put(upload["url"], content=b"nine byte", headers=upload["headers"], timeout=60).status_code == 200
    assert obstore.head(objects, source["key"])["size"] == 9
    taken = client.post("/studio/titles", json=order)
    assert taken.status_code == 201, taken.text
    assert taken.json()["state"] == "encoding"
    assert client.post("/studio/titles", json=order).json() == taken.json()
    encodes = client.get("/studio/encodes").json()["encodes"]
    assert [(entry["id"], entry["title_id"]) for entry in encodes] == [(taken.json()["encode_id"], taken.json()["id"])]
    assert client.get("/studio/sources").json()["sources"] == []


@pytest.mark.parametrize("where", ["folder_desk", "s3_desk"])
def test_a_large_upload_passes_through_us_in_little_memory(where: str, request: pytest.FixtureRequest) -> None:
    desk: Desk = request.getfixturevalue(where)
    client, pid, objects = desk.client, desk.pid, desk.objects
    size = 128 * 1024 * 1024
    source = client.post("/studio/sources", json={"name": "large.mov", "size_bytes": size}).json()
    if where == "folder_desk":
        assert source["upload"]["url"] == f"/api/v1/studio/uploads/{source['id']}"
    before = psutil.Process(pid).memory_info().rss
    answer = send(client, source["id"], (b"x" * 65536 for _ in range(size // 65536)))
    assert answer.status_code == 204, answer.text
    assert psutil.Process(pid).memory_info().rss - before < 80 * 1024 * 1024
    assert obstore.head(objects, source["key"])["size"] == size


@pytest.mark.parametrize("where", ["folder_desk", "s3_desk"])
def test_what_arrived_of_an_upload_stays_and_it_goes_on_there(where: str, request: pytest.FixtureRequest) -> None:
    desk: Desk = request.getfixturevalue(where)
    client, content = desk.client, os.urandom(20_000_000)
    address = begin(client, "film.mov", len(content))
    assert reached(client, address) == 0
    with pytest.raises(httpx.HTTPError):
        send(client, address, _breaking_off(content[:12_000_000]), headers={"Content-Length": str(len(content))})
    until("what was sent before the line was cut", lambda: reached(client, address) == 12_000_000)
    early = client.post("/studio/titles", json={"source": address.rpartition("/")[2], "name": "Film"})
    assert (early.status_code, early.json()["detail"]) == (
        409,
        "film.mov is not uploaded: its 20000000 bytes have not arrived.",
    )
    wrong = send(client, address, b"x", 3)
    assert (wrong.status_code, wrong.json()["detail"]) == (
        409,
        "12000000 bytes of film.mov have arrived: it goes on there, not at 3.",
    )
    answer = send(client, address, content[12_000_000:], 12_000_000)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "20000000")
    assert reached(client, address) == len(content)
    taken = client.post("/studio/titles", json={"source": address.rpartition("/")[2], "name": "Film"})
    assert taken.status_code == 201, taken.text
    key = client.get(address.replace("uploads", "sources")).json()["key"]
    assert bytes(obstore.get(desk.objects, key).bytes()) == content
    assert not obstore.list(desk.objects, "uploads/").collect()
    late = send(client, address, b"x", 20_000_000)
    assert (late.status_code, "taken in already" in late.json()["detail"]) == (409, True)
    assert client.delete(address, headers=TUS).status_code == 409


def test_what_arrived_before_the_server_was_killed_is_there_when_it_is_back(
    tmp_path: Path, sqlite_template: bytes
) -> None:
    data, content = tmp_path / "data", os.urandom(14_000_000)
    with control_plane(data, sqlite_template, {}, ends=-signal.SIGKILL) as (client, pid):
        address = begin(client, "film.mov", len(content))

        def killing() -> Iterator[bytes]:
            for start in range(0, 10_000_000, 500_000):
                yield content[start : start + 500_000]
            until("two parts", lambda: len(obstore.list(LocalStore(data / "objects"), "uploads/").collect()) == 2)
            os.kill(pid, signal.SIGKILL)
            raise httpx.WriteError("nobody is there")

        with pytest.raises(httpx.HTTPError):
            send(client, address, killing(), headers={"Content-Length": str(len(content))})
    with control_plane(data, sqlite_template, {}) as (client, _):
        here = reached(client, address)
        assert here >= 8_000_000
        assert send(client, address, content[here:], here).status_code == 204
        key = client.get(address.replace("uploads", "sources")).json()["key"]
    assert bytes(obstore.get(LocalStore(data / "objects"), key).bytes()) == content


@pytest.mark.parametrize("where", ["folder_desk", "s3_desk"])
def test_an_upload_that_is_longer_than_promised_or_given_up_leaves_nothing(
    where: str, request: pytest.FixtureRequest
) -> None:
    desk: Desk = request.getfixturevalue(where)
    client = desk.client
    address = begin(client, "film.mov", 10)
    for content in (b"x" * 11, iter([b"x" * 6, b"x" * 6])):
        answer = send(client, address, content)
        assert (answer.status_code, answer.json()["detail"]) == (400, "film.mov is longer than the 10 bytes promised.")
    assert send(client, address, b"x" * 6).status_code == 204
    assert client.delete(address, headers=TUS).status_code == 204
    assert client.head(address, headers=TUS).status_code == 404
    assert not obstore.list(desk.objects, f"uploads/{address.rpartition('/')[2]}").collect()


def test_uploads_are_spoken_of_in_tus_and_what_is_not_is_refused_in_a_sentence(folder_desk: Desk) -> None:
    client = folder_desk.client
    offered = client.options("/studio/uploads")
    assert offered.headers["Tus-Version"] == "1.0.0"
    assert offered.headers["Tus-Extension"] == "creation,termination,expiration"
    assert offered.headers["Tus-Max-Size"] == str(5 * 1024**4)
    address = begin(client, "film.mov", 4)
    sizes = {"Upload-Length": "4", **TUS}
    for answer, status, said in (
        (client.post("/studio/uploads", headers={"Upload-Length": "4"}), 412, "Uploads are spoken of in tus 1.0.0"),
        (client.post("/studio/uploads", headers={**sizes, "Upload-Length": "-4"}), 400, "Upload-Length is a number"),
        (client.post("/studio/uploads", headers={**sizes, "Upload-Length": "9" * 13}), 413, "An upload has at most"),
        (client.post("/studio/uploads", headers={**sizes, "Upload-Length": "9" * 400}), 400, "Upload-Length is"),
        (client.post("/studio/uploads", headers=sizes), 400, "A source's name"),
        (client.post("/studio/uploads", headers={**sizes, "Upload-Metadata": "filename %%%"}), 400, "Base64"),
        (send(client, address, b"film", headers={"Content-Type": "video/mp4"}), 415, "application/offset+octet-stream"),
        (send(client, address, b"film", headers={"Upload-Offset": "x"}), 400, "Upload-Offset is a number of bytes"),
        (send(client, "nobody", b"film"), 404, "There is no source 'nobody'"),
    ):
        assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert reached(client, address) == 0
    empty = begin(client, "empty.mov", 0)
    assert reached(client, empty) == 0
    assert client.head(address, headers=TUS).headers["Upload-Expires"].endswith("GMT")
    assert httpx.head(f"{client.base_url}{address[1:]}", headers=TUS, timeout=60).status_code == 401


def _breaking_off(content: bytes) -> Iterator[bytes]:
    yield content
    raise httpx.WriteError("the line is cut")


def test_a_fresh_address_prolongs_the_wait_for_the_upload(folder_desk: Desk) -> None:
    source = folder_desk.client.post("/studio/sources", json={"name": "film.mov", "size_bytes": 4}).json()
    asked = folder_desk.client.get(f"/studio/sources/{source['id']}").json()
    assert asked["upload"] is not None
    assert asked["expires_at"] > source["expires_at"]


def test_a_priority_that_no_column_holds_is_refused_before_anything_is_claimed(folder_desk: Desk) -> None:
    source = folder_desk.client.post("/studio/sources", json={"name": "film.mov", "size_bytes": 4}).json()
    assert send(folder_desk.client, source["id"], b"film").status_code == 204
    for priority in (-1, 2**31):
        order = {"source": source["id"], "name": "Film", "priority": priority}
        assert folder_desk.client.post("/studio/titles", json=order).status_code == 400
    assert folder_desk.client.get(f"/studio/sources/{source['id']}").json()["title_id"] is None


def test_sources_are_for_operators(folder_desk: Desk) -> None:
    client = folder_desk.client
    address = str(client.base_url)
    assert httpx.get(f"{address}studio/sources", timeout=60).status_code == 401
    assert httpx.post(f"{address}studio/titles", json={"source": "a", "name": "b"}, timeout=60).status_code == 401
    unknown = client.post("/studio/titles", json={"source": "a", "name": "b"})
    assert (unknown.status_code, unknown.json()["detail"]) == (
        404,
        "There is no source 'a'; one that nobody takes in ends after a day.",
    )


def test_while_s3_is_away_who_asks_is_told_to_come_again(s3_desk: Desk) -> None:
    client, line = s3_desk.client, s3_desk.line
    assert line is not None
    source = client.post("/studio/sources", json={"name": "film.mov", "size_bytes": 4}).json()
    assert send(client, source["id"], b"film").status_code == 204
    order = {"source": source["id"], "name": "Film"}
    line.fails = lambda _method, _path: True
    try:
        for answer in (
            client.post("/studio/titles", json=order),
            send(client, source["id"], b"film"),
        ):
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "2"
            assert answer.json()["detail"].startswith("The object store does not answer")
    finally:
        line.fails = lambda _method, _path: False
    assert client.post("/studio/titles", json=order).status_code == 201
