"""Plans carried out on a real folder: what is placed, what leaves, what is missing, and what a kill leaves behind."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matinee.cache import plan_pages, upkeep
from matinee.cache.cache import Cache
from matinee.model.plans import FillWindow, Origin, PlannedFile, PlanPage
from shelves import BLOCK, Hands, keep, on_disk, opened, plan, planned, settle, write


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    cache = opened(tmp_path, 10 * BLOCK)
    yield cache
    cache.close()


def _missing(cache: Cache) -> list[str]:
    return [file.path for file in cache.missing(100)]


def test_what_the_plan_wants_is_missing_until_it_is_kept_the_most_worthy_first(cache: Cache) -> None:
    plan(cache, 1, planned("t/r/b", b"bb", 2.0), planned("t/r/a", b"a", 1.0))
    assert (cache.generation, _missing(cache), cache.missing_files) == (1, ["t/r/b", "t/r/a"], 2)
    assert cache.wanted("t/r/b") == planned("t/r/b", b"bb", 2.0)
    assert cache.wanted("t/r/c") is None
    assert keep(cache, "t/r/b", b"bb")
    held = cache.find("t/r/b")
    assert held is not None
    assert held.kind is Origin.PLACED
    assert _missing(cache) == ["t/r/a"]


def test_files_change_their_kind_with_the_plan_and_whoever_was_told_of_one_can_still_open_it(
    cache: Cache, tmp_path: Path
) -> None:
    plan(cache, 1, planned("t/r/a"), planned("t/r/b"))
    for name in "abc":
        keep(cache, f"t/r/{name}")
    before = [cache.find(f"t/r/{name}") for name in "abc"]
    plan(cache, 2, planned("t/r/b"), planned("t/r/c"))
    assert [Path(held.file).exists() for held in before if held] == [True, True, True]
    kinds = [held.kind for held in map(cache.find, ("t/r/a", "t/r/b", "t/r/c")) if held]
    assert kinds == [Origin.DEMAND, Origin.PLACED, Origin.PLACED]
    assert cache.used_bytes == 3 * BLOCK


def test_the_old_name_goes_when_its_grace_is_over(tmp_path: Path) -> None:
    hands = Hands()
    cache = opened(tmp_path, 10 * BLOCK, hands)
    keep(cache, "t/r/a")
    plan(cache, 1, planned("t/r/a"))
    hands.now += 1.1
    settle(cache)
    assert on_disk(tmp_path) == {"placed": {"t/r/a"}, "demand": set(), "partial": set()}
    cache.close()


def test_nothing_changes_before_a_plan_ends(cache: Cache) -> None:
    plan(cache, 1, planned("t/r/a"))
    keep(cache, "t/r/a")
    cache.begin_plan(PlanPage(2, 0, 2, (planned("t/r/b"),)))
    cache.add_plan(PlanPage(2, 1, 2, (planned("t/r/c"),)))
    settle(cache)
    assert (cache.generation, _missing(cache)) == (1, [])
    cache.begin_plan(PlanPage(3, 0, 1, (planned("t/r/d"),)))
    cache.end_plan(3)
    assert (cache.generation, _missing(cache)) == (3, ["t/r/d"])


def test_bytes_that_are_not_the_plans_are_not_kept(cache: Cache, tmp_path: Path) -> None:
    plan(cache, 1, planned("t/r/a", b"right"))
    assert cache.reserve("t/r/a", 7) is None
    assert not keep(cache, "t/r/a", b"wrong")
    assert on_disk(tmp_path) == {"placed": set(), "demand": set(), "partial": set()}
    assert (cache.used_bytes, _missing(cache)) == (0, ["t/r/a"])


def test_a_demand_file_with_other_bytes_than_the_plans_goes(cache: Cache) -> None:
    keep(cache, "t/r/a", b"wrong")
    plan(cache, 1, planned("t/r/a", b"right"))
    assert cache.find("t/r/a") is None
    assert _missing(cache) == ["t/r/a"]


def test_a_plan_that_came_while_a_file_was_on_its_way_decides_where_it_stands(cache: Cache, tmp_path: Path) -> None:
    first, second = cache.reserve("t/r/a", 1), cache.reserve("t/r/b", 1)
    assert first is not None
    assert second is not None
    plan(cache, 1, planned("t/r/a"), planned("t/r/b", b"y"))
    assert cache.keep(first, write(first, b"x"))
    assert not cache.keep(second, write(second, b"x"))
    assert on_disk(tmp_path)["placed"] == {"t/r/a"}


def test_a_plan_is_cut_at_its_least_worthy_and_again_when_there_is_more_room(tmp_path: Path) -> None:
    files = [planned(f"t/r/{number}", bytes([number]), 10.0 - number) for number in range(5)]
    cache = opened(tmp_path, 4 * BLOCK)  # nine tenths of it are three files
    plan(cache, 1, *files)
    assert _missing(cache) == ["t/r/0", "t/r/1", "t/r/2"]
    assert cache.wanted("t/r/3") is None
    cache.close()
    cache = opened(tmp_path, 100 * BLOCK)
    settle(cache)
    assert (cache.generation, len(_missing(cache))) == (1, 5)
    cache.close()


def test_placed_files_take_their_room_from_the_demand_cache(cache: Cache, tmp_path: Path) -> None:
    hands = cache._steady
    assert isinstance(hands, Hands)
    for number in range(10):
        keep(cache, f"t/r/d{number}")
    hands.now += 2
    plan(cache, 1, *(planned(f"t/r/p{number}") for number in range(8)))
    for number in range(8):
        assert keep(cache, f"t/r/p{number}")
        assert cache.used_bytes <= 10 * BLOCK
    files = on_disk(tmp_path)
    assert (len(files["placed"]), len(files["demand"])) == (8, 2)


def test_a_plan_survives_a_restart_with_its_window(tmp_path: Path) -> None:
    window = FillWindow(2.5, 14.0, 400_000_000)
    cache = opened(tmp_path, 10 * BLOCK)
    cache.begin_plan(PlanPage(7, 0, 1, (planned("t/r/a"), planned("t/r/b")), window))
    cache.end_plan(7)
    keep(cache, "t/r/a")
    cache.close()
    cache = opened(tmp_path, 10 * BLOCK)
    assert (cache.generation, _missing(cache), cache.window) == (7, ["t/r/b"], window)
    cache.close()


def test_a_large_plan_comes_in_at_the_side_and_is_complete_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_pages, "_SMALL_PLAN_FILES", 20)
    monkeypatch.setattr(upkeep, "_STAGED_FILES", 7)
    monkeypatch.setattr(upkeep, "_APPLIED_FILES", 9)
    cache = opened(tmp_path, 1000 * BLOCK)
    for number in range(60, 104):
        keep(cache, f"t/r/{number:03}")
    files = [planned(f"t/r/{number:03}", b"x", 1.0) for number in range(100)]
    pages = [PlanPage(4, page, 3, tuple(files[start:end])) for page, (start, end) in enumerate(((0, 15), (15, 70)))]
    cache.begin_plan(pages[0])
    cache.add_plan(pages[0])
    cache.add_plan(pages[1])
    cache.add_plan(PlanPage(4, 2, 3, tuple(files[70:])))
    cache.end_plan(4)
    assert (cache.generation, cache.wanted("t/r/000")) == (4, None)
    settle(cache)
    assert (cache.generation, cache._shelf.totals.placed_files, len(cache)) == (4, 40, 44)
    assert [file.path for file in cache.missing(3)] == ["t/r/000", "t/r/001", "t/r/002"]
    assert len(cache.missing(500)) == 60
    plan(cache, 5, *files[:50])
    settle(cache)
    assert (cache.generation, cache._shelf.totals.placed_files, len(cache.missing(500))) == (5, 0, 50)
    cache.close()


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_whenever_the_process_is_killed_the_plan_is_carried_out_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A copy of the folder, taken between any two steps, is what a kill leaves."""
    names = st.sets(st.integers(0, 12), max_size=10)
    held, wanted = data.draw(names), data.draw(names)
    folder = tmp_path_factory.mktemp("killed")
    cache = opened(folder / "0", 40 * BLOCK)
    plan(cache, 1, *(planned(f"t/r/{name}") for name in data.draw(names)))
    for name in held:
        keep(cache, f"t/r/{name}")
    files: tuple[PlannedFile, ...] = tuple(planned(f"t/r/{name}") for name in sorted(wanted))
    cache.upkeep.plan(None)
    cache.upkeep.plan(files)
    cache._pages._window = FillWindow()
    cache._pages._gathered = None
    cache.end_plan(2)
    for _ in range(data.draw(st.integers(0, 8))):
        cache.upkeep.step()
    shutil.copytree(folder / "0", folder / "1")
    generation = cache._shelf.plan.generation
    cache.close()
    cache = opened(folder / "1", 40 * BLOCK)
    assert cache.generation == generation
    if generation == 1:
        plan(cache, 2, *files)
    settle(cache)
    cache._steady.now += 2  # type: ignore[attr-defined]
    settle(cache)
    paths = {f"t/r/{name}" for name in held}
    asked = {file.path for file in files}
    assert on_disk(folder / "1") == {"placed": paths & asked, "demand": paths - asked, "partial": set()}
    assert set(_missing(cache)) == asked - paths
    assert len(cache) == len(paths)
    cache.close()
