"""Expected demand, from the recommender through the log to the plans, on both databases."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from obstore.store import LocalStore

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog
from matinee.consumers import reactions
from matinee.delivery.demand import FRESH, Demand
from matinee.model.events import DemandExpected
from matinee.recommender.archive import Archive
from matinee.recommender.artefacts import Artefacts
from matinee.teaching.forecasting import Forecasting
from plays import NOON, play

_LATER = NOON + timedelta(hours=2)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(_LATER)


@pytest.fixture
def demand(database: sa.Engine, clock: ManualClock) -> Demand:
    return Demand(database, clock)


def test_whenever_the_artefact_is_renewed_demand_is_told_once_a_period_and_kept(
    database: sa.Engine, clock: ManualClock, demand: Demand, tmp_path: Path
) -> None:
    log, objects = DatabaseEventLog(database), LocalStore(tmp_path)
    log.append([one for person in range(5) for one in play(f"p{person}", "tide", person)])
    log.append(play("ada", "reef", 9, region="asia"))
    archive = Archive(database, objects, log, clock)
    artefacts = Artefacts(objects, archive, log, clock, tell=Forecasting(log).tell)
    for _ in range(2):
        artefacts.renew()
    told = [recorded.event.facts for recorded in log.tail().read()]
    expected = {one.region: one for one in told if isinstance(one, DemandExpected)}
    assert len(told) == 18 + 2
    assert expected["europe"].day["tide"] > expected["asia"].day["reef"] > 0
    assert expected["europe"].hour["tide"] * 24 == pytest.approx(expected["europe"].day["tide"], rel=0.01)
    clock.advance(900)
    artefacts.renew()
    assert len(log.tail().read()) == 18 + 4

    nobody: Any = SimpleNamespace(apply=None)
    group: Any = reactions(nobody, nobody, expect=demand.keep)["catalogue"]
    for facts in told:
        if isinstance(facts, DemandExpected):
            group[DemandExpected](facts)
    assert demand.expected() == {region: one.day for region, one in expected.items()}


def test_the_latest_word_counts_and_an_old_one_says_nothing(demand: Demand, clock: ManualClock) -> None:
    at = clock.now().timestamp()
    for _ in range(2):
        demand.keep("europe", {"tide": 2.0}, at)
    demand.keep("europe", {"tide": 9.0}, at - 1)
    demand.keep("asia", {"reef": 1.0}, at - FRESH.total_seconds() - 1)
    assert demand.expected() == {"europe": {"tide": 2.0}}
    demand.keep("europe", {}, at + 1)
    assert demand.expected() == {"europe": {}}
