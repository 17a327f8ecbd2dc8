"""A file and an address that nobody may touch: every look at the one and every call of the other is noticed."""

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_OPENED, _READ = 0x20, 0x01  # inotify(7): IN_OPEN, IN_ACCESS
SECRET = b"a canary that must not be found in any film "


@dataclass(frozen=True, slots=True)
class Watched:
    """``file`` holds the secret, ``address`` is of a server that nobody may call."""

    file: Path
    address: str
    _notes: int
    _server: socket.socket

    def touched(self) -> list[str]:
        """What was done since the last call."""
        found = []
        try:
            os.read(self._notes, 65_536)
            found.append("the file was opened")
        except BlockingIOError:
            pass
        try:
            self._server.accept()[0].close()
            found.append("the address was called")
        except BlockingIOError:
            pass
        return found


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    """Such a pair, for the body."""
    file = folder / "canary.mp4"
    file.write_bytes(SECRET * 100)
    libc = ctypes.CDLL(None, use_errno=True)
    notes = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert notes >= 0, os.strerror(ctypes.get_errno())
    assert libc.inotify_add_watch(notes, os.fsencode(file), _OPENED | _READ) >= 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield Watched(file, f"127.0.0.1:{server.getsockname()[1]}", notes, server)
    os.close(notes)
