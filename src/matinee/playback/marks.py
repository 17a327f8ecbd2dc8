"""What a profile says of titles: its thumbs, and its list. A change and the event that tells of it are one.

``changed`` is pure: what becomes of a mark, and what others are told. The same said twice changes and tells nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
import structlog

from matinee.model.errors import Conflict
from matinee.model.events import Event, Facts, ListChanged, TitleRated
from matinee.model.ids import RandomBytes, new_id
from matinee.playback import mark_store
from matinee.ports import Clock, Outbox

_log = structlog.get_logger()
_SOURCE = "serve"
MOST_LISTED = 500


class Rating(StrEnum):
    """A thumb down, one up, or two up."""

    DOWN = "down"
    UP = "up"
    LOVE = "love"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a profile says of one title; ``listed_at`` is None while it is not on the list."""

    rating: Rating | None = None
    listed_at: datetime | None = None

    @property
    def listed(self) -> bool:
        """Whether it stands on the profile's list."""
        return self.listed_at is not None


UNMARKED = Mark()
Marked = Mapping[str, Mark]
"""By title id, what a profile says."""


def rated(mark: Mark, profile_id: str, title_id: str, rating: Rating | None) -> tuple[Mark, Facts | None]:
    """The mark with another rating (None takes it back), and what is told of it."""
    facts = TitleRated(profile_id, title_id, None if rating is None else rating.value)
    return replace(mark, rating=rating), None if mark.rating is rating else facts


def listed(mark: Mark, profile_id: str, title_id: str, at: datetime | None) -> tuple[Mark, Facts | None]:
    """The mark on the list since a time, or off it (None), and what is told of it; what is listed stays as it was."""
    if mark.listed is (at is not None):
        return mark, None
    return replace(mark, listed_at=at), ListChanged(profile_id, title_id, listed=at is not None)


class Marks:
    """The shell around marks. Threads share it."""

    def __init__(self, engine: sa.Engine, outbox: Outbox, clock: Clock, random_bytes: RandomBytes) -> None:
        self._engine = engine
        self._outbox = outbox
        self._clock = clock
        self._random_bytes = random_bytes

    def of(self, profile_id: str) -> Marked:
        """All that a profile says."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = mark_store.read_marks(connection, profile_id)
        return {row["title_id"]: _mark(row["rating"], row["listed_at"]) for row in rows}

    def rate(self, profile_id: str, title_id: str, rating: Rating | None) -> Mark:
        """Give a title a rating, in the place of the one it had; None takes it back."""
        return self._change(profile_id, title_id, lambda mark: rated(mark, profile_id, title_id, rating))

    def put_on_list(self, profile_id: str, title_id: str) -> Mark:
        """Put a title on the profile's list. Conflict beyond 500 titles."""
        return self._change(
            profile_id, title_id, lambda mark: listed(mark, profile_id, title_id, self._clock.now()), limited=True
        )

    def take_off_list(self, profile_id: str, title_id: str) -> Mark:
        """Take a title off the profile's list; nothing if it is not on it."""
        return self._change(profile_id, title_id, lambda mark: listed(mark, profile_id, title_id, None))

    def _change(
        self,
        profile_id: str,
        title_id: str,
        change: Callable[[Mark], tuple[Mark, Facts | None]],
        *,
        limited: bool = False,
    ) -> Mark:
        now = self._clock.now()
        with self._engine.begin() as connection:
            mark_store.lock(connection, profile_id)
            row = mark_store.read_mark(connection, profile_id, title_id)
            before = UNMARKED if row is None else _mark(row["rating"], row["listed_at"])
            mark, facts = change(before)
            if facts is None:
                return mark
            if limited and mark_store.count_listed(connection, profile_id) >= MOST_LISTED:
                raise Conflict(f"My list holds {MOST_LISTED} titles, which is the most: take one off first.")
            rating = None if mark.rating is None else mark.rating.value
            mark_store.write_mark(connection, profile_id, title_id, rating, mark.listed_at, now)
            event = Event(id=f"mark-{new_id(self._random_bytes)}", time=now, source=_SOURCE, facts=facts)
            self._outbox.append(connection, [event])
        _log.info("title.marked", profile_id=profile_id, title_id=title_id, rating=rating, listed=mark.listed)
        return mark


def _mark(rating: str | None, listed_at: datetime | None) -> Mark:
    return Mark(None if rating is None else Rating(rating), listed_at)
