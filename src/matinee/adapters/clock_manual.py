"""A clock turned by hand, for tests and simulation."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """``ports.Clock`` that stands still until ``advance``."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """The time it was turned to."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Turn it forward by a number of seconds, zero or more."""
        if seconds < 0:
            raise ValueError("A clock is not turned back.")
        self._now += timedelta(seconds=seconds)
