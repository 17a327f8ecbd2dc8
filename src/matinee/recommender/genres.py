"""Rows of genres."""

import heapq
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from matinee.recommender.candidates import Genre
from matinee.recommender.page import ROW_LONGEST, Page, Row, RowKind

_GENRES = 6
_GENRE_SMALLEST = 4
_BOARD_DEPTH = 2000


def genres(page: Page) -> list[Row]:
    """The genres watched most, then the largest; in each what is popular, then what is new."""
    titles, known = page.selection.titles, page.selection.genres
    watched = Counter(
        genre for title_id in page.watched if title_id in titles for genre in page.selection.folded[title_id]
    )
    large = (key for key, genre in known.items() if len(genre.title_ids) >= _GENRE_SMALLEST)
    chosen = heapq.nsmallest(_GENRES, large, key=lambda key: (-watched[key], -len(known[key].title_ids), key))
    popular = _popular_in(page, chosen)
    return [_genre(page, known[key], popular[key], watched[key]) for key in chosen]


def _popular_in(page: Page, keys: Sequence[str]) -> dict[str, list[str]]:
    """The most played titles of some genres, in one walk down the board that ends when every row is full."""
    titles, folded, refused = page.selection.titles, page.selection.folded, page.refused
    popular: dict[str, list[str]] = {key: [] for key in keys}
    open_rows, seen = set(keys), set[str]()
    # As ``browsable``, but first of all by genre: most titles have none that is asked for.
    for title_id in islice(page.knowledge.popularity.overall.ranked(), _BOARD_DEPTH):
        if not open_rows:
            break
        front = title_id if title_id in titles else page.selection.front(title_id)
        if front not in titles or open_rows.isdisjoint(folded[front]) or front in seen or front in refused:
            continue
        seen.add(front)
        for key in open_rows.intersection(folded[front]):
            popular[key].append(front)
            if len(popular[key]) >= ROW_LONGEST:
                open_rows.discard(key)
    return popular


def _genre(page: Page, genre: Genre, popular: Sequence[str], watched: int) -> Row:
    newest = genre.title_ids[: ROW_LONGEST + len(page.finished) + len(page.refused)]
    title_ids = [one for one in dict.fromkeys([*popular, *newest]) if one not in page.refused]
    left = [title_id for title_id in title_ids if title_id not in page.finished]
    kept = left if len(left) >= _GENRE_SMALLEST else title_ids
    ordered = sorted(kept, key=page.passed.__contains__) if page.passed else kept
    reason = f"you watched {watched} of them" if watched else f"{len(genre.title_ids)} titles"
    return Row(f"genre:{genre.name}", RowKind.GENRE, genre.name, reason, tuple(ordered[:ROW_LONGEST]))
