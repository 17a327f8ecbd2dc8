"""The edge's side of the control channel: it joins, reports each second, and obeys.

While nobody answers, what was last told stands, and the edge goes on; so it does after a restart. Everything that takes
longer than a report (a plan, a listing of a million files) goes on beside the reports: ``following``.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

import structlog

from matinee.edge.complaints import Complaints
from matinee.edge.credential import Credential
from matinee.edge.following import Book, Disk, Following
from matinee.edge.health import Orders
from matinee.edge.reports import wait_seconds
from matinee.edge.standing import Standing
from matinee.model.errors import Forbidden, MatineeError
from matinee.model.plans import EdgeOrders, EdgeReport, KeyRing, Purge, Revocation, Source
from matinee.ports import ControlChannel

_log = structlog.get_logger()

SKEW_SECONDS = 30.0
"""How far this machine's clock may be off the control plane's before it is said, and borne by the gate."""

_REFUSED_SECONDS = 10.0


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


class Control:
    """See the module. ``wall`` and ``steady`` are clocks, in seconds.

    ``connect`` opens a channel that shows a credential; ``report`` gives the next report at a steady time;
    ``neighbours`` hears of the sources; ``stop_fills`` ends the fetches of what begins so; ``tick`` runs each second.
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
        stop_fills: Callable[[str], None] = lambda _prefix: None,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._connect, self._credential, self._join_token = connect, credential, join_token
        self._standing, self._next_report = standing, report
        self._gate, self._orders, self._disk = gate, orders, disk
        self._neighbours, self._stop_fills, self._tick = neighbours, stop_fills, tick
        self._wall, self._steady = wall, steady
        self._skew_seconds = 0.0
        self._complaints = Complaints()
        self._following = Following(
            standing=standing, complaints=self._complaints, steady=steady, disk=disk, ledger=ledger
        )
        self._beside: asyncio.Task[None] | None = None
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
                failures = 0 if await self._complaints.do("report", lambda: self._report(channel)) else failures + 1
                # Who does not take a report takes nothing else; that is said once.
                if not failures and (self._beside is None or self._beside.done()):
                    self._beside = asyncio.create_task(self._following.follow(channel))
                await asyncio.sleep(wait_seconds(failures))
        finally:
            if self._beside is not None:
                self._beside.cancel()
                await asyncio.gather(self._beside, return_exceptions=True)
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
                self._complaints.said("enrolment", error)
                if (before := self._credential.before()) is not None:
                    await channel.close()
                    return self._connect(before)
                await asyncio.sleep(_REFUSED_SECONDS)
            except MatineeError as error:
                failures += 1
                self._complaints.said("enrolment", error)
                await asyncio.sleep(wait_seconds(failures))
            else:
                self._credential.enrolled()
                self._complaints.said("enrolment", None)
                _log.info("edge.enrolled")
                break
        return channel

    async def _report(self, channel: ControlChannel) -> None:
        asked_at, began = self._steady(), self._wall()
        heard = await channel.report(self._report_now(asked_at, began))
        if heard.time:
            self._compare_clocks(heard.time - (began + self._wall()) / 2)
        self._following.heard(heard, asked_at)
        # A purge that is not done is told again; one that is done twice is done once.
        for purge in heard.purges:
            self._purge(purge)
        self._stand(heard)
        # Whatever is kept is synced, and a disk may take its time.
        await asyncio.to_thread(self._standing.obey, heard)
        if heard.keys_version and (self._standing.ring is None or self._standing.ring.version != heard.keys_version):
            ring = await channel.keys()
            self._gate.use_keys(ring)
            await asyncio.to_thread(self._standing.use_keys, ring)
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
        if purge.sequence > self._standing.purges_through:
            # First what is on its way, so that nobody is still sent it from a fetch once the purge is done.
            self._stop_fills(purge.prefix)
            files = 0 if self._disk is None else self._disk.purge(purge.prefix)
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
