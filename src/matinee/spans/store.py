"""The room's tables and SQL."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from matinee.columns import Moment
from matinee.spans.span import Extent, Said, Span, SpanKind

metadata = sa.MetaData()

# Each episode of which there is a fingerprint, or none because it failed.
episodes = sa.Table(
    "spans_episodes",
    metadata,
    sa.Column("title_id", sa.String(16), primary_key=True),
    sa.Column("revision", sa.String(64), nullable=False),
    # Its object; NULL while there is none.
    sa.Column("fingerprint", sa.Text),
    sa.Column("failures", sa.Integer, nullable=False),
    # What names all that it was compared with; "" before the first time.
    sa.Column("compared", sa.String(64), nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
)

spans = sa.Table(
    "spans_spans",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("title_id", sa.String(16), nullable=False),
    sa.Column("revision", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("start_seconds", sa.Double, nullable=False),
    sa.Column("end_seconds", sa.Double, nullable=False),
    sa.Column("said", sa.String(16), nullable=False),
    # How sure whoever found it is; NULL where an operator says so.
    sa.Column("confidence", sa.Double),
    sa.Index("ix_spans_spans_of", "title_id", "revision"),
)

# Kinds of which an operator has said what there is, were it nothing: nothing that is found counts there any more.
settled = sa.Table(
    "spans_settled",
    metadata,
    sa.Column("title_id", sa.String(16), primary_key=True),
    sa.Column("revision", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    # The length of what it was said of: it holds for a later revision that is as long.
    sa.Column("duration_seconds", sa.Double, nullable=False),
    sa.Column("member_id", sa.String(64), nullable=False),
    sa.Column("settled_at", Moment, nullable=False),
)


def read_spans(connection: sa.Connection, title_id: str, revision: str) -> tuple[Span, ...]:
    """The spans of a revision in order of time; of a kind that an operator settled, only what operators say."""
    kinds = sa.select(settled.c.kind).where(settled.c.title_id == title_id, settled.c.revision == revision)
    counts = sa.or_(spans.c.said == Said.OPERATOR.value, spans.c.kind.not_in(kinds))
    query = sa.select(spans).where(spans.c.title_id == title_id, spans.c.revision == revision, counts)
    rows = connection.execute(query.order_by(spans.c.start_seconds, spans.c.id)).mappings()
    return tuple(_span(row) for row in rows)


def settled_kinds(connection: sa.Connection, title_id: str, revision: str) -> frozenset[SpanKind]:
    """The kinds that an operator settled."""
    query = sa.select(settled.c.kind).where(settled.c.title_id == title_id, settled.c.revision == revision)
    return frozenset(map(SpanKind, connection.execute(query).scalars()))


def settle(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Note that an operator said what there is of a kind; once."""
    same = [settled.c[name] == values[name] for name in ("title_id", "revision", "kind")]
    if connection.execute(sa.select(settled.c.kind).where(*same)).first() is None:
        connection.execute(sa.insert(settled).values(**values))


def unsettle(connection: sa.Connection, title_id: str) -> None:
    """Forget what operators said of a title, in every revision."""
    connection.execute(sa.delete(settled).where(settled.c.title_id == title_id))
    connection.execute(sa.delete(spans).where(spans.c.title_id == title_id, spans.c.said == Said.OPERATOR.value))


def settled_revisions(connection: sa.Connection) -> dict[str, dict[str, float]]:
    """By title, each revision of which operators said something, the latest first, and how long it is."""
    columns = (settled.c.title_id, settled.c.revision, settled.c.duration_seconds)
    found: dict[str, dict[str, float]] = {}
    for row in connection.execute(sa.select(*columns).order_by(settled.c.settled_at.desc())):
        found.setdefault(row.title_id, {}).setdefault(row.revision, row.duration_seconds)
    return found


def settled_rows(connection: sa.Connection, title_id: str, revision: str) -> list[dict[str, Any]]:
    """What was settled of a revision, as it is kept."""
    query = sa.select(settled).where(settled.c.title_id == title_id, settled.c.revision == revision)
    return [dict(row) for row in connection.execute(query).mappings()]


def add_span(connection: sa.Connection, title_id: str, revision: str, span: Span) -> None:
    """Keep a span."""
    values = {"id": span.id, "title_id": title_id, "revision": revision, **_values(span.extent, span.said)}
    connection.execute(sa.insert(spans).values(**values))


def change_span(connection: sa.Connection, span: Span) -> None:
    """Write what is said of a span instead."""
    connection.execute(sa.update(spans).where(spans.c.id == span.id).values(**_values(span.extent, span.said)))


def remove_span(connection: sa.Connection, span_id: str) -> None:
    """Take a span away."""
    connection.execute(sa.delete(spans).where(spans.c.id == span_id))


def remove_found(connection: sa.Connection, title_id: str) -> None:
    """Take away whatever was found in any revision of a title."""
    connection.execute(sa.delete(spans).where(spans.c.title_id == title_id, spans.c.said == Said.FOUND.value))


def read_episodes(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """Every episode that is known here, by its title's id."""
    return {row["title_id"]: dict(row) for row in connection.execute(sa.select(episodes)).mappings()}


def put_episode(connection: sa.Connection, title_id: str, revision: str, values: Mapping[str, Any]) -> None:
    """Say of a revision what is known of it; of another revision of the title nothing is known any more."""
    connection.execute(sa.delete(episodes).where(episodes.c.title_id == title_id))
    connection.execute(sa.insert(episodes).values(title_id=title_id, revision=revision, **values))


def mark_compared(connection: sa.Connection, title_id: str, revision: str, compared: str, now: datetime) -> bool:
    """Note what a revision was compared with; False if it is another one by now."""
    same = (episodes.c.title_id == title_id, episodes.c.revision == revision)
    values = {"compared": compared, "changed_at": now}
    return connection.execute(sa.update(episodes).where(*same).values(**values)).rowcount == 1


def forget_episodes(connection: sa.Connection, title_ids: Iterable[str]) -> None:
    """Know nothing of these any more, nor what was found in them; what operators said stays."""
    for title_id in title_ids:
        connection.execute(sa.delete(episodes).where(episodes.c.title_id == title_id))
        remove_found(connection, title_id)


def _values(extent: Extent, said: Said) -> dict[str, Any]:
    return {
        "kind": extent.kind.value,
        "start_seconds": extent.start_seconds,
        "end_seconds": extent.end_seconds,
        "confidence": extent.confidence,
        "said": said.value,
    }


def _span(row: Mapping[Any, Any]) -> Span:
    extent = Extent(SpanKind(row["kind"]), row["start_seconds"], row["end_seconds"], row["confidence"])
    return Span(row["id"], extent, Said(row["said"]))
