"""The folders of a cache: ``placed`` and ``demand`` hold whole files, ``partial`` those on their way.

What is to go whole at once (a purged title, what a killed process was writing) is renamed into ``trash``, which is
emptied at the side. One process has them at a time.
"""

import fcntl
import os
import time
from itertools import count
from pathlib import Path

import structlog

from matinee.model.errors import Unavailable
from matinee.model.plans import Origin

_log = structlog.get_logger()


class Folders:
    """See the module; ``root`` holds them all, the index and the lock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.partial, self.trash = root / "partial", root / "trash"
        self.kinds = {Origin.PLACED: root / "placed", Origin.DEMAND: root / "demand"}
        self._roots = {str(folder) for folder in self.kinds.values()}
        self._numbers = count()
        self._lock: int | None = None

    def open(self) -> None:
        """Take them for this process and empty ``partial``; Unavailable if another process has them, or OSError."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise Unavailable(f"The cache folder {self.root} is in use by another edge.") from error
        before, demand = self.root / "files", self.kinds[Origin.DEMAND]
        if before.is_dir() and not demand.exists():
            before.rename(demand)  # as versions without plans had it
        self.trash.mkdir(exist_ok=True)
        if self.partial.exists():
            self._throw(self.partial)
        for folder in (*self.kinds.values(), self.partial):
            folder.mkdir(exist_ok=True)

    def close(self) -> None:
        """Let them go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def file_of(self, kind: Origin, path: str) -> str:
        """Where a whole file of that kind lies."""
        return f"{self.kinds[kind]}/{path}"

    def new_file(self) -> tuple[str, int]:
        """A file to write to under ``partial``, and its descriptor; OSError if the disk refuses."""
        file = f"{self.partial}/{next(self._numbers)}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return file, os.open(file, flags, 0o644)
        except FileNotFoundError:
            self.partial.mkdir()  # somebody cleaned up too well
            return file, os.open(file, flags, 0o644)

    def set_in_place(self, file: str, kind: Origin, path: str) -> None:
        """Give a file that is whole its name; OSError if the disk refuses."""
        target = Path(self.file_of(kind, path))
        for last in (False, False, True):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                Path(file).replace(target)
            except FileNotFoundError:
                if last:  # and not just a folder that went in this moment, because it was empty
                    raise
            else:
                return

    def shift(self, path: str, origin: Origin, target: Origin) -> bool:
        """Give a file its name in the other folder, too; True if the old name is left, for the caller to discard.

        FileNotFoundError if it has neither name, another OSError if the disk refuses.
        """
        old, new = Path(self.file_of(origin, path)), Path(self.file_of(target, path))
        new.parent.mkdir(parents=True, exist_ok=True)
        if not old.exists() and new.exists():
            return False  # a process that was killed before it wrote that down has moved it already
        new.unlink(missing_ok=True)
        try:
            os.link(old, new)
        except FileNotFoundError:
            raise
        except OSError:
            old.replace(new)  # a file system without links
            return False
        return True

    def discard(self, file: str, *, aside: bool = False) -> None:
        """Take a whole file away, and folders that are empty without it; ``aside``: by ``trash``, which is quicker."""
        try:
            if aside:
                self._throw(Path(file))
            Path(file).unlink(missing_ok=True)
        except OSError as error:
            _log.warning("cache.unlink_failed", file=file, reason=error.strerror)
            return
        folder = os.path.dirname(file)  # noqa: PTH120 - strings, for as many as a thousand a second
        while folder not in self._roots:
            try:
                os.rmdir(folder)  # noqa: PTH106 - as above
            except OSError:
                return  # it holds more files
            folder = os.path.dirname(folder)  # noqa: PTH120

    def throw_away(self, prefix: str) -> None:
        """Take everything whose path begins with the prefix away at once, whatever it is."""
        parent, _, beginning = prefix.rpartition("/")
        for folder in self.kinds.values():
            try:
                with os.scandir(folder / parent) as entries:
                    found = [Path(entry.path) for entry in entries if entry.name.startswith(beginning)]
                for entry in found:
                    self._throw(entry)
            except FileNotFoundError:
                continue
            except OSError as error:
                _log.warning("cache.purge_refused", prefix=prefix, reason=error.strerror)

    def _throw(self, entry: Path) -> None:
        entry.rename(self.trash / f"{time.time_ns()}-{next(self._numbers)}")
