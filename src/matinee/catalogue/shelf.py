"""What can be watched now, as one value that threads share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from matinee.catalogue.lifecycle import Title, TitleKind, TitleState

_GROUPS = frozenset({TitleKind.SERIES, TitleKind.SEASON})


@dataclass(frozen=True, slots=True)
class Shelf:
    """The playable titles, newest first, and the same by id. Their presentations come without ``files``.

    ``groups`` are the series and seasons by id, playable themselves or not, but for those that were withdrawn.
    ``change`` is the number of the last change in the catalogue.
    """

    titles: tuple[Title, ...] = ()
    by_id: Mapping[str, Title] = field(default_factory=dict)
    groups: Mapping[str, Title] = field(default_factory=dict)
    change: int = field(default=0, compare=False)

    def series_of(self, title: Title) -> Title | None:
        """The series that an episode or a season belongs to; None for a film, and while the series is not there."""
        parent = self.groups.get(title.parent_id or "")
        while parent is not None and parent.kind is TitleKind.SEASON:
            parent = self.groups.get(parent.parent_id or "")
        return parent

    def place_of(self, episode: Title) -> tuple[int, int]:
        """An episode's season and number within its series, so that the next one follows: as its season says, too."""
        season = self.groups.get(episode.parent_id or "")
        told = season.season_number if season is not None and season.kind is TitleKind.SEASON else None
        number = episode.season_number if told is None else told
        return (number or 0, episode.episode_number or 0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every title at one moment. ``change`` is the number of the last change in it; the shelf is what is playable."""

    change: int = 0
    everything: Mapping[str, Title] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=Shelf)

    def renewed(self, change: int, titles: Iterable[Title]) -> "Snapshot":
        """The snapshot after titles changed; what did not change stays the same object."""
        everything = {**self.everything, **{title.id: title for title in titles}}
        playable = [title for title in everything.values() if title.state is TitleState.PLAYABLE]
        playable.sort(key=lambda title: (title.published_at or title.created_at, title.id), reverse=True)
        by_id = MappingProxyType({title.id: title for title in playable})
        groups = {
            title.id: title
            for title in everything.values()
            if title.kind in _GROUPS and title.state is not TitleState.WITHDRAWN
        }
        shelf = Shelf(titles=tuple(playable), by_id=by_id, groups=MappingProxyType(groups), change=change)
        return Snapshot(change=change, everything=everything, shelf=shelf)

    def newest_first(self) -> list[Title]:
        """Every title, in the order of their making, the last first."""
        return sorted(self.everything.values(), key=lambda title: (title.created_at, title.id), reverse=True)
