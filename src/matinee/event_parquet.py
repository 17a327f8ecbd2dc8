"""Events as Parquet: the archive's schema, fixed, and what is done to one file. Paths and bytes; no port.

It loads pyarrow, so who only may come to need it imports this where it does.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from matinee.event_json import facts_from_json, facts_to_json
from matinee.model.errors import Invalid
from matinee.model.events import SCHEMA_VERSION, Event, Facts

SCHEMA: Mapping[str, str] = {
    "id": "unique among the events of the log's last minutes, as a rule for ever",
    "type": "the event's type, as playback.heartbeat",
    "version": "the version of the events' schema",
    "time": "when it happened, in UTC; the folder's day is this time's",
    "source": "which process or client saw it",
    "member_id": "whose it is, where the facts say so; so the following four",
    "profile_id": "who watched",
    "title_id": "what was watched",
    "playback_id": "in which play",
    "edge_id": "from which edge",
    "position": "its place in the log: grows, with gaps",
    "facts": "all the type's facts, as JSON",
}
"""The columns of every part and what they hold. Additions only, at the end: old parts then lack them."""

_NAMED = ("member_id", "profile_id", "title_id", "playback_id", "edge_id")
_LEVEL = 3
_ROWS = 20_000

Placed = tuple[int, Event]
"""An event and its position in the log."""

Wanted = Callable[[str | None, float], bool]
"""Whether an event of a profile (None: of nobody) at a time (seconds since 1970) is meant."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A part before it is put: a day's events as Parquet."""

    day: str
    events: int
    body: bytes


@cache
def _schema() -> Any:
    kinds = {
        "version": pa.int16(),
        "time": pa.timestamp("us", tz="UTC"),
        "position": pa.int64(),
    }
    needed = {"id", "type", "version", "time", "source", "position", "facts"}
    return pa.schema(
        [pa.field(name, kinds.get(name, pa.string()), nullable=name not in needed) for name in SCHEMA],
        metadata={"matinee.archive": "1"},
    )


def day_of(time: datetime) -> str:
    """The day an event belongs to, in UTC: 2026-11-22."""
    return time.astimezone(UTC).date().isoformat()


def _names(facts: type[Facts]) -> tuple[str, ...]:
    slots: tuple[str, ...] = facts.__slots__
    return slots


def drafts(events: Iterable[Placed]) -> list[Draft]:
    """Events as one part for each of their days, days in order."""
    days: dict[str, dict[str, list[Any]]] = {}
    for position, event in events:
        columns = days.setdefault(day_of(event.time), {name: [] for name in SCHEMA})
        facts: dict[str, Any] = {name: getattr(event.facts, name) for name in _names(type(event.facts))}
        columns["id"].append(event.id)
        columns["type"].append(event.type)
        columns["version"].append(SCHEMA_VERSION)
        columns["time"].append(event.time)
        columns["source"].append(event.source)
        for name in _NAMED:
            columns[name].append(facts.get(name))
        columns["position"].append(position)
        columns["facts"].append(facts_to_json(event.facts))
    return [Draft(day, len(columns["id"]), _parquet(columns)) for day, columns in sorted(days.items())]


def _parquet(columns: Mapping[str, Sequence[Any]]) -> bytes:
    body = io.BytesIO()
    with _writer(body) as writer:
        writer.write_table(pa.table(dict(columns), schema=_schema()), row_group_size=_ROWS)
    return body.getvalue()


def _writer(where: Any) -> Any:
    plain = {"id", "facts", "time", "position"}
    return parquet.ParquetWriter(
        where,
        _schema(),
        compression="zstd",
        compression_level=_LEVEL,
        # What repeats is worth a dictionary; an id and a text of its own are not.
        use_dictionary=[name for name in SCHEMA if name not in plain],
    )


def count(part: Path) -> int:
    """How many events a part says it holds."""
    with parquet.ParquetFile(part) as file:
        return int(file.metadata.num_rows)


def positions(part: Path, wanted: Wanted) -> list[int]:
    """The positions of a part's events that are wanted; only their three columns are read."""
    found: list[int] = []
    with parquet.ParquetFile(part) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=["type", "profile_id", "time", "position"])
            owned = zip(*_owned(rows), rows["position"].to_pylist(), strict=True)
            found.extend(position for profile_id, at, position in owned if wanted(profile_id, at))
    return found


def rewrite(parts: Sequence[Path], target: Path, left_out: Wanted) -> int:
    """Write the rows of some parts into one, without those to be left out; how many are in it.

    In memory is one row group at a time.
    """
    kept = 0
    with _writer(target) as writer:
        for part in parts:
            with parquet.ParquetFile(part) as file:
                for group in range(file.num_row_groups):
                    rows = _today(file.read_row_group(group))
                    keep = [not left_out(*owned) for owned in zip(*_owned(rows), strict=True)]
                    if not all(keep):
                        rows = rows.filter(keep)
                    if rows.num_rows:
                        writer.write_table(rows)
                        kept += rows.num_rows
    return kept


def _owned(rows: Any) -> tuple[list[str | None], list[float]]:
    """Whose each row is, None for nobody's, and its time in seconds since 1970."""
    # That a profile is forgotten is nobody's: it is told to those who learn later.
    kinds, profiles = rows["type"].to_pylist(), rows["profile_id"].to_pylist()
    owners = [None if kind == "member.forgotten" else profile for kind, profile in zip(kinds, profiles, strict=True)]
    return owners, [time.timestamp() for time in rows["time"].to_pylist()]


def _today(rows: Any) -> Any:
    """Rows with today's columns: a part that an older version wrote lacks the newest."""
    schema = _schema()
    present = set(rows.column_names)
    columns = [rows[field.name] if field.name in present else pa.nulls(rows.num_rows, field.type) for field in schema]
    return pa.table(columns, schema=schema)


def read(part: Path, after: int = 0) -> Iterator[Placed]:
    """A part's events beyond a position, as they stand; those that this version does not know are passed over."""
    with parquet.ParquetFile(part) as file:
        for group in range(file.num_row_groups):
            columns = ["id", "type", "time", "source", "position", "facts"]
            rows = file.read_row_group(group, columns=columns)
            for event_id, kind, time, source, position, facts in zip(
                *(rows[name].to_pylist() for name in columns), strict=True
            ):
                if position <= after:
                    continue
                try:
                    event = Event(event_id, time.astimezone(UTC), source, facts_from_json(kind, facts))
                except Invalid:
                    continue
                yield position, event
