"""Sources on their way in: promised, uploaded into the object store, taken in as titles with an encode.

The bytes go straight to S3 where it lets strangers put them (a presigned address), else through us. Nothing here
believes that they arrived: the store is asked when a source is taken in. What never arrives ends, and is swept away.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath

import obstore
import sqlalchemy as sa
import structlog
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, S3Store

from matinee.encoding import store
from matinee.encoding.jobs import database_answers
from matinee.encoding.lifecycle import Source
from matinee.model.errors import Conflict, Invalid, NotFound, Unavailable
from matinee.model.ids import RandomBytes, new_id
from matinee.model.text import line
from matinee.ports import Clock

__all__ = ["Arriving", "Source", "Sources", "Upload", "part_bytes", "store_answers"]

_log = structlog.get_logger()

UPLOAD_SECONDS = 3600
"""How long a presigned address takes the beginning of an upload."""
WAIT_SECONDS = 24 * 3600
"""How long a source that nobody takes in is kept, from when its upload last began."""

LARGEST_BYTES = 5 * 1024**4  # what S3 holds in one object
_LARGEST_PUT_BYTES = 5 * 1024**3  # what S3 takes in one request; obstore presigns no parts
_LARGEST_PARTS = 9_000  # S3 takes 10,000
_PART_BYTES = 8 * 1024**2
_LONGEST_NAME = 200
_LONGEST_SUFFIX = 8
_SWEPT = 500


@dataclass(frozen=True, slots=True)
class Upload:
    """Where the bytes of a source may be PUT until ``expires_at`` by whoever knows the address."""

    url: str
    expires_at: datetime


def part_bytes(size_bytes: int) -> int:
    """How large the parts of an upload are, so that S3 takes them all; whole MiB."""
    mebibyte = 1024**2
    return max(_PART_BYTES, math.ceil(size_bytes / _LARGEST_PARTS / mebibyte) * mebibyte)


class Sources:
    """The sources of all titles, in the database and the object store."""

    def __init__(self, engine: sa.Engine, objects: ObjectStore, clock: Clock, random_bytes: RandomBytes) -> None:
        self._engine = engine
        self._objects = objects
        self._clock = clock
        self._random_bytes = random_bytes

    def promise(self, name: str, size_bytes: int, content_type: str = "", key: str | None = None) -> Source:
        """Say that a file of this name and size comes. Who names its ``key`` again goes on with what was begun.

        Invalid for a name or size that cannot be; Conflict if the key was promised with another size.
        """
        name = line("A source's name", name, _LONGEST_NAME)
        if not 0 < size_bytes <= LARGEST_BYTES:
            raise Invalid(f"A source has between 1 and {LARGEST_BYTES} bytes, not {size_bytes}.")
        source_id, now = new_id(self._random_bytes), self._clock.now()
        wanted = Source(
            id=source_id,
            key=key or f"sources/{source_id}{_suffix(name)}",
            name=name,
            content_type=content_type,
            size_bytes=size_bytes,
            title_id=None,
            created_at=now,
            expires_at=now + timedelta(seconds=WAIT_SECONDS),
            taken_at=None,
            job_id=None,
        )
        try:
            with self._changing() as connection:
                store.insert_source(connection, wanted)
        except sa.exc.IntegrityError:
            begun = self.prolong(wanted.key)
            if begun.size_bytes != size_bytes:
                said = f"{begun.size_bytes} bytes, not {size_bytes}"
                raise Conflict(f"The source {begun.key} was promised with {said}.") from None
            return begun
        return wanted

    def source(self, name: str) -> Source:
        """The source of that id or key; NotFound if there is none."""
        with self._reading() as connection:
            found = store.read_source(connection, name)
        if found is None:
            raise NotFound(f"There is no source {name!r}; one that nobody takes in ends after a day.")
        return found

    def waiting(self, limit: int = 200) -> list[Source]:
        """Those that are not taken in yet, newest first."""
        with self._reading() as connection:
            return store.read_sources(connection, limit)

    def prolong(self, name: str) -> Source:
        """An upload begins: the source is kept for a day from now."""
        source = self.source(name)
        until = self._clock.now() + timedelta(seconds=WAIT_SECONDS)
        with self._changing() as connection:
            store.change_waiting(connection, source.id, {"expires_at": until})
        return self.source(source.id)

    def upload(self, source: Source) -> Upload | None:
        """Where the store itself takes the bytes in one request; None where they must come through us."""
        if not isinstance(self._objects, S3Store) or source.size_bytes > _LARGEST_PUT_BYTES:
            return None
        lasts = timedelta(seconds=UPLOAD_SECONDS)
        with store_answers():
            return Upload(obstore.sign(self._objects, "PUT", source.key, lasts), self._clock.now() + lasts)

    def receive(self, source: Source, chunks: Iterable[bytes]) -> None:
        """Put a source's bytes into the store, whole or not at all; Invalid if they are not as many as promised."""
        with store_answers():
            obstore.put(
                self._objects,
                source.key,
                _counted(source, chunks),
                chunk_size=part_bytes(source.size_bytes),
                max_concurrency=4,
            )

    def arrived_bytes(self, source: Source) -> int | None:
        """How many bytes lie in the store; None if nothing does."""
        with store_answers():
            try:
                return int(obstore.head(self._objects, source.key)["size"])
            except FileNotFoundError:
                return None

    def claim(self, name: str) -> Source:
        """Begin to take a source in: it is whole, and its ``title_id`` is decided, the same one at every beginning.

        Conflict, with a sentence, if its upload is missing, short or too long.
        """
        source = self.source(name)
        if source.taken_at is None:
            arrived = self.arrived_bytes(source)
            if arrived is None:
                raise Conflict(f"{source.name} is not uploaded: its {source.size_bytes} bytes have not arrived.")
            if arrived != source.size_bytes:
                raise Conflict(f"{source.name} is not whole: {arrived} bytes arrived of {source.size_bytes} promised.")
        if source.title_id is None:
            with self._changing() as connection:
                chosen = {"title_id": new_id(self._random_bytes)}
                store.change_waiting(connection, source.id, chosen, store.sources.c.title_id.is_(None))
        return self.source(source.id)

    def take(self, source: Source, name: str, priority: int = 100) -> str:
        """Queue the encode of a claimed source, once however often it is asked; returns the encode's id.

        ``name`` is the title's; the lowest priority goes first.
        """
        job_id, now = new_id(self._random_bytes), self._clock.now()
        assert source.title_id is not None
        job: dict[str, object] = {"id": job_id, "title_id": source.title_id, "name": name, "created_at": now}
        job |= {"source_key": source.key, "source_name": source.name, "priority": priority}
        with self._changing() as connection:
            if store.change_waiting(connection, source.id, {"taken_at": now, "job_id": job_id}):
                store.insert_job(connection, job)
                return job_id
        taken = self.source(source.id).job_id
        assert taken is not None
        return taken

    def expire(self) -> int:
        """Sweep away what was promised and never taken in; returns how many ended."""
        swept = 0
        now = self._clock.now()
        with self._reading() as connection:
            late = store.read_expired(connection, now, _SWEPT)
        for source in late:
            with self._changing() as connection:
                if not store.delete_expired(connection, source.id, now):
                    continue
                # Within the transaction: if the store is away, the source waits for the next sweep.
                with store_answers(), suppress(FileNotFoundError):
                    obstore.delete(self._objects, source.key)
            swept += 1
            _log.info("source.ended", source=source.id, name=source.name, size_bytes=source.size_bytes)
        return swept

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        with database_answers(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with database_answers(), self._engine.connect().execution_options(read_only=True) as connection:
            yield connection


class Arriving:
    """The bytes of an upload, counted as they pass; Invalid as soon as they cannot become what was promised."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._bytes = 0

    def passed(self, chunk: bytes) -> bytes:
        """The chunk, counted."""
        self._bytes += len(chunk)
        if self._bytes > self._source.size_bytes:
            raise Invalid(f"{self._source.name} is longer than the {self._source.size_bytes} bytes promised.")
        return chunk

    def ended(self) -> None:
        """There is no more."""
        if self._bytes != self._source.size_bytes:
            said = f"{self._bytes} bytes came of {self._source.size_bytes} promised"
            raise Invalid(f"{self._source.name} ended too early: {said}.")


def _counted(source: Source, chunks: Iterable[bytes]) -> Iterator[bytes]:
    arriving = Arriving(source)
    for chunk in chunks:
        yield arriving.passed(chunk)
    arriving.ended()


def _suffix(name: str) -> str:
    """The name's suffix, as an object's key may end: letters and digits."""
    suffix = PurePath(name).suffix.lower()
    plain = suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= _LONGEST_SUFFIX
    return suffix if plain else ""


@contextmanager
def store_answers() -> Iterator[None]:
    """Unavailable, with the first line of what the store's library says, if the store does not do what it should."""
    try:
        yield
    except BaseError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise Unavailable(f"The object store does not answer: {reason}.") from error
