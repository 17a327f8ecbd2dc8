"""The plan as it stands on an edge's disk: two tables that take turns, so that a new plan counts whole or not at all.

Pages are written into the spare table; one small transaction makes it the plan. Files are cut off where the plan is
larger than the share of the disk that placed files may take, the least worthy first: such a file is the plan's, and
told as missing, but nobody fetches it ahead. Whoever writes holds the index's lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from matinee.cache.index import BLOCK_BYTES, Index
from matinee.model.plans import FillWindow, PlannedFile

_log = structlog.get_logger()

_TABLES = ("plan_a", "plan_b")
# A file is held until it is found that it is not: only those missing stand in the index, in the order of their worth.
_TABLE = """
CREATE TABLE IF NOT EXISTS {table} (
  path TEXT PRIMARY KEY, rank INTEGER NOT NULL, size INTEGER NOT NULL, worth REAL NOT NULL, digest BLOB NOT NULL,
  elected INTEGER NOT NULL, held INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS {table}_missing ON {table} (rank) WHERE NOT held;
"""
_COLUMNS = "path, size, worth, digest, elected"
_EVERYTHING = 1 << 62


@dataclass(frozen=True, slots=True)
class Move:
    """A held file that is of the wrong kind: ``place`` says whether the plan wants it."""

    path: str
    place: bool


class PlannedFiles:
    """The plan that counts, shared by both threads; each passes the index that is its own."""

    def __init__(self) -> None:
        self.generation = 0
        self.window = FillWindow()
        self.applying = False
        """Whether files are still changing their kind after the last change of plan."""
        self.cut_anew = False
        """Whether the share has changed since the plan was cut, so that it is to be cut again."""
        self._table, self._spare = _TABLES
        self._through = _EVERYTHING
        self.staged_files = 0
        """Files of the plan that is being written down."""

    def open(self, index: Index, share_bytes: int) -> None:
        """Read which plan counted last; ``share_bytes``: what placed files may take."""
        with index.lock:
            for table in _TABLES:
                index.sql.executescript(_TABLE.format(table=table))
        if index.fact("plan_table", _TABLES[0]) == _TABLES[1]:
            self._table, self._spare = self._spare, self._table
        self.generation = int(index.fact("plan_generation", 0))
        self._through = int(index.fact("plan_through", _EVERYTHING))
        self.applying = bool(index.fact("plan_applying", 0))
        self.cut_anew = bool(self.generation) and index.fact("plan_share_bytes", 0) != share_bytes
        opens, closes = (float(index.fact(name, 0)) for name in ("plan_opens_hour", "plan_closes_hour"))
        limit_bps = int(index.fact("plan_limit_bps", -1))
        self.window = FillWindow(opens, closes, None if limit_bps < 0 else limit_bps)

    def clear(self, index: Index, limit: int) -> bool:
        """Take some files of the spare table away; False once there were none."""
        some = f"DELETE FROM {self._spare} WHERE path IN (SELECT path FROM {self._spare} LIMIT ?)"  # noqa: S608 - names of ours
        self.staged_files = 0
        with index.writing():
            return index.sql.execute(some, (limit,)).rowcount > 0

    def stage(self, index: Index, files: Sequence[PlannedFile]) -> None:
        """More files of the plan to come, in the order of their worth."""
        rows = [
            (file.path, rank, file.size_bytes, file.worth, bytes.fromhex(file.digest), file.elected)
            for rank, file in enumerate(files, self.staged_files)
        ]
        with index.writing():
            # A file that a plan names twice is the plan's once.
            index.sql.executemany(
                f"INSERT OR IGNORE INTO {self._spare} VALUES (?, ?, ?, ?, ?, ?, 1)",  # noqa: S608 - names of ours
                rows,
            )
        self.staged_files += len(files)

    def swap(self, index: Index, generation: int, window: FillWindow, share_bytes: int) -> None:
        """What was staged is the plan, from now on; the one before stands in the spare table."""
        through = _cut(index, self._spare, share_bytes)
        with index.writing():
            for name, value in (
                ("plan_table", self._spare),
                ("plan_generation", generation),
                ("plan_applying", 1),
                ("plan_through", through),
                ("plan_share_bytes", share_bytes),
                ("plan_opens_hour", window.opens_hour),
                ("plan_closes_hour", window.closes_hour),
                ("plan_limit_bps", -1 if window.limit_bps is None else window.limit_bps),
            ):
                index.note(name, value)
            self._table, self._spare = self._spare, self._table
            self.generation, self.window, self.applying = generation, window, True
            self._through, self.cut_anew = through, False

    def cut(self, index: Index, share_bytes: int) -> None:
        """Cut the plan that counts to another share of the disk."""
        through = _cut(index, self._table, share_bytes)
        with index.writing():
            for name, value in (("plan_through", through), ("plan_share_bytes", share_bytes), ("plan_applying", 1)):
                index.note(name, value)
            self._through, self.cut_anew, self.applying = through, False, True

    def applied(self, index: Index) -> None:
        """Every file is of the kind that the plan says."""
        with index.writing():
            index.note("plan_applying", 0)
            self.applying = False

    def wanted(self, index: Index, path: str) -> PlannedFile | None:
        """The plan's word on a file, if it is to be held."""
        asked = f"SELECT {_COLUMNS} FROM {self._table} WHERE path = ? AND rank < ?"  # noqa: S608 - names of ours
        found = index.sql.execute(asked, (path, self._through)).fetchone()
        return None if found is None else _planned(found)

    def missing(self, index: Index, limit: int) -> list[PlannedFile]:
        """Files to be held that are not, the most worthy first."""
        asked = f"SELECT {_COLUMNS} FROM {self._table} WHERE NOT held AND rank < ? ORDER BY rank LIMIT ?"  # noqa: S608 - names of ours
        return [_planned(found) for found in index.sql.execute(asked, (self._through, limit))]

    def count_missing(self, index: Index) -> int:
        """How many files are to be held and are not."""
        asked = f"SELECT count(*) FROM {self._table} WHERE NOT held AND rank < ?"  # noqa: S608 - names of ours
        found: int = index.sql.execute(asked, (self._through,)).fetchone()[0]
        return found

    def mark(self, index: Index, path: str, *, held: bool) -> None:
        """Note that one of the plan's files is held now, or is not; another file is passed over."""
        index.sql.execute(f"UPDATE {self._table} SET held = ? WHERE path = ?", (held, path))  # noqa: S608 - names of ours

    def reach(self, index: Index, after: str, limit: int) -> str | None:
        """How far a walk in the order of paths gets with so many held and so many planned files; None: to the end."""
        ends = [
            index.sql.execute(
                f"SELECT path FROM {table} WHERE path > ? ORDER BY path LIMIT 1 OFFSET ?",  # noqa: S608 - names of ours
                (after, limit),
            ).fetchone()
            for table in ("files", self._table)
        ]
        return min((str(end[0]) for end in ends if end), default=None)

    def moves(self, index: Index, after: str, through: str) -> list[Move]:
        """The held files between two paths that are of the wrong kind."""
        asked = (
            f"SELECT f.path, f.number IS NOT NULL FROM files f LEFT JOIN {self._table} p USING (path) "  # noqa: S608 - names of ours
            "WHERE f.path > ? AND f.path <= ? AND (f.number IS NULL) != (p.path IS NOT NULL AND p.rank < ?)"
        )
        return [Move(path, bool(place)) for path, place in index.sql.execute(asked, (after, through, self._through))]

    def absent(self, index: Index, after: str, through: str) -> list[str]:
        """The plan's files between two paths that are not held, those that were cut off too."""
        asked = (
            f"SELECT p.path FROM {self._table} p LEFT JOIN files f USING (path) "  # noqa: S608 - names of ours
            "WHERE p.path > ? AND p.path <= ? AND f.path IS NULL ORDER BY p.path"
        )
        return [path for (path,) in index.sql.execute(asked, (after, through))]

    def besides(self, index: Index, after: str, through: str) -> list[tuple[str, int]]:
        """Held files between two paths that the plan does not name, with their sizes."""
        asked = (
            f"SELECT f.path, f.size FROM files f LEFT JOIN {self._table} p USING (path) "  # noqa: S608 - names of ours
            "WHERE f.path > ? AND f.path <= ? AND p.path IS NULL ORDER BY f.path"
        )
        return index.sql.execute(asked, (after, through)).fetchall()


def _cut(index: Index, table: str, share_bytes: int) -> int:
    """The rank from which on a plan's files find no room in so many bytes."""
    blocks = f"sum(max(1, (size + {BLOCK_BYTES - 1}) / {BLOCK_BYTES}) * {BLOCK_BYTES})"
    total, files = index.sql.execute(f"SELECT {blocks}, count(*) FROM {table}").fetchone()  # noqa: S608 - names of ours
    if (total or 0) <= share_bytes:
        return _EVERYTHING
    asked = (
        f"SELECT min(rank), count(*) FROM (SELECT rank, {blocks} OVER (ORDER BY rank) AS taken FROM {table}) "  # noqa: S608 - names of ours
        "WHERE taken > ?"
    )
    through, cut = index.sql.execute(asked, (share_bytes,)).fetchone()
    _log.warning("plan.cut", cut_files=cut, files=files, plan_bytes=total, share_bytes=share_bytes)
    return int(through)


def _planned(found: Sequence[object]) -> PlannedFile:
    path, size, worth, digest, elected = found
    assert isinstance(digest, bytes)
    return PlannedFile(str(path), int(str(size)), float(str(worth)), digest.hex(), elected=bool(elected))
