"""Making disk and index agree again after a process was killed, a power cut, or somebody's hand in the folder.

A walk in the background, some names at a time: a file without a row is held from now on, its digest taken, or removed;
a row without a file is dropped. What is agreed on costs its name alone.
"""

import hashlib
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import structlog

from matinee.cache.index import Index, Row, span
from matinee.cache.shelf import Shelf
from matinee.model.addresses import is_media_path
from matinee.model.plans import Origin

_log = structlog.get_logger()

_ROWS = 1000
_PIECE_BYTES = 4 * 1024 * 1024
_FOLDERS_REMEMBERED = 16


def reconcile(shelf: Shelf, index: Index, *, prefix: str = "") -> Iterator[None]:
    """One piece of the walk after another; with a prefix, the rows that begin with it alone."""
    yield from _drop_rows(shelf, index, prefix)
    if not prefix:
        for kind in (Origin.PLACED, Origin.DEMAND):
            yield from _adopt_files(shelf, index, kind)


def _drop_rows(shelf: Shelf, index: Index, prefix: str) -> Iterator[None]:
    names: dict[str, set[str]] = {}
    (after, before), dropped = span(prefix), 0
    while rows := index.rows(after, before, _ROWS):
        after = rows[-1].path
        for row in rows:
            folder, _, name = shelf.folders.file_of(_kind(row), row.path).rpartition("/")
            if folder not in names:
                if len(names) == _FOLDERS_REMEMBERED:
                    del names[next(iter(names))]
                names[folder] = _names(folder)
            if name not in names[folder]:
                dropped += _drop(shelf, index, row.path)
        yield
    if dropped:
        _log.warning("cache.rows_dropped", files=dropped, prefix=prefix)


def _names(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder))  # noqa: PTH208 - names alone, for a million files
    except OSError:
        return set()


def _drop(shelf: Shelf, index: Index, path: str) -> bool:
    """The names were read a moment ago: look again, while nobody changes anything."""
    with shelf.lock:
        row = index.get(path)
        if row is None or Path(shelf.folders.file_of(_kind(row), path)).exists():
            return False
        other = Origin.DEMAND if row.number is None else Origin.PLACED
        if Path(shelf.folders.file_of(other, path)).exists():
            # It was moved, and the process killed before it wrote that down: move it again, or back.
            shelf.place(index, path)
            shelf.demote(index, path)
            row = index.get(path)
            if row is not None and Path(shelf.folders.file_of(_kind(row), path)).exists():
                return False
        return shelf.remove(index, path, at_once=True)


def _adopt_files(shelf: Shelf, index: Index, kind: Origin) -> Iterator[None]:
    root = shelf.folders.kinds[kind]
    adopted = removed = 0
    for folder, _, names in os.walk(root):
        prefix = Path(folder).relative_to(root).as_posix() + "/" if Path(folder) != root else ""
        for start in range(0, len(names), _ROWS):
            for name in names[start : start + _ROWS]:
                path = prefix + name
                row = index.get(path)
                if row is not None and _kind(row) is kind:
                    continue
                digest = yield from _digest(shelf, index, kind, path)
                if digest is not None and _adopt(shelf, index, kind, path, digest):
                    adopted += 1
                else:
                    removed += _remove_stranger(shelf, index, kind, path)
            yield
    if adopted or removed:
        _log.warning("cache.files_found", kind=kind.value, adopted=adopted, removed=removed)


def _digest(shelf: Shelf, index: Index, kind: Origin, path: str) -> Generator[None, None, bytes | None]:
    """The SHA-256 of a file that no row names, piece by piece; None if it is not to be held."""
    file = Path(shelf.folders.file_of(kind, path))
    with shelf.lock:
        if index.get(path) is not None or str(file) in shelf.leaving:
            return None
    if not is_media_path(path) or file.is_symlink() or not file.is_file():
        return None
    digest = hashlib.sha256()
    try:
        with file.open("rb") as reading:
            while piece := reading.read(_PIECE_BYTES):
                digest.update(piece)
                yield
    except OSError:
        return None
    return digest.digest()


def _adopt(shelf: Shelf, index: Index, kind: Origin, path: str, digest: bytes) -> bool:
    with shelf.lock:
        file = Path(shelf.folders.file_of(kind, path))
        if index.get(path) is not None or str(file) in shelf.leaving or not file.exists():
            return False
        planned = shelf.plan.wanted(index, path)
        size_bytes = file.stat().st_size
        if planned is not None and (planned.size_bytes != size_bytes or planned.digest not in {"", digest.hex()}):
            return False
        shelf.add(index, path, size_bytes, digest, placed=kind is Origin.PLACED)
        shelf.place(index, path)
        shelf.demote(index, path)
    return True


def _remove_stranger(shelf: Shelf, index: Index, kind: Origin, path: str) -> bool:
    with shelf.lock:
        row, file = index.get(path), Path(shelf.folders.file_of(kind, path))
        if (row is not None and _kind(row) is kind) or str(file) in shelf.leaving:
            return False
        shelf.folders.discard(str(file))
    return True


def _kind(row: Row) -> Origin:
    return Origin.PLACED if row.number is None else Origin.DEMAND
