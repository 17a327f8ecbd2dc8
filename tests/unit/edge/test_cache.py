"""The cache on a real folder; the clock that guards files just handed out is turned by hand."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matinee.edge.cache import Cache, footprint
from matinee.edge.reading import HeldFile
from matinee.model.errors import Unavailable

BLOCK = 4096


class Hands:
    """A steady clock."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def cache(tmp_path: Path, hands: Hands) -> Iterator[Cache]:
    opened = Cache(tmp_path, 3 * BLOCK, steady=hands)
    opened.open()
    yield opened
    opened.close()


def _keep(cache: Cache, path: str, data: bytes = b"x") -> bool:
    reservation = cache.reserve(path, len(data))
    if reservation is None:
        return False
    os.write(reservation.descriptor, data)
    os.close(reservation.descriptor)
    return cache.keep(reservation)


def test_a_kept_file_is_found_with_its_bytes(cache: Cache) -> None:
    assert cache.find("t/r/a") is None
    assert _keep(cache, "t/r/a", b"hello")
    held = cache.find("t/r/a")
    assert held is not None
    assert held.size_bytes == 5
    assert Path(held.file).read_bytes() == b"hello"
    assert cache.used_bytes == BLOCK


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
        assert _keep(cache, f"t/r/{name}")
    for name in "abc":
        held = cache.find(f"t/r/{name}")
        assert held is not None
        cache.hand_out(held)
    assert not _keep(cache, "t/r/d")
    assert len(cache) == 3
    hands.now += 1.1
    assert _keep(cache, "t/r/d")
    assert cache.find("t/r/a") is None
    assert cache.evicted == 1


def test_a_removed_file_is_whole_for_who_reads_it(cache: Cache) -> None:
    _keep(cache, "t/r/a", b"hello")
    held = cache.find("t/r/a")
    assert held is not None
    with HeldFile(held.file) as file:
        for name in "bcd":
            _keep(cache, f"t/r/{name}")
        assert cache.find("t/r/a") is None
        assert file.ready(1, 4) == b"ello"
    with pytest.raises(Unavailable):
        HeldFile(held.file)


def test_what_is_larger_than_the_cache_finds_no_room_and_displaces_nobody(cache: Cache) -> None:
    _keep(cache, "t/r/a")
    assert cache.reserve("t/r/large", 4 * BLOCK) is None
    assert cache.find("t/r/a") is not None


def test_a_name_that_is_already_a_folder_is_passed_over(cache: Cache) -> None:
    assert _keep(cache, "t/r/a/b")
    assert not _keep(cache, "t/r/a")
    assert cache.used_bytes == BLOCK
    assert cache.find("t/r/a/b") is not None


def test_folders_go_with_their_last_file(cache: Cache, tmp_path: Path) -> None:
    for path in ("t1/r/v/a", "t1/r/b", "t2/r/c", "t2/r/d", "t2/r/e"):
        _keep(cache, path)
    assert sorted(path.name for path in (tmp_path / "demand").iterdir()) == ["t2"]


def test_a_restart_finds_the_same_files_in_the_same_order(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10 * BLOCK)
    cache.open()
    for age, path in enumerate(("t/r/new", "t/r/v/middle", "t/r/old")):
        _keep(cache, path)
        moment = time.time() - 1000 * age
        os.utime(tmp_path / "demand" / path, (moment, moment))
    half = cache.reserve("t/r/half", 100)
    assert half is not None
    os.close(half.descriptor)
    (tmp_path / "demand" / ".hidden").write_text("not ours")
    (tmp_path / "demand" / "t" / "r" / "link").symlink_to("/etc/passwd")
    cache.close()
    cache = Cache(tmp_path, 2 * BLOCK)
    cache.open()
    assert [path for path in ("t/r/new", "t/r/v/middle", "t/r/old") if cache.find(path)] == ["t/r/new", "t/r/v/middle"]
    assert cache.used_bytes == 2 * BLOCK
    assert not Path(half.file).exists()
    assert not (tmp_path / "demand" / ".hidden").exists()
    assert not (tmp_path / "demand" / "t" / "r" / "link").is_symlink()
    cache.close()


def test_one_folder_serves_one_edge(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="in use"):
        Cache(tmp_path, BLOCK).open()


def test_a_file_that_changed_its_size_is_dropped(cache: Cache, tmp_path: Path) -> None:
    _keep(cache, "t/r/a", b"hello")
    (tmp_path / "demand" / "t/r/a").write_bytes(b"hell")
    assert cache.find("t/r/a") is None
    assert cache.used_bytes == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3 * BLOCK)), max_size=30))
def test_the_folder_never_holds_more_than_the_limit(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    cache = Cache(folder, 4 * BLOCK)
    cache.open()
    for name, size in asked:
        if cache.find(f"t/r/{name}") is None:
            _keep(cache, f"t/r/{name}", b"x" * size)
        sizes = [footprint(path.stat().st_size) for path in (folder / "files").rglob("*") if path.is_file()]
        assert sum(sizes) == cache.used_bytes <= 4 * BLOCK
    cache.close()
