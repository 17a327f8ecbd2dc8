"""What a profile may be shown of the shelf, and which titles are alike by what is known of them.

A selection is made once for a shelf, a maturity limit and a territory, so that no row ever sees a title it must not
show. A series stands there once: by itself where it can be opened, else by its first episode. Alike by tags means
genres and moods in common (``alike``). Where a title shares none with any other, year and length remain.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import is_

from matinee.catalogue.titles import Shelf, Title, TitleKind
from matinee.recommender.figures import Figures
from matinee.taste.alike import Alike

_RELATED_KEPT = 60
_SEEDS_KEPT = 2000
_UNKNOWN_YEARS = 2.0
_YEARS = 10.0


@dataclass(frozen=True, slots=True)
class Relative:
    """A title that is like another one: ``shared`` are the tags they have in common; none means year and length."""

    title_id: str
    likeness: float
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Genre:
    """A genre as its newest title writes it, and its titles, newest first."""

    name: str
    title_ids: tuple[str, ...]


class Episodes:
    """The episodes of each series in their order, among what may be seen."""

    def __init__(self, shelf: Shelf, playable: Iterable[Title]) -> None:
        self._series: dict[str, Title] = {}
        self._ordered: dict[str, list[Title]] = defaultdict(list)
        for title in playable:
            series = shelf.series_of(title) if title.kind is TitleKind.EPISODE else None
            if series is not None:
                self._series[title.id] = series
                self._ordered[series.id].append(title)
        self._places = {title_id: shelf.place_of(shelf.by_id[title_id]) for title_id in self._series}
        for episodes in self._ordered.values():
            episodes.sort(key=lambda title: (self._places[title.id], title.id))
        self._opened = frozenset(series_id for series_id in self._ordered if series_id in shelf.by_id)
        self._numbers = {one.id: at for all_of in self._ordered.values() for at, one in enumerate(all_of)}

    def series(self, title_id: str) -> Title | None:
        """The series of an episode; None for what is none."""
        return self._series.get(title_id)

    def first(self, title_id: str) -> str | None:
        """The first episode of an episode's series, where the series cannot be opened; None else."""
        series = self._series.get(title_id)
        return None if series is None or series.id in self._opened else self._ordered[series.id][0].id

    def following(self, title_id: str) -> Title | None:
        """The episode after one, in its season or the next; None after the last, and for what is no episode."""
        series = self._series.get(title_id)
        if series is None:
            return None
        ordered, number = self._ordered[series.id], self._numbers[title_id] + 1
        return ordered[number] if number < len(ordered) else None

    def of(self, series_id: str) -> Sequence[Title]:
        """A series' episodes in order."""
        return self._ordered.get(series_id, ())

    def label(self, title_id: str) -> str:
        """Where an episode stands in its series: ``S1 E4``, or ``E4`` where no season is told."""
        season, episode = self._places[title_id]
        return f"S{season} E{episode}" if season else f"E{episode}"


class Selection:
    """The titles of a shelf for one maturity limit (an age) and territory, newest first, with indexes over them."""

    def __init__(self, shelf: Shelf, maturity_limit: int, territory: str = "") -> None:
        self.playable: Mapping[str, Title] = {
            title.id: title for title in shelf.titles if title.is_for(maturity_limit, territory)
        }
        self.episodes = Episodes(shelf, self.playable.values())
        # Seasons and episodes of a series on the shelf are found on its page, not beside it.
        self.titles: Mapping[str, Title] = {
            title.id: title
            for title in self.playable.values()
            if title.parent_id not in shelf.by_id and self.front(title.id) == title.id
        }
        self.newest: Sequence[str] = tuple(self.titles)
        self._tags: dict[str, dict[str, str]] = {}
        by_genre: dict[str, list[str]] = defaultdict(list)
        names: dict[str, str] = {}
        for title in self.titles.values():
            self._tags[title.id] = _tags(title)
            for name in title.genres:
                names.setdefault(name.casefold(), name)
            for genre in {name.casefold() for name in title.genres}:
                by_genre[genre].append(title.id)
        self.genres: Mapping[str, Genre] = {key: Genre(names[key], tuple(ids)) for key, ids in by_genre.items()}
        self._alike = Alike(self._tags)
        self._related: dict[str, tuple[Relative, ...]] = {}

    @cached_property
    def figures(self) -> Figures:
        """What the playable titles are, in columns; made when a ranker first asks."""
        return Figures(self.playable.values())

    def front(self, title_id: str) -> str:
        """What stands on pages for a title: of a series that cannot be opened itself, its first episode."""
        return self.episodes.first(title_id) or title_id

    def related(self, seed: Title) -> tuple[Relative, ...]:
        """Titles like the seed, likest first, equals newest first: by tags, or else by year and length."""
        known = self._related.get(seed.id)
        if known is None:
            if len(self._related) >= _SEEDS_KEPT:
                self._related.clear()
            known = self._related[seed.id] = self._by_tags(seed) or self._by_year_and_length(seed)
        return known

    def _by_tags(self, seed: Title) -> tuple[Relative, ...]:
        tags = _tags(seed)
        return tuple(
            Relative(found, likeness, tuple(name for tag, name in tags.items() if tag in self._tags[found]))
            for found, likeness in self._alike.nearest(list(tags), _RELATED_KEPT, without=seed.id)
        )

    def _by_year_and_length(self, seed: Title) -> tuple[Relative, ...]:
        scored = (
            (_distance(seed, title), place, title.id)
            for place, title in enumerate(self.titles.values())
            if title.id != seed.id
        )
        return tuple(
            Relative(found, 1 / (1 + distance), ()) for distance, _, found in heapq.nsmallest(_RELATED_KEPT, scored)
        )


class Selections:
    """The selections of the shelf that stands now, made when they are first asked for."""

    def __init__(self) -> None:
        self._shelf: Shelf | None = None
        self._steps: list[int] = []
        self._territories: frozenset[str] = frozenset()
        self._selections: dict[tuple[int, str], Selection] = {}

    def of(self, shelf: Shelf, maturity_limit: int, territory: str = "") -> Selection:
        """What a maturity limit may see of a shelf in a territory.

        Limits between two steps of the shelf's ages share one, and so do territories that no title names.
        """
        if shelf is not self._shelf and not _same(shelf, self._shelf):
            self._steps = sorted({title.maturity for title in shelf.titles})
            self._territories = frozenset(code for title in shelf.titles for code in title.territories)
            self._selections = {}
        self._shelf = shelf
        step = max((age for age in self._steps if age <= maturity_limit), default=-1)
        place = territory if territory in self._territories else ""
        selection = self._selections.get((step, place))
        if selection is None:
            selection = self._selections[step, place] = Selection(shelf, step, place)
        return selection


def _same(one: Shelf, other: Shelf | None) -> bool:
    """Whether two shelves hold the same objects: a title that was only begun to be encoded makes a new shelf, too."""
    if other is None or len(one.titles) != len(other.titles) or one.groups != other.groups:
        return False
    return all(map(is_, one.titles, other.titles))


def _tags(title: Title) -> dict[str, str]:
    """A title's genres and moods by their folded names, as they are written."""
    return {name.casefold(): name for name in (*title.genres, *title.moods)}


def _distance(one: Title, other: Title) -> float:
    years = _UNKNOWN_YEARS
    if one.year is not None and other.year is not None:
        years = abs(one.year - other.year) / _YEARS
    shorter, longer = sorted((max(1.0, one.duration_seconds or 1.0), max(1.0, other.duration_seconds or 1.0)))
    return years + math.log(longer / shorter)
