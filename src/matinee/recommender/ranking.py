"""How well titles suit a profile: the one function through which candidates are ordered.

``rank(history, candidates, context)`` adds up, for each candidate, how like it is to what the profile likes: what the
same people watched, what shares its tags where that is little, and something of what is watched in the region now.
Pure: models that are learned take its place, not its callers'.
"""

from collections.abc import Collection
from dataclasses import dataclass

from matinee.recommender.candidates import Selection
from matinee.taste.interactions import History
from matinee.taste.knowledge import Knowledge
from matinee.taste.weights import disliked, liked

_SEEDS = 8
_DISLIKED_SEEDS = 4
_COMPANIONS = 64
FEW_COMPANIONS = 6
TAGGED_SEEDS = 3
_FADING = 0.92
_TAGS = 0.4
_POPULAR = 0.05
_HALF_PLAYS = 5.0


@dataclass(frozen=True, slots=True)
class Context:
    """What a ranking may know besides the profile: ``now`` in seconds since 1970."""

    knowledge: Knowledge
    selection: Selection
    region: str
    now: float


def rank(history: History, candidate_ids: Collection[str], context: Context) -> dict[str, float]:
    """A score for each candidate, higher for what suits better; of equals the order of coming stays."""
    scores = dict.fromkeys(candidate_ids, 0.0)
    watched = frozenset(title_id for title_id, play in history.plays.items() if play.watched)
    faded = 1.0
    for place, (title_id, worth) in enumerate(liked(history)[:_SEEDS]):
        _add(scores, title_id, worth * faded, context, watched, tagged=place < TAGGED_SEEDS)
        faded *= _FADING
    for place, title_id in enumerate(disliked(history)[:_DISLIKED_SEEDS]):
        _add(scores, title_id, -1.0, context, watched, tagged=place < TAGGED_SEEDS)
    board = context.knowledge.popularity.region(context.region)
    for title_id in scores:
        plays = board.plays(title_id, context.now)
        scores[title_id] += _POPULAR * plays / (plays + _HALF_PLAYS)
    return scores


def _add(
    scores: dict[str, float],
    seed_id: str,
    worth: float,
    context: Context,
    watched: frozenset[str],
    *,
    tagged: bool,
) -> None:
    companions = context.knowledge.transitions.companions(seed_id, scores, _COMPANIONS, own=watched)
    for companion in companions:
        scores[companion.title_id] += worth * companion.likeness
    seed = context.selection.playable.get(seed_id)
    # Finding what shares its tags takes milliseconds in a large catalogue: for what few have watched alone.
    if tagged and seed is not None and len(companions) < FEW_COMPANIONS:
        for relative in context.selection.related(seed):
            if relative.title_id in scores:
                scores[relative.title_id] += _TAGS * worth * relative.likeness
