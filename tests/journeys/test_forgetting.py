"""Who wants to be forgotten is: on the pages at once, then in every copy, the archive, the artefacts and the log."""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from obstore.store import LocalStore

from event_processes import until
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseRelay
from matinee.consumers import Consumers
from matinee.pages.rooms import Rooms
from matinee.recommender.archive import PREFIX, Archive
from matinee.recommender.artefacts import Artefacts
from matinee.recommender.serving import Recommender
from matinee.recommender.upkeep import Upkeep
from theatre import Service, Viewer, ask, publish, service


@pytest.fixture
def theatre(database_url: str, tmp_path: Path) -> Iterator[Service]:
    with service(database_url, tmp_path / "data") as made:
        yield made


class Worker:
    """What a worker does with a service's log, but for the encoding."""

    def __init__(self, rooms: Rooms, folder: Path) -> None:
        self.folder = folder
        self.engine: sa.Engine = rooms.catalogue._engine
        self.relay, self.log, clock = DatabaseRelay(self.engine), DatabaseEventLog(self.engine), SystemClock()
        objects = LocalStore(folder, mkdir=True)
        self.archive = Archive(self.engine, objects, self.log, clock)
        self.upkeep = Upkeep(self.archive, random.Random(1).randbytes)
        self.artefacts = Artefacts(objects, self.archive, self.log, clock, worth_events=1)
        self._consumers = Consumers(
            self.log, rooms.catalogue, rooms.telemetry, forget=self.upkeep.forget, forget_pages=rooms.journal.forget
        )
        self.another_copy = Recommender(self.log, self.relay, clock, self.artefacts)

    @contextmanager
    def reacting(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._consumers.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def archived(self, profile_id: str) -> int:
        """How many events of a profile a data team finds, but for the word that it is forgotten."""
        parts = f"{self.folder}/{PREFIX}*/*.parquet"
        counted = "SELECT count(*) FROM read_parquet(?) WHERE profile_id = ? AND type != 'member.forgotten'"
        # A part that is rewritten goes away between looking for it and reading it.
        with duckdb.connect() as connection, suppress(duckdb.IOException):
            return int(connection.execute(counted, [parts, profile_id]).fetchall()[0][0])
        return -1

    def logged(self, profile_id: str) -> int:
        with self.engine.connect() as connection:
            bodies = connection.execute(sa.text("SELECT body FROM events_log")).scalars()
            told = [json.loads(body) for body in bodies]
        return sum(one["facts"].get("profile_id") == profile_id for one in told if one["type"] != "member.forgotten")

    def positions(self, profile_id: str) -> int:
        asked = sa.text("SELECT count(*) FROM playback_positions WHERE profile_id = :id")
        with self.engine.connect() as connection:
            return int(connection.execute(asked, {"id": profile_id}).scalar_one())


def test_a_profiles_history_is_forgotten_everywhere_and_what_it_watches_then_is_not(
    theatre: Service, tmp_path: Path
) -> None:
    app, rooms = theatre
    films = publish(rooms)
    worker = Worker(rooms, tmp_path / "data" / "objects")
    ada, bob = Viewer(app, "ada@matinee.example"), Viewer(app, "bob@matinee.example")
    with worker.reacting():
        for viewer in (ada, bob):
            viewer.watch(films["Tide"], 30.0)
            viewer.watch(films["Reef"], 40.0)
        until(lambda: worker.positions(ada.profile_id) == 2, "ada's positions")
        assert worker.archive.write() > 0
        assert worker.artefacts.renew()
        worker.another_copy.catch_up()
        assert "continue" in ada.rows()
        assert worker.archived(ada.profile_id) == worker.logged(ada.profile_id) == 4

        ada.ask("DELETE", f"/profiles/{ada.profile_id}/history")
        assert "continue" not in ada.rows()
        assert worker.positions(ada.profile_id) == 0
        worker.another_copy.catch_up()
        assert worker.another_copy.progress(ada.profile_id) == {}
        worker.relay.forward()
        until(lambda: worker.archived(ada.profile_id) == worker.logged(ada.profile_id) == 0, "an archive without ada")
        assert worker.archived(bob.profile_id) == worker.logged(bob.profile_id) == 4
        assert worker.artefacts.renew()
        assert ada.profile_id not in worker.artefacts.begin().knowledge.histories

        ada.watch(films["Gear"], 20.0)
        assert [title["id"] for title in ada.rows()["continue"]["titles"]] == [films["Gear"]]
        worker.archive.write()
        assert worker.archived(ada.profile_id) == 2
    assert "continue" in bob.rows()


def test_one_title_leaves_a_history_in_every_copy_and_what_was_said_of_it_stays(
    theatre: Service, tmp_path: Path
) -> None:
    app, rooms = theatre
    films = publish(rooms)
    worker = Worker(rooms, tmp_path / "data" / "objects")
    ada = Viewer(app, "ada@matinee.example")
    with worker.reacting():
        for name in ("Tide", "Reef"):
            ada.watch(films[name], 60.0)
        ada.ask("PUT", f"/profiles/{ada.profile_id}/ratings/{films['Tide']}", {"rating": "up"})
        until(lambda: worker.positions(ada.profile_id) == 2, "ada's positions")
        worker.relay.forward()
        worker.another_copy.catch_up()
        assert f"because:{films['Tide']}" in ada.rows()
        assert set(worker.another_copy.progress(ada.profile_id)) == {films["Tide"], films["Reef"]}

        ada.ask("DELETE", f"/profiles/{ada.profile_id}/history/{films['Tide']}")
        told = ada.ask("GET", f"/profiles/{ada.profile_id}/history")
        assert [title["id"] for title in told["titles"]] == [films["Reef"]]
        assert [title["id"] for title in ada.rows()["continue"]["titles"]] == [films["Reef"]]
        worker.another_copy.catch_up()
        assert set(worker.another_copy.progress(ada.profile_id)) == {films["Reef"]}
        assert worker.another_copy.said(ada.profile_id)[0] == {films["Tide"]: "up"}
        assert worker.positions(ada.profile_id) == 1
        # It was not watched, and there is nothing to forget: the same answer.
        ada.ask("DELETE", f"/profiles/{ada.profile_id}/history/{films['Gear']}")
        # Who begins anew, from the artefact, does not know it either.
        worker.relay.forward()
        assert worker.artefacts.renew()
        assert set(worker.artefacts.begin().knowledge.histories.of(ada.profile_id).plays) == {films["Reef"]}

        ada.watch(films["Tide"], 50.0)
        assert {title["id"] for title in ada.rows()["continue"]["titles"]} == {films["Reef"], films["Tide"]}


def test_pages_that_were_shown_tell_no_more_of_a_title_that_was_removed(theatre: Service, tmp_path: Path) -> None:
    app, rooms = theatre
    films = publish(rooms)
    worker = Worker(rooms, tmp_path / "data" / "objects")
    ada = Viewer(app, "ada@matinee.example")
    with worker.reacting():
        ada.watch(films["Tide"], 60.0)
        ada.home()
        rooms.journal.write()
        assert rooms.journal.pages(ada.profile_id)
        ada.ask("DELETE", f"/profiles/{ada.profile_id}/history/{films['Tide']}")
        worker.relay.forward()
        until(lambda: not rooms.journal.pages(ada.profile_id), "no page that tells of it")


def test_nobody_removes_from_a_strangers_history(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    ada, eve = Viewer(app, "ada@matinee.example"), Viewer(app, "eve@matinee.example")
    ada.watch(films["Tide"], 60.0)
    answer = ask(app, "DELETE", f"/profiles/{ada.profile_id}/history/{films['Tide']}", None, eve.headers)
    assert answer.status_code == 404
    assert "continue" in ada.rows()


def test_who_deletes_a_profile_is_forgotten_with_it(theatre: Service, tmp_path: Path) -> None:
    app, rooms = theatre
    films = publish(rooms)
    worker = Worker(rooms, tmp_path / "data" / "objects")
    ada = Viewer(app, "ada@matinee.example")
    ada.watch(films["Tide"], 30.0)
    worker.archive.write()
    with worker.reacting():
        ada.ask("DELETE", f"/profiles/{ada.profile_id}")
        worker.relay.forward()
        until(lambda: worker.logged(ada.profile_id) == 0, "a log without ada")
        until(lambda: worker.archived(ada.profile_id) == 0, "an archive without ada")


def test_nobody_forgets_for_another(theatre: Service) -> None:
    app, rooms = theatre
    films = publish(rooms)
    ada, bob = Viewer(app, "ada@matinee.example"), Viewer(app, "bob@matinee.example")
    ada.watch(films["Tide"], 30.0)
    path = f"/profiles/{ada.profile_id}/history"
    assert ask(app, "DELETE", path).status_code == 401
    assert ask(app, "DELETE", path, headers=bob.headers).status_code == 404
    assert "continue" in ada.rows()
