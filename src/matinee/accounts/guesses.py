"""Secrets that people guess at: a few at a time, and only so often."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import BoundedSemaphore

import sqlalchemy as sa
import structlog

from matinee.accounts import credentials, store
from matinee.model.errors import LimitReached, Unavailable
from matinee.model.ids import RandomBytes
from matinee.ports import Clock

_log = structlog.get_logger()

_WINDOW = timedelta(minutes=15)
# Each hash takes 19 MiB and a core: more at once would only be slower, and could be used to fill the memory.
_AT_ONCE = 4
_WAIT_SECONDS = 10.0


class Guesses:
    """Hashes passwords and PINs and counts the wrong ones, in the database: all processes count together."""

    def __init__(self, engine: sa.Engine, clock: Clock, random_bytes: RandomBytes) -> None:
        self._engine = engine
        self._clock = clock
        self._random_bytes = random_bytes
        self._slots = BoundedSemaphore(_AT_ONCE)

    def hashed(self, secret: str) -> str:
        """A new secret as it is kept."""
        with self._slot():
            return credentials.hashed(secret, self._random_bytes)

    def right(self, subject: str, most: int, secret: str, kept: str) -> bool:
        """Whether the secret of a subject is the one that is kept.

        LimitReached, and nothing is compared, after ``most`` wrong ones within 15 minutes of the first. Counted and
        compared within one of a few slots: of guesses made at the same moment, only so many get ahead of the count.
        """
        with self._slot():
            now = self._clock.now()
            with self._engine.connect() as connection:
                reading = connection.execution_options(read_only=True)
                known = store.wrong_guesses(reading, subject, now - _WINDOW)
            if known is not None and known[0] >= most:
                _log.warning("guesses.limited", subject=subject)
                left = (known[1] + _WINDOW - now).total_seconds()
                raise LimitReached(f"That was wrong {most} times: try again in {_in_minutes(left)}.", left)
            right = credentials.matches(secret, kept)
            if not right or known is not None:
                with self._engine.begin() as connection:
                    if right:
                        store.forget_guesses(connection, subject)
                    else:
                        store.count_guess(connection, subject, now, now - _WINDOW)
        return right

    def past(self) -> datetime:
        """Wrong ones that were counted from then on or before no longer matter."""
        return self._clock.now() - _WINDOW

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self._slots.acquire(timeout=_WAIT_SECONDS):
            raise Unavailable("Too many people sign in at this moment: try again in a minute.")
        try:
            yield
        finally:
            self._slots.release()


def _in_minutes(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes <= 1 else f"{minutes} minutes"
