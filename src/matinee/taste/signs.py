"""What a profile shows of its taste without playing: thumbs, its list, what it chose of a search, what it passed over.

Of each title the latest word counts, by its time and not by its coming. Passed over is what was shown on the first
screens time and again and never touched. A look at the page that lasts half an hour counts once, so that nothing moves
while somebody looks.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from matinee.model.events import ImpressionShown, ListChanged, SearchChosen, TitleRated

DOWN, UP, LOVE = "down", "up", "love"
PASSED_SITTINGS = 3
"""Shown in so many sittings and never touched, a title stands behind the others."""

Sign = TitleRated | ListChanged | SearchChosen | ImpressionShown

Held = TypeVar("Held")

_RATINGS = frozenset({DOWN, UP, LOVE})
_KEPT = 500
_CHOSEN_KEPT = 20
_PASSED_KEPT = 40
_SITTING_SECONDS = 1800.0
_FIRST_ROWS, _FIRST_PLACES = 4, 6
# Where a title stands because of what the profile did with it, or beside a title that was opened.
_OWN_ROWS = ("continue", "my-list", "watch-again", "similar:")


@dataclass(slots=True)
class Signs:
    """By title id: ``(rating, time)``, ``(listed, time)``, when chosen, ``(sittings passed, last time)``.

    Times are seconds since 1970; a rating of None was taken back.
    """

    ratings: dict[str, tuple[str | None, float]] = field(default_factory=dict)
    listed: dict[str, tuple[bool, float]] = field(default_factory=dict)
    chosen: dict[str, float] = field(default_factory=dict)
    passed: dict[str, tuple[int, float]] = field(default_factory=dict)

    def fold(self, sign: Sign, at: float) -> None:
        """Take one sign in, of a time in seconds since 1970."""
        title_id = sign.title_id
        if isinstance(sign, ImpressionShown):
            self._pass(sign, at)
            return
        self.passed.pop(title_id, None)
        match sign:
            case TitleRated(rating=rating):
                known = self.ratings.get(title_id)
                if (rating is None or rating in _RATINGS) and (known is None or at >= known[1]):
                    self.ratings[title_id] = (rating, at)
                    _bound(self.ratings, _KEPT, lambda held: held[1])
            case ListChanged(listed=listed):
                there = self.listed.get(title_id)
                if there is None or at >= there[1]:
                    self.listed[title_id] = (listed, at)
                    _bound(self.listed, _KEPT, lambda held: held[1])
            case SearchChosen():
                self.chosen[title_id] = max(at, self.chosen.get(title_id, at))
                _bound(self.chosen, _CHOSEN_KEPT, lambda held: held)

    def rating(self, title_id: str) -> str | None:
        """The thumbs a title has."""
        return self.ratings.get(title_id, (None, 0.0))[0]

    def on_list(self) -> list[tuple[str, float]]:
        """What stands on the list and since when, newest first."""
        standing = [(title_id, at) for title_id, (listed, at) in self.listed.items() if listed]
        return sorted(standing, key=lambda entry: (-entry[1], entry[0]))

    def _pass(self, sign: ImpressionShown, at: float) -> None:
        if sign.row >= _FIRST_ROWS or sign.place >= _FIRST_PLACES or sign.row_id.startswith(_OWN_ROWS):
            return
        sittings, last = self.passed.get(sign.title_id, (0, float("-inf")))
        if at >= last + _SITTING_SECONDS:
            self.passed[sign.title_id] = (sittings + 1, at)
            _bound(self.passed, _PASSED_KEPT, lambda held: held[1])


def _bound(kept: dict[str, Held], most: int, when: Callable[[Held], float]) -> None:
    if len(kept) > most:
        del kept[min(kept, key=lambda title_id: (when(kept[title_id]), title_id))]
