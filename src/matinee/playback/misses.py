"""Why bytes came from another edge than the best-ranked one: Netflix's classes, by a playback's recorded decision.

The best-ranked edge is the nearest one of the decision, whatever its load and state were. Bytes from it are no miss.
Bytes from another are a *content miss* where it did not hold the title's revision whole, a *health miss* where it was
silent, drained, down, full or beyond its share, and *other* where a player went elsewhere by itself.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from matinee.catalogue.titles import Catalogue
from matinee.delivery.accounts import Miss, Sizes
from matinee.delivery.edges import Edges, EdgeState
from matinee.delivery.holdings import Holdings
from matinee.delivery.steering import Candidate, rank_candidates
from matinee.model.errors import NotFound
from matinee.model.plans import HOP_PREFIX, Account
from matinee.model.recent import Recent
from matinee.playback import decisions, store
from matinee.ports import Clock

_LASTS = timedelta(seconds=60)
_MOST = 20_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Decided:
    """What classing needs of a decision. ``well``: the best-ranked edge was neither ill nor full then."""

    best: str
    title_id: str
    revision: str
    well: bool

    @property
    def folder(self) -> str:
        """Where the revision's files lie."""
        return f"{self.title_id}/{self.revision}/"


class Misses:
    """The shell: playbacks' decisions out of the database, kept for a minute. Threads share it."""

    def __init__(
        self, *, engine: sa.Engine, clock: Clock, catalogue: Catalogue, edges: Edges, holdings: Holdings
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._catalogue = catalogue
        self._edges = edges
        self._holdings = holdings
        self._recent: Recent[str, Decided] = Recent(_MOST, _LASTS)
        self._files = lru_cache(maxsize=1000)(self._count_files)

    def classify(self, account: Account) -> Sizes:
        """An account's bytes by origin and class."""
        decided = self._decided({line.playback_id for line in account.lines})
        ill = {edge.id for edge in self._edges.edges() if edge.state is not EdgeState.SERVING}
        sizes: Counter[tuple[str, str]] = Counter()
        for line in account.lines:
            if line.playback_id.startswith(HOP_PREFIX):
                miss = Miss.BETWEEN
            elif (found := decided.get(line.playback_id)) is None:
                miss = Miss.OTHER
            else:
                miss = miss_of(account.edge_id, found, held=self._held(account.edge_id, found), ill=found.best in ill)
            sizes[line.origin, miss.value] += line.size_bytes
        return sizes

    def _held(self, edge_id: str, found: Decided) -> bool:
        """Whether the best-ranked edge holds the whole revision; not asked where it is the one that sent."""
        if found.best == edge_id:
            return True
        here = self._holdings.files_in(found.folder).get(found.best, 0)
        return here > 0 and here >= self._files(found.title_id, found.revision)

    def _decided(self, playback_ids: set[str]) -> Mapping[str, Decided]:
        now = self._clock.now()
        known = {one: found for one in playback_ids if (found := self._recent.get(one, now)) is not None}
        asked = sorted(one for one in playback_ids - known.keys() if one and not one.startswith(HOP_PREFIX))
        for start in range(0, len(asked), _AT_ONCE):
            with self._engine.connect().execution_options(read_only=True) as connection:
                rows = store.read_decided(connection, asked[start : start + _AT_ONCE])
            for row in rows:
                known[row["playback_id"]] = found = decided_of(row)
                self._recent.keep(row["playback_id"], found, now)
        return known

    def _count_files(self, title_id: str, revision: str) -> int:
        """How many files a revision has; 0 if it is not the title's any more."""
        try:
            title = self._catalogue.title(title_id)
        except NotFound:
            return 0
        return len(title.presentation.files) if title.presentation and title.revision == revision else 0


def miss_of(edge_id: str, decided: Decided, *, held: bool, ill: bool) -> Miss:
    """The class of bytes that an edge sent. ``held`` and ``ill`` tell of the best-ranked edge, now."""
    if edge_id == decided.best:
        return Miss.NONE
    if not held:
        return Miss.CONTENT
    return Miss.HEALTH if ill or not decided.well else Miss.OTHER


def decided_of(row: Mapping[str, Any]) -> Decided:
    """Out of a playback's row."""
    decision = json.loads(row["decision"])
    candidates = [Candidate(**one) for one in decision["candidates"]]
    best = _nearest(candidates, decision)
    first = decisions.ranked_of(decision)[0].edge_id
    # Whoever was ranked first instead of the nearest one was so for its health: nothing else is looked at.
    return Decided(best, row["title_id"], row["revision"], well=best == first)


def _nearest(candidates: Sequence[Candidate], decision: Mapping[str, Any]) -> str:
    """Who would be first if every edge were well and idle."""
    well = [replace(one, state=EdgeState.SERVING.value) for one in candidates]
    return rank_candidates(well, decisions.viewer_of(decision), decision["title_key"], {})[0].edge_id
