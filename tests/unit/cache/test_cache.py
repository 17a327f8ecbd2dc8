"""The cache on a real folder; the clock that guards files just handed out is turned by hand."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matinee.cache import cache as cache_module
from matinee.cache.cache import Cache, footprint
from matinee.edge.reading import HeldFile
from matinee.model.errors import Unavailable
from matinee.model.plans import Origin
from shelves import BLOCK, Hands, keep, on_disk, opened, plan, planned, settle, write


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def cache(tmp_path: Path, hands: Hands) -> Iterator[Cache]:
    cache = opened(tmp_path, 3 * BLOCK, hands)
    yield cache
    cache.close()


def test_a_kept_file_is_found_with_its_bytes(cache: Cache) -> None:
    assert cache.find("t/r/a") is None
    assert keep(cache, "t/r/a", b"hello")
    held = cache.find("t/r/a")
    assert held is not None
    assert (held.size_bytes, held.kind, held.digest) == (5, Origin.DEMAND, hashlib.sha256(b"hello").hexdigest())
    assert Path(held.file).read_bytes() == b"hello"
    assert (cache.used_bytes, len(cache), cache.disk) == (BLOCK, 1, "well")


def test_room_that_was_promised_counts_until_it_is_given_up(cache: Cache) -> None:
    first = [cache.reserve(f"t/r/{name}", 10) for name in "abc"]
    assert all(first)
    assert cache.reserve("t/r/d", 10) is None
    assert first[0] is not None
    cache.give_up(first[0])
    assert not Path(first[0].file).exists()
    assert cache.reserve("t/r/d", 10) is not None


def test_a_file_just_handed_out_is_not_removed(cache: Cache, hands: Hands) -> None:
    for name in "abc":
        assert keep(cache, f"t/r/{name}")
    for name in "abc":
        held = cache.find(f"t/r/{name}")
        assert held is not None
        cache.hand_out(held)
    assert not keep(cache, "t/r/d")
    assert len(cache) == 3
    hands.now += 1.1
    assert keep(cache, "t/r/d")
    assert cache.evicted == 1
    assert len(cache) == 3


def test_a_removed_file_is_whole_for_who_reads_it(cache: Cache, hands: Hands) -> None:
    keep(cache, "t/r/a", b"hello")
    held = cache.find("t/r/a")
    assert held is not None
    hands.now += 1.1
    with HeldFile(held.file) as file:
        for name in "bcd":
            keep(cache, f"t/r/{name}")
        assert cache.find("t/r/a") is None
        assert file.ready(1, 4) == b"ello"
    with pytest.raises(Unavailable):
        HeldFile(held.file)


def test_what_is_larger_than_the_cache_finds_no_room_and_displaces_nobody(cache: Cache) -> None:
    keep(cache, "t/r/a")
    assert cache.reserve("t/r/large", 4 * BLOCK) is None
    assert cache.find("t/r/a") is not None


def test_a_name_that_is_already_a_folder_is_passed_over_and_the_disk_is_well(cache: Cache) -> None:
    assert keep(cache, "t/r/a/b")
    assert not keep(cache, "t/r/a")
    assert (cache.used_bytes, cache.disk) == (BLOCK, "well")
    assert cache.find("t/r/a/b") is not None


def test_folders_go_with_their_last_file(cache: Cache, tmp_path: Path, hands: Hands) -> None:
    for path in ("t1/r/v/a", "t1/r/b", "t2/r/c", "t2/r/d", "t2/r/e"):
        keep(cache, path)
        hands.now += 2
    assert sorted(path.name for path in (tmp_path / "demand").iterdir()) == ["t2"]


def test_a_restart_finds_the_same_files_and_nothing_half_written(tmp_path: Path) -> None:
    cache = opened(tmp_path, 10 * BLOCK)
    for name in "abcd":
        keep(cache, f"t/r/{name}")
    half = cache.reserve("t/r/half", 100)
    assert half is not None
    os.close(half.descriptor)
    cache.close()
    cache = opened(tmp_path, 10 * BLOCK)
    assert [name for name in "abcd" if cache.find(f"t/r/{name}")] == list("abcd")
    assert (cache.used_bytes, len(cache)) == (4 * BLOCK, 4)
    assert on_disk(tmp_path)["partial"] == set()
    settle(cache)
    assert list((tmp_path / "trash").iterdir()) == []
    cache.close()


def test_a_smaller_limit_is_kept_after_a_restart(tmp_path: Path, hands: Hands) -> None:
    cache = opened(tmp_path, 10 * BLOCK, hands)
    for name in "abcdef":
        keep(cache, f"t/r/{name}")
    cache.close()
    cache = opened(tmp_path, 2 * BLOCK, hands)
    settle(cache)
    hands.now += 1.1
    settle(cache)
    assert on_disk(tmp_path)["demand"] == {"t/r/e", "t/r/f"}
    assert cache.used_bytes == 2 * BLOCK
    cache.close()


def test_after_a_restart_the_oldest_leave_first_and_those_used_twice_stay(tmp_path: Path, hands: Hands) -> None:
    cache = opened(tmp_path, 6 * BLOCK, hands)
    for name in "abcdef":
        keep(cache, f"t/r/{name}")
    cache.close()
    cache = opened(tmp_path, 6 * BLOCK, hands)
    settle(cache)
    for name in "be":
        cache.touched(f"t/r/{name}", 2)
    hands.now += 2
    for name in "ghi":
        assert keep(cache, f"t/r/{name}")
    assert on_disk(tmp_path)["demand"] == {f"t/r/{name}" for name in "befghi"}
    cache.close()


def test_one_folder_serves_one_edge(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="in use"):
        Cache(tmp_path, BLOCK).open()


def test_a_file_that_changed_its_size_is_dropped(cache: Cache, tmp_path: Path) -> None:
    keep(cache, "t/r/a", b"hello")
    (tmp_path / "demand/t/r/a").write_bytes(b"hell")
    assert cache.find("t/r/a") is None
    assert cache.used_bytes == 0


def test_a_file_whose_reader_found_other_bytes_is_held_no_longer_and_that_is_told(cache: Cache) -> None:
    assert keep(cache, "t/r/a", b"hello")
    held = cache.find("t/r/a")
    assert held is not None
    cache.discredit(replace(held, digest="0" * 64))
    assert cache.find("t/r/a") is not None
    cache.discredit(held)
    assert cache.find("t/r/a") is None
    assert (cache.damaged, Path(held.file).exists()) == (1, False)
    assert "t/r/a was damaged" in cache.disk


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3 * BLOCK)), max_size=30), st.integers(0, 4))
def test_the_folder_never_holds_more_than_the_limit(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[int, int]], placed: int
) -> None:
    folder, hands = tmp_path_factory.mktemp("cache"), Hands()
    cache = opened(folder, 4 * BLOCK, hands)
    plan(cache, 1, *(planned(f"t/r/{name}", b"x") for name in range(placed)))
    for name, size in asked:
        hands.now += 2
        if cache.find(f"t/r/{name}") is None:
            keep(cache, f"t/r/{name}", b"x" * (1 if name < placed else size))
        files = [path for kind in ("placed", "demand") for path in (folder / kind).rglob("*") if path.is_file()]
        assert sum(footprint(path.stat().st_size) for path in files) == cache.used_bytes <= 4 * BLOCK
    cache.close()


def test_a_purge_removes_what_begins_so_and_what_was_on_its_way(cache: Cache, tmp_path: Path) -> None:
    plan(cache, 1, planned("t/r2/b"))
    keep(cache, "t/r1/a")
    keep(cache, "t/r2/b")
    coming = cache.reserve("t/r1/late", 1)
    assert coming is not None
    assert cache.purge("t/r1/") == 1
    assert not cache.keep(coming, write(coming, b"x"))
    assert on_disk(tmp_path) == {"placed": {"t/r2/b"}, "demand": set(), "partial": set()}
    assert cache.purge("t/r2/b") == 1
    assert [file.path for file in cache.missing(10)] == ["t/r2/b"]
    assert (cache.used_bytes, len(cache)) == (0, 0)
    assert keep(cache, "t/r1/a")


def test_a_large_purge_is_seen_to_at_the_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "_SMALL_PURGE_FILES", 10)
    cache = opened(tmp_path, 1000 * BLOCK)
    for number in range(30):
        keep(cache, f"t/r/{number}")
    keep(cache, "u/r/0")
    assert cache.purge("t/") is None
    assert cache.find("t/r/8") is None
    assert keep(cache, "t/r/7", b"new")
    settle(cache)
    assert len(cache) == 2
    assert cache.find("t/r/7") is not None
    assert on_disk(tmp_path)["demand"] == {"t/r/7", "u/r/0"}
    cache.close()
