"""How good the page's ranking was on one day of the service's own log: prequential, beside the plainest rivals. Pure.

Each first watch of the day is a question, asked before it is learned: is what was watched among ten titles, and how
high? Ten are given by the page (``matinee``: what "For you" shows, filled up with what trends where that is short), by
all-time popularity (how many people watched a title until then) and by what trends in the region (half-life of a day).
None names what the profile knows. What people watch is chosen from the page, so the figures lean towards it.

Intervals are of the normal kind, over profiles and not over plays, for one profile's plays are not independent (ratio
estimator, delta method). Coverage is the share of the catalogue in somebody's ten; novelty the mean of -log2 of a
title's share of all watching; miscalibration KL(p ‖ q̃) between the genres that a profile likes and its ten (Steck).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from matinee.exploration.parameters import Parameters
from matinee.model.events import Event
from matinee.recommender.candidates import Selection
from matinee.recommender.for_you import for_you
from matinee.recommender.page import Page, page_of
from matinee.taste.calibration import divergence
from matinee.taste.comparison import TEN, compared, gain, hit
from matinee.taste.knowledge import Knowledge
from matinee.taste.popularity import Board
from matinee.taste.trees import Trees
from matinee.taste.weights import genre_mix, liked

OURS, POPULARITY, TRENDING = "matinee", "popularity", "trending"
MODELS = (OURS, POPULARITY, TRENDING)

_Z = 1.96
_MIX_OF = 50
# So long that nothing fades: the board of all time.
_FOR_EVER_SECONDS = 1e15
# Chance has no part in what is measured.
_WITHOUT_CHANCE = Parameters(exploring=0.0)


class AllTime:
    """How many people watched each title."""

    def __init__(self) -> None:
        self.board = Board(_FOR_EVER_SECONDS)
        self._people: dict[str, int] = defaultdict(int)
        self._whole = 0

    def count(self, title_id: str) -> None:
        """One more watched a title."""
        self.board.count(title_id, 0.0)
        self._people[title_id] += 1
        self._whole += 1

    def surprise(self, title_id: str) -> float:
        """-log2 of a title's share of all watching; one that nobody watched is taken for one that one did."""
        return math.log2(max(1, self._whole) / max(1, self._people.get(title_id, 0)))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answers by model: the ten, how surprising they are, and how far from the profile's mix."""

    profile_id: str
    watched: str
    tens: Mapping[str, Sequence[str]]
    surprises: Mapping[str, float]
    divergences: Mapping[str, float]


def ask(
    knowledge: Knowledge, everybody: AllTime, selection: Selection, event: Event, trees: Trees | None
) -> Asked | None:
    """The question of a first watch that is not learned yet; None where what was watched could be in nobody's ten."""
    profile_id, title_id = getattr(event.facts, "profile_id", ""), getattr(event.facts, "title_id", "")
    device, history = getattr(event.facts, "device", None) or "", knowledge.histories.of(profile_id)
    page = page_of(knowledge, selection, profile_id, history.region or "", event.time, trees, _WITHOUT_CHANCE, device)
    watched = next(page.browsable([title_id]), None)
    known = page.watched.union(history.signs.ratings if history.signs else ())
    if watched is None or watched in known:
        return None
    boards = knowledge.popularity
    region = boards.region(history.region) if history.region else boards.overall
    trending = _first(page, (region.ranked(), boards.overall.ranked()), known)
    tens = {
        OURS: _first(page, (for_you(page).title_ids, trending), known),
        POPULARITY: _first(page, (everybody.board.ranked(),), known),
        TRENDING: trending,
    }
    likes = [(one, worth) for one, worth in liked(history)[:_MIX_OF] if one in selection.playable]
    wanted = genre_mix(likes, {one: _genres(selection, one) for one, _ in likes})
    return Asked(
        profile_id,
        watched,
        tens,
        {name: _mean([everybody.surprise(one) for one in ten]) for name, ten in tens.items()},
        {name: divergence(wanted, [_genres(selection, one) for one in ten]) for name, ten in tens.items()},
    )


def rows(asked: Sequence[Asked], catalogue: int) -> list[dict[str, Any]]:
    """A row a model, in the form in which ``matinee evaluate`` says them; ``catalogue`` titles may be shown."""
    people = [one.profile_id for one in asked]
    found = []
    for model in MODELS:
        values = _accuracies(asked, model)
        bounds = {name: interval(of, people) for name, of in values.items()}
        found.append(
            {
                "model": model,
                **{name: mean for name, (mean, _, _) in bounds.items()},
                "coverage": len({title_id for one in asked for title_id in one.tens[model]}) / max(1, catalogue),
                "novelty": _mean([one.surprises[model] for one in asked]),
                "miscalibration": _mean([one.divergences[model] for one in asked]),
                "ci95": {name: [low, high] for name, (_, low, high) in bounds.items()},
            }
        )
    return found


def differences(asked: Sequence[Asked]) -> dict[str, dict[str, list[float]]]:
    """How much better ours is than each rival, play by play: ``[mean, low, high]`` by rival and measure."""
    ours = _accuracies(asked, OURS)
    found: dict[str, dict[str, list[float]]] = {}
    for model in (POPULARITY, TRENDING):
        theirs = _accuracies(asked, model)
        told = {name: compared(values, theirs[name]) for name, values in ours.items()}
        found[model] = {name: [one.mean, one.low, one.high] for name, one in told.items()}
    return found


def interval(values: Sequence[float], clusters: Sequence[str]) -> tuple[float, float, float]:
    """A mean of shares with its 95 % interval, over clusters; from 0 to 1 where fewer than two tell nothing of it."""
    sums: dict[str, list[float]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        held = sums.setdefault(cluster, [0.0, 0.0])
        held[0] += value
        held[1] += 1
    mean = _mean(values)
    if len(sums) < 2:  # noqa: PLR2004 - a spread needs two
        return mean, 0.0, 1.0
    squares = sum((whole - count * mean) ** 2 for whole, count in sums.values())
    half = _Z * math.sqrt(len(sums) / (len(sums) - 1) * squares) / len(values)
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def _accuracies(asked: Sequence[Asked], model: str) -> dict[str, list[float]]:
    places = [_place(one.watched, one.tens[model]) for one in asked]
    return {"hr@10": [hit(place) for place in places], "ndcg@10": [gain(place) for place in places]}


def _place(wanted: str, ten: Sequence[str]) -> int | None:
    return ten.index(wanted) if wanted in ten else None


def _first(page: Page, sources: Iterable[Iterable[str]], known: frozenset[str]) -> Sequence[str]:
    """The first ten of some sources, one after the other, without what a profile knows."""
    fresh = (one for source in sources for one in page.browsable(source) if one not in known)
    return list(islice(dict.fromkeys(islice(fresh, 3 * TEN)), TEN))


def _genres(selection: Selection, title_id: str) -> frozenset[str]:
    return frozenset(name.casefold() for name in selection.playable[title_id].genres)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
