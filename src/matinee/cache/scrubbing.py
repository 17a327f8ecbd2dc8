"""Slow verification of what is held: every file is read again within days, and one whose bytes changed is removed.

Reading goes around the page cache where the file system lets it: that shows what is on the disk and not what memory
remembers, and pushes nothing out that viewers read. The walk follows the order of paths and goes on after a restart.
"""

import hashlib
import mmap
import os
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from matinee.cache.index import Index, Row
from matinee.cache.shelf import Shelf
from matinee.model.plans import Origin

_log = structlog.get_logger()

PASS_SECONDS = 7 * 86_400.0
_MOST_BYTES_A_SECOND = 16 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_FACT = "scrubbed_through"
_LAST = "\x7f"


class Scrubber:
    """Verifies held files one after another, all of them within ``pass_seconds``, never faster than 16 MiB/s."""

    def __init__(
        self, shelf: Shelf, *, pass_seconds: float = PASS_SECONDS, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._shelf, self._pass_seconds, self._steady = shelf, pass_seconds, steady
        self._buffer = mmap.mmap(-1, _PIECE_BYTES)  # whole pages, as reading around the page cache asks for
        self._row: Row | None = None
        self._descriptor = -1
        self._offset = 0
        self._digest = hashlib.sha256()
        self._allowance_bytes, self._at = 0.0, steady()
        self._cursor: str | None = None

    def step(self, index: Index) -> bool:
        """Verify a piece if it is time for one; False if it is not."""
        now = self._steady()
        held_bytes = self._shelf.totals.placed_bytes + self._shelf.totals.demand_bytes
        rate = min(held_bytes / self._pass_seconds, _MOST_BYTES_A_SECOND)
        self._allowance_bytes = min(self._allowance_bytes + (now - self._at) * rate, _PIECE_BYTES)
        self._at = now
        if self._allowance_bytes <= 0 or not held_bytes:
            return False
        row = self._row
        if row is None:
            return self._begin(index)
        try:
            size = os.preadv(self._descriptor, [self._buffer], self._offset)
        except OSError as error:
            self._end(index, row, f"It cannot be read: {error.strerror}.")
            return True
        self._digest.update(memoryview(self._buffer)[:size])
        self._offset += size
        self._allowance_bytes -= max(size, 4096)
        if size < _PIECE_BYTES:
            whole = self._digest.digest() == row.digest
            self._end(index, row, "" if whole else "Its SHA-256 is another one than when it was written.")
        return True

    def close(self) -> None:
        """Let the file go that is being verified."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._row = None

    def _begin(self, index: Index) -> bool:
        """Open the file that comes next; False at the end of the walk, which begins anew later."""
        if self._cursor is None:
            self._cursor = str(index.fact(_FACT, ""))
        rows = index.rows(self._cursor, _LAST, 1)
        if not rows:
            _log.info("scrub.passed", damaged=self._shelf.disk.damaged)
            self._allowance_bytes = 0.0
            self._keep_cursor(index, "")
            return False
        row = rows[0]
        file = self._shelf.folders.file_of(Origin.PLACED if row.number is None else Origin.DEMAND, row.path)
        with suppress(OSError):
            self._descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECT)
        if self._descriptor < 0:
            try:
                self._descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                self._keep_cursor(index, row.path)  # it left just now, or is lost: others see to that
                return True
        self._row, self._offset, self._digest = row, 0, hashlib.sha256()
        return True

    def _end(self, index: Index, row: Row, reason: str) -> None:
        self.close()
        self._keep_cursor(index, row.path)
        if not reason:
            return
        with self._shelf.lock:
            if index.get(row.path) == row and self._shelf.remove(index, row.path, at_once=True):
                self._shelf.disk.found_damaged(row.path, reason)

    def _keep_cursor(self, index: Index, path: str) -> None:
        self._cursor = path
        with index.writing():
            index.note(_FACT, path)
