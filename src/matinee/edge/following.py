"""What of the control channel takes its time, beside the reports: the plan, then what is held, then what was sent."""

from collections.abc import Callable
from typing import Protocol

import structlog

from matinee.edge.complaints import Complaints
from matinee.edge.standing import Standing
from matinee.model.errors import NotFound
from matinee.model.plans import Account, EdgeOrders, HoldingsUpdate, PlanPage
from matinee.ports import ControlChannel

_log = structlog.get_logger()

_UPDATES_AT_ONCE = 100


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

    def purge(self, prefix: str) -> int | None:
        """Remove what begins so; how many files, or None: more than were counted at once."""
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


class Following:
    """See the module. ``steady`` is a clock, in seconds; ``standing`` knows the plan that was heard of last."""

    def __init__(
        self,
        *,
        standing: Standing,
        complaints: Complaints,
        steady: Callable[[], float],
        disk: Disk | None,
        ledger: Book | None,
    ) -> None:
        self._standing, self._complaints, self._steady = standing, complaints, steady
        self._disk, self._ledger = disk, ledger
        self._told_at = float("-inf")
        # A disk begins by itself with everything it holds, and takes its time over a million files: once is enough.
        self._beginning = True
        self._anew = False

    def heard(self, orders: EdgeOrders, asked_at: float) -> None:
        """Orders came as the answer to a report of a steady time: whether it is known what is held stands in them."""
        if orders.holdings_through < 0 and asked_at > self._told_at and not self._beginning:
            self._anew = True

    async def follow(self, channel: ControlChannel) -> None:
        """All of it once, as far as there is something."""
        await self._complaints.do("plan", lambda: self._fetch_plan(channel))
        await self._complaints.do("holdings", lambda: self._tell_holdings(channel))
        await self._complaints.do("accounts", lambda: self._tell_accounts(channel))

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
