"""Held files are read again; bits are flipped in them with plain writes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from matinee.cache.cache import Cache
from shelves import BLOCK, Hands, keep, on_disk, plan, planned

LIMIT = 4000 * BLOCK
PASS_SECONDS = 1000.0


@pytest.fixture
def hands() -> Hands:
    return Hands()


def _opened(folder: Path, hands: Hands) -> Cache:
    cache = Cache(folder, LIMIT, scrub_seconds=PASS_SECONDS, in_background=False, steady=hands)
    cache.open()
    return cache


@pytest.fixture
def cache(tmp_path: Path, hands: Hands) -> Iterator[Cache]:
    opened = _opened(tmp_path, hands)
    yield opened
    opened.close()


def _pass(cache: Cache, hands: Hands, seconds: float = PASS_SECONDS) -> None:
    """So much time goes by, a two-hundredth of a pass at a time."""
    end = hands.now + seconds
    while hands.now < end:
        hands.now += PASS_SECONDS / 200
        for _ in range(8):
            cache.upkeep.step()


def _flip(file: Path, place: int) -> None:
    with file.open("r+b") as written:
        written.seek(place)
        byte = written.read(1)[0]
        written.seek(place)
        written.write(bytes([byte ^ 1]))


def test_one_flipped_bit_is_noticed_told_and_removed_and_the_file_is_missing(
    cache: Cache, tmp_path: Path, hands: Hands
) -> None:
    data = bytes(range(256)) * 8192  # two pieces of a mebibyte
    plan(cache, 1, planned("t/r/b", data))
    for name in "abc":
        assert keep(cache, f"t/r/{name}", data)
    _flip(tmp_path / "placed/t/r/b", 1_500_000)
    assert cache.find("t/r/b") is not None
    _pass(cache, hands, 2 * PASS_SECONDS)
    assert cache.find("t/r/b") is None
    assert cache.damaged == 1
    assert "t/r/b" in cache.disk
    assert [file.path for file in cache.missing(10)] == ["t/r/b"]
    assert on_disk(tmp_path) == {"placed": set(), "demand": {"t/r/a", "t/r/c"}, "partial": set()}
    assert keep(cache, "t/r/b", data)
    hands.now += 3600
    _pass(cache, hands, PASS_SECONDS)
    assert (cache.disk, cache.damaged) == ("well", 1)


def test_a_pass_goes_on_where_it_was_after_a_restart(tmp_path: Path, hands: Hands) -> None:
    cache = _opened(tmp_path, hands)
    for number in range(100):
        keep(cache, f"t/r/{number:03}", b"x" * BLOCK)
    _pass(cache, hands, 0.7 * PASS_SECONDS)
    cache.close()
    _flip(tmp_path / "demand/t/r/095", 0)
    cache = _opened(tmp_path, hands)
    _pass(cache, hands, 0.5 * PASS_SECONDS)
    assert cache.damaged == 1
    cache.close()


def test_verifying_takes_no_more_than_its_share_of_the_time(cache: Cache, hands: Hands) -> None:
    for number in range(100):
        keep(cache, f"t/r/{number:03}", b"x" * BLOCK)
    _pass(cache, hands, 0.3 * PASS_SECONDS)
    assert "t/r/010" < str(cache.upkeep._index.fact("scrubbed_through", "")) < "t/r/050"
