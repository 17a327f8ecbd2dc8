"""Plans as they are kept for edges to fetch, page by page, and what operators pinned."""

import gzip
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import msgspec
import sqlalchemy as sa
import structlog

from matinee.delivery import plan_store
from matinee.delivery.audit import ITSELF, Audit
from matinee.delivery.edges import Edges, EdgeState
from matinee.delivery.planner import (
    Chosen,
    Offer,
    Plays,
    Shelf,
    choose,
    expected_plays,
    files_of,
    signature,
    with_demand,
)
from matinee.model.errors import Conflict, NotFound
from matinee.model.plans import FillWindow, PlannedFile, PlanPage
from matinee.ports import Clock

_log = structlog.get_logger()
_PAGE_FILES = 2000
# Digests do not shrink, and names do at the lowest level.
_LEVEL = 1
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(PlanPage).decode


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """An edge's newest plan without its files."""

    edge_id: str
    generation: int
    pages: int
    files: int
    size_bytes: int
    made_at: datetime


class Plans:
    """The shell around plans and pins. Threads share it."""

    def __init__(self, *, engine: sa.Engine, clock: Clock, audit: Audit, window: FillWindow | None = None) -> None:
        self._engine = engine
        self._clock = clock
        self._audit = audit
        self._window = window or FillWindow()

    def page(self, edge_id: str, generation: int, page: int) -> bytes:
        """One page (``model.plans.PlanPage``) as JSON, gzip; NotFound if there is none, or a newer plan by now."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            newest = plan_store.read_plan(connection, edge_id)
            if newest is None or newest["generation"] != generation:
                raise NotFound(f"There is no plan {generation} of edge {edge_id}, or a newer one by now.")
            body = plan_store.read_plan_page(connection, edge_id, generation, page)
        if body is None:
            raise NotFound(f"Plan {generation} of edge {edge_id} has {newest['pages']} pages, and none is {page}.")
        return body

    def summaries(self) -> tuple[PlanSummary, ...]:
        """Every edge's newest plan, without its files."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = plan_store.read_plans(connection)
        return tuple(PlanSummary(**{name: row[name] for name in PlanSummary.__slots__}) for row in rows)

    def folders(self, edge_id: str, generation: int) -> frozenset[str]:
        """The folders that an edge's plan has files of."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            return frozenset(plan_store.read_plan_folders(connection, edge_id, generation))

    def find(self, edge_id: str, path: str, generation: int | None = None) -> PlannedFile | None:
        """A file in an edge's plan, of that generation or the newest; reads the plan from its most worthy files on."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            if generation is None:
                newest = plan_store.read_plan(connection, edge_id)
                generation = newest["generation"] if newest else 0
            page = 0
            while body := plan_store.read_plan_page(connection, edge_id, generation, page):
                for file in read_page(body).files:
                    if file.path == path:
                        return file
                page += 1
        return None

    def put(self, edge_id: str, chosen: Sequence[Chosen]) -> int:
        """Make this an edge's plan; its generation, which is a new one only if it holds other files than before.

        Conflict if somebody else made another one meanwhile.
        """
        digest = signature(chosen)
        with self._engine.connect().execution_options(read_only=True) as connection:
            before = plan_store.read_plan(connection, edge_id)
        was = before["generation"] if before else 0
        if before is not None and before["digest"] == digest:
            return int(was)
        generation = was + 1
        # Page by page, and nobody is kept waiting: without its row in the other table a plan is none.
        pages = self._write_pages(edge_id, generation, chosen)
        facts = {
            "edge_id": edge_id,
            "generation": generation,
            "files": sum(one.count for one in chosen),
            "size_bytes": sum(size for one in chosen for _, size, _ in one.group.files[: one.count]),
        }
        values = {"pages": pages, "digest": digest, "made_at": self._clock.now()}
        with self._engine.begin() as connection:
            newest = plan_store.read_plan(connection, edge_id, lock=True)
            if newest is not None and newest["generation"] != was:
                raise Conflict(f"Edge {edge_id} was given another plan meanwhile.")
            plan_store.write_plan_folders(connection, edge_id, generation, _folders(chosen))
            plan_store.write_plan(connection, facts | values)
            held = plan_store.read_holdings(connection, edge_id)
            # What an edge told is told against the plan it had then, which stays until it tells against this one.
            plan_store.remove_plan_pages(connection, edge_id, [generation, held["generation"] if held else generation])
        _log.info("plan.made", **facts)
        return int(generation)

    def pins(self) -> tuple[tuple[str, str], ...]:
        """Every pin as ``(title_id, region)``; an empty region is everywhere."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(plan_store.read_pins(connection))

    def pin(self, title_id: str, region: str = "", by: str = ITSELF) -> None:
        """Have a title held by every edge of a region, or everywhere, as far as pinned titles fit."""
        with self._engine.begin() as connection:
            plan_store.add_pin(connection, title_id, region, self._clock.now())
            self._audit.note(connection, by, "pin", title_id, region=region)

    def unpin(self, title_id: str, region: str | None = None, by: str = ITSELF) -> None:
        """Take a pin back, or (None) all of a title's; NotFound if there is none."""
        with self._engine.begin() as connection:
            if not plan_store.remove_pin(connection, title_id, region):
                raise NotFound(f"Title {title_id!r:.80} is not pinned there.")
            self._audit.note(connection, by, "unpin", title_id, region=region)

    def _write_pages(self, edge_id: str, generation: int, chosen: Sequence[Chosen]) -> int:
        with self._engine.begin() as connection:
            # Of one that was begun and not ended.
            plan_store.remove_plan_generation(connection, edge_id, generation)
        pages = max(1, -(-sum(one.count for one in chosen) // _PAGE_FILES))
        for number, files in enumerate(_pages(files_of(chosen))):
            page = PlanPage(generation, number, pages, files, self._window)
            body = gzip.compress(_encode(page), _LEVEL, mtime=0)
            with self._engine.begin() as connection:
                plan_store.write_plan_page(connection, edge_id, generation, number, body)
        return pages


def read_page(body: bytes) -> PlanPage:
    """A page as it was kept."""
    return _decode(gzip.decompress(body))


class Planner:
    """Makes every living edge's plan anew, by the clock.

    ``plays`` tells what was played lately, ``demand`` what is expected as far as anybody said (plays a day by region
    and title), and ``offers`` the files of those of the titles that can be played.
    """

    def __init__(
        self,
        *,
        plans: Plans,
        edges: Edges,
        offers: Callable[[Collection[str]], Sequence[Offer]],
        plays: Callable[[], Iterable[Plays]],
        demand: Callable[[], Mapping[str, Mapping[str, float]]] = dict,
    ) -> None:
        self._plans = plans
        self._edges = edges
        self._offers = offers
        self._plays = plays
        self._demand = demand

    def renew(self) -> dict[str, int]:
        """Each edge's generation after it. A silent edge keeps its plan: it may come back with all that is in it."""
        started = time.perf_counter()
        planned = {one.edge_id: self._plans.folders(one.edge_id, one.generation) for one in self._plans.summaries()}
        shelves = [
            Shelf(
                edge.id,
                edge.report.site or edge.id,
                edge.report.region,
                edge.report.tier,
                edge.report.cache_limit_bytes,
                planned.get(edge.id, frozenset()),
            )
            for edge in self._edges.edges()
            if edge.state is not EdgeState.SILENT
        ]
        expected, pins = with_demand(expected_plays(self._plays()), self._demand()), self._plans.pins()
        wanted = {title_id for of in expected.values() for title_id in of} | {title_id for title_id, _ in pins}
        chosen = choose(shelves, self._offers(wanted), expected, pins)
        generations = {edge_id: self._plans.put(edge_id, plan) for edge_id, plan in chosen.items()}
        _log.debug("plans.renewed", edges=len(generations), seconds=round(time.perf_counter() - started, 3))
        return generations


def _folders(chosen: Sequence[Chosen]) -> Mapping[str, tuple[int, int]]:
    """How many files, and bytes, of a plan lie in each folder."""
    folders: dict[str, tuple[int, int]] = {}
    for one in chosen:
        files, size = folders.get(one.offer.folder, (0, 0))
        more = sum(size_bytes for _, size_bytes, _ in one.group.files[: one.count])
        folders[one.offer.folder] = (files + one.count, size + more)
    return folders


def _pages(files: Iterator[PlannedFile]) -> Iterator[tuple[PlannedFile, ...]]:
    """At least one page, so that an empty plan is one."""
    yield tuple(islice(files, _PAGE_FILES))
    while some := tuple(islice(files, _PAGE_FILES)):
        yield some
