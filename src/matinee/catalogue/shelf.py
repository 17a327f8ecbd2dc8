"""What can be watched now, as one value that threads share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from matinee.catalogue.lifecycle import Title, TitleState


@dataclass(frozen=True, slots=True)
class Shelf:
    """The playable titles, newest first, and the same by id. Their presentations come without ``files``."""

    titles: tuple[Title, ...] = ()
    by_id: Mapping[str, Title] = field(default_factory=dict)


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
        return Snapshot(change=change, everything=everything, shelf=Shelf(titles=tuple(playable), by_id=by_id))

    def newest_first(self) -> list[Title]:
        """Every title, in the order of their making, the last first."""
        return sorted(self.everything.values(), key=lambda title: (title.created_at, title.id), reverse=True)
