"""What was promised of a source, and whether what comes can be it."""

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from matinee.model.errors import Conflict, Invalid

UPLOAD_SECONDS = 3600
"""How long a presigned address takes the beginning of an upload."""
WAIT_SECONDS = 24 * 3600
"""How long a source that nobody takes in is kept, from when its upload last began."""

LARGEST_BYTES = 5 * 1024**4  # what S3 holds in one object
LARGEST_PUT_BYTES = 5 * 1024**3  # what S3 takes in one request; obstore presigns no parts
_LARGEST_PARTS = 9_000  # S3 takes 10,000
_PART_BYTES = 8 * 1024**2
_MEBIBYTE = 1024**2
_LONGEST_SUFFIX = 8


@dataclass(frozen=True, slots=True)
class Source:
    """A mezzanine: ``size_bytes`` are to lie at ``key`` in the object store until ``expires_at``.

    ``title_id`` and ``job_id`` are decided when taking it in begins, so that who begins again goes on with the same.
    """

    id: str
    key: str
    name: str
    content_type: str
    size_bytes: int
    title_id: str | None
    job_id: str | None
    created_at: datetime
    expires_at: datetime
    taken_at: datetime | None

    def check_arrived(self, arrived_bytes: int | None) -> None:
        """Conflict, with a sentence, unless exactly what was promised lies in the store."""
        if arrived_bytes is None:
            raise Conflict(f"{self.name} is not uploaded: its {self.size_bytes} bytes have not arrived.")
        if arrived_bytes != self.size_bytes:
            raise Conflict(f"{self.name} is not whole: {arrived_bytes} bytes arrived of {self.size_bytes} promised.")


@dataclass(frozen=True, slots=True)
class Claim:
    """A source that has arrived whole, and what it becomes: this title, by this encode."""

    source: Source
    title_id: str
    job_id: str


@dataclass(frozen=True, slots=True)
class Upload:
    """Where the bytes of a source may be PUT until ``expires_at`` by whoever knows the address."""

    url: str
    expires_at: datetime


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


def part_bytes(size_bytes: int) -> int:
    """How large the parts of an upload are, so that S3 takes them all; whole MiB."""
    return max(_PART_BYTES, math.ceil(size_bytes / _LARGEST_PARTS / _MEBIBYTE) * _MEBIBYTE)


def key_of(source_id: str, name: str) -> str:
    """Where a source lies: its name's suffix stays, if it is letters and digits."""
    suffix = PurePath(name).suffix.lower()
    plain = suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= _LONGEST_SUFFIX
    return f"sources/{source_id}{suffix if plain else ''}"
