"""What Matinee needs of its object store, on a folder and on a real S3; and what it says of one that is not right."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import obstore
import pytest
from deploy.local.certificates import make_certificates
from deploy.local.swift import OWNER, READER, STRANGER, Swift, User
from deploy.local.swift import swift as running_swift
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from matinee.compose.objects import NONE, WORK, Patience, open_objects
from matinee.compose.objects_check import check_objects
from matinee.model.errors import Invalid, Unavailable
from s3_faults import Line, line_to

_LARGE = 17 * 1000 * 1000
_QUICK = Patience(connect_seconds=1, silent_seconds=2, retries=2, retry_seconds=1)


# --- what every store promises ---------------------------------------------------------------------------------------


def test_what_was_put_is_read_back_whole_in_ranges_and_from_its_end(objects: ObjectStore) -> None:
    content = bytes(range(256)) * 4
    obstore.put(objects, "media/a/1/v.mp4", content)
    assert bytes(obstore.get(objects, "media/a/1/v.mp4").bytes()) == content
    assert obstore.head(objects, "media/a/1/v.mp4")["size"] == len(content)
    assert bytes(obstore.get_range(objects, "media/a/1/v.mp4", start=10, end=20)) == content[10:20]
    pieces = obstore.get_ranges(objects, "media/a/1/v.mp4", starts=[0, 500], ends=[5, 1024])
    assert [bytes(piece) for piece in pieces] == [content[:5], content[500:]]
    last = obstore.get(objects, "media/a/1/v.mp4", options={"range": {"suffix": 7}})
    assert bytes(last.bytes()) == content[-7:]


def test_what_is_put_again_takes_the_place_of_what_was_there(objects: ObjectStore) -> None:
    obstore.put(objects, "a", b"first")
    before = obstore.head(objects, "a")["e_tag"]
    obstore.put(objects, "a", b"second, longer")
    assert bytes(obstore.get(objects, "a").bytes()) == b"second, longer"
    assert obstore.head(objects, "a")["e_tag"] != before


def test_what_is_absent_is_not_found(objects: ObjectStore) -> None:
    for ask in (obstore.get, obstore.head):
        with pytest.raises(FileNotFoundError):
            ask(objects, "media/none")
    assert obstore.list(objects, "media/none").collect() == []


def test_a_large_object_goes_up_in_parts_and_comes_back_across_them(objects: ObjectStore) -> None:
    content = os.urandom(1000) * (_LARGE // 1000)
    obstore.put(objects, "sources/large.mov", content, chunk_size=5 * 1024 * 1024)
    assert obstore.head(objects, "sources/large.mov")["size"] == _LARGE
    edge = 5 * 1024 * 1024
    assert (
        bytes(obstore.get_range(objects, "sources/large.mov", start=edge - 9, end=edge + 9))
        == (content[edge - 9 : edge + 9])
    )
    streamed = b"".join(bytes(chunk) for chunk in obstore.get(objects, "sources/large.mov").stream())
    assert streamed == content


def test_an_upload_that_breaks_in_its_middle_leaves_nothing(objects: ObjectStore) -> None:
    def breaking() -> Iterator[bytes]:
        yield b"x" * 12_000_000
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        obstore.put(objects, "sources/half.mov", breaking())
    assert obstore.list(objects).collect() == []


def test_a_listing_has_what_lies_under_a_prefix_and_may_begin_behind_a_key(objects: ObjectStore) -> None:
    keys = [f"media/{title}/1/{number:02}.m4s" for title in ("a", "ab", "b") for number in range(5)]
    for key in reversed(keys):
        obstore.put(objects, key, b"x")
    under = [entry["path"] for entry in obstore.list(objects, "media/a/").collect()]
    assert sorted(under) == keys[:5]
    behind = [entry["path"] for entry in obstore.list(objects, "media/b/", offset="media/b/1/02.m4s").collect()]
    assert sorted(behind) == keys[-2:]
    assert set(obstore.list_with_delimiter(objects, "media/")["common_prefixes"]) == {
        "media/a",
        "media/ab",
        "media/b",
    }


def test_a_listing_comes_in_pages(objects: ObjectStore) -> None:
    for number in range(25):
        obstore.put(objects, f"p/{number:02}", b"")
    pages = list(obstore.list(objects, "p/", chunk_size=10))
    assert [len(page) for page in pages] == [10, 10, 5]


def test_what_is_deleted_is_gone_also_many_at_once(objects: ObjectStore) -> None:
    keys = [f"d/{number}" for number in range(12)]
    for key in keys:
        obstore.put(objects, key, b"x")
    obstore.delete(objects, keys[0])
    obstore.delete(objects, keys[1:-1])
    assert [entry["path"] for entry in obstore.list(objects, "d/").collect()] == keys[-1:]


def test_of_many_who_put_the_same_key_one_wins_whole(objects: ObjectStore) -> None:
    contents = [bytes([number]) * 100_000 for number in range(6)]
    threads = [threading.Thread(target=obstore.put, args=(objects, "same", content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bytes(obstore.get(objects, "same").bytes()) in contents


def test_a_plain_object_keeps_its_type(bucket: str) -> None:
    store = open_objects(bucket)
    obstore.put(store, "master.m3u8", b"#EXTM3U", attributes={"Content-Type": "application/vnd.apple.mpegurl"})
    assert obstore.get(store, "master.m3u8").attributes["Content-Type"] == "application/vnd.apple.mpegurl"


# --- S3's signatures -------------------------------------------------------------------------------------------------


def test_a_presigned_address_opens_one_object_for_one_method_and_not_once_it_is_altered(bucket: str) -> None:
    store = open_objects(bucket)
    assert isinstance(store, S3Store)
    put, get = (obstore.sign(store, method, "sources/a.mov", timedelta(minutes=5)) for method in ("PUT", "GET"))
    with httpx.Client(trust_env=False, timeout=60) as client:
        assert client.put(put, content=b"a film").status_code == 200
        assert client.get(get, headers={"Range": "bytes=2-5"}).content == b"film"
        for address, method in (
            (get, "PUT"),
            (put, "GET"),
            (get.replace("a.mov", "b.mov"), "GET"),
            (get.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"), "GET"),
            (get[:-4] + ("0000" if not get.endswith("0000") else "1111"), "GET"),
        ):
            assert client.request(method, address, content=b"forged").status_code == 403, address
        assert client.get(get.partition("?")[0]).is_client_error  # Swift takes an unsigned request for another API's
    assert bytes(obstore.get(store, "sources/a.mov").bytes()) == b"a film"


def test_a_presigned_address_ends(bucket: str) -> None:
    store = open_objects(bucket)
    assert isinstance(store, S3Store)
    obstore.put(store, "a", b"a film")
    address = obstore.sign(store, "GET", "a", timedelta(seconds=1))
    time.sleep(2.1)  # S3 counts whole seconds
    assert httpx.get(address, trust_env=False, timeout=60).status_code == 403


def test_a_reader_reads_and_lists_and_changes_nothing(bucket: str, swift: Swift) -> None:
    obstore.put(open_objects(bucket), "media/a/1/large.mp4", b"x" * _LARGE)
    reader = swift.store(bucket.removeprefix("s3://"), READER)
    assert obstore.head(reader, "media/a/1/large.mp4")["size"] == _LARGE
    assert len(obstore.get(reader, "media/a/1/large.mp4").bytes()) == _LARGE
    assert len(obstore.list(reader).collect()) == 1
    with pytest.raises(FileNotFoundError):
        obstore.get(reader, "media/a/1/absent.mp4")
    for change in (lambda: obstore.put(reader, "b", b""), lambda: obstore.delete(reader, "media/a/1/large.mp4")):
        with pytest.raises(BaseError):
            change()
    assert len(obstore.list(reader).collect()) == 1


# --- what is said of a store that is not right -----------------------------------------------------------------------


def _as(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_a_store_that_is_right_is_written_read_and_left_as_it_was(objects: ObjectStore, bucket: str) -> None:
    url = f"file://{objects.prefix}" if isinstance(objects, LocalStore) else bucket
    assert "written" in check_objects(url)
    assert "read" in check_objects(url, writes=False)
    assert obstore.list(open_objects(url)).collect() == []


@pytest.mark.parametrize(
    ("user", "writes", "said"),
    [
        (User(OWNER.key, "a wrong secret"), True, "refuses AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY"),
        (User("test:nobody", "testing"), True, "refuses AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY"),
        (STRANGER, False, "may not be read with this key: it needs s3:GetObject and s3:ListBucket"),
        (READER, True, "may not be written with this key: it needs s3:PutObject and s3:DeleteObject"),
    ],
)
def test_who_may_not_is_told_what_is_missing_in_one_sentence(
    bucket: str, monkeypatch: pytest.MonkeyPatch, user: User, writes: bool, said: str
) -> None:
    _as(monkeypatch, AWS_ACCESS_KEY_ID=user.key, AWS_SECRET_ACCESS_KEY=user.secret)
    with pytest.raises(Invalid, match=said) as told:
        check_objects(bucket, writes=writes)
    assert user.secret not in str(told.value)
    assert "\n" not in str(told.value)


def test_an_edges_key_needs_no_right_to_write(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _as(monkeypatch, AWS_ACCESS_KEY_ID=READER.key, AWS_SECRET_ACCESS_KEY=READER.secret)
    assert "read" in check_objects(bucket, writes=False)


def test_a_bucket_that_is_missing_is_named(bucket: str) -> None:
    with pytest.raises(Invalid, match=r"s3://no-such-bucket at http.* has no such bucket: make it"):
        check_objects("s3://no-such-bucket")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_ENDPOINT_URL": "swift:8080"}, "neither an http:// nor an https:// address"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must both be set"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "must both be set"),
        ({"AWS_CA_BUNDLE": "/no/such/file"}, "AWS_CA_BUNDLE='/no/such/file' cannot be read"),
        ({"AWS_READ_TIMEOUT": "soon"}, "cannot be opened with these AWS_ variables"),
    ],
)
def test_variables_that_cannot_be_right_are_named(
    bucket: str, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    _as(monkeypatch, **variables)
    with pytest.raises(Invalid, match=said):
        check_objects(bucket)


def test_an_address_that_is_no_store_is_refused() -> None:
    for url in ("gs://bucket", "s3://", "file://", "films"):
        with pytest.raises(Invalid, match=r"neither file:///FOLDER nor s3://BUCKET"):
            open_objects(url)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be made"):
        check_objects(f"file://{tmp_path / 'file'}")


def test_a_store_that_is_away_or_silent_is_unavailable(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _as(monkeypatch, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="nothing listens there"):
        check_objects(bucket)
    _as(monkeypatch, AWS_ENDPOINT_URL="http://s3.invalid")
    with pytest.raises(Unavailable, match="its name is not known"):
        check_objects(bucket)
    with socket.create_server(("127.0.0.1", 0)) as taking:  # and never answering
        _as(monkeypatch, AWS_ENDPOINT_URL=f"http://127.0.0.1:{taking.getsockname()[1]}")
        with pytest.raises(Unavailable, match="it is silent"):
            check_objects(bucket)


def test_a_server_that_is_no_s3_is_told_from_one_that_is_away(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        _as(monkeypatch, AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(Invalid, match="does not speak S3 as it should"):
            check_objects(bucket)
        server.shutdown()


def test_s3_over_tls_is_believed_with_its_authority_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_swift(tls=make_certificates(tmp_path)) as server:
        server.create_bucket("films")
        _as(monkeypatch, **server.environment())
        assert server.address.startswith("https:")
        assert "written" in check_objects("s3://films")
        monkeypatch.delenv("AWS_CA_BUNDLE")
        with pytest.raises(Invalid, match="certificate that is not trusted: set AWS_CA_BUNDLE"):
            check_objects("s3://films")


# --- an S3 that fails for a while ------------------------------------------------------------------------------------


@pytest.fixture
def line(bucket: str, swift: Swift, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    with line_to(swift.address) as between:
        _as(monkeypatch, AWS_ENDPOINT_URL=between.address)
        yield between


def test_work_outlasts_an_s3_that_answers_503_for_a_while(bucket: str, line: Line) -> None:
    until = time.monotonic() + 1.5
    line.fails = lambda _method, _path: time.monotonic() < until
    store = open_objects(bucket, WORK)
    obstore.put(store, "a", b"x" * 12_000_000)
    assert len(obstore.get(store, "a").bytes()) == 12_000_000
    assert line.refused >= 2


def test_who_has_no_patience_hears_of_a_503_at_once(bucket: str, line: Line) -> None:
    line.fails = lambda _method, _path: True
    with pytest.raises(BaseError, match="503"):
        obstore.get(open_objects(bucket, NONE), "a")
    assert line.refused == 1


def test_a_503_is_unavailable_to_who_asks_how_the_store_is(bucket: str, line: Line) -> None:
    line.fails = lambda _method, _path: True
    with pytest.raises(Unavailable, match=r"does not answer now: it said 503 ServiceUnavailable\."):
        check_objects(bucket)


def test_every_part_of_an_upload_is_tried_again(bucket: str, line: Line) -> None:
    seen: set[str] = set()

    def first_time(method: str, path: str) -> bool:
        again = f"{method} {path}" in seen
        seen.add(f"{method} {path}")
        return not again and method == "PUT"

    line.fails = first_time
    content = os.urandom(1000) * 12_000
    obstore.put(open_objects(bucket, WORK), "parts", content)
    assert line.refused >= 3
    assert bytes(obstore.get(open_objects(bucket), "parts").bytes()) == content


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    with running_swift(tmp_path / "swift") as server:
        server.create_bucket("films")
        store = server.store("films")
        keys = [f"media/{number}" for number in range(30)]
        for key in keys:
            obstore.put(store, key, key.encode())
        server.restart()
        assert [entry["path"] for entry in obstore.list(store).collect()] == sorted(keys)
        assert [bytes(obstore.get(store, key).bytes()) for key in keys] == [key.encode() for key in keys]


# --- the end of a process --------------------------------------------------------------------------------------------


def test_a_process_that_ends_right_after_an_asynchronous_call_ends_well(bucket: str, tmp_path: Path) -> None:
    program = tmp_path / "ask.py"
    program.write_text(
        "import asyncio, sys, obstore\n"
        "from matinee import cli\n"
        "from matinee.compose.objects import open_objects\n"
        "async def ask():\n"
        f"    store = open_objects({bucket!r})\n"
        "    await asyncio.gather(*(obstore.put_async(store, f'k{n}', b'x') for n in range(8)))\n"
        "cli.matinee.command('ask')(lambda: asyncio.run(ask()))\n"
        "sys.argv = ['matinee', 'ask']\n"
        "cli.main()\n"
    )
    codes = [subprocess.run([sys.executable, str(program)], check=False, timeout=60).returncode for _ in range(12)]
    assert codes == [0] * 12
