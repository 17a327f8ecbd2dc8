"""Small files that an edge keeps to itself: whole or not there, synced, for its own user alone (mode 600)."""

import os
from contextlib import suppress
from pathlib import Path


def read_private(file: Path) -> bytes | None:
    """What a file holds; None if there is none that can be read."""
    try:
        return file.read_bytes()
    except OSError:
        return None


def write_private(file: Path, content: bytes) -> None:
    """Put a file in place of the one before, on disk when it returns. OSError if the disk does not take it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(file.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
