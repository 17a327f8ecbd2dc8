"""The held files themselves: folder, index, order of leaving and what is told of them, changed together.

A file stands at ``placed/<path>`` or ``demand/<path>`` only if it is whole and verified; both threads of an edge change
that under one lock, each through its own index. A row is written after its file stands and taken away before the file
goes, so that a process killed in between leaves at most a file without a row, which ``reconciling`` finds. A file that
leaves keeps its name for a grace period: whoever was just told of it may not have opened it yet.
"""

import sqlite3
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from matinee.cache.admission import SecondRequest
from matinee.cache.disk import Disk
from matinee.cache.eviction import S3Fifo
from matinee.cache.folders import Folders
from matinee.cache.holdings import Holdings
from matinee.cache.index import Index, Row, Totals, footprint
from matinee.cache.planned import PlannedFiles
from matinee.model.plans import Origin

_log = structlog.get_logger()

_HOT_FILES = 10_000
_MOST_SPARED = 8
_LOW_SHARE, _MOST_LOW_BYTES = 0.02, 1024**3
_LARGE_BYTES = 64 * 1024**2
"""A file system takes its time to free more; such a file is put aside first."""
_LOW_LEAST_BYTES = 64 * 1024**2
"""A cache smaller than this keeps no room free ahead: it has nothing to spare."""


@dataclass(slots=True)
class Held:
    """A whole file: its media path, size, where it lies, of which kind it is, its SHA-256, and when it was found last.

    ``number`` is what ``eviction`` knows it by; None: it is placed.
    """

    path: str
    size_bytes: int
    file: str
    kind: Origin
    digest: str
    number: int | None
    used_at: float = float("-inf")


def name_of(path: str) -> int:
    """32 bits by which a path is known again."""
    return zlib.crc32(path.encode())


class Shelf:
    """Held files within ``limit_bytes``, of which placed ones may take ``share_bytes``."""

    def __init__(
        self,
        folders: Folders,
        limit_bytes: int,
        share_bytes: int,
        holdings: Holdings,
        *,
        grace_seconds: float,
        steady: Callable[[], float],
    ) -> None:
        self.lock = threading.RLock()
        self.folders = folders
        self.limit_bytes, self.share_bytes = limit_bytes, share_bytes
        self.holdings, self.plan = holdings, PlannedFiles()
        self.disk = Disk(folders.root, steady)
        self.order = S3Fifo(limit_bytes)
        self.admission = SecondRequest(limit_bytes, self.order.small_bytes)
        self.hot: OrderedDict[str, Held] = OrderedDict()
        self.totals = Totals(0, 0, 0, 0)
        self.reserved_bytes = self.leaving_bytes = 0
        self.leaving: dict[str, tuple[float, int]] = {}
        self.evicted = 0
        self._grace_seconds, self._steady = grace_seconds, steady
        self._turn = 0

    @property
    def used_bytes(self) -> int:
        """What the files take on disk, those on their way and those that are leaving with them."""
        return self.totals.placed_bytes + self.totals.demand_bytes + self.reserved_bytes + self.leaving_bytes

    @property
    def low_bytes(self) -> int:
        """Room that is made before it is asked for."""
        if self.limit_bytes < _LOW_LEAST_BYTES:
            return 0
        return min(int(_LOW_SHARE * self.limit_bytes), _MOST_LOW_BYTES)

    @property
    def free_bytes(self) -> int:
        """Room that may be promised now."""
        return min(self.limit_bytes - self.used_bytes, self.disk.room_bytes)

    def open(self, index: Index) -> None:
        """Take up what the index says."""
        self.order = S3Fifo(self.limit_bytes, index.greatest_number())
        self.plan.open(index, self.share_bytes)
        self.recount(index)

    def recall(self, index: Index, path: str) -> Held | None:
        """A file by its row, remembered for the next request."""
        row = index.get(path)
        if row is None:
            return None
        held = self.hot[path] = self._held(row)
        if len(self.hot) > _HOT_FILES:
            with suppress(KeyError):
                self.hot.popitem(last=False)
        return held

    def look_again(self, index: Index, path: str) -> Held | None:
        """A file that was not where it was thought to be, if it is held all the same; one that is lost is removed."""
        with self.lock:
            self.hot.pop(path, None)
            held = self.recall(index, path)
            if held is None:
                return None
            for kind in (held.kind, *(kind for kind in self.folders.kinds if kind is not held.kind)):
                file = self.folders.file_of(kind, path)
                with suppress(FileNotFoundError, NotADirectoryError):
                    if Path(file).stat().st_size == held.size_bytes:
                        held.file = file
                        return held
            _log.warning("cache.lost", path=path, size_bytes=held.size_bytes)
            self.remove(index, path, at_once=True)
        return None

    def add(self, index: Index, path: str, size_bytes: int, digest: bytes, *, placed: bool) -> None:
        """Hold a file that stands in the folder of its kind; another one that was held by its name is forgotten."""
        with self.lock:
            number = None if placed else self.order.add(name_of(path), footprint(size_bytes))
            old = index.get(path)
            try:
                with index.writing():
                    if old is not None:
                        index.drop(path)
                        self._unseat(old)
                    index.put(Row(path, size_bytes, digest, number), self._next_turn(number))
                    self._promote(index)
                    if placed:
                        self.plan.mark(index, path, held=True)
            except sqlite3.Error:
                if number is not None:
                    self.order.remove(number)
                raise
            if old is not None and (old.number is None) != placed:
                self._leave(self._held(old).file, 0)
            self._stay(self.folders.file_of(Origin.PLACED if placed else Origin.DEMAND, path))
            self.hot.pop(path, None)
            if old is None:
                self.holdings.came(path, size_bytes)
            self.recount(index)

    def remove(self, index: Index, path: str, *, at_once: bool = False) -> bool:
        """Hold a file no longer; with ``at_once`` its name goes too before this returns. False if it was not held."""
        with self.lock:
            row = index.get(path)
            if row is None:
                return False
            with index.writing():
                index.drop(path)
                self.plan.mark(index, path, held=False)
            self._unseat(row)
            self._gone(row, at_once=at_once)
            self.recount(index)
        return True

    def place(self, index: Index, path: str) -> None:
        """A file of the demand cache is the plan's from now on, or goes if its bytes are not the plan's."""
        with self.lock:
            row, planned = index.get(path), self.plan.wanted(index, path)
            if row is None or row.number is None or planned is None:
                return
            right = planned.size_bytes == row.size_bytes and planned.digest in {"", row.digest.hex()}
            if not right or not self._shift(path, Origin.DEMAND, Origin.PLACED):
                _log.warning("cache.not_as_planned", path=path, size_bytes=row.size_bytes)
                self.remove(index, path)
                return
            with index.writing():
                index.move(path, None, 0)
                self.plan.mark(index, path, held=True)
            self._unseat(row)
            self.hot.pop(path, None)
            self.recount(index)

    def demote(self, index: Index, path: str) -> None:
        """A placed file that the plan no longer wants is the demand cache's."""
        with self.lock:
            row = index.get(path)
            if row is None or row.number is not None or self.plan.wanted(index, path) is not None:
                return
            if not self._shift(path, Origin.PLACED, Origin.DEMAND):
                self.remove(index, path)
                return
            number = self.order.add(name_of(path), footprint(row.size_bytes))
            with index.writing():
                index.move(path, number, self._next_turn(number))
                self._promote(index)
            self.hot.pop(path, None)
            self.recount(index)

    def make_room(self, index: Index, wanted_bytes: int, *, at_once: bool, most_files: int) -> None:
        """Have files of the demand cache leave until so many bytes are free, or will be; at most so many files.

        With ``at_once`` they are free now, and files that somebody was just told of stay.
        """
        settled, spared = self._steady() - self._grace_seconds, 0
        with self.lock:
            rows: list[Row] = []
            coming = 0 if at_once else self.leaving_bytes
            with self._going(rows), index.writing():
                while self.free_bytes + coming < wanted_bytes and len(rows) < most_files and spared < _MOST_SPARED:
                    number = self.order.evict()
                    if number is None:
                        break
                    path = index.path_of(number)
                    row = None if path is None else index.get(path)
                    if row is None:
                        continue
                    held = self.hot.get(row.path)
                    if held is not None and held.used_at > settled:
                        again = self.order.add(name_of(row.path), footprint(row.size_bytes))
                        index.move(row.path, again, self._next_turn(again))
                        spared += 1
                        continue
                    index.drop(row.path)
                    rows.append(row)
                    coming += footprint(row.size_bytes)
                self._promote(index)
            for row in rows:
                self._gone(row, at_once=at_once)
            self.evicted += len(rows)
            self.recount(index)

    def let_go(self, most_files: int) -> bool:
        """Take the names of files away whose grace is over; False if there was none."""
        now = self._steady()
        due: list[tuple[str, int]] = []
        with self.lock:
            for file, (until, size_bytes) in self.leaving.items():
                if until > now or len(due) == most_files:
                    break
                due.append((file, size_bytes))
        for file, size_bytes in due:
            # One at a time, and not without the lock: the name may be a new file's in this moment.
            with self.lock:
                if self.leaving.pop(file, None) is None:
                    continue
                self.folders.discard(file, aside=size_bytes > _LARGE_BYTES)
                self.leaving_bytes -= size_bytes
                self.disk.room_bytes += size_bytes
        return bool(due)

    def recount(self, index: Index) -> None:
        """Read anew what there is."""
        self.totals = index.totals()
        self.order.limit_bytes = max(0, self.limit_bytes - self.totals.placed_bytes)
        self.admission.resize(self.order.limit_bytes, self.order.small_bytes)

    def _held(self, row: Row) -> Held:
        kind = Origin.PLACED if row.number is None else Origin.DEMAND
        return Held(row.path, row.size_bytes, self.folders.file_of(kind, row.path), kind, row.digest.hex(), row.number)

    def _next_turn(self, number: int | None) -> int:
        # The lowest bit says main queue. Turns are times, so that they go on growing after a restart.
        self._turn = max(self._turn + 1, int(time.time() * 1000))
        main = number is not None and number in self.order.promoted
        return self._turn << 1 | main

    def _promote(self, index: Index) -> None:
        if self.order.promoted:
            index.promote(self.order.promoted, self._next_turn(None) | 1)
            self.order.promoted.clear()

    def _unseat(self, row: Row) -> None:
        if row.number is not None:
            self.order.remove(row.number)

    def _gone(self, row: Row, *, at_once: bool) -> None:
        held = self.hot.pop(row.path, None) or self._held(row)
        self.holdings.went(row.path)
        if at_once:
            self.folders.discard(held.file)
        else:
            self._leave(held.file, footprint(row.size_bytes))

    def _leave(self, file: str, size_bytes: int) -> None:
        self.leaving[file] = (self._steady() + self._grace_seconds, size_bytes)
        self.leaving_bytes += size_bytes

    @contextmanager
    def _going(self, rows: list[Row]) -> Iterator[None]:
        """If a full disk has no room even for the word that files leave, they go all the same, and the word follows."""
        try:
            yield
        except sqlite3.Error:
            for row in rows:
                self.hot.pop(row.path, None)
                self.folders.discard(self._held(row).file)
            raise

    def _stay(self, file: str) -> None:
        """A name that was to go is a held file's again."""
        _, size_bytes = self.leaving.pop(file, (0.0, 0))
        self.leaving_bytes -= size_bytes

    def _shift(self, path: str, origin: Origin, target: Origin) -> bool:
        """Give a file its name in the other folder, the old one staying for the grace period; False if it is lost."""
        try:
            if self.folders.shift(path, origin, target):
                self._leave(self.folders.file_of(origin, path), 0)
        except FileNotFoundError:
            return False
        except OSError as error:
            self.disk.refused(error)
            raise
        self._stay(self.folders.file_of(target, path))
        return True
