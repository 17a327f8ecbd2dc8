"""Sources on their way in, in both databases, over a folder and over a real S3."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import obstore
import pytest
import sqlalchemy as sa
from deploy.local.swift import Swift
from obstore.store import LocalStore, ObjectStore

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue, TitleState
from matinee.compose.films import film_file, ingest
from matinee.compose.objects import NONE, open_objects
from matinee.encodes.jobs import Jobs
from matinee.model.errors import Conflict, Invalid, NotFound, Unavailable
from matinee.model.ids import RandomBytes
from matinee.sources.parts import part_key
from matinee.sources.promise import UPLOAD_SECONDS, WAIT_SECONDS, Source
from matinee.sources.sources import Sources

# Each database and each store once: what they promise together is the same.
BOTH = pytest.mark.parametrize(
    ("database_url", "objects"), [("sqlite", "folder"), ("postgresql", "swift")], indirect=True
)


@dataclass(frozen=True)
class Desk:
    """The rooms that a film passes on its way in."""

    objects: ObjectStore
    sources: Sources
    catalogue: Catalogue
    jobs: Jobs
    clock: ManualClock


@pytest.fixture
def desk(database: sa.Engine, objects: ObjectStore, clock: ManualClock, random_bytes: RandomBytes) -> Desk:
    outbox = DatabaseOutbox()
    return Desk(
        objects=objects,
        sources=Sources(database, objects, clock, random_bytes),
        catalogue=Catalogue(database, outbox, clock, random_bytes),
        jobs=Jobs(database, outbox, clock, random_bytes),
        clock=clock,
    )


def there(desk: Desk, source: Source) -> bool:
    return any(entry["path"] == source.key for entry in obstore.list(desk.objects, "sources/").collect())


@BOTH
def test_a_source_that_came_whole_is_claimed_as_the_same_title_by_everyone(desk: Desk) -> None:
    source = desk.sources.promise("Metropolis.MKV", 12)
    assert source.key == f"sources/{source.id}.mkv"
    desk.sources.receive(source, [b"twelve ", b"bytes"])
    claim = desk.sources.claim(source.key)
    again = desk.sources.claim(source.id)
    assert (claim.title_id, claim.job_id) == (again.title_id, again.job_id)
    assert [entry.id for entry in desk.sources.waiting()] == [source.id]
    desk.sources.taken(source)
    assert desk.sources.waiting() == []
    assert desk.sources.claim(source.id).source.taken_at == desk.clock.now()


@BOTH
def test_missing_short_and_long_uploads_are_named_in_a_sentence(desk: Desk) -> None:
    source = desk.sources.promise("film.mp4", 10)
    with pytest.raises(Conflict, match="not uploaded: its 10 bytes have not arrived"):
        desk.sources.claim(source.id)
    for content, said in ((b"short", "5 bytes arrived of 10"), (b"longer than that", "16 bytes arrived of 10")):
        obstore.put(desk.objects, source.key, content)
        with pytest.raises(Conflict, match=said):
            desk.sources.claim(source.id)
    assert desk.jobs.jobs() == []


@BOTH
@pytest.mark.parametrize(
    ("chunks", "said"), [([b"x" * 6, b"x" * 5], "longer than the 10 bytes"), ([b"x" * 9], "9 bytes came of 10")]
)
def test_nothing_is_kept_of_an_upload_that_is_not_what_was_promised(desk: Desk, chunks: list[bytes], said: str) -> None:
    source = desk.sources.promise("film.mp4", 10)
    with pytest.raises(Invalid, match=said):
        desk.sources.receive(source, chunks)
    assert not there(desk, source)


@BOTH
def test_nothing_is_kept_of_a_long_upload_that_breaks_off(desk: Desk) -> None:
    source = desk.sources.promise("film.mp4", 30_000_000)

    def breaking() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 1_000_000
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        desk.sources.receive(source, breaking())
    assert not there(desk, source)


@BOTH
@pytest.mark.parametrize(
    ("name", "size_bytes"), [("", 1), ("two\nlines", 1), ("film.mp4", -1), ("film.mp4", 6 * 1024**4)]
)
def test_a_promise_that_cannot_be_kept_is_refused(desk: Desk, name: str, size_bytes: int) -> None:
    with pytest.raises(Invalid):
        desk.sources.promise(name, size_bytes)


@BOTH
@pytest.mark.parametrize("content_type", ["video/\x00mp4", "video/mp4\r\nX-Other: 1", "x" * 101])
def test_a_content_type_that_is_no_header_is_refused(desk: Desk, content_type: str) -> None:
    with pytest.raises(Invalid, match="content type"):
        desk.sources.promise("film.mp4", 1, content_type)
    assert desk.sources.waiting() == []


@BOTH
def test_who_promises_a_key_again_goes_on_with_what_was_begun(desk: Desk) -> None:
    first = desk.sources.promise("film.mp4", 10, key="sources/one.mp4")
    desk.clock.advance(60)
    again = desk.sources.promise("film.mp4", 10, key="sources/one.mp4")
    assert again.id == first.id
    assert (again.expires_at - first.expires_at).total_seconds() == 60
    with pytest.raises(Conflict, match="promised with 10 bytes, not 11"):
        desk.sources.promise("film.mp4", 11, key="sources/one.mp4")


@BOTH
def test_what_is_never_taken_in_ends_and_what_was_begun_stays(desk: Desk) -> None:
    names = ("late.mp4", "taken.mp4", "begun.mp4", "never.mp4")
    late, taken, begun, never = (desk.sources.promise(name, 4) for name in names)
    for source in (late, taken, begun):
        desk.sources.receive(source, [b"film"])
    desk.sources.taken(desk.sources.claim(taken.id).source)
    desk.sources.claim(begun.id)
    desk.clock.advance(WAIT_SECONDS / 2)
    fresh = desk.sources.promise("fresh.mp4", 4)
    desk.clock.advance(WAIT_SECONDS / 2)
    assert desk.sources.expire() == 2
    assert {source.id for source in desk.sources.waiting()} == {fresh.id, begun.id}
    assert not there(desk, late)
    assert there(desk, taken)
    assert there(desk, begun)
    with pytest.raises(NotFound):
        desk.sources.source(never.id)
    assert desk.sources.expire() == 0


def _lay(desk: Desk, source: Source, *parts: bytes) -> None:
    offset = 0
    for part in parts:
        obstore.put(desk.objects, part_key(source, offset), part)
        offset += len(part)


@BOTH
def test_parts_are_put_together_once_they_are_all_there_also_by_who_takes_them_in(desk: Desk) -> None:
    source = desk.sources.promise("film.mp4", 12)
    _lay(desk, source, b"twel", b"ve ")
    desk.sources.complete(source)
    assert (desk.sources.offset(source), there(desk, source)) == (7, False)
    # Left by a line that was thought dead: it begins beyond a gap.
    obstore.put(desk.objects, part_key(source, 9), b"tes")
    assert desk.sources.offset(source) == 7
    obstore.put(desk.objects, part_key(source, 7), b"bytes")
    assert desk.sources.offset(source) == 12
    # As after a kill before they were put together.
    assert desk.sources.claim(source.id).source.id == source.id
    assert bytes(obstore.get(desk.objects, source.key).bytes()) == b"twelve bytes"
    assert obstore.list(desk.objects, "uploads/").collect() == []
    assert desk.sources.offset(source) == 12
    with pytest.raises(Conflict, match="taken in already"):
        desk.sources.end(source.id)


@BOTH
def test_an_upload_that_is_given_up_or_ends_leaves_no_parts(desk: Desk) -> None:
    late, gone = desk.sources.promise("late.mp4", 12), desk.sources.promise("gone.mp4", 12)
    _lay(desk, late, b"twel", b"ve ")
    _lay(desk, gone, b"twel")
    desk.sources.end(gone.id)
    with pytest.raises(NotFound):
        desk.sources.source(gone.id)
    desk.clock.advance(WAIT_SECONDS)
    assert desk.sources.expire() == 1
    assert obstore.list(desk.objects, "uploads/").collect() == []


@BOTH
def test_an_upload_that_begins_late_is_given_its_time(desk: Desk) -> None:
    source = desk.sources.promise("film.mp4", 4)
    desk.clock.advance(WAIT_SECONDS - 1)
    desk.sources.prolong(source.id)
    desk.clock.advance(WAIT_SECONDS - 1)
    assert desk.sources.expire() == 0


@BOTH
def test_s3_itself_takes_an_upload_and_a_folder_leaves_it_to_us(desk: Desk) -> None:
    source = desk.sources.promise("film.mp4", 12, content_type="video/mp4")
    upload = desk.sources.upload(source)
    if isinstance(desk.objects, LocalStore):
        assert upload is None
        return
    assert upload is not None
    assert (upload.expires_at - desk.clock.now()).total_seconds() == UPLOAD_SECONDS
    with httpx.Client(trust_env=False, timeout=60) as client:
        forged = client.put(upload.url.replace(source.key, "sources/another.mp4"), content=b"twelve bytes")
        assert forged.status_code == 403
        headers = {"Content-Type": "video/mp4"}
        assert client.put(upload.url, content=b"twelve bytes", headers=headers).status_code == 200
    assert desk.sources.claim(source.id).source.id == source.id


@BOTH
def test_what_s3_takes_in_no_single_request_comes_through_us(desk: Desk) -> None:
    source = desk.sources.promise("film.mxf", 5 * 1024**3 + 1)
    assert desk.sources.upload(source) is None


@BOTH
def test_a_film_is_ingested_once_by_however_many(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "Metropolis (1927).mp4"
    path.write_bytes(b"x" * 9_000_000)
    with ThreadPoolExecutor(3) as pool:
        taken = [work.result() for work in [pool.submit(_ingest, desk, path) for _ in range(3)]]
    assert len(set(taken)) == 1
    assert len(desk.jobs.jobs()) == 1
    assert [(title.id, title.name, title.year) for title in desk.catalogue.titles()] == [(taken[0], "Metropolis", 1927)]
    assert desk.catalogue.title(taken[0]).state is TitleState.ENCODING
    assert not ingest(film_file(path), desk.catalogue, desk.jobs, desk.sources).new


def _ingest(desk: Desk, path: Path) -> str:
    return ingest(film_file(path), desk.catalogue, desk.jobs, desk.sources).title_id


@BOTH
@pytest.mark.parametrize("step", ["receive", "claim", "create", "submit", "mark_encoding", "taken"])
def test_who_is_stopped_over_a_film_goes_on_with_it(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x" * 100)
    room = next(room for room in (desk.sources, desk.catalogue, desk.jobs) if hasattr(room, step))
    with monkeypatch.context() as stopped:
        stopped.setattr(room, step, _killed)
        with pytest.raises(KeyboardInterrupt):
            ingest(film_file(path), desk.catalogue, desk.jobs, desk.sources)
    title_id = ingest(film_file(path), desk.catalogue, desk.jobs, desk.sources).title_id
    assert [title.id for title in desk.catalogue.titles()] == [title_id]
    assert [job.title_id for job in desk.jobs.jobs()] == [title_id]
    assert desk.catalogue.title(title_id).state is TitleState.ENCODING


def _killed(*_arguments: object, **_options: object) -> None:
    raise KeyboardInterrupt


def test_a_store_that_is_away_is_unavailable_and_the_sweep_comes_back(
    database: sa.Engine, clock: ManualClock, random_bytes: RandomBytes, swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**swift.environment(), "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    sources = Sources(database, open_objects("s3://nowhere", NONE), clock, random_bytes)
    source = sources.promise("film.mp4", 4)
    with pytest.raises(Unavailable, match="object store") as said:
        sources.claim(source.id)
    assert "127.0.0.1" not in str(said.value)
    clock.advance(WAIT_SECONDS)
    with pytest.raises(Unavailable, match="object store"):
        sources.expire()
    assert [entry.id for entry in sources.waiting()] == [source.id]
