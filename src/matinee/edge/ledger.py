"""What this edge sent, playback by playback, kept on disk until the control plane has counted it.

Each second's bytes are added to a small database; an interval is a numbered slice of it, told again and again until it
is acknowledged. What a killed process had closed is told by the next one under the old numbers, so it counts once.
"""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import structlog

from matinee.model.plans import HOP_PREFIX, Account, AccountLine, Origin

_log = structlog.get_logger()

LONGEST_INTERVAL = 2_000
"""Lines of one account at most; the rest follows in the next."""

_TABLES = """
CREATE TABLE IF NOT EXISTS open (playback TEXT, origin TEXT, bytes INTEGER NOT NULL, PRIMARY KEY (playback, origin))
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (started REAL, sequence INTEGER, playback TEXT, origin TEXT, bytes INTEGER NOT NULL,
  PRIMARY KEY (started, sequence, playback, origin)) WITHOUT ROWID;
"""
_ADD = (
    """INSERT INTO open VALUES (?, ?, ?) ON CONFLICT (playback, origin) DO UPDATE SET bytes = bytes + excluded.bytes"""
)


class Ledger:
    """Bytes of bodies by playback and origin. ``started``: when this process began, in seconds since 1970."""

    def __init__(self, file: Path, *, edge_id: str, started: float) -> None:
        self.totals: Counter[Origin] = Counter()
        """Bytes since the process started, by origin."""
        self.between_edges_bytes = 0
        """Those among them that went to other edges."""
        self._edge_id, self._started, self._file = edge_id, started, file
        self._fresh: Counter[tuple[str, str]] = Counter()
        self._refused = False
        file.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute("PRAGMA wal_autocheckpoint=0")
        self._database.executescript(_TABLES)
        last = self._database.execute("SELECT max(sequence) FROM told WHERE started = ?", (started,)).fetchone()[0]
        self._sequence: int = -1 if last is None else last
        self._told: Account | None = None

    def add(self, playback_id: str, origin: Origin, size_bytes: int) -> None:
        """So many bytes went out for a playback."""
        if not size_bytes:
            return
        self.totals[origin] += size_bytes
        if playback_id.startswith(HOP_PREFIX):
            self.between_edges_bytes += size_bytes
        self._fresh[playback_id, origin.value] += size_bytes

    def save(self) -> None:
        """Put what was added on disk; about once a second. A disk that refuses is told once, and asked again later."""
        if not self._fresh:
            return
        rows = [(playback_id, origin, size) for (playback_id, origin), size in self._fresh.items()]
        try:
            self._database.execute("BEGIN")
            self._database.executemany(_ADD, rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo(error)
        else:
            self._fresh.clear()
            self._refused = False

    def checkpoint(self) -> None:
        """Bring what was saved past a power cut. It waits for the disk: another thread's work, every few seconds."""
        try:
            with closing(sqlite3.connect(self._file, isolation_level=None)) as database:
                database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            _log.warning("ledger.not_synced", reason=str(error))

    def interval(self) -> Account | None:
        """The oldest account that was not settled; if there is none, everything since as a new one. None: nothing."""
        if self._told is not None:
            return self._told
        self.save()
        try:
            self._told = self._oldest() or self._closed()
        except sqlite3.Error as error:
            self._undo(error)
        return self._told

    def settle(self, sequence: int) -> None:
        """The account that ``interval`` gave was counted, if ``sequence`` has come as far."""
        told = self._told
        if told is None or sequence < told.sequence:
            return
        try:
            self._database.execute("DELETE FROM told WHERE started = ? AND sequence = ?", (told.started, told.sequence))
        except sqlite3.Error as error:
            self._undo(error)
        else:
            self._told = None

    def close(self) -> None:
        """Save and let the file go."""
        self.save()
        self._database.close()

    def _oldest(self) -> Account | None:
        first = self._database.execute(
            "SELECT started, sequence FROM told ORDER BY started, sequence LIMIT 1"
        ).fetchone()
        if first is None:
            return None
        rows = self._database.execute(
            "SELECT playback, origin, bytes FROM told WHERE started = ? AND sequence = ?", first
        ).fetchall()
        return Account(self._edge_id, first[0], first[1], tuple(AccountLine(*row) for row in rows))

    def _closed(self) -> Account | None:
        rows = self._database.execute(
            "SELECT playback, origin, bytes FROM open LIMIT ?", (LONGEST_INTERVAL,)
        ).fetchall()
        if not rows:
            return None
        sequence = self._sequence + 1
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO told VALUES (?, ?, ?, ?, ?)", [(self._started, sequence, *row) for row in rows]
        )
        self._database.executemany("DELETE FROM open WHERE playback = ? AND origin = ?", [row[:2] for row in rows])
        self._database.execute("COMMIT")
        self._sequence = sequence
        return Account(self._edge_id, self._started, sequence, tuple(AccountLine(*row) for row in rows))

    def _undo(self, error: sqlite3.Error) -> None:
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        if not self._refused:
            _log.warning("ledger.refused", reason=str(error))
        self._refused = True
