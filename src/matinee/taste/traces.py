"""What a ranker is told of a title besides its board: how its plays fade, when they began, who came, what next.

Everything is one addition a play, in O(1). Plays fade at several half-lives at once, overall and by region, each kept
as the binary logarithm of its sum as ``popularity`` does (forward decay, Cormode et al., ICDE 2009). What follows what
is directed and counts less the further apart the two were watched.
"""

import math
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

import numpy as np

from matinee.taste.links import Cells, Links
from matinee.taste.titles import Titles

_HOUR, _DAY = 3600.0, 86_400.0
HALF_LIVES_SECONDS = (6 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 30 * _DAY)
NEXT = (1.0, 0.7, 0.5, 0.35, 0.25)
"""What a pair weighs by how far apart the two were watched: next to each other, one between them, …"""

_REGIONS_KEPT = 64
_FOLLOWERS_KEPT = 128
_LEAST = 0.01
_LARGEST_POWER = 1000.0
_UNTOLD = float("-inf")

_ROWS = 16
_HALF_LIVES = np.array(HALF_LIVES_SECONDS)
# Links count whole numbers: in twentieths, all weights are.
_WHOLE = 20
_WEIGHTS = [round(weight * _WHOLE) for weight in NEXT]

Levels = Any
"""By number and half-life: the binary logarithm of a title's plays, each faded from its time on."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One title, overall. ``newcomers`` had watched nothing; ``lengths`` sums ln(1 + what its people had watched)."""

    people: int = 0
    newcomers: int = 0
    lengths: float = 0.0
    first_at: float = math.inf
    last_at: float = _UNTOLD


class Facts(NamedTuple):
    """The fields of ``Trace``, each a column by number: one addition to an array is far less than one to numpy's."""

    people: Any
    newcomers: Any
    lengths: Any
    first_at: Any
    last_at: Any


CODES = "qqddd"
_NOWHERE = np.full((0, len(HALF_LIVES_SECONDS)), _UNTOLD)


class Traces:
    """Every title's trace."""

    def __init__(self, titles: Titles | None = None) -> None:
        self._titles = Titles() if titles is None else titles
        self._overall = _silent(0)
        self._regions: dict[str, Levels] = {}
        self._facts = _nobody(0)
        self._next = Links(_FOLLOWERS_KEPT, self._titles)

    def count(self, title_id: str, region: str | None, at: float) -> None:
        """A title is played at ``at`` (seconds since 1970), in a region if that is known."""
        number = self._titles.number(title_id)
        self._reach(number)
        levels = at / _HALF_LIVES
        np.logaddexp2(self._overall[number], levels, out=self._overall[number])
        facts = self._facts
        facts.first_at[number] = min(facts.first_at[number], at)
        facts.last_at[number] = max(facts.last_at[number], at)
        if region is None:
            return
        here = self._regions.get(region)
        if here is None:
            # Regions are named by events; a flood of invented names must not fill the memory.
            if len(self._regions) >= _REGIONS_KEPT:
                return
            here = _silent(0)
        here = self._regions[region] = _reaching(here, number)
        np.logaddexp2(here[number], levels, out=here[number])

    def follow(self, title_id: str, earlier: Sequence[str]) -> None:
        """Somebody watched a title for the first time, after the ``earlier`` ones, latest first."""
        number = self._titles.number(title_id)
        self._reach(number)
        if self._facts.last_at[number] > _UNTOLD:
            self._facts.people[number] += 1
            self._facts.newcomers[number] += not earlier
            self._facts.lengths[number] += math.log1p(len(earlier))
        before = self._titles.numbers(earlier[: len(NEXT)])
        if before:
            self._next.add_to_each(before, number, _WEIGHTS[: len(before)])

    def remove(self, in_order: Sequence[str]) -> None:
        """Take what a profile watched, first to last, out of what follows what: exact unless it watched again."""
        numbers = self._titles.numbers(in_order)
        for place, number in enumerate(numbers):
            for weight, other in zip(_WEIGHTS, reversed(numbers[:place]), strict=False):
                self._next.take(other, {number: weight})

    def put_back(self, in_order: Sequence[str]) -> None:
        """Put what a profile watched, first to last, into what follows what again: undoes ``remove``."""
        numbers = self._titles.numbers(in_order)
        for place, number in enumerate(numbers):
            before = numbers[max(0, place - len(NEXT)) : place][::-1]
            if before:
                self._next.add_to_each(before, number, _WEIGHTS[: len(before)])

    def of(self, title_id: str) -> Trace | None:
        """A title's trace; None if nobody played it."""
        number = self._titles.known(title_id)
        if number is None or number >= len(self._facts.people) or self._facts.last_at[number] == _UNTOLD:
            return None
        return Trace(*(column[number] for column in self._facts))

    def facts_of(self, numbers: Cells) -> Facts:
        """The traces of some titles by number (-1: of one that nobody has heard of): a column a field of ``Trace``."""
        known = (numbers >= 0) & (numbers < len(self._facts.people))
        found = _nobody(len(numbers))
        for mine, column in zip(found, self._facts, strict=True):
            np.asarray(mine)[known] = np.asarray(column)[numbers[known]]
        return found

    def plays(self, title_id: str, now: float, region: str | None = None) -> list[float]:
        """A title's plays by half-life, each faded to what it is worth now; in a region, or (None) overall."""
        number = self._titles.known(title_id)
        found: list[float] = self.plays_of(np.array([-1 if number is None else number]), now, region)[0].tolist()
        return found

    def plays_of(self, numbers: Cells, now: float, region: str | None = None) -> Any:
        """As ``plays``, of some titles by number (-1: of one that nobody has heard of), a row each."""
        levels = self._overall if region is None else self._regions.get(region, _NOWHERE)
        known = (numbers >= 0) & (numbers < len(levels))
        plays = np.zeros((len(numbers), len(HALF_LIVES_SECONDS)))
        plays[known] = np.exp2(np.minimum(levels[numbers[known]] - now / _HALF_LIVES, _LARGEST_POWER))
        return plays

    def followers(self, title_id: str, among: Collection[str]) -> dict[str, float]:
        """How often titles ``among`` some were watched after a title, each time weighing as ``NEXT`` says."""
        number, ids = self._titles.known(title_id), self._titles.ids
        if number is None:
            return {}
        told = zip(*(cells.tolist() for cells in self._next.row(number)), strict=True)
        return {ids[other]: weight / _WHOLE for other, weight in told if ids[other] in among}

    def followers_of(self, title_id: str, numbers: Cells) -> Any:
        """As ``followers``, of titles by number (-1: of one that nobody has heard of); 0 for what never followed."""
        number = self._titles.known(title_id)
        found = np.zeros(len(self._titles) + 1)
        if number is not None:
            others, weights = self._next.row(number)
            found[others] = weights / _WHOLE
        return found[numbers]

    def columns(self) -> dict[str, Any]:
        """All of it as arrays: what ``restore`` reads."""
        held = len(self._titles)
        self._reach(held - 1)
        return {
            "overall": self._overall[:held],
            "facts": [np.array(column[:held]) for column in self._facts],
            "regions": {name: _reaching(levels, held - 1)[:held] for name, levels in self._regions.items()},
            "next": self._next.columns(),
        }

    def restore(self, told: Mapping[str, Any]) -> None:
        """Begin with what ``columns`` told. ValueError where that is not one thing."""
        levels = [told["overall"], *told["regions"].values()]
        if {len(column) for column in told["facts"]} != {len(told["overall"])}:
            raise ValueError("traces that are not of one length")
        if max(map(len, levels)) > len(self._titles):
            raise ValueError("traces of titles that are not there")
        self._overall = told["overall"].copy()
        self._facts = Facts(*(array(code, column) for code, column in zip(CODES, told["facts"], strict=True)))
        self._regions = {name: here.copy() for name, here in told["regions"].items()}
        self._next.restore(*told["next"])

    def _reach(self, number: int) -> None:
        self._overall = _reaching(self._overall, number)
        missing = len(self._overall) - len(self._facts.people)
        if missing > 0:
            for mine, more in zip(self._facts, _nobody(missing), strict=True):
                mine.extend(more)


def _nobody(titles: int) -> Facts:
    return Facts(*(array(code, [value]) * titles for code, value in zip(CODES, astuple(Trace()), strict=True)))


def _silent(titles: int) -> Levels:
    return np.full((titles, len(HALF_LIVES_SECONDS)), _UNTOLD)


def _reaching(levels: Levels, number: int) -> Levels:
    """Levels that have a row for a number."""
    if number < len(levels):
        return levels
    grown = _silent(max(_ROWS, 2 * len(levels), number + 1))
    grown[: len(levels)] = levels
    return grown
