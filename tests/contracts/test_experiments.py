"""Experiments on both databases: their states, their layers, what is counted of the log, and who is forgotten."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog
from matinee.delivery.audit import Audit
from matinee.experiments.experiments import Experiments
from matinee.experiments.gathering import Gathering
from matinee.experiments.lifecycle import Arm, Draft, Metric, Source, State
from matinee.model.errors import Conflict, Invalid, NotFound, Unavailable
from matinee.model.events import Event, ExperimentExposed, Facts, MemberForgotten, PlaybackHeartbeat, PlaybackStarted

ARMS = (Arm("control", {"ranking": "current"}), Arm("fresh", {"ranking": "recent"}, 3.0))
RandomBytes = Callable[[int], bytes]


def draft(name: str = "Fresh", **changes: Any) -> Draft:
    return Draft(**{"name": name, "layer": "home", "arms": ARMS, "window_seconds": 3600.0, **changes})


@pytest.fixture
def log(database: sa.Engine) -> DatabaseEventLog:
    return DatabaseEventLog(database)


@pytest.fixture
def ours(database: sa.Engine, log: DatabaseEventLog, clock: ManualClock, random_bytes: RandomBytes) -> Experiments:
    return Experiments(database, log, clock, random_bytes, Audit(database, clock).note)


@pytest.fixture
def gathering(database: sa.Engine, log: DatabaseEventLog, clock: ManualClock) -> Gathering:
    return Gathering(database, log, clock)


def tell(log: DatabaseEventLog, clock: ManualClock, event_id: str, facts: Facts) -> None:
    log.append([Event(event_id, clock.now(), "player", facts)])


def watched(profile_id: str, seconds: float) -> PlaybackHeartbeat:
    return PlaybackHeartbeat("p", profile_id, "t", seconds, seconds)


def test_an_experiment_is_kept_as_it_was_drafted_and_its_states_are_noted(
    ours: Experiments, database: sa.Engine, clock: ManualClock
) -> None:
    made = ours.create(draft(metric=Metric.STARTS, share=0.25), "ada")
    assert ours.find(made.id) == made
    assert (made.state, made.arms, made.control) == (State.DRAFT, ARMS, ARMS[0])
    assert ours.running() == ()
    started = ours.start(made.id, "bob")
    assert ours.running() == (started,)
    assert (started.started_by, started.started_at) == ("bob", clock.now())
    with pytest.raises(Conflict, match="is running"):
        ours.start(made.id, "bob")
    stopped = ours.stop(made.id, "ada")
    assert ours.running() == ()
    assert ours.find(made.id) == stopped
    with pytest.raises(Conflict, match="is stopped"):
        ours.stop(made.id, "ada")
    acts = [(act.act, act.member_id, act.subject) for act in Audit(database, clock).acts()]
    assert acts == [
        ("stop-experiment", "ada", made.id),
        ("start-experiment", "bob", made.id),
        ("create-experiment", "ada", made.id),
    ]
    with pytest.raises(NotFound, match="no experiment 'x'"):
        ours.start("x", "ada")
    with pytest.raises(Invalid, match="2 to 8 arms"):
        ours.create(draft(arms=ARMS[:1]), "ada")


def test_a_layer_gives_each_profile_to_one_experiment(ours: Experiments) -> None:
    one, two, three = (ours.create(draft(str(number), share=0.5), "ada").id for number in range(3))
    elsewhere = ours.create(draft("art", layer="artwork"), "ada").id
    for experiment_id in (one, two, elsewhere):
        ours.start(experiment_id, "ada")
    with pytest.raises(Conflict, match="no room"):
        ours.start(three, "ada")
    assert ours.find(three).state is State.DRAFT
    arms = [ours.expose(f"profile-{number}") for number in range(50)]
    assert all(len(found) == 2 and elsewhere in found for found in arms)
    ours.stop(one, "ada")
    assert ours.start(three, "ada").first_slot == 0


def test_an_exposure_is_said_once_and_a_log_that_is_away_costs_no_page(
    ours: Experiments, log: DatabaseEventLog, database: sa.Engine, clock: ManualClock, random_bytes: RandomBytes
) -> None:
    made = ours.create(draft(), "ada")
    ours.start(made.id, "ada")
    for _ in range(3):
        assert ours.expose("eve")[made.id].name in {"control", "fresh"}
    # Another copy of serve says the same, which is one event.
    another = Experiments(database, log, clock, random_bytes, Audit(database, clock).note)
    another.expose("eve")
    told = [recorded.event for recorded in log.tail().read()]
    assert [event.facts for event in told] == [ExperimentExposed(made.id, ours.expose("eve")[made.id].name, "eve")]
    assert ours.parameters("eve") == dict(ours.expose("eve")[made.id].parameters)

    class Away(DatabaseEventLog):
        def append(self, events: Any) -> int:
            raise Unavailable("The log is away.")

    lost = Experiments(database, Away(database), clock, random_bytes, Audit(database, clock).note)
    assert lost.expose("zoe")[made.id] in ARMS
    lost._log = log
    lost.expose("zoe")
    assert len(log.tail().read()) == 2


def test_what_profiles_did_is_counted_once_whoever_counts(
    ours: Experiments, gathering: Gathering, log: DatabaseEventLog, database: sa.Engine, clock: ManualClock
) -> None:
    made = ours.create(draft(), "ada")
    ours.start(made.id, "ada")
    tell(log, clock, "past", watched("eve", 50.0))
    clock.advance(86_400)
    ours.expose("eve")
    tell(log, clock, "s", PlaybackStarted(playback_id="p", profile_id="eve", title_id="t"))
    tell(log, clock, "w", watched("eve", 30.0))
    assert gathering.gather() == 4
    assert gathering.gather() == 0
    tell(log, clock, "w2", watched("eve", 12.0))
    # Another worker goes on from there; the first finds that it did.
    assert Gathering(database, log, clock).gather() == 1
    assert gathering.gather() == 0
    report = ours.report(made.id)
    assert sum(report.verdict.exposed.values()) == 1
    # Its window is not over.
    assert sum(report.verdict.measured.values()) == 0
    clock.advance(3601)
    gathering.gather()
    assert sum(ours.report(made.id).verdict.measured.values()) == 1
    with database.connect() as connection:
        row = connection.execute(sa.text("SELECT * FROM experiments_exposures")).mappings().one()
    assert (row["starts"], row["watched_seconds"], row["past_watched_seconds"]) == (1, 42.0, 50.0)


def test_a_count_that_fails_half_way_counts_nothing_and_is_done_again(
    ours: Experiments, gathering: Gathering, log: DatabaseEventLog, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ours.create(draft(), "ada")
    ours.start(made.id, "ada")
    ours.expose("eve")

    def fails(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("the disk is full"))

    with monkeypatch.context() as broken:
        broken.setattr(Gathering, "_keep", fails)
        with pytest.raises(sa.exc.OperationalError):
            gathering.gather()
    assert sum(ours.report(made.id).verdict.exposed.values()) == 0
    gathering.gather()
    assert sum(ours.report(made.id).verdict.exposed.values()) == 1


def test_a_window_that_a_stop_cut_short_is_not_measured(
    ours: Experiments, gathering: Gathering, clock: ManualClock
) -> None:
    made = ours.create(draft(), "ada")
    ours.start(made.id, "ada")
    ours.expose("eve")
    clock.advance(3601)
    ours.expose("zoe")
    clock.advance(100)
    ours.stop(made.id, "ada")
    clock.advance(10_000)
    gathering.gather()
    verdict = ours.report(made.id).verdict
    assert (sum(verdict.exposed.values()), sum(verdict.measured.values())) == (2, 1)


def test_who_is_forgotten_is_gone_and_what_comes_late_stays_out(
    ours: Experiments, gathering: Gathering, log: DatabaseEventLog, database: sa.Engine, clock: ManualClock
) -> None:
    made = ours.create(draft(), "ada")
    ours.start(made.id, "ada")
    ours.mark_generated(["eve"], "ada")
    late = clock.now()
    for profile_id in ("eve", "zoe"):
        ours.expose(profile_id)
        tell(log, clock, f"w-{profile_id}", watched(profile_id, 30.0))
    gathering.gather()
    assert ours.report(made.id).sizes == {Source.MEMBERS: 1, Source.GENERATED: 1}
    clock.advance(10)
    tell(log, clock, "f", MemberForgotten("m", "eve", clock.now().timestamp()))
    gathering.gather()
    log.append([Event("late", late, "player", watched("eve", 99.0))])
    gathering.gather()
    with database.connect() as connection:
        for table in ("experiments_exposures", "experiments_days", "experiments_generated"):
            found = connection.execute(sa.text(f"SELECT profile_id FROM {table}")).scalars().all()
            assert set(found) <= {"zoe"}, table


def test_sums_of_long_ago_leave(
    gathering: Gathering, log: DatabaseEventLog, database: sa.Engine, clock: ManualClock
) -> None:
    tell(log, clock, "a", watched("eve", 30.0))
    gathering.gather()
    clock.advance(timedelta(days=40).total_seconds())
    tell(log, clock, "b", watched("eve", 20.0))
    gathering.gather()
    with database.connect() as connection:
        assert connection.execute(sa.text("SELECT watched_seconds FROM experiments_days")).scalars().all() == [20.0]
