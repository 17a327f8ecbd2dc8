"""Files that edges are to remove at once: a title's, a revision's, or all under a longer prefix."""

import re
from datetime import timedelta

import sqlalchemy as sa
import structlog

from matinee.delivery import trust_store
from matinee.delivery.audit import ITSELF, Audit
from matinee.model.errors import Invalid
from matinee.model.plans import Purge
from matinee.model.recent import Recent
from matinee.ports import Clock

_log = structlog.get_logger()
_LASTS = timedelta(seconds=1)
_KEPT = timedelta(days=90)
_MOST_AT_ONCE = 500
# A whole folder at least: a prefix that ends inside a title's name would take other titles with it.
_PREFIX = re.compile(r"[A-Za-z0-9._-]+/(?:[A-Za-z0-9._-]+/(?:[A-Za-z0-9._/-]+)?)?")


class Purges:
    """The shell around the list of purges. Threads share it; edges hear of one within seconds, or on their return."""

    def __init__(self, engine: sa.Engine, clock: Clock, audit: Audit) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._recent: Recent[str, int] = Recent(1, _LASTS)

    def purge(self, prefix: str, by: str = ITSELF) -> Purge:
        """Have every edge remove what begins with ``<title>/``, ``<title>/<revision>/`` or more; Invalid for less."""
        if not _PREFIX.fullmatch(prefix) or any(part in {".", ".."} for part in prefix.split("/")):
            raise Invalid(f"{prefix!r:.200} is not <title>/, <title>/<revision>/ or the beginning of a file under it.")
        with self._engine.begin() as connection:
            sequence = trust_store.add_purge(connection, prefix, self._clock.now())
            self._audit.note(connection, by, "purge", prefix, sequence=sequence)
        self._recent.forget()
        _log.info("purge.ordered", prefix=prefix, sequence=sequence, by=by)
        return Purge(sequence, prefix)

    def after(self, sequence: int) -> tuple[Purge, ...]:
        """The purges after a sequence, in order, 500 at most: the next ones come with the next report."""
        now = self._clock.now()
        last = self._recent.get("", now)
        if last is None:
            with self._engine.connect().execution_options(read_only=True) as connection:
                last = trust_store.last_purge(connection)
            self._recent.keep("", last, now)
        if sequence >= last:
            return ()
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(Purge(**row) for row in trust_store.read_purges(connection, sequence, _MOST_AT_ONCE))

    def forget_old(self) -> int:
        """Take the purges of three months ago off the list; how many."""
        with self._engine.begin() as connection:
            return trust_store.remove_purges(connection, self._clock.now() - _KEPT)
