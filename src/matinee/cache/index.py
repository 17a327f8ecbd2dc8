"""Which files an edge holds, on disk: one SQLite database, exact, and quick to open whatever it names.

A row stands for a whole, verified file. Rows of the demand cache carry the number that ``eviction`` knows the file by
and their turn in its queues; placed files carry none. Each thread has a connection of its own; whoever writes holds
the lock they share, for some milliseconds at most, so that readers never wait and writers hardly do.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

_log = structlog.get_logger()

BLOCK_BYTES = 4096

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
  path TEXT PRIMARY KEY, size INTEGER NOT NULL, digest BLOB NOT NULL, number INTEGER, turn INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS files_number ON files (number) WHERE number IS NOT NULL;
CREATE TABLE IF NOT EXISTS totals (demand INTEGER PRIMARY KEY, files INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO totals VALUES (0, 0, 0), (1, 0, 0);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS files_came AFTER INSERT ON files BEGIN
  UPDATE totals SET files = files + 1, bytes = bytes + {new} WHERE demand = (NEW.number IS NOT NULL);
END;
CREATE TRIGGER IF NOT EXISTS files_went AFTER DELETE ON files BEGIN
  UPDATE totals SET files = files - 1, bytes = bytes - {old} WHERE demand = (OLD.number IS NOT NULL);
END;
CREATE TRIGGER IF NOT EXISTS files_moved AFTER UPDATE OF number ON files
WHEN (OLD.number IS NULL) != (NEW.number IS NULL) BEGIN
  UPDATE totals SET files = files - 1, bytes = bytes - {old} WHERE demand = (OLD.number IS NOT NULL);
  UPDATE totals SET files = files + 1, bytes = bytes + {new} WHERE demand = (NEW.number IS NOT NULL);
END;
"""
_BLOCKS = f"(max(1, ({{row}}.size + {BLOCK_BYTES - 1}) / {BLOCK_BYTES}) * {BLOCK_BYTES})"

_CACHE_KIB = 8192
_JOURNAL_BYTES = 64 * 1024 * 1024
_BUSY_SECONDS = 10.0


def footprint(size_bytes: int) -> int:
    """What a file of that size takes on disk, in whole blocks."""
    return max(1, -(-size_bytes // BLOCK_BYTES)) * BLOCK_BYTES


def span(prefix: str) -> tuple[str, str]:
    """Two strings between which every path with that prefix lies, and no other (paths are ASCII, without controls)."""
    if not prefix:
        return "", "\x7f"
    return prefix[:-1] + chr(ord(prefix[-1]) - 1) + "\x7f", prefix + "\x7f"


@dataclass(frozen=True, slots=True)
class Row:
    """One held file; ``number`` None: it is placed. ``digest``: 32 bytes of SHA-256."""

    path: str
    size_bytes: int
    digest: bytes
    number: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """How many files there are of either kind, and what they take on disk."""

    placed_files: int
    placed_bytes: int
    demand_files: int
    demand_bytes: int


class Index:
    """One thread's connection to the database; ``lock`` is everybody's. Errors are sqlite3's."""

    def __init__(self, file: Path, lock: AbstractContextManager[object]) -> None:
        self.lock, self._file = lock, file
        self.sql = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        # A commit reaches the disk with the next checkpoint, which a thread in the background makes: what a power cut
        # takes from here is found again on the disk itself.
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "wal_autocheckpoint=0",
            "recursive_triggers=ON",
            f"journal_size_limit={_JOURNAL_BYTES}",
            f"cache_size=-{_CACHE_KIB}",
        ):
            self.sql.execute(f"PRAGMA {pragma}")

    def create(self) -> None:
        """The tables, if they are not there yet."""
        script = _SCHEMA.format(old=_BLOCKS.format(row="OLD"), new=_BLOCKS.format(row="NEW"))
        with self.lock:
            self.sql.executescript(script)

    def close(self) -> None:
        """Let the database go."""
        self.sql.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All or nothing of what is written in here; may be nested, the outermost one counts."""
        with self.lock:
            if self.sql.in_transaction:
                yield
                return
            self.sql.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.sql.execute("COMMIT")
            finally:
                if self.sql.in_transaction:
                    self.sql.execute("ROLLBACK")

    def get(self, path: str) -> Row | None:
        """A file's row."""
        found = self.sql.execute("SELECT path, size, digest, number FROM files WHERE path = ?", (path,)).fetchone()
        return None if found is None else Row(*found)

    def path_of(self, number: int) -> str | None:
        """The file of the demand cache that has this number."""
        found = self.sql.execute("SELECT path FROM files WHERE number = ?", (number,)).fetchone()
        return None if found is None else str(found[0])

    def put(self, row: Row, turn: int) -> None:
        """A file that was not held is; should another row have its number, that file has gone unnoted."""
        values = (row.path, row.size_bytes, row.digest, row.number, turn)
        self.sql.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", values)

    def drop(self, path: str) -> bool:
        """A file is no longer held; False if it was not."""
        return self.sql.execute("DELETE FROM files WHERE path = ?", (path,)).rowcount > 0

    def move(self, path: str, number: int | None, turn: int) -> None:
        """A file is of the other kind, or has another turn."""
        self.sql.execute("UPDATE files SET number = ?, turn = ? WHERE path = ?", (number, turn, path))

    def promote(self, numbers: Sequence[int], turn: int) -> None:
        """Files went on to the main queue of the demand cache."""
        values = [(turn, number) for number in numbers]
        self.sql.executemany("UPDATE files SET turn = ? WHERE number = ?", values)

    def rows(self, after: str, before: str, limit: int) -> list[Row]:
        """The first rows whose paths are greater than ``after`` and less than ``before``, in their order."""
        asked = "SELECT path, size, digest, number FROM files WHERE path > ? AND path < ? ORDER BY path LIMIT ?"
        return [Row(*found) for found in self.sql.execute(asked, (after, before, limit))]

    def in_turn(self) -> Iterator[tuple[int, str, int, int]]:
        """Number, path, size and turn of each file of the demand cache, the oldest first."""
        yield from self.sql.execute(
            "SELECT number, path, size, turn FROM files WHERE number IS NOT NULL ORDER BY turn >> 1"
        )

    def greatest_number(self) -> int:
        """The greatest number of a file of the demand cache; 0 if there is none."""
        found = self.sql.execute("SELECT max(number) FROM files WHERE number IS NOT NULL").fetchone()[0]
        return found or 0

    def totals(self) -> Totals:
        """How many files there are, and what they take."""
        (_, *placed), (_, *demand) = self.sql.execute("SELECT demand, files, bytes FROM totals ORDER BY demand")
        return Totals(*placed, *demand)

    def fact(self, name: str, default: float | str) -> float | str:
        """One of the few other things kept here."""
        found = self.sql.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return default if found is None else found[0]

    def note(self, name: str, value: float | str) -> None:
        """Keep one of them."""
        self.sql.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def journal_bytes(self) -> int:
        """How long the journal is."""
        try:
            return Path(f"{self._file}-wal").stat().st_size
        except OSError:
            return 0

    def checkpoint(self) -> None:
        """Bring what was committed from the journal into the database, past a power cut; nobody waits for it."""
        self.sql.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def open_index(file: Path, lock: AbstractContextManager[object]) -> Index:
    """The index with its tables; one that cannot be read begins empty, and what it said is found again on the disk."""
    index: Index | None = None
    try:
        index = Index(file, lock)
        index.create()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        _log.error("cache.index_lost", file=str(file), reason=str(error))
        if index is not None:
            index.close()
        for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
            file.with_name(name).unlink(missing_ok=True)
        index = Index(file, lock)
        index.create()
    return index
