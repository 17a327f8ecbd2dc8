"""Disk and index are made to agree; what somebody did to the folder in between is done with plain files."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matinee.model.plans import Origin
from shelves import BLOCK, Hands, keep, on_disk, opened, plan, planned, settle

LIMIT = 40 * BLOCK


def test_a_file_without_a_row_is_held_with_its_digest(tmp_path: Path) -> None:
    cache = opened(tmp_path, LIMIT)
    plan(cache, 1, planned("t/r/a", b"a"))
    cache.close()
    for name in ("placed/t/r/a", "placed/t/r/b", "demand/t/r/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name[-1].encode())
    cache = opened(tmp_path, LIMIT)
    settle(cache)
    held = [cache.find(f"t/r/{name}") for name in "abc"]
    assert [found.kind for found in held if found] == [Origin.PLACED, Origin.DEMAND, Origin.DEMAND]
    assert [found.digest for found in held if found] == [planned("p", name.encode()).digest for name in "abc"]
    assert cache.missing(10) == []
    cache.close()


@pytest.mark.parametrize("folder", ["placed", "demand"])
def test_a_file_that_the_plan_has_with_other_bytes_is_removed(tmp_path: Path, folder: str) -> None:
    cache = opened(tmp_path, LIMIT)
    plan(cache, 1, planned("t/r/a", b"right"))
    cache.close()
    (tmp_path / folder / "t/r").mkdir(parents=True)
    (tmp_path / folder / "t/r/a").write_bytes(b"wrong")
    cache = opened(tmp_path, LIMIT)
    settle(cache)
    assert cache.find("t/r/a") is None
    assert on_disk(tmp_path)[folder] == set()
    cache.close()


def test_what_no_address_can_name_is_removed(tmp_path: Path) -> None:
    cache = opened(tmp_path, LIMIT)
    cache.close()
    (tmp_path / "demand/t/r").mkdir(parents=True)
    (tmp_path / "demand/.hidden").write_text("not ours")
    (tmp_path / "demand/t/r/link").symlink_to("/etc/passwd")
    cache = opened(tmp_path, LIMIT)
    settle(cache)
    assert list((tmp_path / "demand").iterdir()) == []
    assert len(cache) == 0
    cache.close()


def test_the_folder_of_a_version_without_plans_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "files/t/r").mkdir(parents=True)
    (tmp_path / "files/t/r/a").write_bytes(b"hello")
    cache = opened(tmp_path, LIMIT)
    settle(cache)
    assert cache.find("t/r/a") is not None
    cache.close()


def test_an_index_that_cannot_be_read_is_made_anew_from_the_disk(tmp_path: Path) -> None:
    cache = opened(tmp_path, LIMIT)
    keep(cache, "t/r/a", b"hello")
    cache.close()
    for name in ("index.db-wal", "index.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "index.db").write_bytes(b"nothing that SQLite knows" * 1000)
    cache = opened(tmp_path, LIMIT)
    assert cache.find("t/r/a") is None
    settle(cache)
    held = cache.find("t/r/a")
    assert held is not None
    assert (held.digest, cache.disk) == (planned("t/r/a", b"hello").digest, "well")
    cache.close()


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_whatever_was_done_to_the_folder_index_and_disk_agree_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder, hands = tmp_path_factory.mktemp("cache"), Hands()
    names = st.sets(st.integers(0, 9), max_size=6)
    cache = opened(folder, LIMIT, hands)
    wanted = {f"t/r/{name}" for name in data.draw(names)}
    plan(cache, 1, *(planned(path) for path in wanted))
    for name in data.draw(names):
        keep(cache, f"t/r/{name}")
    cache.close()
    for kind in ("placed", "demand"):
        for name in data.draw(names):
            file = folder / kind / f"t/r/{name}"
            if data.draw(st.booleans()):
                file.unlink(missing_ok=True)
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(b"x")
    cache = opened(folder, LIMIT, hands)
    settle(cache)
    hands.now += 2
    settle(cache)
    files = on_disk(folder)
    assert not files["placed"] & files["demand"]
    assert files["placed"] <= wanted
    assert not files["demand"] & wanted
    rows = {row.path: row.number is None for row in cache._index.rows("", "\x7f", 100)}  # type: ignore[union-attr]
    assert rows == {path: kind == "placed" for kind in ("placed", "demand") for path in files[kind]}
    assert len(cache) == len(rows)
    assert cache.used_bytes == len(rows) * BLOCK
    assert {file.path for file in cache.missing(100)} == wanted - files["placed"]
    cache.close()
