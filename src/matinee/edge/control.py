"""The edge's side of the control channel: it joins, reports each second, obeys, and tells what it holds and sent.

While nobody answers, what was last told stands, and the edge goes on; so it does after a restart. Everything that takes
longer than a report (a plan, a listing of a million files) goes on beside the reports.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Protocol

import structlog

from matinee.edge.credential import Credential
from matinee.edge.health import Orders
from matinee.edge.reports import wait_seconds
from matinee.edge.standing import Standing
from matinee.model.errors import Forbidden, MatineeError, NotFound
from matinee.model.plans import (
    Account,
    EdgeOrders,
    EdgeReport,
    HoldingsUpdate,
    KeyRing,
    PlanPage,
    Purge,
    Revocation,
    Source,
)
from matinee.ports import ControlChannel

_log = structlog.get_logger()

SKEW_SECONDS = 30.0
"""How far this machine's clock may be off the control plane's before it is said, and borne by the gate."""

_REFUSED_SECONDS = 10.0
_UPDATES_AT_ONCE = 100


class Door(Protocol):
    """Who is let in: ``edge.gate``."""

    down: bool
    skew_seconds: float

    def use_keys(self, ring: KeyRing) -> None:
        """From now on these keys open tokens."""
        ...

    def revoke(self, revocations: Iterable[Revocation]) -> None:
        """From now on these subjects' tokens open nothing."""
        ...


class Disk(Protocol):
    """What is held: ``cache.cache``."""

    @property
    def generation(self) -> int:
        """Of the plan that it obeys; 0: none yet."""
        ...

    @property
    def missing_files(self) -> int:
        """How many files of it are not held yet."""
        ...

    @property
    def disk(self) -> str:
        """How the disk is: ``well``, or a sentence."""
        ...

    def begin_plan(self, page: PlanPage) -> None:
        """The first page of a plan: nothing changes until ``end_plan``."""
        ...

    def add_plan(self, page: PlanPage) -> None:
        """A page of it, the first one too, in order."""
        ...

    def end_plan(self, generation: int) -> None:
        """Obey that plan from now on."""
        ...

    def purge(self, prefix: str) -> int:
        """Remove what begins so; how many files."""
        ...

    def next_update(self) -> HoldingsUpdate | None:
        """What is to be told next of what is held; the same until it was ``told``."""
        ...

    def told(self, sequence: int) -> None:
        """The control plane has kept the updates so far."""
        ...

    def begin_anew(self) -> None:
        """Tell everything again, from the plan on."""
        ...


class Book(Protocol):
    """What was sent: ``edge.ledger``."""

    def interval(self) -> Account | None:
        """What is to be told next; the same until it was settled."""
        ...

    def settle(self, sequence: int) -> None:
        """The control plane has counted the intervals so far."""
        ...


class Control:
    """See the module. ``wall`` and ``steady`` are clocks, in seconds.

    ``connect`` opens a channel that shows a credential; ``report`` gives the next report at a steady time;
    ``neighbours`` hears of the sources; ``tick`` runs each second.
    """

    def __init__(
        self,
        *,
        connect: Callable[[str], ControlChannel],
        credential: Credential,
        join_token: str,
        standing: Standing,
        report: Callable[[float], EdgeReport],
        gate: Door,
        orders: Orders,
        wall: Callable[[], float],
        steady: Callable[[], float],
        disk: Disk | None = None,
        ledger: Book | None = None,
        neighbours: Callable[[tuple[Source, ...]], None] = lambda _sources: None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._connect, self._credential, self._join_token = connect, credential, join_token
        self._standing, self._next_report = standing, report
        self._gate, self._orders, self._disk, self._ledger = gate, orders, disk, ledger
        self._neighbours, self._tick = neighbours, tick
        self._wall, self._steady = wall, steady
        self._skew_seconds = 0.0
        self._told_at = float("-inf")
        # A disk begins by itself with everything it holds, and takes its time over a million files: once is enough.
        self._beginning = True
        self._anew = False
        self._errors: dict[str, str] = {}
        self._following: asyncio.Task[None] | None = None
        # What stood before this process began stands until something else is heard.
        if standing.ring is not None:
            gate.use_keys(standing.ring)
        self._stand(standing.orders)

    async def run(self) -> None:
        """Join, report and obey, for ever."""
        channel = await self._joined()
        try:
            failures = 0
            while True:
                self._tick()
                failures = 0 if await self._do("report", lambda: self._report(channel)) else failures + 1
                # Who does not take a report takes nothing else; that is said once.
                if not failures and (self._following is None or self._following.done()):
                    self._following = asyncio.create_task(self._follow(channel))
                await asyncio.sleep(wait_seconds(failures))
        finally:
            if self._following is not None:
                self._following.cancel()
                await asyncio.gather(self._following, return_exceptions=True)
            await channel.close()

    async def _joined(self) -> ControlChannel:
        """The channel that is known by this edge's credential, once the control plane has taken that."""
        shown = self._credential.choose(self._join_token)
        channel = self._connect(shown.credential)
        failures = 0
        while shown.enrols:
            self._tick()
            try:
                await channel.enrol(self._join_token)
            except Forbidden as error:
                self._said("enrolment", error)
                if (before := self._credential.before()) is not None:
                    await channel.close()
                    return self._connect(before)
                await asyncio.sleep(_REFUSED_SECONDS)
            except MatineeError as error:
                failures += 1
                self._said("enrolment", error)
                await asyncio.sleep(wait_seconds(failures))
            else:
                self._credential.enrolled()
                self._said("enrolment", None)
                _log.info("edge.enrolled")
                break
        return channel

    async def _report(self, channel: ControlChannel) -> None:
        asked_at, began = self._steady(), self._wall()
        heard = await channel.report(self._report_now(asked_at, began))
        if heard.time:
            self._compare_clocks(heard.time - (began + self._wall()) / 2)
        if heard.holdings_through < 0 and asked_at > self._told_at and not self._beginning:
            self._anew = True
        # A purge that is not done is told again; one that is done twice is done once.
        for purge in heard.purges:
            self._purge(purge)
        self._stand(heard)
        self._standing.obey(heard)
        if heard.keys_version and (self._standing.ring is None or self._standing.ring.version != heard.keys_version):
            ring = await channel.keys()
            self._gate.use_keys(ring)
            self._standing.use_keys(ring)
            _log.info("keys.changed", version=ring.version, keys=len(ring.keys))

    def _report_now(self, steady: float, wall: float) -> EdgeReport:
        report, standing, disk = self._next_report(steady), self._standing, self._disk
        if disk is not None:
            missing = disk.missing_files
            report = replace(report, plan_generation=disk.generation, missing_files=missing, disk=disk.disk)
        return replace(
            report,
            time=wall,
            skew_seconds=self._skew_seconds,
            keys_version=standing.ring.version if standing.ring is not None else "",
            revocations_through=standing.revocations_through,
            purges_through=standing.purges_through,
        )

    def _stand(self, heard: EdgeOrders) -> None:
        """Obey what can be obeyed at once."""
        before = self._standing.orders
        if (heard.draining, heard.down, heard.egress_limit_bps) != (
            before.draining,
            before.down,
            before.egress_limit_bps,
        ):
            _log.info(
                "orders.changed",
                draining=heard.draining,
                down=heard.down,
                egress_limit_bps=heard.egress_limit_bps,
            )
        self._orders.draining, self._orders.egress_limit_bps = heard.draining, heard.egress_limit_bps
        if self._gate.down != heard.down:
            self._gate.down = heard.down
        if heard.revocations:
            self._gate.revoke(heard.revocations)
        self._neighbours(heard.sources)

    def _purge(self, purge: Purge) -> None:
        if self._disk is not None and purge.sequence > self._standing.purges_through:
            files = self._disk.purge(purge.prefix)
            _log.info("purge.done", prefix=purge.prefix, sequence=purge.sequence, files=files)

    def _compare_clocks(self, ahead_seconds: float) -> None:
        """Bear a clock that is off: tokens are judged by the control plane's time, as far as the gate goes along."""
        off = ahead_seconds if abs(ahead_seconds) > SKEW_SECONDS else 0.0
        if bool(off) != bool(self._skew_seconds):
            if off:
                _log.warning("clock.off", control_plane_ahead_seconds=round(off, 1))
            else:
                _log.info("clock.well")
        self._skew_seconds = off
        self._gate.skew_seconds = off

    async def _follow(self, channel: ControlChannel) -> None:
        """What takes its time: the plan, then what is held, then what was sent."""
        await self._do("plan", lambda: self._fetch_plan(channel))
        await self._do("holdings", lambda: self._tell_holdings(channel))
        await self._do("accounts", lambda: self._tell_accounts(channel))

    async def _fetch_plan(self, channel: ControlChannel) -> None:
        generation, disk = self._standing.orders.plan_generation, self._disk
        if disk is None or generation in {0, disk.generation}:
            return
        try:
            page = await channel.plan(generation, 0)
            disk.begin_plan(page)
            disk.add_plan(page)
            for number in range(1, page.pages):
                disk.add_plan(await channel.plan(generation, number))
        except NotFound:
            # There is a newer one by now; the next report says which.
            return
        disk.end_plan(generation)
        _log.info("plan.applied", generation=generation)

    async def _tell_holdings(self, channel: ControlChannel) -> None:
        if (disk := self._disk) is None:
            return
        if self._anew:
            disk.begin_anew()
            self._anew, self._beginning = False, True
        for _ in range(_UPDATES_AT_ONCE):
            update = disk.next_update()
            if update is None:
                return
            through = await channel.hold(update)
            self._told_at = self._steady()
            self._beginning = through < 0
            if through < 0:
                disk.begin_anew()
            else:
                disk.told(through)

    async def _tell_accounts(self, channel: ControlChannel) -> None:
        if (ledger := self._ledger) is None:
            return
        for _ in range(_UPDATES_AT_ONCE):
            account = ledger.interval()
            if account is None:
                return
            ledger.settle(await channel.account(account))

    async def _do(self, what: str, act: Callable[[], Awaitable[None]]) -> bool:
        """Whether it went well. Whatever went wrong is said once, and it is tried again in a second."""
        try:
            await act()
        except MatineeError as error:
            self._said(what, error)
            return False
        except Exception:  # noqa: BLE001 - an edge that no longer reports would be steered around for one bad answer
            if what not in self._errors:
                _log.exception("control.failed", what=what)
            self._errors[what] = "failed"
            return False
        self._said(what, None)
        return True

    def _said(self, what: str, error: MatineeError | None) -> None:
        if error is None:
            if self._errors.pop(what, None) is not None:
                _log.info("control.found", what=what)
        elif what not in self._errors:
            self._errors[what] = str(error)
            _log.warning("control.lost", what=what, reason=str(error))
