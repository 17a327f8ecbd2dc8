"""Keeps pages as they were shown, a short while after: no page waits for it.

Kept are the last ``PAGES_KEPT`` pages of a profile that differ, for ``KEPT``. What does not fit into memory while the
database is away is left out, and counted.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog
from prometheus_client import Counter

from matinee.model.ids import RandomBytes, new_id
from matinee.ports import Clock
from matinee.replay import store
from matinee.replay.shown import ShownPage, from_bytes, to_bytes

PAGES_KEPT = 5
KEPT = timedelta(days=7)

_log = structlog.get_logger()
_lost = Counter("matinee_shown_pages_lost", "Pages that nobody can make again: too many waited to be kept.")
_WAITING_MOST = 2000
_LIKENESSES_MOST = 50_000
_PAUSE_SECONDS = 0.5
_FAILED_SECONDS = 5.0
_AT_ONCE = 200
_REMOVED_AT_ONCE = 500
_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


@dataclass(frozen=True, slots=True)
class Kept:
    """A page that was kept, with its id."""

    id: str
    page: ShownPage


class Journal:
    """Threads share it. ``start`` writes in the background; without it, ``write`` does."""

    def __init__(self, engine: sa.Engine, clock: Clock, random_bytes: RandomBytes) -> None:
        self._engine = engine
        self._clock = clock
        self._random_bytes = random_bytes
        self._waiting: deque[ShownPage] = deque()
        self._lock = threading.Lock()
        # What was kept last of each profile: looking again is no other page.
        self._likenesses: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def keep(self, page: ShownPage) -> None:
        """Keep a page soon; nothing if it is the one that the profile saw last."""
        likeness, profile_id = page.likeness, page.asked.profile_id
        with self._lock:
            if self._likenesses.get(profile_id) == likeness:
                return
            if len(self._likenesses) >= _LIKENESSES_MOST:
                self._likenesses.clear()
            self._likenesses[profile_id] = likeness
            if len(self._waiting) >= _WAITING_MOST:
                self._waiting.popleft()
                _lost.inc()
            self._waiting.append(page)

    def write(self) -> int:
        """Write what waits; how many pages. What could not be written waits on."""
        written = 0
        while pages := self._next():
            rows = [
                {
                    "id": new_id(self._random_bytes),
                    "profile_id": page.asked.profile_id,
                    "made_at": page.asked.at,
                    "body": to_bytes(page),
                }
                for page in pages
            ]
            try:
                with self._engine.begin() as connection:
                    store.add_pages(connection, rows, PAGES_KEPT)
            except _AWAY:
                with self._lock:
                    self._waiting.extendleft(reversed(pages))
                raise
            written += len(pages)
        return written

    def pages(self, profile_id: str) -> Sequence[Kept]:
        """What is kept of a profile, newest first."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = store.read_pages(connection, profile_id)
        return [Kept(row["id"], from_bytes(row["body"], profile_id, row["made_at"])) for row in rows]

    def forget(self, profile_id: str, until_seconds: float) -> None:
        """Keep no page of a profile that was made up to a time (seconds since 1970)."""
        with self._engine.begin() as connection:
            gone = store.forget(connection, profile_id, datetime.fromtimestamp(until_seconds, UTC))
        _log.info("pages.forgotten", profile_id=profile_id, pages=gone)

    def tidy(self) -> int:
        """Let old pages go, some hundred a time; how many went."""
        before, gone = self._clock.now() - KEPT, 0
        while True:
            with self._engine.begin() as connection:
                some = store.remove_old(connection, before, _REMOVED_AT_ONCE)
            gone += some
            if some < _REMOVED_AT_ONCE:
                return gone

    def start(self) -> None:
        """Write in the background."""
        self._thread = threading.Thread(target=self._keep_up, name="journal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the background's work, and write what waits."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _keep_up(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            self._try()
        self._try()

    def _try(self) -> None:
        try:
            self.write()
        except _AWAY as error:
            _log.warning("pages.not_kept", reason=str(error))
            self._stop.wait(_FAILED_SECONDS)
        except Exception:  # noqa: BLE001 - a thread that ends would keep no page any more
            _log.exception("pages.not_kept")
            self._stop.wait(_FAILED_SECONDS)

    def _next(self) -> list[ShownPage]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), _AT_ONCE))]
