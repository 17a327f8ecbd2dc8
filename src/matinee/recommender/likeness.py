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
    """

    knowledge: Knowledge
    selection: Selection
    region: str
    now: float
    trees: Trees | None = None
    company: Company | None = None


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
    count = len(candidate_ids)
    plays = context.knowledge.popularity.region(context.region).plays_of(candidate_ids, context.now)
    company = context.company or context.knowledge.transitions.company(watched(history))
    among, popular = Candidates(candidate_ids, company), _POPULAR * plays / (plays + _HALF_PLAYS)
    parts = Likenesses(among, np.zeros(count), np.zeros(count), np.zeros(count), np.zeros(count), popular)
    faded = 1.0
    known = weighed(history)
    for place, (title_id, worth) in enumerate([one for one in known if one[1] > 0][:SEEDS]):
        _add(parts, title_id, worth * faded, context, tagged=place < TAGGED_SEEDS)
        faded *= _FADING
    for place, title_id in enumerate([one for one, worth in known if worth < 0][:_DISLIKED_SEEDS]):
        _add(parts, title_id, -1.0, context, tagged=place < TAGGED_SEEDS)
    return parts


class Candidates:
    """Candidates by title id and by number: ``numbers`` in their order, ``places`` the other way round."""

    def __init__(self, candidate_ids: Sequence[str], company: Company) -> None:
        self.company = company
        self.ids = candidate_ids
        self.numbers = company.titles.find(candidate_ids)
        self.places = company.titles.placed(self.numbers)
        self._by_id: dict[str, int] = {}

    def place(self, title_id: str) -> int | None:
        """Where a candidate stands; None for what is none."""
        if not self._by_id:
            self._by_id = {one: place for place, one in enumerate(self.ids)}
        return self._by_id.get(title_id)


def _add(parts: Likenesses, seed_id: str, worth: float, context: Context, *, tagged: bool) -> None:
    among = parts.among
    others, likeness, _ = among.company.ties(seed_id)
    places = among.places[others]
    met = np.flatnonzero(places >= 0)
    if len(met) > _COMPANIONS:
        met = among.company.first(likeness, others, met, _COMPANIONS)
    # A seed names a title once, so that each place is added to once.
    places, likeness = places[met], likeness[met]
    parts.together[places] += worth * likeness
    parts.strongest[places] = np.maximum(parts.strongest[places], likeness)
    parts.links[places] += 1
    seed = context.selection.playable.get(seed_id)
    # Finding what shares its tags takes milliseconds in a large catalogue: for what few have watched alone.
    if tagged and seed is not None and len(met) < FEW_COMPANIONS:
        for relative in context.selection.related(seed):
            place = among.place(relative.title_id)
            if place is not None:
                parts.tags[place] += _TAGS * worth * relative.likeness
