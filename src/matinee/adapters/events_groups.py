"""A group's member: it takes a lease with its batch, renews it while the body runs, and acknowledges with it."""

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog

from matinee.adapters.events_tables import (
    database_answers,
    database_now,
    groups,
    insert,
    log,
    polls,
    reading,
    recorded,
    rows_after,
)
from matinee.model.errors import Unavailable
from matinee.ports import Recorded

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Taken:
    """A lease, the events that were given with it, and the last position they reach."""

    lease: int
    events: tuple[Recorded, ...]
    last: int


class DatabaseGroup:
    """``ports.Group`` on ``events_groups``, one row a group. Threads share it."""

    def __init__(self, engine: sa.Engine, name: str, lease_seconds: float, types: Collection[str] = ()) -> None:
        self._engine = engine
        self._name = name
        self._mine = groups.c.name == name
        self._lease_seconds = lease_seconds
        self._types = frozenset(types)

    def batch(self, limit: int = 100, wait_seconds: float = 0.0) -> AbstractContextManager[Sequence[Recorded]]:
        """The group's next events; Unavailable if the database does not answer or the group went on without us."""
        return self._batch(limit, wait_seconds)

    @contextmanager
    def _batch(self, limit: int, wait_seconds: float) -> Iterator[Sequence[Recorded]]:
        taken = self._wait(limit, wait_seconds)
        if taken is None:
            yield ()
            return
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(taken.lease, ended), name=f"lease {self._name}")
        renewing.start()
        try:
            yield taken.events
        except BaseException:
            ended.set()
            renewing.join()
            self._give_back(taken.lease)
            raise
        ended.set()
        renewing.join()
        self._acknowledge(taken)

    def _wait(self, limit: int, wait_seconds: float) -> _Taken | None:
        for _ in polls(wait_seconds):
            while (taken := self._take_if_any(limit)) is not None:
                if taken.events:
                    return taken
                # Nothing but other types, and what this version cannot read.
                self._acknowledge(taken)
        return None

    def _take_if_any(self, limit: int) -> _Taken | None:
        with database_answers():
            return self._take(limit) if self._anything() else None

    def _anything(self) -> bool:
        """Whether there is a batch to be had: looked up first, because taking a lease is a write."""
        with reading(self._engine) as connection:
            held = sa.func.coalesce(groups.c.lease_ends, 0) > database_now(connection)
            chosen = sa.select(
                sa.select(sa.func.max(log.c.position)).scalar_subquery().label("end"),
                sa.select(groups.c.position).where(self._mine).scalar_subquery().label("position"),
                sa.select(held).where(self._mine).scalar_subquery().label("held"),
            )
            found = connection.execute(chosen).one()
        if found.end is not None and found.position is None:
            with self._engine.begin() as connection:
                first = insert(connection, groups).values(name=self._name, position=0, lease=0)
                connection.execute(first.on_conflict_do_nothing(index_elements=[groups.c.name]))
        return not found.held and (found.end or 0) > (found.position or 0)

    def _take(self, limit: int) -> _Taken | None:
        with self._engine.connect() as connection, connection.begin() as change:
            now = database_now(connection)
            free = sa.or_(groups.c.lease_ends.is_(None), groups.c.lease_ends <= now)
            take = sa.update(groups).where(self._mine, free)
            take = take.values(lease=groups.c.lease + 1, lease_ends=now + self._lease_seconds)
            row = connection.execute(take.returning(groups.c.lease, groups.c.position)).first()
            if row is None:
                return None
            rows = rows_after(connection, row.position, limit)
            if not rows:
                # Another member was quicker.
                change.rollback()
                return None
        return _Taken(lease=row.lease, events=recorded(rows, self._types), last=rows[-1].position)

    def _renew(self, lease: int, ended: threading.Event) -> None:
        while not ended.wait(self._lease_seconds / 3):
            try:
                with database_answers():
                    renewed = self._change(lease, lambda now: {"lease_ends": now + self._lease_seconds})
            except Unavailable as error:
                _log.warning("events.lease_not_renewed", group=self._name, reason=str(error))
                continue
            if not renewed:
                _log.warning("events.lease_lost", group=self._name)
                return

    def _give_back(self, lease: int) -> None:
        try:
            with database_answers():
                self._change(lease, lambda _: {"lease_ends": None})
        except Unavailable as error:
            # The body's own error is on its way; the lease ends by itself.
            _log.warning("events.lease_not_given_back", group=self._name, reason=str(error))

    def _acknowledge(self, taken: _Taken) -> None:
        with database_answers():
            still = self._change(taken.lease, lambda _: {"position": taken.last, "lease_ends": None})
        if not still:
            raise Unavailable(f"The group {self._name!r} went on without this member, which stood still for too long.")

    def _change(self, lease: int, values: Any) -> bool:
        with self._engine.begin() as connection:
            mine = sa.and_(self._mine, groups.c.lease == lease, groups.c.lease_ends.is_not(None))
            statement = sa.update(groups).where(mine).values(values(database_now(connection)))
            return connection.execute(statement).rowcount == 1
