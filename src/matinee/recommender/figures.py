"""What a selection's titles are, in columns: made once a selection, for features to be told of many titles at once."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from matinee.catalogue.titles import Title

Column = Any
"""A number a title; not a number where it is not told."""


class Figures:
    """Year, length (its logarithm), when it was published (seconds since 1970) and genres of titles by their place."""

    def __init__(self, titles: Iterable[Title]) -> None:
        held = list(titles)
        self._places = {title.id: place for place, title in enumerate(held)}
        lengths = [title.duration_seconds for title in held]
        self.years = _column(None if title.year is None else float(title.year) for title in held)
        self.lengths = _column(math.log(max(1.0, seconds)) if seconds else None for seconds in lengths)
        self.published = _column(
            None if title.published_at is None else title.published_at.timestamp() for title in held
        )
        self.genres = tuple(frozenset(name.casefold() for name in title.genres) for title in held)
        names = sorted(frozenset().union(*self.genres))
        self._genres = {name: number for number, name in enumerate(names)}
        self._has = np.zeros((len(held), len(names)), bool)
        for place, mine in enumerate(self.genres):
            self._has[place, [self._genres[name] for name in mine]] = True

    def places(self, title_ids: Sequence[str]) -> list[int]:
        """Where titles stand; KeyError for one that is not of the selection."""
        return [self._places[title_id] for title_id in title_ids]

    def liked_genres(self, places: Sequence[int], mix: Mapping[str, float]) -> Column:
        """The mean share in a mix of each title's genres; 0 for a title of none."""
        shares = np.zeros(len(self._genres))
        for name, share in mix.items():
            shares[self._genres[name]] = share
        has = self._has[places]
        return has @ shares / np.maximum(1, has.sum(axis=1))


def _column(values: Iterable[float | None]) -> Column:
    return np.array([math.nan if value is None else value for value in values])
