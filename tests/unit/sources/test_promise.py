"""What was promised of a source, and whether what comes can be it."""

from datetime import UTC, datetime

import pytest

from matinee.model.errors import Conflict, Invalid
from matinee.sources.promise import LARGEST_BYTES, Arriving, Source, key_of, part_bytes

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def source(size_bytes: int) -> Source:
    return Source("id", "sources/id.mp4", "film.mp4", "", size_bytes, None, None, NOW, NOW, None)


@pytest.mark.parametrize("size_bytes", [0, 1, 8 * 1024**2, 50 * 1024**3, LARGEST_BYTES])
def test_s3_takes_every_part_of_a_file_of_any_size(size_bytes: int) -> None:
    assert 5 * 1024**2 <= part_bytes(size_bytes) <= 5 * 1024**3
    assert size_bytes / part_bytes(size_bytes) <= 10_000


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Metropolis.MKV", "sources/id.mkv"),
        ("no suffix", "sources/id"),
        ("archive.tar.gz", "sources/id.gz"),
        ("odd.m/../p4", "sources/id"),
        ("odd.mp4?x=1", "sources/id"),
        ("film.ünicode", "sources/id"),
        ("film.averylongsuffix", "sources/id"),
        (".mp4", "sources/id"),
    ],
)
def test_a_key_keeps_a_plain_suffix_and_nothing_else_of_a_name(name: str, key: str) -> None:
    assert key_of("id", name) == key


def test_an_upload_is_told_apart_as_soon_as_it_is_too_long() -> None:
    arriving = Arriving(source(5))
    arriving.passed(b"12345")
    arriving.ended()
    with pytest.raises(Invalid, match="longer than the 5 bytes"):
        arriving.passed(b"6")


def test_an_upload_that_ends_too_early_says_how_much_came() -> None:
    arriving = Arriving(source(5))
    arriving.passed(b"123")
    with pytest.raises(Invalid, match="3 bytes came of 5"):
        arriving.ended()


@pytest.mark.parametrize(("arrived", "said"), [(None, "not uploaded"), (4, "4 bytes arrived of 5"), (6, "6 bytes")])
def test_what_lies_in_the_store_must_be_what_was_promised(arrived: int | None, said: str) -> None:
    source(5).check_arrived(5)
    with pytest.raises(Conflict, match=said):
        source(5).check_arrived(arrived)
