"""A generated audience's choice model, whose truth is known: what the service serves never reads it. Pure.

A member likes genres (normal tastes by a hash of name and genre) and has an *appetite*, lognormal with mean 1, which
drives past and present alike. Having seen a page it begins Poisson(appetite * PLAYS * (1 + lift)) plays, ``lift`` being
its arm's: the truth that a verdict is to find. Each play is of a title of the page, drawn by a multinomial logit
(McFadden 1974) of taste less row and place; part of it is watched, whatever the arm. So, as any other number of plays
and as the seconds watched, the expected outcome of an arm is (1 + lift) times that of an arm whose lift is 0.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

PLAYS = 2.0
PAST_PLAYS = 4.0
_APPETITE = 0.6
_ROW_COST, _PLACE_COST = 0.35, 0.15
_MOST_PLAYS = 12


@dataclass(frozen=True, slots=True)
class Shown:
    """A title at a place of a page, rows and places from zero; ``genres`` are what tastes are about."""

    title_id: str
    genres: tuple[str, ...]
    duration_seconds: float
    row: int
    place: int


@dataclass(frozen=True, slots=True)
class Watched:
    """A play of a title, and how many of its seconds were watched."""

    shown: Shown
    seconds: float


@dataclass(frozen=True, slots=True)
class Chooser:
    """One made-up member. ``appetite`` is about 1; ``seed`` decides all it ever does."""

    name: str
    appetite: float
    seed: int

    def past(self, page: Sequence[Shown]) -> tuple[Watched, ...]:
        """What was watched before any arm was, out of what there is."""
        return self._plays(page, self.appetite * PAST_PLAYS, Random(f"{self.seed} past"))

    def plays(self, page: Sequence[Shown], lift: float) -> tuple[Watched, ...]:
        """What is watched after this page, in an arm of that lift."""
        return self._plays(page, self.appetite * PLAYS * (1 + lift), Random(f"{self.seed} plays"))

    def taste(self, genre: str) -> float:
        """How much a genre is liked: standard normal over genres, and always the same."""
        digest = hashlib.blake2b(f"{self.seed}:{genre}".encode(), digest_size=8).digest()
        return Random(int.from_bytes(digest, "big")).gauss(0, 1)

    def _plays(self, page: Sequence[Shown], mean: float, random: Random) -> tuple[Watched, ...]:
        if not page:
            return ()
        weights = [math.exp(min(20.0, self._utility(one))) for one in page]
        chosen = random.choices(page, weights, k=min(_MOST_PLAYS, poisson(mean, random)))
        return tuple(Watched(one, one.duration_seconds * random.uniform(0.2, 1.0)) for one in chosen)

    def _utility(self, one: Shown) -> float:
        liked = sum(map(self.taste, one.genres)) / max(1, len(one.genres))
        return liked - _ROW_COST * one.row - _PLACE_COST * one.place


def choosers(count: int, seed: int) -> tuple[Chooser, ...]:
    """So many made-up members, the same ones for the same seed."""
    random = Random(seed)
    # exp(N(-s^2 / 2, s^2)) has mean 1.
    return tuple(
        Chooser(f"g{seed}-{number}", random.lognormvariate(-(_APPETITE**2) / 2, _APPETITE), random.getrandbits(48))
        for number in range(count)
    )


def poisson(mean: float, random: Random) -> int:
    """A Poisson number (Knuth 1969, 3.4.1): good for small means."""
    left, count = math.exp(-min(mean, 50.0)), -1
    chance = 1.0
    while True:
        count += 1
        chance *= random.random()
        if chance <= left:
            return count


def shown_on(home: Mapping[str, Any]) -> tuple[Shown, ...]:
    """The titles of a home page, as the API's JSON has it; each where it stands first."""
    found: dict[str, Shown] = {}
    for row, entry in enumerate(home["rows"]):
        for place, title in enumerate(entry["titles"]):
            seconds = float(title["duration_seconds"] or 0.0)
            found.setdefault(title["id"], Shown(title["id"], tuple(title["genres"]), seconds, row, place))
    return tuple(found.values())
