"""The files an edge holds: an index in memory over a folder on disk, never more than its limit.

A file stands at ``files/<title>/<revision>/<file>`` only if it is whole: it is written under ``partial/``, synced, and
renamed. What a killed process left under ``partial/`` is removed at the next start, and the rest is indexed again, the
last use being the file's own time. The event loop's thread alone calls in here; the few system calls are short.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import structlog

from matinee.edge.addresses import is_media_path
from matinee.edge.eviction import LeastRecentlyUsed
from matinee.model.errors import Unavailable
from matinee.model.plans import Origin

_log = structlog.get_logger()

_BLOCK_BYTES = 4096
_STAMP_SECONDS = 600.0


def footprint(size_bytes: int) -> int:
    """What a file of that size takes on disk, in whole blocks."""
    return max(1, -(-size_bytes // _BLOCK_BYTES)) * _BLOCK_BYTES


@dataclass(slots=True)
class Held:
    """A whole file: its media path, its size, where it lies, when it was last handed out by name or used at all."""

    path: str
    size_bytes: int
    file: str
    kind: Origin = Origin.DEMAND
    handed_at: float = float("-inf")
    stamped_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room for one file that is on its way, and the descriptor to write it through; whoever writes closes that."""

    path: str
    size_bytes: int
    file: str
    descriptor: int


class Cache:
    """Held files within ``limit_bytes``, the least recently used leaving first.

    A file that was handed out by name less than ``grace_seconds`` ago is not removed: its sender may not have opened
    it yet. While only such files could make room, there is none.
    """

    def __init__(
        self,
        folder: Path,
        limit_bytes: int,
        *,
        grace_seconds: float = 1.0,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files, self._partial, self._lock_file = folder / "demand", folder / "partial", folder / "lock"
        self.limit_bytes = limit_bytes
        self._grace_seconds, self._steady = grace_seconds, steady
        self._held: dict[str, Held] = {}
        self._order = LeastRecentlyUsed()
        self._reserved_bytes = 0
        self._numbers = count()
        self._lock: int | None = None
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def used_bytes(self) -> int:
        """What the files take on disk, those on their way with them."""
        return self._order.used_bytes + self._reserved_bytes

    def open(self) -> None:
        """Take the folder for this process and index what it holds; Unavailable if another process has it."""
        self._files.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise Unavailable(f"The cache folder {self._files.parent} is in use by another edge.") from error
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir()
        for used_at, path, size in sorted(self._found()):
            self._held[path] = Held(path, size, f"{self._files}/{path}", stamped_at=used_at)
            self._order.add(path, footprint(size))
        for victim in self._order.victims(self.used_bytes - self.limit_bytes):
            self._remove(victim)

    def close(self) -> None:
        """Let the folder go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def find(self, path: str) -> Held | None:
        """The file, if it is held and still whole on disk; this counts as a use of it."""
        held = self._held.get(path)
        if held is None:
            return None
        try:
            whole = os.stat(held.file).st_size == held.size_bytes  # noqa: PTH116 - a Path costs more than the call, and this is every hit
        except OSError:
            whole = False
        if not whole:
            _log.warning("cache.lost", path=path, size_bytes=held.size_bytes)
            self._remove(path)
            return None
        self._order.touch(path)
        self._stamp(held)
        return held

    def touched(self, path: str, times: int) -> None:
        """Somebody else handed the file out so often."""
        if times and path in self._held:
            self.find(path)

    def hand_out(self, held: Held) -> str:
        """The name of the file for a sender that opens it by itself, and soon."""
        held.handed_at = self._steady()
        return held.file

    def reserve(self, path: str, size_bytes: int) -> Reservation | None:
        """Room for a file, made by removing cold ones; None if there is none to be had or the disk refuses."""
        room = footprint(size_bytes)
        if room > self.limit_bytes:
            return None
        settled = self._steady() - self._grace_seconds
        for victim in self._order.victims(self.used_bytes + room - self.limit_bytes):
            if self._held[victim].handed_at > settled:
                return None
            self._remove(victim)
            self.evicted += 1
        if self.used_bytes + room > self.limit_bytes:
            return None
        file = f"{self._partial}/{next(self._numbers)}"
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            _log.warning("cache.refused", path=path, reason=error.strerror)
            return None
        self._reserved_bytes += room
        return Reservation(path, size_bytes, file, descriptor)

    def keep(self, reservation: Reservation) -> bool:
        """Hold a reservation's file, which is whole and synced; False if the disk refuses its name."""
        self._reserved_bytes -= footprint(reservation.size_bytes)
        file = self._files / reservation.path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            Path(reservation.file).replace(file)
        except OSError as error:
            # A folder may stand where a file should: two objects then claim one name, and the first one has it.
            _log.warning("cache.refused", path=reservation.path, reason=error.strerror)
            _unlink(reservation.file)
            return False
        path, size = reservation.path, reservation.size_bytes
        self._held[path] = Held(path, size, str(file), stamped_at=time.time())
        self._order.add(path, footprint(size))
        return True

    def give_up(self, reservation: Reservation) -> None:
        """Free a reservation whose file did not become whole."""
        self._reserved_bytes -= footprint(reservation.size_bytes)
        _unlink(reservation.file)

    def _stamp(self, held: Held) -> None:
        # The order survives a restart through the files' own times; once in ten minutes is exact enough for that.
        now = time.time()
        if now - held.stamped_at > _STAMP_SECONDS:
            held.stamped_at = now
            os.utime(held.file)

    def _remove(self, path: str) -> None:
        self._order.remove(path)
        file = self._held.pop(path).file
        _unlink(file)
        for folder in list(Path(file).parents)[:-1]:
            if folder == self._files:
                return
            try:
                folder.rmdir()
            except OSError:
                return  # it holds more files

    def _found(self) -> Iterator[tuple[float, str, int]]:
        """Last use (seconds since 1970), path and size of each file; whatever no address can name is removed."""
        for folder, _, names in os.walk(self._files):
            for name in names:
                file = Path(folder, name)
                path = file.relative_to(self._files).as_posix()
                if file.is_symlink() or not file.is_file() or not is_media_path(path):
                    _log.warning("cache.foreign_file_removed", file=str(file))
                    file.unlink()
                    continue
                status = file.stat()
                yield status.st_mtime, path, status.st_size


def _unlink(file: str) -> None:
    try:
        Path(file).unlink(missing_ok=True)
    except OSError as error:
        _log.warning("cache.unlink_failed", file=file, reason=error.strerror)
