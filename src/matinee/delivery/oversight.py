"""How edges stand to what the control plane has for them, for operators to look at. Nothing here changes anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

import sqlalchemy as sa

from matinee.delivery import oversight_store, plan_store, trust_store
from matinee.delivery.keys import ring_of
from matinee.delivery.plans import read_page
from matinee.model.plans import PlanPage
from matinee.model.recent import Recent
from matinee.ports import Clock

_LASTS = timedelta(seconds=1)
# An edge reports each second: what is younger may still be on its way.
_SETTLED = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Newest:
    """What there is for edges now. ``generations`` of plans by edge; sequences are 0 before the first.

    ``due_*`` are those that every edge that is heard ought to have by now: nothing (empty, 0) is due in the moments
    after a change.
    """

    generations: Mapping[str, int]
    keys_version: str = ""
    revocation: int = 0
    purge: int = 0
    due_keys_version: str = ""
    due_purge: int = 0


class KeyState(StrEnum):
    """Where a key is in its life."""

    PUBLISHED = "published"
    SIGNING = "signing"
    OPENING = "opening"


@dataclass(frozen=True, slots=True)
class KeyLife:
    """A key without its secret: ``published`` to edges, ``signing``, or ``opening`` what it signed before."""

    id: str
    made_at: datetime
    signs_at: datetime | None
    retires_at: datetime | None
    state: KeyState


@dataclass(frozen=True, slots=True)
class OrderedPurge:
    """A purge and when it was ordered."""

    sequence: int
    prefix: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Credential:
    """Since when an edge is enrolled, and since when that is revoked."""

    enrolled_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlannedFolder:
    """A title's revision in a plan: its most worthy file's worth, and what of it is missing (None: not told yet)."""

    folder: str
    worth: float
    files: int
    size_bytes: int
    missing: int | None


@dataclass(frozen=True, slots=True)
class PlanProgress:
    """An edge's newest plan, its most worthy folders first; ``more`` folders follow."""

    generation: int
    made_at: datetime
    files: int
    size_bytes: int
    folders: tuple[PlannedFolder, ...]
    more: int


class Oversight:
    """The shell around the reads. Threads share it."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._recent: Recent[str, Newest] = Recent(1, _LASTS)

    def newest(self) -> Newest:
        """What there is for edges, a second old at most."""
        now = self._clock.now()
        if (known := self._recent.get("", now)) is not None:
            return known
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = trust_store.read_keys(connection)
            ring = ring_of(rows, now).version if any(row["signs_at"] for row in rows) else ""
            turns = [time for row in rows for time in (row["made_at"], row["retires_at"]) if time is not None]
            young = any(now - _SETTLED < time <= now for time in turns)
            found = Newest(
                generations=oversight_store.read_generations(connection),
                keys_version=ring,
                revocation=oversight_store.read_counter(connection, "revocations"),
                purge=oversight_store.read_counter(connection, "purges"),
                due_keys_version="" if young else ring,
                due_purge=oversight_store.last_purge_before(connection, now - _SETTLED),
            )
        self._recent.keep("", found, now)
        return found

    def keys(self) -> tuple[KeyLife, ...]:
        """The keys that open tokens, newest first."""
        now = self._clock.now()
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = oversight_store.read_key_times(connection)
        living = [row for row in rows if row["retires_at"] is None or row["retires_at"] > now]
        begun = [row for row in living if row["signs_at"] is not None and row["signs_at"] <= now]
        signing = max(begun, key=lambda row: (row["signs_at"], row["id"]), default=None)

        def state(row: Mapping[str, object]) -> KeyState:
            if row is signing:
                return KeyState.SIGNING
            return KeyState.OPENING if row in begun or row["signs_at"] is None else KeyState.PUBLISHED

        return tuple(KeyLife(**row, state=state(row)) for row in living)

    def purges(self, limit: int = 50) -> tuple[OrderedPurge, ...]:
        """The latest purges, newest first."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(OrderedPurge(**row) for row in oversight_store.read_latest_purges(connection, limit))

    def credential(self, edge_id: str) -> Credential | None:
        """An edge's own credential, without it; None if it never enrolled."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            row = oversight_store.read_credential(connection, edge_id)
        return None if row is None else Credential(**row)

    def enrolled(self) -> tuple[str, ...]:
        """The edges that are enrolled, whether or not they have reported."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(trust_store.read_credentials(connection))

    def plan(self, edge_id: str, limit: int = 20) -> PlanProgress | None:
        """An edge's newest plan and how far it has it; None if none was made."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            plan = plan_store.read_plan(connection, edge_id)
            if plan is None:
                return None
            body = plan_store.read_plan_page(connection, edge_id, plan["generation"], 0)
            sizes = oversight_store.read_folders(connection, edge_id, plan["generation"])
            missing = _missing(connection, edge_id, plan["generation"], sizes)
        worths = _worths(read_page(body)) if body is not None else {}
        first = list(islice(worths.items(), limit))
        return PlanProgress(
            generation=plan["generation"],
            made_at=plan["made_at"],
            files=plan["files"],
            size_bytes=plan["size_bytes"],
            folders=tuple(
                PlannedFolder(
                    folder, worth, *sizes.get(folder, (0, 0)), None if missing is None else missing.get(folder, 0)
                )
                for folder, worth in first
            ),
            more=max(0, len(sizes) - len(first)),
        )


def _missing(
    connection: sa.Connection, edge_id: str, generation: int, planned: Mapping[str, tuple[int, int]]
) -> Mapping[str, int] | None:
    """How many of a plan's files are missing by folder; None if the edge never told.

    Of an edge that told against an older plan, files are counted and not compared: held ones count as planned ones.
    """
    told = oversight_store.read_held(connection, edge_id)
    if told is None:
        return None
    since, differing = told
    if since == generation:
        return {folder: absent for folder, (absent, _) in differing.items()}
    before = oversight_store.read_folders(connection, edge_id, since)

    def held(folder: str) -> int:
        absent, besides = differing.get(folder, (0, 0))
        return before.get(folder, (0, 0))[0] - absent + besides

    return {folder: max(0, files - held(folder)) for folder, (files, _) in planned.items()}


def _worths(page: PlanPage) -> Mapping[str, float]:
    """The folders of a plan's first page, which holds its most worthy files, by the first file of each."""
    found: dict[str, float] = {}
    for file in page.files:
        found.setdefault(plan_store.folder_of(file.path), file.worth)
    return found
