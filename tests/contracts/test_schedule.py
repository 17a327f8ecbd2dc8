"""The schedule, its leases in both databases, its clock turned by hand."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import sqlalchemy as sa
from obstore.store import LocalStore
from structlog.testing import capture_logs

from event_processes import searched, until
from matinee.accounts.members import Accounts
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.compute_local import LocalCompute
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.adapters.leases_database import DatabaseLeases
from matinee.catalogue.titles import Catalogue, Shelf
from matinee.delivery.edges import Edges
from matinee.delivery.network import Network
from matinee.delivery.plans import Planner
from matinee.encodes.jobs import Jobs
from matinee.encodes.pipeline import Pipeline
from matinee.experiments.gathering import Gathering
from matinee.model.errors import Unavailable
from matinee.model.ids import RandomBytes
from matinee.playback.growing import GrowingPlaylists
from matinee.recommender.archive import Archive
from matinee.recommender.artefacts import Artefacts
from matinee.recommender.rankers import Rankers
from matinee.recommender.upkeep import Upkeep
from matinee.replay.journal import Journal
from matinee.schedule import LEASE_SECONDS, Entry, Periods, Schedule, entries, learning_entries
from matinee.sources.sources import Sources
from matinee.teaching.nightly import Nightly, Reports
from matinee.teaching.training import Training


class Worker:
    """One worker's schedule with one entry that counts its runs."""

    def __init__(self, engine: sa.Engine, clock: ManualClock, owner: str, every_seconds: float = 60.0) -> None:
        self.runs = 0
        self.failure: Exception | None = None
        entry = Entry("count", every_seconds, self.count)
        leases = DatabaseLeases(engine, clock)
        self.schedule = Schedule(leases, owner, [entry], monotonic=lambda: clock.now().timestamp())
        self.pool = ThreadPoolExecutor(1)

    def count(self) -> None:
        self.runs += 1
        if self.failure is not None:
            raise self.failure

    def tick(self) -> None:
        self.schedule.tick(self.pool)
        wait([turn.run for turn in self.schedule._turns if turn.run], timeout=60)


@pytest.fixture
def workers(database: sa.Engine, clock: ManualClock) -> Iterator[tuple[Worker, Worker]]:
    both = Worker(database, clock, "one"), Worker(database, clock, "two")
    yield both
    for worker in both:
        worker.pool.shutdown()


def test_of_two_workers_one_runs_each_entry_every_so_many_seconds(
    workers: tuple[Worker, Worker], clock: ManualClock
) -> None:
    one, two = workers
    for _ in range(181):
        one.tick()
        two.tick()
        clock.advance(1)
    assert (one.runs, two.runs) == (4, 0)


def test_when_a_worker_dies_another_takes_over_within_its_lease(
    workers: tuple[Worker, Worker], clock: ManualClock
) -> None:
    one, two = workers
    one.tick()
    two.tick()
    waited = 0
    while not two.runs:
        clock.advance(1)
        waited += 1
        two.tick()
    assert LEASE_SECONDS <= waited <= 1.5 * LEASE_SECONDS
    assert (one.runs, two.runs) == (1, 1)


def test_a_worker_that_stood_still_for_longer_than_its_lease_does_not_run_on(
    workers: tuple[Worker, Worker], clock: ManualClock
) -> None:
    one, two = workers
    one.tick()
    clock.advance(120)
    two.tick()
    one.tick()
    assert (one.runs, two.runs) == (1, 1)


def test_a_worker_that_ends_gives_its_leases_back(workers: tuple[Worker, Worker]) -> None:
    one, two = workers
    stop = threading.Event()
    running = threading.Thread(target=one.schedule.run, args=(stop,))
    running.start()
    until(lambda: one.runs == 1, "a first run")
    stop.set()
    running.join(timeout=60)
    two.tick()
    assert two.runs == 1


def test_an_entry_that_still_runs_is_not_started_again(database: sa.Engine, clock: ManualClock) -> None:
    begun, go_on = threading.Event(), threading.Event()
    runs = []

    def slow() -> None:
        runs.append(clock.now())
        begun.set()
        go_on.wait(60)

    schedule = Schedule(
        DatabaseLeases(database, clock), "one", [Entry("slow", 1.0, slow)], monotonic=lambda: clock.now().timestamp()
    )
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            schedule.tick(pool)
            clock.advance(1)
        assert begun.wait(60)
        assert len(runs) == 1
        # Another worker stays out as well: the lease is renewed meanwhile.
        assert not DatabaseLeases(database, clock).take("slow", "two", 1)
        go_on.set()


@pytest.mark.parametrize("failure", [Unavailable("The database is away."), ZeroDivisionError("by zero")])
def test_an_entry_that_fails_is_said_and_runs_again_when_it_is_due(
    workers: tuple[Worker, Worker], clock: ManualClock, failure: Exception
) -> None:
    one, _ = workers
    one.failure = failure
    with capture_logs() as logs:
        one.tick()
    assert [line["entry"] for line in logs if line["event"] == "schedule.failed"] == ["count"]
    clock.advance(60)
    one.tick()
    assert one.runs == 2


def test_while_the_leases_do_not_answer_an_entry_runs_until_its_lease_ends(clock: ManualClock) -> None:
    class Away:
        answers = True

        def take(self, name: str, owner: str, seconds: float) -> bool:
            if not self.answers:
                raise Unavailable("The leases are away.")
            return True

        def release(self, name: str, owner: str) -> None:
            raise Unavailable("The leases are away.")

    runs = []
    leases = Away()
    entry = Entry("count", 1.0, lambda: runs.append(clock.now()))
    schedule = Schedule(leases, "one", [entry], monotonic=lambda: clock.now().timestamp())
    with ThreadPoolExecutor(1) as pool:
        for _ in range(30):
            schedule.tick(pool)
            wait([turn.run for turn in schedule._turns if turn.run], timeout=60)
            leases.answers = False
            clock.advance(1)
    assert len(runs) == LEASE_SECONDS


def test_the_house_schedule_carries_left_events_and_forgets_expired_sessions(
    database: sa.Engine, clock: ManualClock, random_bytes: RandomBytes, tmp_path: Path
) -> None:
    accounts = Accounts(engine=database, clock=clock, random_bytes=random_bytes, session_seconds=60)
    edges = Edges(engine=database, outbox=DatabaseOutbox(), clock=clock, silence_seconds=4.0)
    accounts.sign_up("someone@example.org", "correct horse")
    accounts.sign_in("someone@example.org", "correct horse", "a test")
    with database.begin() as connection:
        DatabaseOutbox().append(connection, [searched("a", number) for number in range(1500)])
    clock.advance(61)
    sources = Sources(database, LocalStore(tmp_path), clock, random_bytes)
    objects, log = LocalStore(tmp_path), DatabaseEventLog(database)
    archive = Archive(database, objects, log, clock)
    upkeep, artefacts = Upkeep(archive, random_bytes), Artefacts(objects, archive, log, clock)
    jobs = Jobs(engine=database, outbox=DatabaseOutbox(), clock=clock, random_bytes=random_bytes)
    compute = LocalCompute()
    encodes = Pipeline(jobs, lambda: objects, compute, tmp_path / "shelves", clock, random_bytes, folder=tmp_path)
    network = Network.open(engine=database, clock=clock, random_bytes=random_bytes, token_seconds=60)
    planner = Planner(plans=network.plans, edges=edges, offers=lambda _: [], plays=list)
    relay = DatabaseRelay(database)
    training = Training(archive, log, clock, Rankers(objects), Shelf)
    gathering, journal = Gathering(database, log, clock), Journal(database, clock, random_bytes)
    nightly = Nightly(archive, clock, Rankers(objects), Reports(database, clock), Shelf)
    growing = GrowingPlaylists(Catalogue(database, DatabaseOutbox(), clock, random_bytes), objects, clock)
    table = (
        *entries(relay, accounts, edges, sources, encodes, network, planner, gathering, growing, Periods()),
        *learning_entries(upkeep, artefacts, training, nightly.renew, journal.tidy),
    )
    assert len({entry.name for entry in table}) == len(table)
    schedule = Schedule(DatabaseLeases(database, clock), "one", table, monotonic=lambda: clock.now().timestamp())
    with ThreadPoolExecutor(len(table)) as pool:
        schedule.tick(pool)
    assert len(DatabaseEventLog(database).tail().read(limit=2000)) == 1500
    with database.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM accounts_sessions")).scalar() == 0
