"""How like candidates are to what a profile likes: what the same people watched, and what shares its tags.

Pure. ``ranking`` adds these parts up, or lets a ranker that was learned weigh them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matinee.recommender.candidates import Selection
from matinee.taste.interactions import History, watched
from matinee.taste.knowledge import Knowledge
from matinee.taste.transitions import Company
from matinee.taste.trees import Trees
from matinee.taste.weights import weighed

SEEDS = 8
FEW_COMPANIONS = 6
TAGGED_SEEDS = 3
_DISLIKED_SEEDS = 4
_COMPANIONS = 64
_FADING = 0.92
_TAGS = 0.4
_POPULAR = 0.05
_HALF_PLAYS = 5.0


@dataclass(frozen=True, slots=True)
class Context:
    """What a ranking may know besides the profile: ``now`` in seconds since 1970, ``trees`` if some are in force.

    ``company`` is what the profile was told of who watches what, where it has been asked already.
    ``device`` is the kind that asks ("": nobody knows).
    """

    knowledge: Knowledge
    selection: Selection
    region: str
    now: float
    trees: Trees | None = None
    company: Company | None = None
    device: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Likenesses:
    """The parts of some candidates, an array each: sums over what the profile likes, and the strongest single link."""

    among: "Candidates"
    together: Any
    strongest: Any
    links: Any
    tags: Any
    popular: Any

    @property
    def scores(self) -> Any:
        """The formula that orders candidates while no ranker is in force."""
        return self.together + self.tags + self.popular


def likenesses(history: History, candidate_ids: Sequence[str], context: Context) -> Likenesses:
    """The parts of each candidate, in their order; none is to be named twice."""
    company = context.company or context.knowledge.transitions.company(watched(history))
    among, count = Candidates(candidate_ids, company), len(candidate_ids)
    seeds = _seeds(history)
    ties = company.ask([seed.title_id for seed in seeds])
    met = [among.met(others, likeness) for others, likeness, _ in ties]
    places = np.concatenate([places for places, _ in met]) if met else np.zeros(0, np.int64)
    likeness = np.concatenate([likeness for _, likeness in met]) if met else np.zeros(0)
    worths = np.repeat([seed.worth for seed in seeds], [len(places) for places, _ in met])
    strongest = np.zeros(count)
    np.maximum.at(strongest, places, likeness)
    few = [seed for seed, (here, _) in zip(seeds, met, strict=True) if len(here) < FEW_COMPANIONS]
    plays = context.knowledge.popularity.region(context.region).plays_of(candidate_ids, context.now)
    return Likenesses(
        among,
        together=np.bincount(places, worths * likeness, count),
        strongest=strongest,
        links=np.bincount(places, minlength=count),
        tags=_tags(among, few, context),
        popular=_POPULAR * plays / (plays + _HALF_PLAYS),
    )


@dataclass(frozen=True, slots=True)
class _Seed:
    """What a profile likes, or (``worth`` below 0) does not; ``tagged`` if what shares its tags may be looked for."""

    title_id: str
    worth: float
    tagged: bool


def _seeds(history: History) -> list[_Seed]:
    known = weighed(history)
    likes = [one for one in known if one[1] > 0][:SEEDS]
    dislikes = [title_id for title_id, worth in known if worth < 0][:_DISLIKED_SEEDS]
    seeds, faded = list[_Seed](), 1.0
    for place, (title_id, worth) in enumerate(likes):
        seeds.append(_Seed(title_id, worth * faded, place < TAGGED_SEEDS))
        faded *= _FADING
    return seeds + [_Seed(title_id, -1.0, place < TAGGED_SEEDS) for place, title_id in enumerate(dislikes)]


def _tags(among: "Candidates", seeds: Sequence[_Seed], context: Context) -> Any:
    """What candidates share the tags of seeds that few have watched: to find that takes milliseconds at first."""
    tags, places = np.zeros(len(among.ids)), dict[str, int]()
    for seed in seeds:
        title = context.selection.playable.get(seed.title_id)
        if not seed.tagged or title is None:
            continue
        places = places or {one: place for place, one in enumerate(among.ids)}
        for relative in context.selection.related(title):
            if (place := places.get(relative.title_id)) is not None:
                tags[place] += _TAGS * seed.worth * relative.likeness
    return tags


class Candidates:
    """Candidates by title id and by number: ``numbers`` in their order, ``places`` the other way round."""

    def __init__(self, candidate_ids: Sequence[str], company: Company) -> None:
        self.ids = candidate_ids
        self.numbers = company.titles.find(candidate_ids)
        self.places = company.titles.placed(self.numbers)
        self._company = company

    def met(self, others: Any, likeness: Any) -> tuple[Any, Any]:
        """The places of those candidates that are among some companions, with their likeness; the likest alone."""
        places = self.places[others]
        met = np.flatnonzero(places >= 0)
        if len(met) > _COMPANIONS:
            met = self._company.first(likeness, others, met, _COMPANIONS)
        return places[met], likeness[met]
