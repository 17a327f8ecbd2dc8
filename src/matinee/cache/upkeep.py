"""What an edge's cache does on the side, in a thread of its own: one small piece after another, the most urgent first.

Room is made before it runs out, names go whose grace is over, a new plan is taken up and carried out, the order of
leaving is read back after a start, holdings are listed, disk and index reconciled, what was committed is brought past
a power cut, and held files are verified. A piece takes some milliseconds and the thread rests as long as it worked, so
that the event loop's thread never waits for it noticeably.
"""

import os
import shutil
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import structlog

from matinee.cache.index import Index, footprint
from matinee.cache.planned import PlannedFiles
from matinee.cache.reconciling import reconcile
from matinee.cache.scrubbing import PASS_SECONDS, Scrubber
from matinee.cache.shelf import Shelf, name_of
from matinee.model.plans import FillWindow, PlannedFile

_log = structlog.get_logger()

_LOOK_SECONDS, _CHECKPOINT_SECONDS, _RETRY_SECONDS = 1.0, 5.0, 10.0
_REST_SECONDS, _LONGEST_REST_SECONDS = 0.1, 0.02
_FILES = 64
_MOST_STAGED, _WALK_RESTS = 4, 2.0
_JOURNAL_BYTES = 32 * 1024 * 1024
_STAGED_FILES, _RESTORED_FILES, _APPLIED_FILES = 500, 500, 250

Work = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class End:
    """A plan is complete: its generation, and when it is to be filled."""

    generation: int
    window: FillWindow


class Upkeep:
    """See the module. ``step`` does one piece; ``start`` has a thread do one after another until ``stop``."""

    def __init__(
        self,
        shelf: Shelf,
        open_index: Callable[[], Index],
        *,
        scrub_seconds: float = PASS_SECONDS,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shelf, self._open_index = shelf, open_index
        self._steady = steady
        self._index = index = open_index()
        self._step = threading.Lock()
        self._scrubber = Scrubber(shelf, pass_seconds=scrub_seconds, steady=steady)
        self._staged: deque[tuple[PlannedFile, ...] | End | None] = deque()
        self._walks: deque[Iterator[None]] = deque([reconcile(shelf, index)])
        self._restoring: Iterator[None] | None = self._restore()
        self._applying: Iterator[None] | None = None
        self._applied_at = float("-inf")
        self._looked_at = self._checkpoint_at = self._walk_at = float("-inf")
        self._spare_is_empty = False
        self.missing_files = 0
        self._wake, self._stopping = threading.Event(), False
        self._thread: threading.Thread | None = None
        self._works: tuple[Work, ...] = (
            self._look,
            self._checkpoint,
            lambda: shelf.let_go(_FILES),
            self._make_room,
            self._stage,
            self._restore_order,
            self._list,
            self._apply,
            self._walk,
            self._clear_spare,
            self._empty_trash,
            lambda: self._scrubber.step(index),
        )

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the piece that is under way, and bring all that was committed to the disk."""
        self._stopping = True
        self.nudge()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._scrubber.close()
        try:
            self._index.checkpoint()
        except sqlite3.Error as error:
            self._shelf.disk.refused(error)
        self._index.close()

    def nudge(self) -> None:
        """There is something to do."""
        self._wake.set()

    def plan(self, piece: tuple[PlannedFile, ...] | End | None) -> None:
        """More of a plan: None begins one, files carry on, generation and window end it."""
        self._staged.append(piece)
        self.nudge()

    def plan_now(self, index: Index, files: tuple[PlannedFile, ...], generation: int, window: FillWindow) -> bool:
        """Carry out a small plan at once, in the caller's thread; False if that would not be quick now."""
        if self._staged or not self._step.acquire(timeout=_LONGEST_REST_SECONDS):
            return False
        try:
            clear = self._shelf.plan.clear
            if clear(index, _STAGED_FILES) and clear(index, 1):
                return False
            self._shelf.plan.stage(index, files)
            self._swap(index, generation, window)
            for _ in carry_out(self._shelf, index):
                pass
            self.missing_files = self._shelf.plan.count_missing(index)
        finally:
            self._step.release()
        return True

    def check(self, prefix: str) -> None:
        """Have the rows under a prefix looked at, whose files have just gone."""
        self._walks.appendleft(reconcile(self._shelf, self._index, prefix=prefix))
        self.nudge()

    def step(self) -> bool:
        """One piece of work, the most urgent; False if there is none now."""
        with self._step:
            try:
                return any(work() for work in self._works)
            except (OSError, sqlite3.Error) as error:
                self._shelf.disk.refused(error)
                return False

    def _run(self) -> None:
        while not self._stopping:
            began = time.monotonic()
            more = self.step()
            worked = time.monotonic() - began
            if len(self._staged) > _MOST_STAGED:
                continue  # pages of a plan come faster than they are written down
            self._wake.wait(min(worked, _LONGEST_REST_SECONDS) if more else _REST_SECONDS)
            self._wake.clear()

    def _look(self) -> bool:
        if self._steady() - self._looked_at < _LOOK_SECONDS:
            return False
        self._looked_at = self._steady()
        if self._shelf.disk.look(self._shelf.folders.partial, self._shelf.reserved_bytes):
            self._walks.append(reconcile(self._shelf, self._index))
        self.missing_files = self._shelf.plan.count_missing(self._index)
        return False

    def _make_room(self) -> bool:
        shelf = self._shelf
        low_bytes = shelf.low_bytes
        if shelf.free_bytes + shelf.leaving_bytes >= low_bytes or not shelf.totals.demand_files:
            return False
        before = shelf.evicted
        # Half as much again, so that it is not one file at a time.
        shelf.make_room(self._index, low_bytes + low_bytes // 2, at_once=False, most_files=_FILES)
        return shelf.evicted > before

    def _stage(self) -> bool:
        if not self._staged:
            return False
        plan, piece = self._shelf.plan, self._staged[0]
        if not self._spare_is_empty:
            self._spare_is_empty = not plan.clear(self._index, _STAGED_FILES)
            return True
        if piece is None:
            if plan.staged_files:
                self._spare_is_empty = False  # pages of a plan that was begun and never ended
                return True
        elif isinstance(piece, End):
            self._swap(self._index, piece.generation, piece.window)
        else:
            plan.stage(self._index, piece[:_STAGED_FILES])
            if len(piece) > _STAGED_FILES:
                self._staged[0] = piece[_STAGED_FILES:]
                return True
        self._staged.popleft()
        return True

    def _swap(self, index: Index, generation: int, window: FillWindow) -> None:
        take_up(self._shelf, index, generation, window)
        self._spare_is_empty, self._applying = False, None
        self._applied_at = float("-inf")

    def _apply(self) -> bool:
        shelf = self._shelf
        if shelf.plan.cut_anew:
            shelf.plan.cut(self._index, shelf.share_bytes)
        if self._applying is None:
            if not shelf.plan.applying or self._steady() - self._applied_at < _RETRY_SECONDS:
                return False
            self._applying = carry_out(shelf, self._index)
        try:
            next(self._applying)
        except StopIteration:
            self._applying = None
        except (OSError, sqlite3.Error):
            self._applying, self._applied_at = None, self._steady()
            raise
        return True

    def _restore_order(self) -> bool:
        if self._restoring is None:
            return False
        if next(self._restoring, self) is self:
            self._restoring = None
        return True

    def _restore(self) -> Iterator[None]:
        order = self._shelf.order
        # A connection of its own, since what is read here is read over some time, while others write.
        index = self._open_index()
        try:
            rows = index.in_turn()
            while some := list(islice(rows, _RESTORED_FILES)):
                with self._shelf.lock:
                    for number, path, size_bytes, turn in some:
                        order.restore(number, name_of(path), footprint(size_bytes), main=bool(turn & 1))
                yield
        finally:
            index.close()
        with self._shelf.lock:
            order.restored()

    def _list(self) -> bool:
        holdings = self._shelf.holdings
        if not holdings.preparing:
            return False
        with self._shelf.lock:
            holdings.prepare(self._index, self._shelf.plan)
        return True

    def _walk(self) -> bool:
        if not self._walks or self._restoring is not None:
            return False
        began = self._steady()
        if began < self._walk_at:
            return False
        walk = self._walks[0]
        if next(walk, self) is self:
            self._walks.remove(walk)
        # Nobody waits for this: a viewer's request comes first.
        ended = self._steady()
        self._walk_at = ended + _WALK_RESTS * (ended - began)
        return True

    def _clear_spare(self) -> bool:
        plan: PlannedFiles = self._shelf.plan
        if self._spare_is_empty or plan.applying or self._staged:
            return False
        self._spare_is_empty = not plan.clear(self._index, _STAGED_FILES)
        return True

    def _empty_trash(self) -> bool:
        try:
            with os.scandir(self._shelf.folders.trash) as entries:
                found = next(entries, None)
        except OSError:
            return False
        if found is None:
            return False
        if found.is_dir(follow_symlinks=False):
            shutil.rmtree(found.path, ignore_errors=True)
        else:
            Path(found.path).unlink(missing_ok=True)
        return True

    def _checkpoint(self) -> bool:
        since = self._steady() - self._checkpoint_at
        large = since > _LOOK_SECONDS and self._index.journal_bytes() > _JOURNAL_BYTES
        if large or since >= _CHECKPOINT_SECONDS:
            self._checkpoint_at = self._steady()
            self._index.checkpoint()
        return False


def take_up(shelf: Shelf, index: Index, generation: int, window: FillWindow) -> None:
    """Make what was staged the plan."""
    files = shelf.plan.staged_files
    shelf.plan.swap(index, generation, window, shelf.share_bytes)
    with shelf.lock:
        shelf.holdings.planned_anew()
    _log.info("plan.taken_up", generation=generation, files=files)


def carry_out(shelf: Shelf, index: Index) -> Iterator[None]:
    """Have files change their kind as the plan says, some at a time, and note which of its files are missing."""
    plan, generation, after = shelf.plan, shelf.plan.generation, ""
    moved = missing = 0
    while True:
        with shelf.lock:
            through = plan.reach(index, after, _APPLIED_FILES)
            span = after, "\x7f" if through is None else through
            with index.writing():
                for path in (absent := plan.absent(index, *span)):
                    plan.mark(index, path, held=False)
        missing += len(absent)
        for difference in plan.moves(index, *span):
            (shelf.place if difference.place else shelf.demote)(index, difference.path)
            moved += 1
            if not moved % _FILES:
                yield
        if through is None:
            break
        after = through
        yield
    plan.applied(index)
    _log.info("plan.applied", generation=generation, moved=moved, missing=missing)
