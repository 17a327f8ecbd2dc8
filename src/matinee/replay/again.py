"""A page made again, and why each title of a row stands where it does. Pure."""

from dataclasses import dataclass

from matinee.catalogue.titles import Shelf
from matinee.recommender.candidates import Selection
from matinee.recommender.likeness import likenesses
from matinee.recommender.page import page_of
from matinee.recommender.ranking import rank
from matinee.recommender.rows import Row, arrange
from matinee.replay.shown import Asked, ShownPage, titles_of
from matinee.taste.knowledge import Knowledge
from matinee.taste.trees import Trees


@dataclass(frozen=True, slots=True)
class Part:
    """One title of a row: the formula's score and what adds up to it, the ranker's, and how much it was watched.

    ``together``: by who watched what the profile likes; ``tags``: in common with it; ``popular``: in the region.
    ``ranker`` is None where the formula ranked. Plays are faded (``here``: in the region) with half-lives of a day.
    """

    title_id: str
    name: str
    reason: str
    score: float
    together: float
    tags: float
    popular: float
    ranker: float | None
    plays_here: float
    plays: float


@dataclass(frozen=True, slots=True)
class Retold:
    """A row made again. ``shown`` is what stood there; ``same`` whether it is what stands there now, in this order."""

    row_id: str
    kind: str
    name: str
    reason: str
    parts: tuple[Part, ...]
    shown: tuple[str, ...]
    same: bool
    page_same: bool


def shelf_at(shelf: Shelf, asked: Asked) -> Shelf:
    """The shelf without what was published after a page was made."""
    later = {title.id for title in shelf.titles if title.published_at is not None and title.published_at > asked.at}
    if not later:
        return shelf
    return Shelf(
        titles=tuple(title for title in shelf.titles if title.id not in later),
        by_id={title_id: title for title_id, title in shelf.by_id.items() if title_id not in later},
        groups=shelf.groups,
        change=shelf.change,
    )


def again(page: ShownPage, row_id: str, knowledge: Knowledge, shelf: Shelf, trees: Trees | None) -> Retold:
    """A row of a page, from what was known then, the titles that may be shown now, and the trees that ranked."""
    asked = page.asked
    selection = Selection(shelf_at(shelf, asked), asked.maturity_limit, asked.territory)
    rows = arrange(
        knowledge, selection, asked.profile_id, asked.region, asked.at, trees, asked.parameters, asked.device
    )
    shown = page.rows.get(row_id, ())
    found = next((row for row in rows if row.id == row_id), None)
    return Retold(
        row_id=row_id,
        kind="" if found is None else found.kind.value,
        name="" if found is None else found.name,
        reason="" if found is None else found.reason,
        parts=() if found is None else _parts(found, page, knowledge, selection, trees),
        shown=shown,
        same=found is not None and found.title_ids == shown,
        page_same=list(titles_of(rows).items()) == list(page.rows.items()),
    )


def _parts(
    row: Row, page: ShownPage, knowledge: Knowledge, selection: Selection, trees: Trees | None
) -> tuple[Part, ...]:
    asked = page.asked
    made = page_of(
        knowledge, selection, asked.profile_id, asked.region, asked.at, trees, asked.parameters, asked.device
    )
    context, now = made.context, asked.at.timestamp()
    parts = likenesses(made.history, row.title_ids, context)
    ranked = rank(made.history, row.title_ids, context) if context.trees is not None else {}
    boards = knowledge.popularity
    reasons = row.title_reasons or ("",) * len(row.title_ids)
    return tuple(
        Part(
            title_id=title_id,
            name=selection.playable[title_id].name,
            reason=why,
            score=float(parts.scores[place]),
            together=float(parts.together[place]),
            tags=float(parts.tags[place]),
            popular=float(parts.popular[place]),
            ranker=ranked.get(title_id),
            plays_here=boards.region(asked.region).plays(title_id, now),
            plays=boards.overall.plays(title_id, now),
        )
        for place, (title_id, why) in enumerate(zip(row.title_ids, reasons, strict=True))
    )
