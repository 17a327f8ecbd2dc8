"""Parts of the archive: what goes in comes out, by day, and without what is left out."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from matinee import event_parquet as parts
from matinee.model.events import Event, ImpressionShown, MemberForgotten, SearchMade, TitleEncoded
from matinee.recommender.archive import is_forgotten, key_of, range_of
from plays import NOON, event, heartbeat

MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)

EVENTS = st.builds(
    lambda name, seconds, profile_id, query: Event(
        name, MIDNIGHT + timedelta(seconds=seconds), "test", SearchMade(profile_id, query, 3)
    ),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=12),
    st.floats(-200_000, 200_000),
    st.sampled_from(["ada", "bob"]),
    st.text(st.characters(codec="utf-8"), max_size=20),
)


def written(folder: Path, *events: Event) -> list[Path]:
    """The events' parts as files, days in order; positions count from one."""
    paths = []
    for draft in parts.drafts(enumerate(events, start=1)):
        path = folder / f"{draft.day}.parquet"
        path.write_bytes(draft.body)
        paths.append(path)
    return paths


@given(events=st.lists(EVENTS, max_size=30))
def test_every_event_is_in_the_part_of_its_day_and_comes_out_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event]
) -> None:
    paths = written(tmp_path_factory.mktemp("parts"), *events)
    read = [(path.stem, placed) for path in paths for placed in parts.read(path)]
    assert len(read) == len(events)
    assert {position: found for _, (position, found) in read} == dict(enumerate(events, start=1))
    assert all(day == found.time.date().isoformat() for day, (_, found) in read)


def test_a_day_is_one_of_utc() -> None:
    assert parts.day_of(datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-01"


def test_facts_of_every_kind_come_out_as_they_went_in(tmp_path: Path) -> None:
    told = [
        event(ImpressionShown("ada", "tide", "new", 1, 2)),
        event(TitleEncoded("tide", "r1", {"duration_seconds": 90.5, "files": [["a", 1]], "colour": None})),
        heartbeat("ada", "tide"),
    ]
    [path] = written(tmp_path, *told)
    assert [found for _, found in parts.read(path)] == told
    assert [position for position, _ in parts.read(path, after=1)] == [2, 3]


def test_a_part_has_the_documented_columns_and_compression(tmp_path: Path) -> None:
    [path] = written(tmp_path, heartbeat("ada", "tide"))
    with parquet.ParquetFile(path) as file:
        assert file.schema_arrow.names == list(parts.SCHEMA)
        assert {file.metadata.row_group(0).column(place).compression for place in range(len(parts.SCHEMA))} == {"ZSTD"}
        assert file.schema_arrow.metadata[b"matinee.archive"] == b"1"


def test_a_rewritten_part_is_without_what_is_left_out_and_everything_else_stays(tmp_path: Path) -> None:
    until = NOON.timestamp() + 10
    told = [
        heartbeat("ada", "tide", seconds=0),
        heartbeat("bob", "tide", seconds=1),
        event(MemberForgotten("member", "ada", until), 2),
        heartbeat("ada", "reef", seconds=10),
        heartbeat("ada", "gear", seconds=11),
    ]
    [path] = written(tmp_path, *told)

    def gone(profile_id: str | None, at: float) -> bool:
        return is_forgotten({"ada": until}, profile_id, at)

    assert parts.positions(path, gone) == [1, 4]
    target = tmp_path / "target.parquet"
    assert parts.rewrite([path], target, gone) == parts.count(target) == 3
    assert [position for position, _ in parts.read(target)] == [2, 3, 5]


def test_parts_of_an_older_schema_are_put_together_with_those_of_todays(tmp_path: Path) -> None:
    [path] = written(tmp_path, heartbeat("ada", "tide"))
    old = tmp_path / "old.parquet"
    parquet.write_table(parquet.read_table(path).drop_columns(["edge_id"]), old)
    target = tmp_path / "target.parquet"
    assert parts.rewrite([old, path], target, lambda _profile_id, _at: False) == 2
    assert parquet.read_table(target)["edge_id"].to_pylist() == [None, None]


def test_an_event_that_this_version_does_not_know_is_passed_over(tmp_path: Path) -> None:
    [path] = written(tmp_path, heartbeat("ada", "tide"), heartbeat("bob", "tide"))
    table = parquet.read_table(path)
    kinds = pa.array(["trailer.skipped", "playback.heartbeat"])
    parquet.write_table(table.set_column(1, "type", kinds), path)
    assert [position for position, _ in parts.read(path)] == [2]


def test_keys_sort_as_positions_do_and_tell_them() -> None:
    keys = [key_of("2026-01-01", first, first + 5) for first in (7, 10, 123_456_789_012)]
    assert keys == sorted(keys)
    assert range_of(keys[0]) == (7, 12)
    assert range_of(key_of("2026-01-01", 7, 12, "token")) == (7, 12)
    assert range_of("archive/events/notes.txt") is None
