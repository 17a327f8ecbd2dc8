"""Telling exactly what an edge holds: the whole once, against the plan, then what came and what went.

The listing walks held and planned files in the order of their paths. What changes behind the walker is told as a
difference when the listing has ended, what changes ahead of it the walker sees; so nothing is copied, and the told and
the held are one set once both have been told. Every page of a listing names the plan's generation, and is marked
``more`` until the last; a listing that begins anew leaves one number out, so that no page of it is taken for one that
carries on. An update is told again, the same, until it is acknowledged.
"""

from dataclasses import dataclass, field

from matinee.cache.index import Index
from matinee.cache.planned import PlannedFiles
from matinee.model.plans import HoldingsUpdate

PAGE_ENTRIES = 4000
_SLICE_FILES = 500
_MOST_CHANGES = 100_000
"""So many differences are kept for a control plane that is away; from there on a new listing is the shorter word."""
_WENT = -1


@dataclass(slots=True)
class _Listing:
    """A listing under way: ``cursor`` None once the walk is over."""

    generation: int
    cursor: str | None = ""
    begun: bool = False
    missing: list[str] = field(default_factory=list)
    added: list[tuple[str, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.missing) + len(self.added)


class Holdings:
    """What an edge has told and is yet to tell. Whoever calls in holds the index's lock, but for :meth:`told`."""

    def __init__(self, edge_id: str, started: float) -> None:
        self._edge_id, self._started = edge_id, started
        self._sequence = -1
        self._pending: HoldingsUpdate | None = None
        self._changes: dict[str, int] = {}
        self._listing: _Listing | None = None
        self._anew = True

    def came(self, path: str, size_bytes: int) -> None:
        """A file that was not held is."""
        if self._behind(path):
            if self._changes.get(path) == _WENT:
                del self._changes[path]
            else:
                self._changes[path] = size_bytes
            self._bound()

    def went(self, path: str) -> None:
        """A file that was held is not."""
        if self._behind(path):
            if self._changes.get(path, _WENT) != _WENT:
                del self._changes[path]
            else:
                self._changes[path] = _WENT
            self._bound()

    def begin_anew(self) -> None:
        """Tell the whole again, with the next update; a listing of which nothing was told yet is as good as new."""
        if self._listing is None or self._listing.begun:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._anew, self._pending, self._listing = True, None, None
        self._changes.clear()
        self._sequence += 1

    def planned_anew(self) -> None:
        """There is another plan: a listing against the old one cannot be finished."""
        if self._listing is not None:
            self._begin_anew()

    @property
    def preparing(self) -> bool:
        """Whether :meth:`prepare` has something to do."""
        if self._anew:
            return True
        listing = self._listing
        return listing is not None and listing.cursor is not None and len(listing) < PAGE_ENTRIES

    def prepare(self, index: Index, plan: PlannedFiles) -> None:
        """Walk on a little."""
        if self._anew:
            self._anew, self._listing = False, _Listing(plan.generation)
        listing = self._listing
        if listing is None or listing.cursor is None:
            return
        through = plan.reach(index, listing.cursor, _SLICE_FILES)
        span = listing.cursor, "\x7f" if through is None else through
        listing.missing += plan.absent(index, *span)
        listing.added += plan.besides(index, *span)
        listing.cursor = through

    def next_update(self) -> HoldingsUpdate | None:
        """What is to be told now: the last update again, if nobody acknowledged it; None if there is nothing."""
        if self._pending is None and not self._anew:
            self._pending = self._changed() if self._listing is None else self._listed(self._listing)
        return self._pending

    def told(self, sequence: int) -> None:
        """The control plane has kept every update through this one; an older acknowledgement that came late is none."""
        if sequence >= self._sequence:
            self._pending = None

    def _listed(self, listing: _Listing) -> HoldingsUpdate | None:
        if listing.cursor is not None and len(listing) < PAGE_ENTRIES:
            return None
        missing, listing.missing = listing.missing[:PAGE_ENTRIES], listing.missing[PAGE_ENTRIES:]
        room = PAGE_ENTRIES - len(missing)
        added, listing.added = listing.added[:room], listing.added[room:]
        more = listing.cursor is not None or len(listing) > 0
        if not more:
            self._listing = None
        begins, listing.begun = not listing.begun, True
        return self._update(listing.generation, tuple(missing), tuple(added), (), more=more, begins=begins)

    def _changed(self) -> HoldingsUpdate | None:
        if not self._changes:
            return None
        paths = list(self._changes)[:PAGE_ENTRIES]
        changes = [(path, self._changes.pop(path)) for path in paths]
        added = tuple((path, size) for path, size in changes if size != _WENT)
        return self._update(None, (), added, tuple(path for path, size in changes if size == _WENT))

    def _update(
        self,
        generation: int | None,
        missing: tuple[str, ...],
        added: tuple[tuple[str, int], ...],
        removed: tuple[str, ...],
        *,
        more: bool = False,
        begins: bool = False,
    ) -> HoldingsUpdate:
        self._sequence += 1
        return HoldingsUpdate(
            self._edge_id, self._started, self._sequence, generation, missing, added, removed, more, begins
        )

    def _behind(self, path: str) -> bool:
        """Whether the walker has passed by a path, so that a change there is a difference."""
        if self._anew:
            return False
        cursor = None if self._listing is None else self._listing.cursor
        return cursor is None or path <= cursor

    def _bound(self) -> None:
        if len(self._changes) > _MOST_CHANGES:
            self._begin_anew()
