"""The files an edge holds, never more than its limit: those of its plan, and a demand cache in the rest of the disk.

A file stands at ``placed/<title>/<revision>/<file>`` or ``demand/…`` only if it is whole and verified: it is written
under ``partial/``, synced, and renamed, and the data plane may serve what it finds there by itself. Nothing is walked
at a start; what a killed process left is seen to in the background (``upkeep``), as is all else that takes long. The
event loop's thread alone calls in here, but for :meth:`Cache.missing`.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import structlog

from matinee.cache.folders import Folders
from matinee.cache.holdings import Holdings
from matinee.cache.index import Index, footprint, open_index, span
from matinee.cache.plan_pages import PlanPages
from matinee.cache.scrubbing import PASS_SECONDS
from matinee.cache.shelf import Held, Shelf, name_of
from matinee.cache.upkeep import Upkeep
from matinee.model.plans import FillWindow, HoldingsUpdate, Origin, PlannedFile, PlanPage

__all__ = ["Cache", "Held", "Reservation", "footprint"]

_log = structlog.get_logger()

PLACED_SHARE = 0.9
_SMALL_PURGE_FILES = 100
"""The rows of so many go while the event loop waits; of more, at the side."""
_MOST_FILES_AT_ONCE = 256
_MOST_TOUCHES = 3  # the order of eviction counts no further
_PASSABLE_BYTES = 32 * 1024 * 1024
"""A larger file is let in at its first request: there is not the memory to pass it on without a disk."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room for one file that is on its way, and the descriptor to write it through; whoever writes closes that."""

    path: str
    size_bytes: int
    file: str
    descriptor: int
    begun: int = 0


class Cache:
    """Held files within ``limit_bytes``; placed ones may take ``placed_share`` of that.

    Files of the demand cache leave as ``eviction`` says, and not within ``grace_seconds`` of being found: whoever was
    told of one may not have opened it yet. While only such files could make room, there is none. Every held file is
    verified again within ``scrub_seconds``. Without ``in_background``, ``upkeep.step`` is the caller's to call.
    """

    def __init__(
        self,
        folder: Path,
        limit_bytes: int,
        *,
        placed_share: float = PLACED_SHARE,
        edge_id: str = "",
        started: float = 0.0,
        grace_seconds: float = 1.0,
        scrub_seconds: float = PASS_SECONDS,
        in_background: bool = True,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders = Folders(folder)
        self._steady, self._in_background, self._scrub_seconds = steady, in_background, scrub_seconds
        self._holdings = Holdings(edge_id, started)
        share_bytes = int(limit_bytes * placed_share)
        self._shelf = Shelf(
            self._folders, limit_bytes, share_bytes, self._holdings, grace_seconds=grace_seconds, steady=steady
        )
        self._hot = self._shelf.hot
        self._index: Index | None = None
        self._upkeep: Upkeep | None = None
        self._pages = PlanPages()
        self._purged: list[str] = []

    def __len__(self) -> int:
        return self._shelf.totals.placed_files + self._shelf.totals.demand_files

    @property
    def limit_bytes(self) -> int:
        """What the files may take on disk."""
        return self._shelf.limit_bytes

    @property
    def used_bytes(self) -> int:
        """What the files take on disk, those on their way with them."""
        return self._shelf.used_bytes

    @property
    def evicted(self) -> int:
        """Files that left to make room."""
        return self._shelf.evicted

    @property
    def damaged(self) -> int:
        """Held files whose bytes had changed on the disk; they were removed."""
        return self._shelf.disk.damaged

    @property
    def disk(self) -> str:
        """``well``, or a sentence that says what is wrong with the disk."""
        return self._shelf.disk.word

    @property
    def generation(self) -> int:
        """The plan that counts, or will in a moment; 0: none."""
        return self._shelf.plan.generation if self._pages.ended is None else self._pages.ended

    @property
    def window(self) -> FillWindow:
        """When the plan's files may be fetched ahead, and how fast."""
        return self._shelf.plan.window

    @property
    def missing_files(self) -> int:
        """How many of the plan's files are not held, as counted within the last second or so."""
        return 0 if self._upkeep is None else self._upkeep.missing_files

    @property
    def upkeep(self) -> Upkeep:
        """What goes on at the side; only an open cache has it."""
        assert self._upkeep is not None
        return self._upkeep

    def open(self) -> None:
        """Take the folder for this process; Unavailable if another process has it.

        A disk that takes no files, or an index that cannot be read, is told in ``disk``, and nothing is held then.
        """
        try:
            self._folders.open()
            self._open_index()
        except (OSError, sqlite3.Error) as error:
            self._index = None
            self._shelf.disk.refused(error, starting=True)

    def close(self) -> None:
        """Let the folder go."""
        if self._upkeep is not None:
            self._upkeep.stop()
            self._upkeep = None
        if self._index is not None:
            self._index.close()
            self._index = None
        self._folders.close()

    def find(self, path: str) -> Held | None:
        """The file, if it is held and still whole on disk; this counts as a use of it."""
        held = self._hot.get(path) or self._recall(path)
        if held is None:
            return None
        try:
            whole = os.stat(held.file).st_size == held.size_bytes  # noqa: PTH116 - a Path costs more than the call, and this is every hit
        except OSError:
            whole = False
        if not whole:
            held = self._look_again(path)
            if held is None:
                return None
        held.used_at = self._steady()
        if held.number is not None and self._shelf.order.touch(held.number):
            self._shelf.admission.used(name_of(path), held.size_bytes)
        return held

    def hand_out(self, held: Held) -> str:
        """The name of the file for a sender that opens it by itself, and soon."""
        held.used_at = self._steady()
        return held.file

    def discredit(self, held: Held) -> None:
        """Whoever read a file found other bytes than were verified: it is held no longer, and that is told."""
        if self._index is None:
            return
        with self._shelf.lock:
            try:
                row = self._index.get(held.path)
                same = row is not None and row.digest.hex() == held.digest
                if same and self._shelf.remove(self._index, held.path, at_once=True):
                    self._shelf.disk.found_damaged(held.path, "Its SHA-256 is another one than when it was written.")
            except sqlite3.Error as error:
                self._shelf.disk.refused(error)

    def touched(self, path: str, times: int) -> None:
        """Uses of a file that the data plane served by itself, which does not know how long it should be."""
        for _ in range(min(times, _MOST_TOUCHES)):
            if self.find(path) is None:
                return

    def wanted(self, path: str) -> PlannedFile | None:
        """The plan's word on a file, if it is to be held."""
        if self._index is None or not self.generation:
            return None
        return self._shelf.plan.wanted(self._index, path)

    def reserve(self, path: str, size_bytes: int) -> Reservation | None:
        """Room for a file; None if it is not let in, there is none to be had or the disk refuses."""
        index, shelf, room = self._index, self._shelf, footprint(size_bytes)
        if index is None or shelf.disk.in_trouble or room > shelf.limit_bytes:
            return None
        planned = self.wanted(path)
        if planned is not None:
            if planned.size_bytes != size_bytes:
                _log.warning("cache.not_as_planned", path=path, size_bytes=size_bytes)
                return None
        elif not self._lets_in(path, size_bytes, room):
            return None
        try:
            if shelf.free_bytes < room:
                shelf.make_room(index, room, at_once=True, most_files=_MOST_FILES_AT_ONCE)
            if shelf.free_bytes < room:
                self.upkeep.nudge()
                return None
            file, descriptor = self._folders.new_file()
        except (OSError, sqlite3.Error) as error:
            _log.warning("cache.refused", path=path, reason=str(error))
            shelf.disk.refused(error)
            return None
        with shelf.lock:
            shelf.reserved_bytes += room
            shelf.disk.room_bytes -= room
        if shelf.free_bytes < shelf.low_bytes:
            self.upkeep.nudge()
        return Reservation(path, size_bytes, file, descriptor, len(self._purged))

    def keep(self, reservation: Reservation, digest: str) -> bool:
        """Hold a reservation's file, which is whole and synced and has this SHA-256 (in hexadecimal).

        False, and nothing is held, if it is not the plan's file, was purged meanwhile, or the disk refuses.
        """
        path, size_bytes, index = reservation.path, reservation.size_bytes, self._index
        planned = self.wanted(path)
        wrong = planned is not None and (planned.size_bytes != size_bytes or planned.digest not in {"", digest})
        purged = any(path.startswith(prefix) for prefix in self._purged[reservation.begun :])
        if wrong or purged or index is None:
            _log.warning("cache.not_kept", path=path, reason="not as planned" if wrong else "purged or closed")
            self.give_up(reservation)
            return False
        kind = Origin.DEMAND if planned is None else Origin.PLACED
        with self._shelf.lock:
            try:
                self._folders.set_in_place(reservation.file, kind, path)
            except OSError as error:
                # A folder may stand where a file should: two objects then claim one name, and the first one has it.
                _log.warning("cache.refused", path=path, reason=error.strerror)
                self._shelf.disk.refused(error)
                self.give_up(reservation)
                return False
            try:
                self._shelf.add(index, path, size_bytes, bytes.fromhex(digest), placed=planned is not None)
            except sqlite3.Error as error:
                self._shelf.disk.refused(error)
                self._folders.discard(self._folders.file_of(kind, path))
                self.give_up(reservation)
                return False
            self._shelf.reserved_bytes -= footprint(size_bytes)
        return True

    def give_up(self, reservation: Reservation) -> None:
        """Free a reservation whose file did not become whole."""
        room = footprint(reservation.size_bytes)
        with self._shelf.lock:
            self._shelf.reserved_bytes -= room
            self._shelf.disk.room_bytes += room
        try:
            Path(reservation.file).unlink(missing_ok=True)
        except OSError as error:
            _log.warning("cache.unlink_failed", file=reservation.file, reason=error.strerror)

    def begin_plan(self, page: PlanPage) -> None:
        """The first page of a plan to come; one that was begun before and not ended is forgotten."""
        self._pages.begin(page.window)
        self.add_plan(page)

    def add_plan(self, page: PlanPage) -> None:
        """The page that comes next (the first one may be said twice). Nothing changes yet."""
        if self._index is not None:
            self._pages.add(page, self.upkeep)

    def end_plan(self, generation: int) -> None:
        """That was all of it: the plan counts, at once if it and what is held are small, or as soon as it is written.

        Files then change their kind, and those that are missing are found, in the background.
        """
        if self._index is not None:
            self._pages.end(generation, self._index, self.upkeep, held=len(self))

    def missing(self, limit: int) -> Sequence[PlannedFile]:
        """Files of the plan that are not held, the most worthy first; any thread may ask."""
        if self._index is None:
            return []
        try:
            with closing(self._connect()) as index:
                return self._shelf.plan.missing(index, limit)
        except sqlite3.Error as error:
            self._shelf.disk.refused(error)
            return []

    def purge(self, prefix: str) -> int | None:
        """Remove every file whose path begins with the prefix, and what is on its way; how many were held.

        None if they are many: none is found from now on, and they are counted, and their room is free, in a while.
        """
        self._purged.append(prefix)
        if self._index is None:
            return 0
        rows = self._index.rows(*span(prefix), _SMALL_PURGE_FILES + 1)
        with self._shelf.lock:
            for path in [path for path in self._hot if path.startswith(prefix)]:
                del self._hot[path]
            self._folders.throw_away(prefix)
        files = len(rows) if len(rows) <= _SMALL_PURGE_FILES else None
        if files is None:
            self.upkeep.check(prefix)
        else:
            for row in rows:
                self._shelf.remove(self._index, row.path, at_once=True)
        _log.info("cache.purged", prefix=prefix, files=files)
        return files

    def next_update(self) -> HoldingsUpdate | None:
        """What is to be told of the holdings now: the last update again, if nobody acknowledged it; None: nothing."""
        with self._shelf.lock:
            update = self._holdings.next_update()
        if update is None and self._holdings.preparing and self._upkeep is not None:
            self._upkeep.nudge()
        return update

    def told(self, sequence: int) -> None:
        """The control plane has kept every update through this one."""
        with self._shelf.lock:
            self._holdings.told(sequence)

    def begin_anew(self) -> None:
        """Tell the whole again: the control plane knows nothing of what was told."""
        with self._shelf.lock:
            self._holdings.begin_anew()

    def _recall(self, path: str) -> Held | None:
        if self._index is None:
            return None
        try:
            return self._shelf.recall(self._index, path)
        except sqlite3.Error as error:
            self._shelf.disk.refused(error)
            return None

    def _look_again(self, path: str) -> Held | None:
        if self._index is None:
            return None
        try:
            return self._shelf.look_again(self._index, path)
        except (OSError, sqlite3.Error) as error:
            self._shelf.disk.refused(error)
            return None

    def _lets_in(self, path: str, size_bytes: int, room: int) -> bool:
        # Twice the room that is kept free is what there is of it while nobody has to leave.
        free = self._shelf.free_bytes - room >= 2 * self._shelf.low_bytes
        asked = self._shelf.admission.lets_in(name_of(path), size_bytes, free=free)
        return asked or size_bytes > _PASSABLE_BYTES

    def _open_index(self) -> None:
        self._index = open_index(self._folders.root / "index.db", self._shelf.lock)
        self._shelf.open(self._index)
        self._upkeep = Upkeep(self._shelf, self._connect, scrub_seconds=self._scrub_seconds, steady=self._steady)
        if self._in_background:
            self._upkeep.start()

    def _connect(self) -> Index:
        return Index(self._folders.root / "index.db", self._shelf.lock)
