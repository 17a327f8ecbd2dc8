"""What everybody watches: of all times, and of late.

A count that decays: each play weighs 2 ** (-age / half-life) when it is asked for. A short half-life follows the day
(on MovieTweetings one day doubles what all-time counts reach), a long one forgets little. No history changes it.
"""

from dataclasses import dataclass

import numpy as np

from matinee.learning.histories import Floats, Histories, Ints, Queries, Times
from matinee.learning.models import Link

# In seconds where times are; half-lives of untimed histories count a user's own interactions.
HALF_LIVES_TIMED = (6 * 3600.0, 86_400.0, 3 * 86_400.0, 7 * 86_400.0, 30 * 86_400.0)
HALF_LIVES_UNTIMED = (1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, slots=True)
class Popularity:
    """All-time counts."""

    name: str = "popularity"

    def fit(self, histories: Histories) -> "FittedPopularity":
        """Count."""
        return FittedPopularity(histories.counts().astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class FittedPopularity:
    """The same counts for everybody."""

    counts: Floats

    def scores(self, queries: Queries) -> Floats:
        """The counts, once a query."""
        return np.repeat(self.counts[None, :], len(queries), axis=0)

    def why(self, query: Queries, item: int) -> tuple[Link, ...]:
        """Nothing of the history."""
        del query, item
        return ()


@dataclass(frozen=True, slots=True)
class Trending:
    """Counts that halve every ``half_life`` (seconds, or interactions where histories have no times)."""

    half_life: float
    name: str = "trending"

    def fit(self, histories: Histories) -> "FittedTrending":
        """Keep what was watched, in the order of time."""
        order = np.argsort(histories.times, kind="stable")
        return FittedTrending(histories.items[order], histories.times[order], histories.n_items, self.half_life)


@dataclass(frozen=True, slots=True, eq=False)
class FittedTrending:
    """Every play with its time: what a query at a time is told counts the plays before that time only."""

    items: Ints
    times: Times
    n_items: int
    half_life: float

    def scores(self, queries: Queries) -> Floats:
        """Decayed counts at each query's time."""
        return decayed_counts(self.items, self.times, self.n_items, queries.times, self.half_life)

    def why(self, query: Queries, item: int) -> tuple[Link, ...]:
        """Nothing of the history."""
        del query, item
        return ()


def decayed_counts(items: Ints, times: Times, n_items: int, asked: Times, half_life: float) -> Floats:
    """Counts at the times asked, of the plays strictly before each, each weighing 2 ** (-age / half-life).

    Plays come in the order of their times. One pass over both: between two questions all counts shrink by one factor.
    """
    found = np.empty((len(asked), n_items), np.float32)
    counts = np.zeros(n_items)
    done, now = 0, times[0] if len(times) else 0.0
    for row in np.argsort(asked, kind="stable"):
        until = int(np.searchsorted(times, asked[row], side="left"))
        counts *= 0.5 ** ((asked[row] - now) / half_life)
        now = asked[row]
        if until > done:
            new = slice(done, until)
            counts += np.bincount(items[new], 0.5 ** ((now - times[new]) / half_life), minlength=n_items)
            done = until
        found[row] = counts
    return found
