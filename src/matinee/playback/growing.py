"""Titles that are still arriving: what their growing playlists say, read from the object store at most twice a second.

The text comes from here and never from an edge, because edges keep files for ever; its segments come from edges like
any film's. A premiere's viewers share one read, however many ask.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from threading import Lock

import structlog
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from matinee.catalogue.titles import Catalogue, Title
from matinee.model.errors import Invalid, NotFound, Unavailable, bare_reason
from matinee.model.media import Presentation
from matinee.packaging.growing import Growth, read_growth
from matinee.ports import Clock

_log = structlog.get_logger()
_LASTS = timedelta(seconds=0.5)
_MOST = 256
_REVISIONS_KEPT = 1024


class GrowingPlaylists:
    """The growing revisions of titles. Threads share it."""

    def __init__(self, catalogue: Catalogue, objects: ObjectStore, clock: Clock) -> None:
        self._catalogue = catalogue
        self._objects = objects
        self._clock = clock
        self._lock = Lock()
        self._read: dict[str, tuple[datetime, Growth]] = {}
        # What a revision is never changes.
        self._known = lru_cache(maxsize=_REVISIONS_KEPT)(catalogue.presentation)

    def presentation(self, title_id: str, revision: str) -> Presentation | None:
        """A growing revision, also after it was replaced; None if it never grew, or was swept away."""
        try:
            found = self._known(title_id, revision)
        except NotFound:
            return None
        return found if found.is_growing else None

    def growth(self, title_id: str, revision: str, uri: str) -> Growth:
        """What a growing playlist says now. Unavailable if the store does not give it; an old text is given rather."""
        key = f"media/{title_id}/{revision}/{uri}"
        kept = self._read.get(key)
        if kept is not None and self._is_fresh(kept):
            return kept[1]
        if kept is None:
            with self._lock:
                return self._newest(key)
        # One thread reads; the others meanwhile go on with what was read last.
        if not self._lock.acquire(blocking=False):
            return kept[1]
        try:
            return self._newest(key)
        finally:
            self._lock.release()

    def arrived_share(self, title: Title) -> float | None:
        """How much of a title has arrived, from 0 to 1; None if it is whole, or while nobody can say."""
        presentation = title.presentation
        if presentation is None or not presentation.is_growing or title.revision is None:
            return None
        try:
            arrived = [self.growth(title.id, title.revision, one.uri).arrived_seconds for one in presentation.video]
        except Unavailable:
            return None
        return min(max(arrived, default=0.0) / max(presentation.duration_seconds, 1e-3), 1.0)

    def sweep(self, kept: timedelta) -> int:
        """Delete growing revisions that are nobody's for longer than any playback of them lives; how many went."""
        until = self._clock.now() - kept
        swept = 0
        for title_id, revision in self._catalogue.outgrown(until):
            with _store_answers():
                lying = [one for part in self._objects.list(f"media/{title_id}/{revision}/") for one in part]
                # Taken back, and its encode is tried again: it is being written.
                if any(one["last_modified"] > until for one in lying):
                    continue
                self._objects.delete([one["path"] for one in lying])
            # Last, so that a sweep that broke off is made again.
            self._catalogue.forget_revision(title_id, revision)
            swept += 1
        return swept

    def _is_fresh(self, kept: tuple[datetime, Growth]) -> bool:
        return self._clock.now() - kept[0] < _LASTS

    def _newest(self, key: str) -> Growth:
        """Read the store, unless another thread has just done so; called with the lock held."""
        kept = self._read.get(key)
        if kept is not None and self._is_fresh(kept):
            return kept[1]
        try:
            growth = _read(self._objects, key)
        except Unavailable as error:
            if kept is None:
                raise
            _log.warning("growing.old_text", key=key, reason=str(error))
            growth = kept[1]
        self._read.pop(key, None)
        if len(self._read) >= _MOST:
            del self._read[next(iter(self._read))]
        self._read[key] = (self._clock.now(), growth)
        return growth


def _read(objects: ObjectStore, key: str) -> Growth:
    _, title_id, revision, uri = key.split("/", 3)
    try:
        with _store_answers():
            return read_growth(bytes(objects.get(key).bytes()).decode(), uri)
    except FileNotFoundError as error:
        raise Unavailable(f"The growing playlist {key} is not in the object store.") from error
    except (Invalid, UnicodeDecodeError) as error:
        raise Unavailable(f"The growing playlist of {title_id}/{revision} cannot be read: {error}") from error


@contextmanager
def _store_answers() -> Iterator[None]:
    try:
        yield
    except BaseError as error:
        raise Unavailable(f"The object store does not answer: {bare_reason(error)}.") from error
