"""What edges hold, to the file: the plan they told it against, and where they differ from that."""

from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa
import structlog

from matinee.delivery import plan_store
from matinee.model.errors import Invalid
from matinee.model.plans import HoldingsUpdate
from matinee.model.recent import Recent
from matinee.ports import Clock

_log = structlog.get_logger()
ANEW = -1
"""What an edge is answered that is to begin anew."""

_LASTS = timedelta(seconds=5)
_MOST_FOLDERS = 10_000
_LONGEST_PATH, _LONGEST_FOLDER = 400, 200


class Holdings:
    """The shell around what edges told. Threads share it."""

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._recent: Recent[str, Mapping[str, int]] = Recent(_MOST_FOLDERS, _LASTS)

    def hold(self, update: HoldingsUpdate) -> int:
        """Keep what an edge tells, once however often it tells it; the last update kept, or ``ANEW``.

        An edge is to begin anew if an update is missing before this one, or nothing is known of this process of it.
        """
        check_update(update)
        with self._engine.begin() as connection:
            known = plan_store.read_holdings(connection, update.edge_id, lock=True)
            ours = known is not None and known["started"] == update.started
            last = known["sequence"] if known is not None and ours else ANEW
            if known is not None and ours and update.sequence <= last:
                return int(last)
            # What begins a listing may leave numbers out before it; everything else follows what was told last.
            if not update.begins and not (ours and update.sequence == last + 1):
                return ANEW
            if update.begins:
                plan_store.clear_differences(connection, update.edge_id)
            plan_store.note_removed(connection, update.edge_id, (*update.missing, *update.removed))
            plan_store.note_added(connection, update.edge_id, update.added)
            generation = update.generation
            if generation is None and known is not None:
                generation = known["generation"]
            plan_store.write_holdings(
                connection,
                {
                    "edge_id": update.edge_id,
                    "started": update.started,
                    "sequence": update.sequence,
                    "generation": generation,
                    "complete": not update.more,
                    "told_at": self._clock.now(),
                },
            )
            if update.begins:
                self._let_go(connection, update.edge_id, int(generation or 0))
                _log.info("holdings.anew", edge_id=update.edge_id, generation=generation)
        return update.sequence

    def files_in(self, folder: str) -> Mapping[str, int]:
        """How many files of a folder (``<title>/<revision>/``) each edge holds, as it last told; 5 s old at most.

        Edges that are still listing what they hold count as far as they came.
        """
        now = self._clock.now()
        if (known := self._recent.get(folder, now)) is not None:
            return known
        with self._engine.connect().execution_options(read_only=True) as connection:
            generations = {row["edge_id"]: row["generation"] for row in plan_store.read_all_holdings(connection)}
            planned = plan_store.planned_in(connection, generations, folder)
            differing = plan_store.differences_in(connection, folder)
        found = {edge_id: planned.get(edge_id, 0) + differing.get(edge_id, 0) for edge_id in generations}
        self._recent.keep(folder, found, now)
        return found

    def told(self, edge_id: str, path: str) -> tuple[int, int | None] | None:
        """What an edge told of a file: ``(generation, difference)``; None if it told nothing at all yet.

        The difference is its size if it is held besides the plan of that generation, -1 if it is that plan's and
        missing, None if it is as that plan says.
        """
        with self._engine.connect().execution_options(read_only=True) as connection:
            known = plan_store.read_holdings(connection, edge_id)
            if known is None:
                return None
            return known["generation"], plan_store.read_differences(connection, path).get(edge_id)

    def _let_go(self, connection: sa.Connection, edge_id: str, generation: int) -> None:
        """Pages of plans that nobody is told against any more."""
        newest = plan_store.read_plan(connection, edge_id)
        plan_store.remove_plan_pages(connection, edge_id, [generation, *([newest["generation"]] if newest else [])])


def check_update(update: HoldingsUpdate) -> None:
    """Invalid unless an update can be right."""
    if update.sequence < 0 or (update.generation is not None and update.generation < 0):
        raise Invalid(f"Edge {update.edge_id} tells its holdings with a number below zero.")
    paths = [*update.missing, *update.removed, *(path for path, _ in update.added)]
    for path in paths:
        folder, slash, name = path.rpartition("/")
        if path.count("/") < 2 or not (folder and slash and name) or len(path) > _LONGEST_PATH:  # noqa: PLR2004 - <title>/<revision>/<file>
            raise Invalid(f"Edge {update.edge_id} tells of {path!r:.80}, which is no <title>/<revision>/<file>.")
        if len(plan_store.folder_of(path)) > _LONGEST_FOLDER:
            raise Invalid(f"Edge {update.edge_id} tells of a folder with too long a name: {path!r:.80}.")
    if any(size < 0 for _, size in update.added):
        raise Invalid(f"Edge {update.edge_id} holds a file of less than nothing.")
    if update.generation is None and (update.missing or update.more or update.begins):
        raise Invalid(f"Edge {update.edge_id} tells what is missing from no plan.")
