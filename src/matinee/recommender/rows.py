"""The rows of a home page: a pure function of what is known, so that the same knowledge gives the same page.

Nothing is shuffled: a page stays as it is while one looks, and changes with what is watched. What a profile must not
see is gone before the first row is made (``candidates.Selection``).
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice

from matinee.catalogue.titles import Title
from matinee.model.topology import ANYWHERE
from matinee.recommender.candidates import Genre, Relative, Selection
from matinee.recommender.interactions import Play
from matinee.recommender.knowledge import Knowledge
from matinee.recommender.transitions import Companion

Tie = Companion | Relative
"""Why a title stands beside a seed: people watched both, or they are alike."""

_CONTINUE_LONGEST = 12
_POPULAR_LONGEST = 10
_ROW_LONGEST = 20
_SEEDS = 3
_GENRES = 6
_GENRE_SMALLEST = 4
_FULL = 6
_LARGE_CATALOGUE = 40
_STILL_POPULAR_PLAYS = 0.01
_BOARD_DEPTH = 2000


class RowKind(StrEnum):
    """What a row is."""

    CONTINUE_WATCHING = "continue_watching"
    BECAUSE_YOU_WATCHED = "because_you_watched"
    POPULAR = "popular"
    NEW = "new"
    GENRE = "genre"


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``title_reasons`` says why each title stands in it, or is empty where the row's reason says it all."""

    id: str
    kind: RowKind
    name: str
    reason: str
    title_ids: tuple[str, ...]
    seed_title_id: str | None = None
    title_reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class _Page:
    """What the rows of one page have in common while it is made; ``shown`` are the titles of the first screens."""

    knowledge: Knowledge
    selection: Selection
    latest: list[tuple[str, Play]]
    region: str
    now: float
    finished: frozenset[str]
    begun: frozenset[str]
    watched: frozenset[str]
    shown: set[str] = field(default_factory=set)

    def unshown(self, title_ids: Sequence[str]) -> Sequence[str]:
        """Without what is shown already; a catalogue too small for that shows titles twice."""
        left = [title_id for title_id in title_ids if title_id not in self.shown]
        if len(left) >= _FULL or (left and len(self.selection.titles) >= _LARGE_CATALOGUE):
            return left
        return title_ids


def arrange(knowledge: Knowledge, selection: Selection, profile_id: str, region: str, now: datetime) -> tuple[Row, ...]:
    """The rows of a profile's page, in order; none for an empty catalogue, and none that is empty."""
    history = knowledge.histories.of(profile_id)
    page = _Page(
        knowledge=knowledge,
        selection=selection,
        latest=history.latest(),
        region=region,
        now=now.timestamp(),
        finished=frozenset(title_id for title_id, play in history.plays.items() if play.finished),
        begun=frozenset(title_id for title_id, play in history.plays.items() if play.in_progress),
        watched=frozenset(title_id for title_id, play in history.plays.items() if play.watched),
    )
    popular = _popular(page)
    seeds = _seeds(page)
    because = [_because(page, seed) for seed in seeds[:1]]
    new = _new(page)
    because += [_because(page, seed) for seed in seeds[1:]]
    rows = [_continue(page), *because[:1], popular, new, *because[1:], *_genres(page)]
    return tuple(row for row in rows if row.title_ids)


def _continue(page: _Page) -> Row:
    begun = (title_id for title_id, play in page.latest if play.in_progress and title_id in page.selection.playable)
    return Row(
        id="continue",
        kind=RowKind.CONTINUE_WATCHING,
        name="Continue watching",
        reason="where you stopped",
        title_ids=tuple(islice(begun, _CONTINUE_LONGEST)),
    )


def _popular(page: _Page) -> Row:
    """What is watched in the region, then anywhere, then what is new. The order of a board does not need the time."""
    boards = page.knowledge.popularity
    here, titles = boards.region(page.region), page.selection.titles
    local = [
        title_id
        for title_id in islice((found for found in here.ranked() if found in titles), _POPULAR_LONGEST)
        if here.plays(title_id, page.now) >= _STILL_POPULAR_PLAYS and page.region != ANYWHERE.name
    ]
    everywhere = islice((found for found in boards.overall.ranked() if found in titles), 2 * _POPULAR_LONGEST)
    here_name = f"in {page.region[:1].upper()}{page.region[1:]}"
    reasons = dict.fromkeys(local, f"popular {here_name}")
    for title_id in everywhere:
        reasons.setdefault(title_id, "popular everywhere")
    for title_id in page.selection.newest[: 2 * _POPULAR_LONGEST]:
        reasons.setdefault(title_id, "new")
    title_ids = tuple(reasons)[:_POPULAR_LONGEST]
    page.shown.update(title_ids)
    if local:
        reason = f"most watched {here_name}" + (", then everywhere" if len(local) < len(title_ids) else "")
    elif title_ids and reasons[title_ids[0]] != "new":
        reason = "most watched everywhere"
    else:
        reason = "the newest, while nothing has been watched"
    title_reasons = tuple(reasons[title_id] for title_id in title_ids)
    return Row("popular", RowKind.POPULAR, "Popular now", reason, title_ids, title_reasons=title_reasons)


def _new(page: _Page) -> Row:
    longest = _ROW_LONGEST + len(page.shown)
    title_ids = tuple(page.unshown(page.selection.newest[:longest])[:_ROW_LONGEST])
    return Row(id="new", kind=RowKind.NEW, name="New", reason="added last", title_ids=title_ids)


def _seeds(page: _Page) -> list[Title]:
    playable = page.selection.playable
    watched = (playable[title_id] for title_id, play in page.latest if play.watched and title_id in playable)
    return list(islice(watched, _SEEDS))


def _because(page: _Page, seed: Title) -> Row:
    ties = _ties(page, seed)
    title_ids = tuple(page.unshown(tuple(ties))[:_ROW_LONGEST])
    page.shown.update(title_ids)
    return Row(
        id=f"because:{seed.id}",
        kind=RowKind.BECAUSE_YOU_WATCHED,
        name=f"Because you watched {seed.name}",
        reason=tied([ties[title_id] for title_id in title_ids]) if title_ids else "",
        title_ids=title_ids,
        seed_title_id=seed.id,
        title_reasons=tuple(tied([ties[title_id]]) for title_id in title_ids),
    )


def _ties(page: _Page, seed: Title) -> dict[str, Tie]:
    """What the seed's watchers watched, filled up with what is like it while that is little; begun titles last."""
    selection, finished = page.selection, page.finished
    ties: dict[str, Tie] = {
        companion.title_id: companion
        for companion in page.knowledge.transitions.companions(
            seed.id, selection.titles, _ROW_LONGEST + len(page.shown), without=finished, own=page.watched
        )
    }
    if len(page.unshown(tuple(ties))) < _FULL:
        alone = not ties
        for relative in selection.related(seed):
            if relative.title_id not in finished and (relative.shared or alone):
                ties.setdefault(relative.title_id, relative)
    return {title_id: ties[title_id] for title_id in sorted(ties, key=page.begun.__contains__)}


def similar(knowledge: Knowledge, selection: Selection, seed: Title, limit: int) -> tuple[str, ...]:
    """What goes with a title: what its watchers watched, then what is like it."""
    companions = knowledge.transitions.companions(seed.id, selection.titles, limit)
    alike = (relative for relative in selection.related(seed) if relative.shared or not companions)
    ties: list[Tie] = [*companions, *alike]
    return tuple(dict.fromkeys(tie.title_id for tie in ties))[:limit]


def tied(ties: Sequence[Tie]) -> str:
    """Why titles stand beside a seed, in one line."""
    shared = [tie.shared for tie in ties if isinstance(tie, Relative)]
    reasons = []
    if len(shared) < len(ties):
        reasons.append("watched by the same people")
    counts = Counter(name for names in shared for name in names)
    if counts:
        in_all = [name for name, count in counts.items() if count == len(shared)]
        names = in_all[:2] or [name for name, _ in counts.most_common(2)]
        reasons.append(f"shares {(' and ' if in_all else ' or ').join(names)} with it")
    return ", or ".join(reasons) or "closest to it in year and length"


def _genres(page: _Page) -> list[Row]:
    """The genres watched most, then the largest; in each what is popular, then what is new."""
    titles, genres = page.selection.titles, page.selection.genres
    watched = Counter(
        genre
        for title_id in page.watched
        if title_id in titles
        for genre in {name.casefold() for name in titles[title_id].genres}
    )
    large = (key for key, genre in genres.items() if len(genre.title_ids) >= _GENRE_SMALLEST)
    chosen = heapq.nsmallest(_GENRES, large, key=lambda key: (-watched[key], -len(genres[key].title_ids), key))
    popular = _popular_in(page, chosen)
    return [_genre(page, genres[key], popular[key], watched[key]) for key in chosen]


def _popular_in(page: _Page, genres: Sequence[str]) -> dict[str, list[str]]:
    """The most played titles of some genres, in one walk down the board that ends when every row is full."""
    titles = page.selection.titles
    popular: dict[str, list[str]] = {key: [] for key in genres}
    open_rows = set(genres)
    for title_id in islice(page.knowledge.popularity.overall.ranked(), _BOARD_DEPTH):
        if not open_rows:
            break
        if title_id in titles:
            for key in open_rows.intersection(name.casefold() for name in titles[title_id].genres):
                popular[key].append(title_id)
                if len(popular[key]) >= _ROW_LONGEST:
                    open_rows.discard(key)
    return popular


def _genre(page: _Page, genre: Genre, popular: Sequence[str], watched: int) -> Row:
    newest = genre.title_ids[: _ROW_LONGEST + len(page.finished)]
    title_ids = list(dict.fromkeys([*popular, *newest]))
    left = [title_id for title_id in title_ids if title_id not in page.finished]
    kept = tuple((left if len(left) >= _GENRE_SMALLEST else title_ids)[:_ROW_LONGEST])
    reason = f"you watched {watched} of them" if watched else f"{len(genre.title_ids)} titles"
    return Row(id=f"genre:{genre.name}", kind=RowKind.GENRE, name=genre.name, reason=reason, title_ids=kept)
