"""What a planner is told: what was played lately, where and how long ago, and the files of what can be played."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta
from functools import lru_cache

import sqlalchemy as sa

from matinee.catalogue.titles import Catalogue
from matinee.delivery.planner import Group, Offer, Plays
from matinee.model.media import Presentation
from matinee.playback import store
from matinee.ports import Clock

DAYS = 7
_OFFERS_KEPT = 5_000


class RecentPlays:
    """The plays of the last week by title, region and day. Read from a database that may lag."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def counted(self) -> Iterator[Plays]:
        """One value a title, region and day."""
        now = self._clock.now()
        for age in range(DAYS):
            until = now - timedelta(days=age)
            with self._engine.connect().execution_options(read_only=True) as connection:
                rows = store.count_plays(connection, until - timedelta(days=1), until)
            for title_id, region, count in rows:
                yield Plays(title_id, region, age, count)


def offers_of(catalogue: Catalogue) -> Callable[[Collection[str]], Sequence[Offer]]:
    """What gives the files of those of some titles that can be played now, and whole."""

    # A revision's files never change.
    @lru_cache(maxsize=_OFFERS_KEPT)
    def offered(title_id: str, revision: str) -> Offer | None:
        title = catalogue.title(title_id)
        if title.presentation is None or title.revision != revision:
            return None
        return offer_of(title_id, revision, title.presentation)

    def offers(title_ids: Collection[str]) -> Sequence[Offer]:
        shelf = catalogue.shelf()
        playable = [shelf.by_id[title_id] for title_id in sorted(title_ids) if title_id in shelf.by_id]
        # What is still arriving has no files that anybody counted, and will be another revision in a moment.
        found = [offered(title.id, title.revision) for title in playable if title.revision and not title.is_growing]
        return [offer for offer in found if offer is not None]

    return offers


def offer_of(title_id: str, revision: str, presentation: Presentation) -> Offer:
    """A presentation's files in groups: one a picture's rendition, each asked for by an even share, and the rest."""
    folders = {rendition.uri.rpartition("/")[0] for rendition in presentation.video}
    digests = presentation.digests or ("",) * len(presentation.files)
    groups: dict[str, list[tuple[str, int, str]]] = {"": []}
    for (name, size_bytes), digest in zip(presentation.files, digests, strict=True):
        folder = name.rpartition("/")[0]
        groups.setdefault(folder if folder in folders else "", []).append((name, size_bytes, digest))
    return Offer(
        title_id,
        revision,
        tuple(
            # What begins a rendition comes before its segments, and these in their order.
            Group(name, tuple(sorted(files, key=_beginning)), share=1 / len(folders) if name else 1.0)
            for name, files in groups.items()
            if files
        ),
    )


def _beginning(file: tuple[str, int, str]) -> tuple[bool, str]:
    return file[0].endswith(".m4s"), file[0]
