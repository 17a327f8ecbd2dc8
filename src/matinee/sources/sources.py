"""Sources on their way in: promised, uploaded into the object store, taken in as titles with an encode.

The bytes go straight to S3 where it lets strangers put them (a presigned address), else through us. Nothing here
believes that they arrived: the store is asked when a source is taken in. What never arrives ends, and is swept away.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import obstore
import sqlalchemy as sa
import structlog
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, S3Store

from matinee.model.errors import Conflict, Invalid, NotFound, Unavailable, bare_reason
from matinee.model.ids import RandomBytes, new_id
from matinee.model.text import line
from matinee.ports import Clock
from matinee.sources import parts, store
from matinee.sources.promise import (
    LARGEST_BYTES,
    LARGEST_PUT_BYTES,
    UPLOAD_SECONDS,
    WAIT_SECONDS,
    Arriving,
    Claim,
    Source,
    Upload,
    key_of,
    part_bytes,
)

__all__ = ["Claim", "Source", "Sources", "Upload", "store_answers"]

_log = structlog.get_logger()
_LONGEST_NAME = 200
_LONGEST_CONTENT_TYPE = 100
_SWEPT = 500
_PARTS_AT_ONCE = 4  # so many parts of an upload are in memory


class Sources:
    """The sources of all titles, in the database and the object store."""

    def __init__(self, engine: sa.Engine, objects: ObjectStore, clock: Clock, random_bytes: RandomBytes) -> None:
        self._engine = engine
        self._objects = objects
        self._clock = clock
        self._random_bytes = random_bytes

    def promise(self, name: str, size_bytes: int, content_type: str = "", key: str | None = None) -> Source:
        """Say that a file of this name and size comes. Who names its ``key`` again goes on with what was begun.

        Invalid for a name, size or content type that cannot be; Conflict if the key was promised with another size.
        """
        name = line("A source's name", name, _LONGEST_NAME)
        if content_type:
            content_type = line("A source's content type", content_type, _LONGEST_CONTENT_TYPE)
        if not 0 <= size_bytes <= LARGEST_BYTES:
            raise Invalid(f"A source has between 0 and {LARGEST_BYTES} bytes, not {size_bytes}.")
        source_id, now = new_id(self._random_bytes), self._clock.now()
        wanted = Source(
            id=source_id,
            key=key or key_of(source_id, name),
            name=name,
            content_type=content_type,
            size_bytes=size_bytes,
            title_id=None,
            job_id=None,
            created_at=now,
            expires_at=now + timedelta(seconds=WAIT_SECONDS),
            taken_at=None,
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
        if not isinstance(self._objects, S3Store) or source.size_bytes > LARGEST_PUT_BYTES:
            return None
        lasts = timedelta(seconds=UPLOAD_SECONDS)
        with store_answers():
            return Upload(obstore.sign(self._objects, "PUT", source.key, lasts), self._clock.now() + lasts)

    def offset(self, source: Source) -> int:
        """How many bytes of an upload are here, whether it came in parts or straight into the store."""
        with store_answers():
            whole = self.arrived_bytes(source) == source.size_bytes
            return source.size_bytes if whole else parts.arrived(self._objects, source)

    def complete(self, source: Source) -> None:
        """Put an upload together whose parts are all here; one that is whole, or is not all here, stays as it is."""
        with store_answers():
            if self.arrived_bytes(source) == source.size_bytes:
                parts.forget(self._objects, source)
            elif parts.arrived(self._objects, source) == source.size_bytes:
                parts.put_together(self._objects, source)

    def end(self, name: str) -> None:
        """Give an upload up, with all that came; Conflict once somebody began to take it in."""
        source = self.source(name)
        with self._changing() as connection:
            if not store.delete_waiting(connection, source.id):
                raise Conflict(f"{source.name} is taken in already: it stays.")
            # Within the transaction: if the store is away, the upload is still known.
            self._delete(source)

    def _delete(self, source: Source) -> None:
        with store_answers():
            parts.forget(self._objects, source)
            with suppress(FileNotFoundError):
                obstore.delete(self._objects, source.key)

    def receive(self, source: Source, chunks: Iterable[bytes]) -> None:
        """Put a source's bytes into the store, whole or not at all; Invalid if they are not as many as promised."""
        size = part_bytes(source.size_bytes)
        with store_answers():
            if source.size_bytes <= size:
                obstore.put(self._objects, source.key, b"".join(_counted(source, chunks)))
            else:
                counted = _counted(source, chunks)
                obstore.put(self._objects, source.key, counted, chunk_size=size, max_concurrency=_PARTS_AT_ONCE)

    def arrived_bytes(self, source: Source) -> int | None:
        """How many bytes lie in the store; None if nothing does."""
        with store_answers():
            try:
                return int(obstore.head(self._objects, source.key)["size"])
            except FileNotFoundError:
                return None

    def claim(self, name: str) -> Claim:
        """Begin to take a source in: it is whole, and what it becomes is decided, the same at every beginning.

        Conflict, with a sentence, if its upload is missing, short or too long.
        """
        source = self.source(name)
        if source.taken_at is None:
            self.complete(source)
            source.check_arrived(self.arrived_bytes(source))
        if source.title_id is None:
            decided = {"title_id": new_id(self._random_bytes), "job_id": new_id(self._random_bytes)}
            with self._changing() as connection:
                store.change_waiting(connection, source.id, decided, store.promises.c.title_id.is_(None))
            source = self.source(source.id)
        assert source.title_id is not None
        assert source.job_id is not None
        return Claim(source, source.title_id, source.job_id)

    def taken(self, source: Source) -> None:
        """The title is made and its encode is queued: the source is no longer swept away."""
        with self._changing() as connection:
            store.change_waiting(connection, source.id, {"taken_at": self._clock.now()})

    def expire(self) -> int:
        """Sweep away what was promised and nobody began to take in; returns how many ended."""
        swept = 0
        now = self._clock.now()
        with self._reading() as connection:
            late = store.read_expired(connection, now, _SWEPT)
        for source in late:
            with self._changing() as connection:
                if not store.delete_expired(connection, source.id, now):
                    continue
                # Within the transaction: if the store is away, the source waits for the next sweep.
                self._delete(source)
            swept += 1
            _log.info("source.ended", source=source.id, name=source.name, size_bytes=source.size_bytes)
        return swept

    @contextmanager
    def _changing(self) -> Iterator[sa.Connection]:
        with _database_answers(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with _database_answers(), self._engine.connect().execution_options(read_only=True) as connection:
            yield connection


def _counted(source: Source, chunks: Iterable[bytes]) -> Iterator[bytes]:
    arriving = Arriving(source)
    for chunk in chunks:
        yield arriving.passed(chunk)
    arriving.ended()


@contextmanager
def _database_answers() -> Iterator[None]:
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise Unavailable(f"The database of the sources does not answer: {reason}.") from error


@contextmanager
def store_answers() -> Iterator[None]:
    """Unavailable, with what the store's library met, if the store does not do what it should."""
    try:
        yield
    except BaseError as error:
        _log.warning("sources.store_away", reason=str(error).partition("\n")[0])
        raise Unavailable(f"The object store does not answer: {bare_reason(error)}.") from error
