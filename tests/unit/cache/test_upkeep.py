"""The thread at the side beside the one that serves: nothing tears, and the one that serves is not kept waiting."""

import random
import time
from pathlib import Path

import pytest

from matinee.cache import upkeep
from matinee.cache.cache import Cache
from shelves import BLOCK, Hands, keep, on_disk, opened, planned, settle

NAMES = 60


def test_two_threads_at_once_leave_index_disk_and_plan_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_APPLIED_FILES", 5), ("_STAGED_FILES", 5), ("_RESTORED_FILES", 5), ("_FILES", 3)):
        monkeypatch.setattr(upkeep, name, value)
    chance, wanted = random.Random(11), set[str]()
    cache = Cache(tmp_path, 40 * BLOCK, grace_seconds=0.02, scrub_seconds=1.0)
    cache.open()
    generation = 0
    for turn in range(1500):
        path = f"t/r{chance.randrange(3)}/{chance.randrange(NAMES)}"
        held = cache.find(path)
        if held is None:
            keep(cache, path)
        elif chance.random() < 0.5:
            assert Path(cache.hand_out(held)).read_bytes() == b"x"
        if turn % 100 == 50:
            cache.purge(f"t/r{chance.randrange(3)}/{chance.randrange(6)}")
        if turn % 70 == 30:
            generation += 1
            wanted = {f"t/r{chance.randrange(3)}/{chance.randrange(NAMES)}" for _ in range(20)}
            pieces = tuple(planned(path) for path in sorted(wanted))
            cache.upkeep.plan(None)
            cache.upkeep.plan(pieces)
            cache.upkeep.plan(upkeep.End(generation, cache.window))
    deadline = time.monotonic() + 30
    while (cache._shelf.plan.generation < generation or cache._shelf.plan.applying) and time.monotonic() < deadline:
        time.sleep(0.01)
    cache.close()
    hands = Hands()
    cache = opened(tmp_path, 40 * BLOCK, hands)
    settle(cache)
    hands.now += 2
    settle(cache)
    assert cache._index is not None
    rows = {row.path: row.number is None for row in cache._index.rows("", "\x7f", 1000)}
    files = on_disk(tmp_path)
    assert {path for path, placed in rows.items() if placed} == files["placed"]
    assert {path for path, placed in rows.items() if not placed} == files["demand"]
    assert files["placed"] == wanted & set(rows)
    assert {file.path for file in cache.missing(1000)} == wanted - set(rows)
    assert cache.used_bytes == len(rows) * BLOCK <= 40 * BLOCK
    assert cache.damaged == 0
    cache.close()


def test_room_is_made_before_it_is_asked_for(tmp_path: Path) -> None:
    size = 1024 * 1024
    cache = Cache(tmp_path, 64 * size, grace_seconds=0.05)
    cache.open()
    reservations = [cache.reserve(f"t/r/{number}", size) for number in range(64)]
    assert all(reservations)
    for reservation in reservations:
        assert reservation is not None
        assert cache.keep(reservation, planned("", b"").digest)
    deadline = time.monotonic() + 20
    while cache.limit_bytes - cache.used_bytes < size and time.monotonic() < deadline:
        time.sleep(0.01)
    evicted = cache.evicted
    assert evicted > 0
    assert cache.reserve("t/r/new", size) is not None
    assert cache.evicted == evicted
    cache.close()
