"""The rows of a home page: a pure function of what is known, so that the same knowledge gives the same page.

Nothing is shuffled: a page stays as it is while one looks, and changes with what is watched. What a profile must not
see is gone before the first row is made (``candidates.Selection``), and what it gave a thumb down is in none but its
own list.
"""

from datetime import datetime

from matinee.exploration.parameters import USUAL, Parameters
from matinee.recommender.because import because, seeds, similar
from matinee.recommender.boards import hidden_gems, new, popular, trending
from matinee.recommender.candidates import Selection
from matinee.recommender.for_you import for_you, picks, reason_for
from matinee.recommender.genres import genres
from matinee.recommender.own_rows import continuing, my_list, watch_again
from matinee.recommender.page import OWN_ROWS, Row, RowKind, page_of, without
from matinee.taste.knowledge import Knowledge
from matinee.taste.trees import Trees

__all__ = ["OWN_ROWS", "Row", "RowKind", "arrange", "choices", "reason", "similar"]


def arrange(
    knowledge: Knowledge,
    selection: Selection,
    profile_id: str,
    region: str,
    now: datetime,
    trees: Trees | None = None,
    parameters: Parameters = USUAL,
    device: str = "",
) -> tuple[Row, ...]:
    """The rows of a profile's page, in order; none for an empty catalogue, and none that is empty."""
    page = page_of(knowledge, selection, profile_id, region, now, trees, parameters, device)
    # Who is made first takes its titles first: the ten are facts, the others choose around them.
    top = popular(page)
    seen = seeds(page)
    ranked = for_you(page)
    first = [because(page, seed, first=True) for seed in seen[:1]]
    middle = [trending(page), new(page)]
    later = [because(page, seed) for seed in seen[1:]]
    rows = [
        continuing(page),
        *first,
        ranked,
        top,
        my_list(page),
        *middle,
        *later,
        hidden_gems(page),
        watch_again(page),
        *genres(page),
    ]
    kept = (row if row.kind is RowKind.MY_LIST else without(row, page.refused) for row in rows)
    return tuple(row for row in kept if row.title_ids)


def choices(knowledge: Knowledge, selection: Selection, profile_id: str, region: str, now: datetime) -> tuple[str, ...]:
    """What a new profile is asked to choose three of; none once it told enough."""
    if any(play.watched for play in knowledge.histories.of(profile_id).plays.values()):
        return ()
    return picks(page_of(knowledge, selection, profile_id, region, now))


def reason(knowledge: Knowledge, selection: Selection, profile_id: str, title_id: str, now: datetime) -> str:
    """Why a title may suit a profile; "" if nothing that it watched or liked leads there."""
    return reason_for(page_of(knowledge, selection, profile_id, "", now), title_id)
