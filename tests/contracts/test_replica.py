"""A read replica, all of it over TLS: what is read there, what the doctor says of it, what holds while it is away."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from deploy.local import postgresql
from deploy.local.certificates import make_certificates
from deploy.local.control_plane import Process

from engines import missing
from matinee.adapters.clock_manual import ManualClock
from matinee.compose.database import migrate, open_database, open_replica
from matinee.compose.doctor import examine
from matinee.findings import Finding
from matinee.settings import read_settings
from playing import Service, service
from running_demo import until

PASSWORD = "a pass/word"
TEMPLATE = "template"
_databases = count(1)


@dataclass(frozen=True)
class Pair:
    """A primary and its replica, and a database that is the test's own."""

    primary: postgresql.Server
    replica: postgresql.Server
    database: str = TEMPLATE

    @property
    def addresses(self) -> tuple[str, str]:
        """The database's at the primary, and at the replica."""
        return self.primary.address(self.database), self.replica.address(self.database)

    def level(self) -> None:
        """Wait until the replica has all that the primary has."""
        # Inserted, not written: commits here do not wait for the disk (deploy.local).
        end = self.primary.execute("SELECT pg_current_wal_insert_lsn()")
        # What no commit told of is written, and sent, some 15 s later; or with the next commit that waits.
        self.primary.execute("SET synchronous_commit = local; SELECT pg_logical_emit_message(true, 'level', '')")
        until("the replica", lambda: self.replica.execute(f"SELECT pg_last_wal_replay_lsn() >= '{end}'") == "t")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    if postgresql.find() is None:
        missing("PostgreSQL", postgresql.INSTALL)
    certificates = make_certificates(tmp_path_factory.mktemp("tls"))
    with postgresql.postgresql(password=PASSWORD, tls=certificates) as primary:
        engine = open_database(primary.create_database(TEMPLATE))
        migrate(engine)
        engine.dispose()
        with postgresql.replica(primary) as replica:
            yield Pair(primary, replica)


@pytest.fixture
def pair(servers: Pair) -> Iterator[Pair]:
    own = replace(servers, database=f"of_a_test_{next(_databases)}")
    servers.primary.execute(f"CREATE DATABASE {own.database} TEMPLATE {TEMPLATE}")
    own.level()
    yield own
    if not servers.replica.running:
        servers.replica.start()
    servers.replica.execute("SELECT pg_wal_replay_resume()")
    servers.level()


@pytest.fixture
def rooms(pair: Pair, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Iterator[Service]:
    primary, replica = pair.addresses
    engine, lagging = open_database(primary), open_replica(replica, primary)
    yield service(engine, clock, random_bytes, lagging=lagging)
    engine.dispose()
    lagging.dispose()


def plotted(rooms: Service) -> int:
    return len(rooms.edges.history("europe-1"))


def watched(rooms: Service) -> float:
    """The seconds of the studio's summary, which is kept for five seconds."""
    rooms.clock.advance(6)
    return rooms.telemetry.qoe_summary(1).overall.watched_seconds


def told(rooms: Service, number: int) -> None:
    """An edge reports, and a viewer has watched ten seconds more."""
    rooms.clock.advance(1.5)
    rooms.three_edges()
    member, profile = rooms.member(f"viewer-{number}@example.com")
    started = rooms.play(rooms.title(), member, profile)
    heartbeat = {
        "id": f"beat-{started.playback_id}",
        "type": "playback.heartbeat",
        "time": rooms.clock.now().isoformat(),
        "facts": {"playback_id": started.playback_id, "position_seconds": 10.0, "watched_seconds": 10.0},
    }
    rooms.accept(member, [heartbeat])


def test_between_primary_and_replica_tls_is_spoken_too(pair: Pair) -> None:
    followers = "SELECT bool_and(ssl) FROM pg_stat_replication JOIN pg_stat_ssl USING (pid)"
    assert pair.primary.execute(followers) == "t"


def test_plots_and_summaries_are_the_replicas_and_all_else_the_primarys(pair: Pair, rooms: Service) -> None:
    told(rooms, 1)
    pair.level()
    assert (plotted(rooms), watched(rooms)) == (1, 10.0)
    pair.replica.execute("SELECT pg_wal_replay_pause()")
    told(rooms, 2)
    assert (plotted(rooms), watched(rooms)) == (1, 10.0)
    rooms.edges.order("europe-1", draining=True)
    assert {edge.id: edge.draining for edge in rooms.edges.edges()}["europe-1"]
    pair.replica.execute("SELECT pg_wal_replay_resume()")
    pair.level()
    assert (plotted(rooms), watched(rooms)) == (2, 20.0)


def test_while_the_replica_is_away_plots_and_summaries_are_the_primarys(pair: Pair, rooms: Service) -> None:
    told(rooms, 1)
    pair.level()
    assert (plotted(rooms), watched(rooms)) == (1, 10.0)
    pair.replica.kill()
    told(rooms, 2)
    assert (plotted(rooms), watched(rooms)) == (2, 20.0)


def settings(pair: Pair, folder: Path) -> dict[str, str]:
    primary, replica = pair.addresses
    return {
        "MATINEE_DATA": str(folder / "data"),
        "MATINEE_DATABASE": primary,
        "MATINEE_DATABASE_REPLICA": replica,
        "MATINEE_TOKEN_KEYS": "k1:a key of tests",
        "MATINEE_REGIONS": "europe=50.1/8.7",
    }


def found(environment: dict[str, str]) -> Finding:
    findings = {finding.part: finding for finding in examine(read_settings(environment), environment)}
    assert findings["database"].ok, findings["database"]
    assert not re.search(r"pass(/|%2F)word", repr(findings))
    return findings["replica"]


def test_the_doctor_has_a_line_for_the_replica_and_serve_starts_without_one_that_is_away(
    pair: Pair, tmp_path: Path
) -> None:
    environment = settings(pair, tmp_path)
    well = found(environment)
    assert well.ok, well
    assert well.says.startswith("PostgreSQL ")
    assert well.says.endswith(" s behind")
    pair.replica.kill()
    away = found(environment)
    assert (away.ok, away.away) == (False, True)
    assert "does not answer" in away.says
    serving = Process("serve", environment, tmp_path)
    try:
        serving.start()
        said = serving.log.read_text().splitlines()
        assert [line for line in said if "part.away" in line and '"replica"' in line]
    finally:
        serving.stop()


def test_a_primary_that_is_given_as_the_replica_is_refused_at_the_start(pair: Pair, tmp_path: Path) -> None:
    environment = settings(pair, tmp_path) | {"MATINEE_DATABASE_REPLICA": pair.addresses[0]}
    wrong = found(environment)
    assert (wrong.ok, wrong.away) == (False, False)
    assert "is a primary of its own" in wrong.says
    serving = Process("serve", environment, tmp_path)
    try:
        with pytest.raises(RuntimeError, match="is a primary of its own"):
            serving.start()
    finally:
        assert serving.stop() == 1
