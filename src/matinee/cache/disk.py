"""How the disk under a cache is: how much room it really has, and a sentence where something is wrong with it."""

import errno
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import structlog

_log = structlog.get_logger()

WELL = "well"
_SPARE_SHARE, _MOST_SPARE_BYTES = 0.01, 256 * 1024 * 1024
"""What is left free on a file system, whatever the cache may take: the index and the logs need to grow."""
_DAMAGE_SECONDS = 3600.0
_OWN_FAULTS = {errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST, errno.ENAMETOOLONG}
"""What a file's own name causes; the disk is well."""


class Disk:
    """The file system that ``folder`` lies on."""

    def __init__(self, folder: Path, steady: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._steady = folder, steady
        self._trouble = ""
        self._damaged_at = float("-inf")
        self._damage = ""
        self.damaged = 0
        """Files whose bytes were not what had been written, since the process started."""
        self.room_bytes = 1 << 62
        """What may be written before the file system is as full as it may get, when it was looked at last."""

    @property
    def word(self) -> str:
        """``well``, or a sentence for the operator."""
        if self._trouble:
            return self._trouble
        if self.room_bytes <= 0:
            return f"The disk under the cache folder {self._folder} is full."
        return self._damage if self._steady() - self._damaged_at < _DAMAGE_SECONDS else WELL

    @property
    def in_trouble(self) -> bool:
        """Whether the disk takes no files."""
        return bool(self._trouble)

    def refused(self, error: OSError | sqlite3.Error, *, starting: bool = False) -> None:
        """The disk did not do as it was told; but for ``starting``, a file's name may be to blame."""
        if isinstance(error, OSError) and error.errno in _OWN_FAULTS and not starting:
            return
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        sentence = f"The cache folder {self._folder} takes no files: {reason}."
        if sentence != self._trouble:
            self._trouble = sentence
            _log.warning("disk.trouble", reason=reason, folder=str(self._folder))

    def found_damaged(self, path: str, reason: str) -> None:
        """A held file is not what was written."""
        self.damaged += 1
        self._damaged_at = self._steady()
        self._damage = f"{self.damaged} held files were damaged on the disk and removed, {path} last."
        if self.damaged == 1:
            self._damage = f"The held file {path} was damaged on the disk and removed."
        _log.error("disk.damaged", path=path, reason=reason, damaged=self.damaged)

    def look(self, partial: Path, promised_bytes: int) -> bool:
        """See how much room there is and, while there is trouble, whether it is over; True when it just ended.

        ``promised_bytes`` are on their way and may yet be written.
        """
        try:
            found = os.statvfs(self._folder)
        except OSError as error:
            self.refused(error)
            self.room_bytes = 0
            return False
        spare_bytes = min(int(_SPARE_SHARE * found.f_blocks * found.f_frsize), _MOST_SPARE_BYTES)
        self.room_bytes = found.f_bavail * found.f_frsize - spare_bytes - promised_bytes
        probe = partial / ".probe"
        if not self._trouble:
            # A folder that was taken away, or mounted read-only, is to be noticed before a viewer waits for it.
            try:
                if not os.access(partial, os.W_OK):
                    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT))
                    probe.unlink()
            except OSError as error:
                self.refused(error)
            return False
        try:
            partial.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(bytes(4096))
            probe.unlink()
        except OSError as error:
            self.refused(error)
            return False
        self._trouble = ""
        _log.info("disk.well", folder=str(self._folder))
        return True
