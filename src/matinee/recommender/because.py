"""Rows of what goes with one title, and what is like a title for anybody."""

from collections import Counter
from collections.abc import Sequence

from matinee.catalogue.titles import Title
from matinee.recommender.candidates import Relative, Selection
from matinee.recommender.page import ROW_LONGEST, Page, Row, RowKind
from matinee.taste.knowledge import Knowledge
from matinee.taste.weights import liked

Tie = Relative | None
"""Why a title stands beside a seed: they are alike, or (None) people watched both."""

_TOGETHER = "watched by the same people"
_SEEDS = 3
_FULL = 6
# A title that was put on the list or opened from a search is not said to be liked.
_SAID_TO_BE_LIKED = 0.5


def seeds(page: Page) -> list[Title]:
    """What the profile watched or gave its thumbs to last, of a series one episode."""
    found: dict[str, Title] = {}
    for title_id, worth in liked(page.history):
        title = page.selection.playable.get(title_id)
        if title is not None and (title_id in page.watched or worth > _SAID_TO_BE_LIKED):
            series = page.selection.episodes.series(title_id)
            found.setdefault(title_id if series is None else series.id, title)
        if len(found) == _SEEDS:
            break
    return list(found.values())


def because(page: Page, seed: Title, *, first: bool = False) -> Row:
    """What the seed's watchers watched, and what is like it."""
    ties = _ties(page, seed)
    title_ids = tuple(page.unshown(tuple(ties), first=first)[:ROW_LONGEST])
    page.shown.update(title_ids)
    return Row(
        id=f"because:{seed.id}",
        kind=RowKind.BECAUSE_YOU_WATCHED,
        name=f"Because you {'watched' if seed.id in page.watched else 'liked'} {seed_name(page, seed)}",
        reason=tied([ties[title_id] for title_id in title_ids]) if title_ids else "",
        title_ids=title_ids,
        seed_title_id=seed.id,
        title_reasons=tuple(tied([ties[title_id]]) for title_id in title_ids),
    )


def seed_name(page: Page, seed: Title) -> str:
    """What a title is called in a reason: an episode by its series."""
    series = page.selection.episodes.series(seed.id)
    return seed.name if series is None else series.name


def _ties(page: Page, seed: Title) -> dict[str, Tie]:
    """What the seed's watchers watched, filled up with what is like it while that is little; begun titles last."""
    selection, finished = page.selection, page.finished
    front = selection.front(seed.id)
    ties: dict[str, Tie] = dict.fromkeys(page.companions(seed.id, ROW_LONGEST + len(page.shown)))
    if len(page.unshown(tuple(ties))) < _FULL:
        alone = not ties
        for relative in selection.related(seed):
            if relative.title_id not in finished and (relative.shared or alone):
                ties.setdefault(relative.title_id, relative)
    ties.pop(front, None)
    return {title_id: ties[title_id] for title_id in sorted(ties, key=page.begun.__contains__)}


def similar(knowledge: Knowledge, selection: Selection, seed: Title, limit: int) -> tuple[str, ...]:
    """What goes with a title: what its watchers watched, then what is like it."""
    company = knowledge.transitions.company()
    companions = company.likest(seed.id, selection.among(knowledge.titles), limit)
    alike = (relative.title_id for relative in selection.related(seed) if relative.shared or not companions)
    return tuple(dict.fromkeys([*companions, *alike]))[:limit]


def tied(ties: Sequence[Tie]) -> str:
    """Why titles stand beside a seed, in one line."""
    shared = [tie.shared for tie in ties if tie is not None]
    if ties and not shared:
        return _TOGETHER
    reasons = [_TOGETHER] if len(shared) < len(ties) else []
    counts = Counter(name for names in shared for name in names)
    if counts:
        in_all = [name for name, count in counts.items() if count == len(shared)]
        names = in_all[:2] or [name for name, _ in counts.most_common(2)]
        reasons.append(f"shares {(' and ' if in_all else ' or ').join(names)} with it")
    return ", or ".join(reasons) or "closest to it in year and length"
