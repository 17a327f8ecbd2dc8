import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from matinee.edge.control import Control
from matinee.edge.credential import Credential
from matinee.edge.health import Orders
from matinee.edge.standing import Standing
from matinee.model.errors import Forbidden, MatineeError, NotFound, Unavailable
from matinee.model.plans import (
    Account,
    EdgeOrders,
    EdgeReport,
    HoldingsUpdate,
    KeyRing,
    PlannedFile,
    PlanPage,
    Purge,
    Revocation,
    Source,
)
from playing import report

RING = KeyRing("v1", {"k1": "secret"})
FILES = tuple(PlannedFile(f"t/r/{number}", 5, 1.0) for number in range(3))


@dataclass
class Plane:
    """A control plane that a test turns by hand; channels of every credential lead to it."""

    orders: EdgeOrders = field(default_factory=lambda: EdgeOrders(keys_version="v1", time=1000.0))
    ring: KeyRing = RING
    pages: list[PlanPage] = field(default_factory=list)
    error: MatineeError | None = None
    refuses: set[str] = field(default_factory=set)
    through: Callable[[HoldingsUpdate], int] = lambda update: update.sequence
    reports: list[EdgeReport] = field(default_factory=list)
    updates: list[HoldingsUpdate] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    enrolled: list[tuple[str, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    asked_keys: int = 0

    def connect(self, credential: str) -> "Channel":
        self.shown.append(credential)
        return Channel(self, credential)


@dataclass
class Channel:
    plane: Plane
    credential: str

    def _check(self) -> None:
        if self.plane.error is not None:
            raise self.plane.error

    async def enrol(self, join_token: str) -> None:
        self._check()
        if join_token in self.plane.refuses:
            raise Forbidden("This is no join token.")
        self.plane.enrolled.append((join_token, self.credential))

    async def report(self, report: EdgeReport) -> EdgeOrders:
        self._check()
        self.plane.reports.append(report)
        return self.plane.orders

    async def keys(self) -> KeyRing:
        self._check()
        self.plane.asked_keys += 1
        return self.plane.ring

    async def plan(self, generation: int, page: int) -> PlanPage:
        self._check()
        for one in self.plane.pages:
            if (one.generation, one.page) == (generation, page):
                return one
        raise NotFound("There is a newer one.")

    async def hold(self, update: HoldingsUpdate) -> int:
        self._check()
        self.plane.updates.append(update)
        return self.plane.through(update)

    async def account(self, account: Account) -> int:
        self._check()
        self.plane.accounts.append(account)
        return account.sequence

    async def close(self) -> None:
        pass


class Gate:
    def __init__(self) -> None:
        self.down, self.skew_seconds = False, 0.0
        self.ring: KeyRing | None = None
        self.revoked: dict[str, float] = {}

    def use_keys(self, ring: KeyRing) -> None:
        self.ring = ring

    def revoke(self, revocations: Iterable[Revocation]) -> None:
        self.revoked.update({one.subject: one.expires for one in revocations})


class Disk:
    def __init__(self) -> None:
        self.generation, self.disk, self.missing_files = 0, "well", 0
        self.files: list[PlannedFile] = []
        self.purged: list[str] = []
        self.begun = 0
        self.waiting: list[HoldingsUpdate] = []
        self._plan: list[PlannedFile] = []

    def begin_plan(self, page: PlanPage) -> None:
        self._plan = []

    def add_plan(self, page: PlanPage) -> None:
        self._plan += page.files

    def end_plan(self, generation: int) -> None:
        self.files, self.generation = self._plan, generation

    def purge(self, prefix: str) -> int:
        self.purged.append(prefix)
        return 1

    def next_update(self) -> HoldingsUpdate | None:
        return self.waiting[0] if self.waiting else None

    def told(self, sequence: int) -> None:
        self.waiting = [one for one in self.waiting if one.sequence > sequence]

    def begin_anew(self) -> None:
        self.begun += 1
        self.waiting = [HoldingsUpdate("e", 1.0, 10 * self.begun, generation=0, begins=True)]


class Ledger:
    def __init__(self) -> None:
        self.waiting = [Account("e", 1.0, 0, ()), Account("e", 1.0, 1, ())]

    def interval(self) -> Account | None:
        return self.waiting[0] if self.waiting else None

    def settle(self, sequence: int) -> None:
        self.waiting = [one for one in self.waiting if one.sequence > sequence]


class Edge:
    """An edge's control loop in a folder, beside a control plane; ``turn`` lets it run for a while."""

    def __init__(self, folder: Path, plane: Plane, join_token: str = "a token") -> None:
        self.gate, self.disk, self.ledger, self.orders = Gate(), Disk(), Ledger(), Orders()
        self.sources: tuple[Source, ...] = ()
        self.stopped: list[tuple[str, list[str]]] = []
        self.wall = 1000.0
        self.control = Control(
            connect=plane.connect,
            credential=Credential(folder / "control"),
            join_token=join_token,
            standing=Standing(folder / "control"),
            report=lambda _now: report(),
            gate=self.gate,
            orders=self.orders,
            wall=lambda: self.wall,
            steady=asyncio.get_running_loop().time,
            disk=self.disk,
            ledger=self.ledger,
            neighbours=self._hear,
            stop_fills=lambda prefix: self.stopped.append((prefix, list(self.disk.purged))),
        )

    def _hear(self, sources: tuple[Source, ...]) -> None:
        self.sources = sources


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matinee.edge.control.wait_seconds", lambda _failures: 0.001)
    monkeypatch.setattr("matinee.edge.control._REFUSED_SECONDS", 0.001)


async def until(edge: Edge, true: Callable[[], bool]) -> None:
    """Run an edge's loop until something holds; what never holds is stopped by the test's own patience."""
    running = asyncio.create_task(edge.control.run())
    try:
        async with asyncio.timeout(10):
            while not true():
                if running.done():
                    running.result()
                await asyncio.sleep(0.001)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def run(what: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(what())


def test_it_joins_once_and_shows_its_own_credential_ever_after(tmp_path: Path) -> None:
    plane = Plane()

    async def twice() -> None:
        await until(Edge(tmp_path, plane), lambda: bool(plane.reports))
        plane.reports.clear()
        await until(Edge(tmp_path, plane, join_token=""), lambda: bool(plane.reports))

    run(twice)
    ((token, credential),) = plane.enrolled
    assert token == "a token"
    assert plane.shown == [credential, credential]


def test_it_tries_to_join_until_somebody_answers_with_the_same_credential(tmp_path: Path) -> None:
    plane = Plane(error=Unavailable("Nobody is there."))

    async def later() -> None:
        first = Edge(tmp_path, plane)
        with capture_logs() as logs:
            await until(first, lambda: any(line["event"] == "control.lost" for line in logs))
        plane.error = None
        await until(Edge(tmp_path, plane), lambda: bool(plane.reports))

    run(later)
    assert len(set(plane.shown)) == 1


def test_a_new_token_that_is_refused_leaves_the_credential_that_it_has(tmp_path: Path) -> None:
    plane = Plane(refuses={"used up"})

    async def twice() -> None:
        await until(Edge(tmp_path, plane), lambda: bool(plane.reports))
        plane.reports.clear()
        await until(Edge(tmp_path, plane, join_token="used up"), lambda: bool(plane.reports))

    run(twice)
    assert plane.shown[-1] == plane.shown[0] != plane.shown[1]


def test_it_obeys_what_it_hears_and_says_how_far_it_has_come(tmp_path: Path) -> None:
    plane = Plane()
    source = Source("peer", "peer", "http://peer")
    plane.orders = replace(
        plane.orders,
        draining=True,
        down=True,
        egress_limit_bps=5,
        sources=(source,),
        revocations=(Revocation(4, "a-playback", 5000.0),),
        purges=(Purge(2, "a/"), Purge(3, "b/")),
    )

    async def obeyed() -> Edge:
        edge = Edge(tmp_path, plane)
        await until(edge, lambda: bool(plane.reports) and plane.reports[-1].purges_through == 3)
        return edge

    edge = asyncio.run(obeyed())
    assert (edge.orders.draining, edge.orders.egress_limit_bps, edge.gate.down) == (True, 5, True)
    assert edge.sources == (source,)
    assert edge.gate.revoked == {"a-playback": 5000.0}
    assert edge.gate.ring == RING
    # The same purge heard again is done already.
    assert edge.disk.purged == ["a/", "b/"]
    # Fetches of what is purged end before it is purged.
    assert edge.stopped == [("a/", []), ("b/", ["a/"])]
    last = plane.reports[-1]
    assert (last.revocations_through, last.keys_version, last.time) == (4, "v1", 1000.0)
    assert plane.asked_keys == 1


def test_keys_are_fetched_when_the_control_plane_has_others(tmp_path: Path) -> None:
    plane = Plane()

    async def rotated() -> None:
        edge = Edge(tmp_path, plane)
        await until(edge, lambda: edge.gate.ring == RING)
        plane.ring = KeyRing("v2", {"k1": "secret", "k2": "another"})
        plane.orders = replace(plane.orders, keys_version="v2")
        await until(Edge(tmp_path, plane, ""), lambda: plane.reports[-1].keys_version == "v2")

    run(rotated)
    assert plane.asked_keys == 2
    kept = tmp_path / "control" / "keys"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert Standing(tmp_path / "control").ring == plane.ring


def test_after_a_restart_without_a_control_plane_everything_stands_as_it_was(tmp_path: Path) -> None:
    plane = Plane()
    plane.orders = replace(
        plane.orders,
        draining=True,
        sources=(Source("peer", "peer", "http://peer"),),
        revocations=(Revocation(4, "a-playback", 5000.0), Revocation(5, "ended", 10.0)),
        purges=(Purge(3, "b/"),),
    )

    async def restarted() -> Edge:
        await until(Edge(tmp_path, plane), lambda: bool(plane.reports) and plane.reports[-1].purges_through == 3)
        plane.error = Unavailable("Nobody is there.")
        return Edge(tmp_path, plane, join_token="")

    edge = asyncio.run(restarted())
    assert edge.gate.ring == RING
    assert edge.gate.revoked["a-playback"] == 5000.0
    assert edge.orders.draining
    assert [one.edge_id for one in edge.sources] == ["peer"]
    standing = Standing(tmp_path / "control")
    assert (standing.revocations_through, standing.purges_through) == (5, 3)


def test_a_plan_is_fetched_whole_before_it_is_obeyed(tmp_path: Path) -> None:
    plane = Plane()
    plane.orders = replace(plane.orders, plan_generation=2)
    plane.pages = [PlanPage(2, 0, 2, FILES[:2])]

    async def fetched() -> Edge:
        edge = Edge(tmp_path, plane)
        await until(edge, lambda: len(plane.reports) > 5)
        assert edge.disk.generation == 0
        plane.pages.append(PlanPage(2, 1, 2, FILES[2:]))
        await until(edge, lambda: edge.disk.generation == 2)
        return edge

    edge = asyncio.run(fetched())
    assert tuple(edge.disk.files) == FILES


def test_what_is_held_is_told_and_anew_once_where_the_control_plane_forgot_it(tmp_path: Path) -> None:
    plane = Plane()
    plane.orders = replace(plane.orders, holdings_through=-1)

    async def told() -> Edge:
        edge = Edge(tmp_path, plane)
        # A disk that is still listing is not sent back to the beginning with every report.
        await until(edge, lambda: len(plane.reports) > 5)
        assert edge.disk.begun == 0
        edge = Edge(tmp_path, plane, join_token="")
        edge.disk.waiting = [HoldingsUpdate("e", 1.0, 0, generation=0, begins=True)]
        await until(edge, lambda: len(plane.updates) > 1)
        return edge

    edge = asyncio.run(told())
    assert edge.disk.begun >= 1
    assert [update.sequence for update in plane.updates[:2]] == [0, 10]


def test_an_update_that_was_not_kept_makes_it_begin_anew(tmp_path: Path) -> None:
    plane = Plane(through=lambda update: update.sequence if update.generation is not None else -1)
    plane.orders = replace(plane.orders, holdings_through=5)

    async def told() -> Edge:
        edge = Edge(tmp_path, plane)
        edge.disk.waiting = [HoldingsUpdate("e", 1.0, 6, added=(("t/r/x", 1),))]
        await until(edge, lambda: len(plane.updates) > 1)
        return edge

    edge = asyncio.run(told())
    assert [(update.sequence, update.generation) for update in plane.updates[:2]] == [(6, None), (10, 0)]
    assert edge.disk.begun == 1


def test_what_was_sent_is_told_until_it_is_settled(tmp_path: Path) -> None:
    plane = Plane()

    async def told() -> Edge:
        edge = Edge(tmp_path, plane)
        await until(edge, lambda: not edge.ledger.waiting)
        return edge

    asyncio.run(told())
    assert [account.sequence for account in plane.accounts] == [0, 1]


@pytest.mark.parametrize(("seconds", "borne"), [(10.0, 0.0), (-600.0, -600.0), (600.0, 600.0)])
def test_a_clock_that_is_off_is_said_once_and_borne(tmp_path: Path, seconds: float, borne: float) -> None:
    plane = Plane()
    plane.orders = replace(plane.orders, time=1000.0 + seconds)

    async def compared() -> Edge:
        edge = Edge(tmp_path, plane)
        await until(edge, lambda: len(plane.reports) > 3)
        return edge

    with capture_logs() as logs:
        edge = asyncio.run(compared())
    assert edge.gate.skew_seconds == borne
    assert plane.reports[-1].skew_seconds == borne
    assert sum(line["event"] == "clock.off" for line in logs) == bool(borne)


def test_an_answer_that_breaks_everything_does_not_end_the_reports(tmp_path: Path) -> None:
    plane = Plane()

    async def broken() -> None:
        edge = Edge(tmp_path, plane)
        edge.disk.next_update = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        await until(edge, lambda: len(plane.reports) > 5)

    with capture_logs() as logs:
        run(broken)
    assert [line["event"] for line in logs].count("control.failed") == 1
