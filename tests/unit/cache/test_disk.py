"""Disks that are full, read-only or gone: noticed, told, and served around. Real ones, where a test may mount them."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from matinee.cache.cache import Cache
from matinee.model.plans import PlanPage
from shelves import BLOCK, Hands, keep, opened, plan, planned, settle


def _mount(*arguments: str) -> None:
    ended = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if ended.returncode:
        pytest.skip(f"this process may not mount a file system: {ended.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _look(cache: Cache, hands: Hands) -> None:
    hands.now += 2
    settle(cache)


def test_a_disk_that_others_filled_is_told_and_the_demand_cache_makes_way(small_disk: Path) -> None:
    hands = Hands()
    cache = opened(small_disk / "cache", 1000 * BLOCK, hands)
    plan(cache, 1, planned("t/r/placed"))
    assert keep(cache, "t/r/placed")
    assert keep(cache, "t/r/a")
    foreign = small_disk / "foreign"
    with foreign.open("wb", buffering=0) as filling, suppress(OSError):
        while filling.write(bytes(BLOCK)):
            pass
    _look(cache, hands)
    assert "full" in cache.disk
    assert not keep(cache, "t/r/b")
    assert cache.find("t/r/placed") is not None
    _look(cache, hands)
    assert cache.find("t/r/a") is None
    foreign.unlink()
    _look(cache, hands)
    assert cache.disk == "well"
    assert keep(cache, "t/r/b")
    cache.close()


def test_a_disk_that_became_read_only_is_told_and_serves_what_it_holds(small_disk: Path) -> None:
    hands = Hands()
    cache, partial = opened(small_disk / "cache", 100 * BLOCK, hands), small_disk / "cache" / "partial"
    assert keep(cache, "t/r/a")
    settle(cache)
    _mount("--bind", str(partial), str(partial))
    _mount("-o", "remount,bind,ro", str(partial))
    assert not keep(cache, "t/r/b")
    assert "Read-only" in cache.disk
    assert cache.find("t/r/a") is not None
    subprocess.run(["umount", str(partial)], check=True)
    _look(cache, hands)
    assert cache.disk == "well"
    assert keep(cache, "t/r/b")
    assert len(cache) == 2
    cache.close()


def test_a_read_only_disk_is_noticed_before_anybody_writes(small_disk: Path) -> None:
    hands = Hands()
    cache, partial = opened(small_disk / "cache", 100 * BLOCK, hands), small_disk / "cache" / "partial"
    settle(cache)
    _mount("--bind", str(partial), str(partial))
    _mount("-o", "remount,bind,ro", str(partial))
    _look(cache, hands)
    assert "Read-only" in cache.disk
    subprocess.run(["umount", str(partial)], check=True)
    cache.close()


def test_a_start_on_a_folder_that_cannot_be_is_told_and_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    cache = Cache(tmp_path / "cache", 100 * BLOCK, in_background=False)
    cache.open()
    assert "takes no files" in cache.disk
    assert cache.find("t/r/a") is None
    assert cache.reserve("t/r/a", 1) is None
    cache.touched("t/r/a", 1)
    cache.begin_plan(PlanPage(1, 0, 1, (planned("t/r/a"),)))
    cache.end_plan(1)
    assert (cache.generation, list(cache.missing(1)), cache.purge("t/"), cache.next_update()) == (0, [], 0, None)
    cache.close()


def test_a_folder_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    cache = opened(tmp_path, 100 * BLOCK)
    (tmp_path / "partial").rmdir()
    assert keep(cache, "t/r/a")
    assert cache.disk == "well"
    cache.close()
