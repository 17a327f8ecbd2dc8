"""Column types that every room's store shares."""

from datetime import UTC, datetime

import sqlalchemy as sa


class Moment(sa.types.TypeDecorator[datetime]):
    """An aware time in UTC on both engines; SQLite keeps it without its zone, as text that compares in UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """UTC on the way in."""
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Aware on the way out."""
        return value and (value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))
