"""The delivery room's shells as one value: what operators order, and the desk that answers edges."""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from matinee.delivery import plan_store
from matinee.delivery.accounts import Accounting
from matinee.delivery.audit import Audit
from matinee.delivery.demand import Demand
from matinee.delivery.desk import Desk
from matinee.delivery.edges import Edges
from matinee.delivery.enrolment import Enrolment
from matinee.delivery.holdings import Holdings
from matinee.delivery.keys import Keys
from matinee.delivery.oversight import Oversight
from matinee.delivery.plans import Plans
from matinee.delivery.purges import Purges
from matinee.delivery.revocations import Revocations
from matinee.model.ids import RandomBytes
from matinee.model.plans import FillWindow
from matinee.ports import Clock

# Keys that a revoked edge was given have all retired after a token's life and this.
_MARGIN_SECONDS = 3600.0
_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Network:
    """Made once a process; see each part."""

    engine: sa.Engine
    clock: Clock
    audit: Audit
    keys: Keys
    revocations: Revocations
    enrolment: Enrolment
    purges: Purges
    plans: Plans
    holdings: Holdings
    oversight: Oversight
    demand: Demand

    @classmethod
    def open(
        cls,
        *,
        engine: sa.Engine,
        clock: Clock,
        random_bytes: RandomBytes,
        token_seconds: int,
        initial_keys: str = "",
        window: FillWindow | None = None,
    ) -> "Network":
        """On a database; arguments as ``Keys`` and ``Plans`` take them."""
        audit, revocations = Audit(engine, clock), Revocations(engine, clock)
        return cls(
            engine=engine,
            clock=clock,
            audit=audit,
            keys=Keys(
                engine=engine,
                clock=clock,
                random_bytes=random_bytes,
                audit=audit,
                token_seconds=token_seconds,
                initial=initial_keys,
            ),
            revocations=revocations,
            enrolment=Enrolment(
                engine=engine,
                clock=clock,
                random_bytes=random_bytes,
                audit=audit,
                revocations=revocations,
                revoked_seconds=token_seconds + _MARGIN_SECONDS,
            ),
            purges=Purges(engine, clock, audit),
            plans=Plans(engine=engine, clock=clock, audit=audit, window=window),
            holdings=Holdings(engine, clock),
            oversight=Oversight(engine, clock),
            demand=Demand(engine, clock),
        )

    def desk(self, edges: Edges, accounting: Accounting) -> Desk:
        """What answers edges."""
        return Desk(
            edges=edges,
            enrolment=self.enrolment,
            keys=self.keys,
            revocations=self.revocations,
            purges=self.purges,
            plans=self.plans,
            holdings=self.holdings,
            accounting=accounting,
        )

    def tidy(self) -> None:
        """Forget what has ended: revocations, purges of long ago, the counts of edges that are gone for a month."""
        self.revocations.forget_expired()
        self.purges.forget_old()
        with self.engine.begin() as connection:
            plan_store.forget_counted(connection, self.clock.now() - _KEPT)
