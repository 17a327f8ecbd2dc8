"""Which titles share the most tags with one, found without looking at all that share any.

Alike by tags is a cosine in which each tag counts by how rare it is: w(t) = ln(1 + N / n(t))², where n(t) of N titles
have it. Who shares at least k tags is found by bits (bit p of a tag stands for the title at place p): a title shares k
of the tags so far if it shares k - 1 of those before and this one. Begun with those that share the most, the search
ends when enough titles are liker than any can be that shares fewer (an upper bound, as in Turtle and Flood's MaxScore,
1995): a title that shares tags of weight W has a norm of at least √W. A rare tag weighs so much that it alone may do:
all who have it are looked at.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

_RARE = 200


class Alike:
    """Titles by their tags, in an order that settles between equals. ``rare``: a tag of at most so many titles."""

    def __init__(self, tags: Mapping[str, Collection[str]], rare: int = _RARE) -> None:
        self._tags = tags
        self._title_ids = tuple(tags)
        self._rare = rare
        places: dict[str, list[int]] = defaultdict(list)
        for place, title_id in enumerate(self._title_ids):
            for tag in tags[title_id]:
                places[tag].append(place)
        self._counts = {tag: len(held) for tag, held in places.items()}
        self._bits = {tag: _bits(held) for tag, held in places.items()}
        self._weights = {tag: math.log(1 + len(tags) / count) ** 2 for tag, count in self._counts.items()}
        self._norms = [self._norm(tags[title_id]) for title_id in self._title_ids]
        self._least_norm = min(
            (norm for norm, title_id in zip(self._norms, self._title_ids, strict=True) if tags[title_id]), default=1.0
        )

    def nearest(self, tags: Sequence[str], limit: int, without: str = "") -> list[tuple[str, float]]:
        """At most so many titles that share some of these tags, ``without`` one, likest first; with their likeness."""
        known = [tag for tag in tags if tag in self._weights]
        common = [tag for tag in known if self._counts[tag] > self._rare]
        norm = self._norm(tags)
        levels = self._sharing(common)
        wanted = 0
        for tag in known:
            if self._counts[tag] <= self._rare:
                wanted |= self._bits[tag]
        heaviest = sorted((self._weights[tag] for tag in common), reverse=True)
        seen, found = 0, list[tuple[float, int]]()
        for level in range(len(common), -1, -1):
            if level:
                wanted |= levels[level - 1]
            scored = self._scored(wanted & ~seen, known, norm, without)
            found = heapq.nsmallest(limit, [*found, *scored])
            seen |= wanted
            if len(found) == limit and -found[-1][0] > self._most(sum(heaviest[: max(0, level - 1)]), norm):
                break
        return [(self._title_ids[place], -likeness) for likeness, place in found]

    def _sharing(self, tags: Sequence[str]) -> list[int]:
        """Who shares at least one of the tags, at least two, and so on, as bits."""
        levels = [0] * len(tags)
        for number, tag in enumerate(tags):
            mine = self._bits[tag]
            for level in range(number, 0, -1):
                levels[level] |= levels[level - 1] & mine
            levels[0] |= mine
        return levels

    def _most(self, weight: float, norm: float) -> float:
        """The likeness that shared tags of such a weight give at most; a hair more, for sums are rounded."""
        return 1.000001 * weight / (norm * max(self._least_norm, math.sqrt(weight)))

    def _scored(self, bits: int, tags: Sequence[str], norm: float, without: str) -> Iterator[tuple[float, int]]:
        weights, norms = [(tag, self._weights[tag]) for tag in tags], self._norms
        for place in _places(bits):
            title_id = self._title_ids[place]
            mine = self._tags[title_id]
            shared = 0.0
            for tag, weight in weights:
                if tag in mine:
                    shared += weight
            if title_id != without:
                yield -shared / (norm * norms[place]), place

    def _norm(self, tags: Iterable[str]) -> float:
        return math.sqrt(sum(self._weights.get(tag, 0.0) for tag in tags)) or 1.0


def _bits(places: Sequence[int]) -> int:
    """A number of which the bits at some places are set."""
    held = bytearray(places[-1] // 8 + 1)
    for place in places:
        held[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(held, "little")


def _places(bits: int) -> Iterator[int]:
    """The places of the bits that are set: by looking for the ones among its digits, which C does."""
    digits = bin(bits)[:1:-1]
    place = digits.find("1")
    while place >= 0:
        yield place
        place = digits.find("1", place + 1)
