"""What was played lately, where and how long ago: what a planner expects to be played next."""

from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from matinee.delivery.planner import Plays
from matinee.playback import store
from matinee.ports import Clock

DAYS = 7


class RecentPlays:
    """The plays of the last week by title, region and day. Read from a database that may lag."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def counted(self) -> Iterator[Plays]:
        """One value a title, region and day."""
        now = self._clock.now()
        for age in range(DAYS):
            until = now - timedelta(days=age)
            with self._engine.connect().execution_options(read_only=True) as connection:
                rows = store.count_plays(connection, until - timedelta(days=1), until)
            for title_id, region, count in rows:
                yield Plays(title_id, region, age, count)
