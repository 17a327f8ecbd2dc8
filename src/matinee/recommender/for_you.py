"""The row that is ranked for one profile, calibrated to what it likes; and what a new profile may choose from."""

from collections.abc import Sequence
from itertools import islice

from matinee.catalogue.titles import Title
from matinee.exploration.exploring import PLACE, REASON, Explored, explored
from matinee.recommender.because import seed_name
from matinee.recommender.page import Page, Row, RowKind, filled
from matinee.recommender.ranking import FEW_COMPANIONS, TAGGED_SEEDS, rank
from matinee.taste.calibration import calibrated
from matinee.taste.weights import genre_mix, liked

PICKS_WANTED = 3
"""So many titles that are liked make a page personal."""

_LONGEST = 12
_SEEDS = 5
_OF_A_SEED = 30
_OF_THE_BOARD = 60
_OF_ALL_BOARDS = 30
_OF_THE_NEWEST = 20
_TO_CALIBRATE = 30
_MIX_OF = 50
_NAMED_SEEDS = 5
_PICKS = 18
_PICKS_GENRES = 9
_PICKS_LEAST = 6


def for_you(page: Page) -> Row:
    """What suits the profile best by ``ranking.rank``, with genres in the shares in which it likes them.

    One place of a full row is for something different (``exploring``).
    """
    likes = liked(page.history)
    row = Row("for-you", RowKind.FOR_YOU, "For you", "from what you watched and liked, in its measure", ())
    if len(likes) < PICKS_WANTED:
        return row
    folded, playable = page.selection.folded, page.selection.playable
    scores = rank(page.history, page.unshown(candidates(page, likes), first=True), page.context)
    best = sorted(scores, key=lambda one: (one in page.passed, -scores[one]))[:_TO_CALIBRATE]
    genres = {one: folded[one] for one in best}
    wanted = genre_mix(likes[:_MIX_OF], folded)
    chosen = calibrated({one: scores[one] for one in best}, genres, wanted, _LONGEST, page.parameters.calibration)
    title_ids = tuple(sorted(chosen, key=page.passed.__contains__))
    other = _something_different(page, row.id, title_ids, best)
    if other is not None:
        title_ids = (*title_ids[:PLACE], other.title_id, *title_ids[PLACE : _LONGEST - 1])
    page.shown.update(title_ids)
    seeds = [playable[one] for one, _ in likes if one in playable][:_NAMED_SEEDS]
    why = _why(page, title_ids, seeds)
    reasons = tuple(
        REASON if other is not None and one == other.title_id else why[one] or "well liked where you are"
        for one in title_ids
    )
    return Row(row.id, row.kind, row.name, row.reason, title_ids, title_reasons=reasons, explored=other)


def _something_different(page: Page, row_id: str, chosen: tuple[str, ...], best: list[str]) -> Explored | None:
    if len(chosen) <= PLACE:
        return None
    following = [one for one in best if one not in chosen and one not in page.passed]
    return explored(page.profile_id, row_id, following, page.context.now, page.parameters.exploring)


def reason_for(page: Page, title_id: str) -> str:
    """What the profile likes that leads to a title; "" if nothing does, and for what it knows already."""
    if title_id not in page.selection.playable or title_id in page.history.plays:
        return ""
    seeds = (page.selection.playable.get(one) for one, _ in liked(page.history) if one != title_id)
    found = _why(page, [title_id], list(islice((seed for seed in seeds if seed is not None), _NAMED_SEEDS)))[title_id]
    return found[:1].upper() + found[1:]


def candidates(page: Page, likes: Sequence[tuple[str, float]]) -> list[str]:
    """What may suit a profile and is new to it: what it watched or gave its thumbs, it knows."""
    known = page.watched.union(page.history.signs.ratings if page.history.signs else ())
    return [one for one in _near(page, [one for one, _ in likes[:_SEEDS]]) if one not in known]


def _near(page: Page, seed_ids: list[str]) -> list[str]:
    knowledge, selection = page.knowledge, page.selection
    together, alike = list[str](), list[str]()
    page.company.ask(seed_ids)
    for place, seed_id in enumerate(seed_ids):
        companions = page.companions(seed_id, _OF_A_SEED)
        together += companions
        seed = selection.playable.get(seed_id)
        if place < TAGGED_SEEDS and seed is not None and len(companions) < FEW_COMPANIONS:
            alike += [relative.title_id for relative in selection.related(seed)[:_OF_A_SEED]]
    board = knowledge.popularity.region(page.context.region)
    popular = islice(page.browsable(board.ranked()), _OF_THE_BOARD)
    everywhere = islice(page.browsable(knowledge.popularity.overall.ranked()), _OF_ALL_BOARDS)
    newest = selection.newest[:_OF_THE_NEWEST]
    return filled(page.browsable(together), page.browsable(alike), popular, everywhere, newest)


def _why(page: Page, title_ids: Sequence[str], seeds: list[Title]) -> dict[str, str]:
    """The strongest link between each title and what the profile likes; "" if there is none."""
    together = [page.knowledge.transitions.together(seed.id, title_ids) for seed in seeds]
    return {
        title_id: _link(page, title_id, seeds, [counts[place] for counts in together])
        for place, title_id in enumerate(title_ids)
    }


def _link(page: Page, title_id: str, seeds: list[Title], together: Sequence[int]) -> str:
    most = max(together, default=0)
    if most > 0:
        return f"watched by people who watched {seed_name(page, seeds[together.index(most)])}"
    mine = page.selection.folded[title_id]
    for seed in seeds:
        if shared := [name for name in seed.genres if name.casefold() in mine]:
            return f"{shared[0]}, like {seed_name(page, seed)}"
    return ""


def picks(page: Page) -> tuple[str, ...]:
    """What a profile of which nothing is known may choose from: known titles of many genres, in turns.

    None for a profile that told enough, and in a catalogue too small to choose from.
    """
    likes = liked(page.history)
    if page.watched or len(likes) >= PICKS_WANTED:
        return ()
    known = filled(
        islice(page.browsable(page.knowledge.popularity.region(page.context.region).ranked()), 6 * _PICKS),
        islice(page.browsable(page.knowledge.popularity.overall.ranked()), 6 * _PICKS),
        page.selection.newest[: 6 * _PICKS],
    )
    turns: dict[str, int] = {}
    ordered = []
    for place, title_id in enumerate(known):
        genre = next(iter(page.selection.titles[title_id].genres), "").casefold()
        turns[genre] = turns.get(genre, -1) + 1
        ordered.append((turns[genre] * max(1, _PICKS_GENRES), place, title_id))
    chosen = [title_id for _, _, title_id in sorted(ordered)][:_PICKS]
    picked = [title_id for title_id, _ in likes if title_id in page.selection.titles]
    shown = filled(picked, chosen)[:_PICKS]
    return tuple(shown) if len(shown) >= _PICKS_LEAST else ()
