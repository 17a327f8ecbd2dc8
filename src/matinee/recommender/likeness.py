"""How like candidates are to what a profile likes: what the same people watched, and what shares its tags.

Pure. ``ranking`` adds these parts up, or lets a ranker that was learned weigh them.
"""

from collections.abc import Collection
from dataclasses import dataclass

from matinee.recommender.candidates import Selection
from matinee.taste.interactions import History
from matinee.taste.knowledge import Knowledge
from matinee.taste.trees import Trees
from matinee.taste.weights import disliked, liked

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

    ``device`` is the kind that asks ("": nobody knows).
    """

    knowledge: Knowledge
    selection: Selection
    region: str
    now: float
    trees: Trees | None = None
    device: str = ""


@dataclass(slots=True)
class Likeness:
    """One candidate's parts: sums over what the profile likes (latest most), and the strongest single link."""

    together: float = 0.0
    strongest: float = 0.0
    links: int = 0
    tags: float = 0.0
    popular: float = 0.0

    @property
    def score(self) -> float:
        """The formula that orders candidates while no ranker is in force."""
        return self.together + self.tags + self.popular


def likenesses(history: History, candidate_ids: Collection[str], context: Context) -> dict[str, Likeness]:
    """The parts of each candidate, in the order in which they came."""
    parts = {title_id: Likeness() for title_id in candidate_ids}
    watched = frozenset(title_id for title_id, play in history.plays.items() if play.watched)
    faded = 1.0
    for place, (title_id, worth) in enumerate(liked(history)[:SEEDS]):
        _add(parts, title_id, worth * faded, context, watched, tagged=place < TAGGED_SEEDS)
        faded *= _FADING
    for place, title_id in enumerate(disliked(history)[:_DISLIKED_SEEDS]):
        _add(parts, title_id, -1.0, context, watched, tagged=place < TAGGED_SEEDS)
    board = context.knowledge.popularity.region(context.region)
    for title_id, part in parts.items():
        plays = board.plays(title_id, context.now)
        part.popular = _POPULAR * plays / (plays + _HALF_PLAYS)
    return parts


def _add(
    parts: dict[str, Likeness],
    seed_id: str,
    worth: float,
    context: Context,
    watched: frozenset[str],
    *,
    tagged: bool,
) -> None:
    companions = context.knowledge.transitions.companions(seed_id, parts, _COMPANIONS, own=watched)
    for companion in companions:
        part = parts[companion.title_id]
        part.together += worth * companion.likeness
        part.strongest = max(part.strongest, companion.likeness)
        part.links += 1
    seed = context.selection.playable.get(seed_id)
    # Finding what shares its tags takes milliseconds in a large catalogue: for what few have watched alone.
    if tagged and seed is not None and len(companions) < FEW_COMPANIONS:
        for relative in context.selection.related(seed):
            if relative.title_id in parts:
                parts[relative.title_id].tags += _TAGS * worth * relative.likeness
