"""People who never were, and what they watched: seeded, skewed as histories are, each as events in order of time.

How many titles somebody watched is log-normal (most a dozen, a few hundreds). Which ones: a Zipf law over all titles;
half are drawn from two genres that are theirs, so that titles go together as they do in life. When: the later the
likelier, over 90 days. Every play is told by one heartbeat, the first by a start as well (the region).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from matinee.model.events import Event, PlaybackHeartbeat, PlaybackStarted

DAYS = 90.0
DURATION_SECONDS = 5400.0
REGIONS = ("europe", "america", "asia")
MEDIAN_PLAYS, SPREAD, MOST_PLAYS = 12.0, 1.1, 500
ZIPF = 0.9
OWN_GENRES = 2
WATCHED_SHARES = (0.2, 0.6, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Draw:
    """Titles and the running sum of their weights, to draw from."""

    title_ids: Sequence[str]
    weights: Sequence[float]

    def some(self, count: int, chance: random.Random) -> list[str]:
        """So many titles, with repeats."""
        return chance.choices(self.title_ids, cum_weights=self.weights, k=count)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who may watch what: all titles, and those of each genre, by their popularity."""

    everything: Draw
    genres: tuple[Draw, ...]

    def history(self, profile_id: str, chance: random.Random, now: datetime) -> Iterator[Event]:
        """One person's plays, each title once, oldest first."""
        count = min(MOST_PLAYS, max(1, round(MEDIAN_PLAYS * chance.lognormvariate(0.0, SPREAD))))
        own = chance.sample(self.genres, min(OWN_GENRES, len(self.genres)))
        drawn = self.everything.some(count - count // 2, chance)
        for place, genre in enumerate(own):
            drawn += genre.some((count // 2 + place) // len(own), chance)
        region = chance.choice(REGIONS)
        titles = list(dict.fromkeys(drawn))
        ages = sorted((DAYS * 86_400 * chance.random() ** 2 for _ in titles), reverse=True)
        for number, (title_id, age) in enumerate(zip(titles, ages, strict=True)):
            at, ids = now - timedelta(seconds=age), (f"{profile_id}-{number}", profile_id, title_id)
            if number == 0:
                yield Event(f"{ids[0]}-a", at, "benchmark", PlaybackStarted(*ids, region=region))
            position = chance.choice(WATCHED_SHARES) * DURATION_SECONDS
            facts = PlaybackHeartbeat(*ids, position, position, duration_seconds=DURATION_SECONDS)
            yield Event(f"{ids[0]}-b", at, "benchmark", facts)


def audience(genres: Sequence[tuple[str, Sequence[str]]], chance: random.Random) -> Audience:
    """An audience of titles, each given by its id and its genres."""
    ordered = list(genres)
    chance.shuffle(ordered)
    weights = {title_id: (place + 1) ** -ZIPF for place, (title_id, _) in enumerate(ordered)}
    by_genre: dict[str, list[str]] = {}
    for title_id, names in ordered:
        for name in names:
            by_genre.setdefault(name, []).append(title_id)

    def draw(title_ids: Sequence[str]) -> Draw:
        return Draw(tuple(title_ids), tuple(accumulate(weights[one] for one in title_ids)))

    return Audience(draw(list(weights)), tuple(draw(by_genre[name]) for name in sorted(by_genre)))
