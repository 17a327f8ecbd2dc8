"""The catalogue's tables and SQL."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from matinee.catalogue.lifecycle import Title, TitleKind, TitleState
from matinee.columns import Moment
from matinee.model.media import Presentation, presentation_from_json, presentation_to_json

metadata = sa.MetaData()


titles = sa.Table(
    "catalogue_titles",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("synopsis", sa.Text, nullable=False),
    sa.Column("year", sa.Integer),
    sa.Column("genres", sa.JSON, nullable=False),
    sa.Column("moods", sa.JSON, nullable=False),
    sa.Column("maturity", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("message", sa.Text),
    sa.Column("revision", sa.String(64)),
    sa.Column("parent_id", sa.ForeignKey("catalogue_titles.id"), index=True),
    sa.Column("season_number", sa.Integer),
    sa.Column("episode_number", sa.Integer),
    # Where it may be shown, as country codes; NULL: everywhere.
    sa.Column("territories", sa.JSON(none_as_null=True)),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("published_at", Moment),
    # Which change of the catalogue this row was last written in: readers ask for what is newer than they know.
    sa.Column("change", sa.BigInteger, nullable=False, index=True),
)

# Every revision a title ever had. ``files`` are thousands of names for a long film, so that only who needs them reads
# them.
revisions = sa.Table(
    "catalogue_revisions",
    metadata,
    sa.Column("title_id", sa.ForeignKey(titles.c.id), primary_key=True),
    sa.Column("revision", sa.String(64), primary_key=True),
    sa.Column("presentation", sa.JSON, nullable=False),
    sa.Column("files", sa.JSON, nullable=False),
    # Of the files, in their order; NULL where the release before kept the revision.
    sa.Column("digests", sa.JSON(none_as_null=True)),
    sa.Column("published_at", Moment, nullable=False),
)

# One row: the number of the last change.
changes = sa.Table(
    "catalogue_changes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last", sa.BigInteger, nullable=False),
)

_NEXT_CHANGE = sa.text(
    """
    INSERT INTO catalogue_changes (id, last) VALUES (1, 1)
    ON CONFLICT (id) DO UPDATE SET last = catalogue_changes.last + 1 RETURNING last
    """
)
_SHORT = sa.select(titles, revisions.c.presentation).select_from(
    titles.outerjoin(revisions, sa.and_(revisions.c.title_id == titles.c.id, revisions.c.revision == titles.c.revision))
)
_CHANGED = _SHORT.where(titles.c.change > sa.bindparam("change")).order_by(titles.c.change)
_WHOLE = _SHORT.add_columns(revisions.c.files, revisions.c.digests).where(titles.c.id == sa.bindparam("title_id"))
_LATER = revisions.alias()
# When a revision was followed by another; one that was taken back since its encode failed has none that follows.
_FOLLOWED_AT = (
    sa.select(sa.func.min(_LATER.c.published_at))
    .where(
        _LATER.c.title_id == revisions.c.title_id,
        _LATER.c.revision != revisions.c.revision,
        _LATER.c.published_at >= revisions.c.published_at,
    )
    .scalar_subquery()
)
_OUTGROWN = (
    sa.select(revisions.c.title_id, revisions.c.revision)
    .join(titles, titles.c.id == revisions.c.title_id)
    .where(
        revisions.c.presentation["is_growing"].as_boolean(),
        sa.or_(titles.c.revision.is_(None), titles.c.revision != revisions.c.revision),
        sa.func.coalesce(_FOLLOWED_AT, revisions.c.published_at) < sa.bindparam("before", type_=Moment),
    )
    .order_by(revisions.c.title_id, revisions.c.revision)
)


def next_change(connection: sa.Connection) -> int:
    """The number of the change this transaction makes.

    The row stays locked until the transaction ends. So changes happen one after the other, and become visible in the
    order of their numbers: who has seen one has seen all before it.
    """
    return int(connection.execute(_NEXT_CHANGE).scalar_one())


def changed_since(connection: sa.Connection, change: int) -> tuple[int, list[Title]]:
    """The titles written after a change, without ``files``, and the number of the last change among them."""
    rows = connection.execute(_CHANGED, {"change": change}).all()
    return (rows[-1].change if rows else change), [_title(row, ()) for row in rows]


def title(connection: sa.Connection, title_id: str) -> Title | None:
    """A title with its whole presentation."""
    row = connection.execute(_WHOLE, {"title_id": title_id}).one_or_none()
    return None if row is None else _title(row, row.files or (), row.digests or ())


def presentation(connection: sa.Connection, title_id: str, revision: str) -> Presentation | None:
    """One revision of a title, without ``files``."""
    wanted = sa.select(revisions.c.presentation)
    kept = connection.scalar(wanted.where(revisions.c.title_id == title_id, revisions.c.revision == revision))
    return None if kept is None else presentation_from_json({**kept, "files": ()})


def add_title(connection: sa.Connection, added: Title, change: int) -> None:
    """Keep a new title."""
    said = {**_said_of(added), "state": added.state.value, "created_at": added.created_at}
    connection.execute(titles.insert().values(id=added.id, change=change, **said))


def describe_title(connection: sa.Connection, described: Title, change: int) -> None:
    """Write what an operator says of a title."""
    connection.execute(titles.update().where(titles.c.id == described.id).values(change=change, **_said_of(described)))


def _said_of(title: Title) -> dict[str, Any]:
    return {
        "kind": title.kind.value,
        "name": title.name,
        "synopsis": title.synopsis,
        "year": title.year,
        "genres": list(title.genres),
        "moods": list(title.moods),
        "maturity": title.maturity,
        "parent_id": title.parent_id,
        "season_number": title.season_number,
        "episode_number": title.episode_number,
        "territories": list(title.territories) or None,
    }


def change_title(connection: sa.Connection, changed: Title, change: int) -> None:
    """Write what a step of the lifecycle changes: state, message, revision and when it was published."""
    connection.execute(
        titles.update()
        .where(titles.c.id == changed.id)
        .values(
            state=changed.state.value,
            message=changed.message,
            revision=changed.revision,
            published_at=changed.published_at,
            change=change,
        )
    )


def add_revision(
    connection: sa.Connection, title_id: str, revision: str, presentation: Presentation, now: datetime
) -> bool:
    """Keep a revision of a title; False if it was kept before."""
    wanted = sa.select(revisions.c.revision).where(revisions.c.title_id == title_id, revisions.c.revision == revision)
    if connection.scalar(wanted) is not None:
        return False
    values = presentation_to_json(presentation)
    files, digests = values.pop("files"), values.pop("digests")
    connection.execute(
        revisions.insert().values(
            title_id=title_id,
            revision=revision,
            presentation=values,
            files=files,
            digests=digests or None,
            published_at=now,
        )
    )
    return True


def outgrown(connection: sa.Connection, before: datetime) -> list[tuple[str, str]]:
    """The revisions that grew and are nobody's since before a moment, as title and revision."""
    return [(row.title_id, row.revision) for row in connection.execute(_OUTGROWN, {"before": before})]


def delete_revision(connection: sa.Connection, title_id: str, revision: str) -> None:
    """Keep a revision no longer."""
    connection.execute(revisions.delete().where(revisions.c.title_id == title_id, revisions.c.revision == revision))


def _title(row: sa.Row[Any], files: Any, digests: Any = ()) -> Title:
    # By name from a mapping: a row's attributes are looked up one by one, and there are twenty thousand rows.
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name
    kept = values["presentation"]
    return Title(
        id=values["id"],
        kind=TitleKind(values["kind"]),
        name=values["name"],
        synopsis=values["synopsis"],
        year=values["year"],
        genres=tuple(values["genres"]),
        moods=tuple(values["moods"]),
        maturity=values["maturity"],
        state=TitleState(values["state"]),
        message=values["message"],
        revision=values["revision"],
        presentation=None if kept is None else presentation_from_json({**kept, "files": files, "digests": digests}),
        parent_id=values["parent_id"],
        season_number=values["season_number"],
        episode_number=values["episode_number"],
        created_at=values["created_at"],
        published_at=values["published_at"],
        territories=tuple(values["territories"] or ()),
    )
