"""How well titles suit a profile: the one function through which candidates are ordered.

``rank(history, candidates, context)`` gives what is told of each candidate (``features``) to the trees in force. While
there are none, it adds up how like a candidate is to what the profile likes: what the same people watched, what shares
its tags where that is little, and something of what is watched in the region now. Pure, either way.
"""

from collections.abc import Collection

from matinee.recommender.features import told
from matinee.recommender.likeness import FEW_COMPANIONS, TAGGED_SEEDS, Context, likenesses
from matinee.taste.interactions import History

__all__ = ["FEW_COMPANIONS", "TAGGED_SEEDS", "Context", "rank"]


def rank(history: History, candidate_ids: Collection[str], context: Context) -> dict[str, float]:
    """A score for each candidate, higher for what suits better; of equals the order of coming stays."""
    ordered = list(candidate_ids)
    if context.trees is not None and ordered:
        scores = context.trees.scores(told(history, ordered, context))
        return dict(zip(ordered, scores, strict=True))
    return dict(zip(ordered, likenesses(history, ordered, context).scores.tolist(), strict=True))
