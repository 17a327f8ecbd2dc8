"""What is expected to be played, as the recommender told it last, for plans that are made from it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from matinee.delivery import plan_store
from matinee.ports import Clock

FRESH = timedelta(hours=3)
"""An older word says nothing of today: then what was played decides."""


class Demand:
    """The shell around it. Threads share it."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def keep(self, region: str, plays: Mapping[str, float], from_seconds: float) -> None:
        """Keep what is expected in a region from a time on, by title in plays a day, unless something newer was told.

        Seconds are since 1970.
        """
        with self._engine.begin() as connection:
            plan_store.write_demand(connection, region, plays, datetime.fromtimestamp(from_seconds, UTC))

    def expected(self) -> Mapping[str, Mapping[str, float]]:
        """Plays a day by region and title, of the regions of which something was told lately."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            return plan_store.read_demand(connection, self._clock.now() - FRESH)
