"""A ranker that was taught changes what two copies of ``serve`` show; one command takes it back for good.

No night brings it again until it is switched on.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from chains import FILMS, audience, film, watched
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox
from matinee.catalogue.titles import Catalogue, TitleDraft
from matinee.compose.database import open_database
from matinee.model.events import Event, Facts
from matinee.model.ids import new_id
from matinee.model.media import Presentation
from plays import NOON
from running_demo import free_port, until
from running_serve import Serve

_EMAIL, _PASSWORD = "ada@matinee.example", "correct horse"
_PEOPLE = 160


class House:
    """Two copies over one database, a catalogue and an audience that watches one film after the other."""

    def __init__(self, data: Path) -> None:
        self.copies = [Serve(data, free_port()), Serve(data, free_port())]
        engine = open_database(f"sqlite:///{data / 'matinee.db'}")
        catalogue = Catalogue(
            engine=engine, outbox=DatabaseOutbox(), clock=SystemClock(), random_bytes=random.Random(1).randbytes
        )
        self._ids = {}
        for number in range(FILMS):
            made = catalogue.create(TitleDraft(film(number).title(), genres=("Drama",)))
            presentation = Presentation(duration_seconds=600.0, renditions=(), files=(), colour="#aa7733")
            catalogue.publish(made.id, new_id(random.Random(number).randbytes), presentation)
            self._ids[film(number)] = made.id
        self._log = DatabaseEventLog(engine)
        # The audience's twelve days end now.
        self._shift = datetime.now(UTC) - timedelta(days=12) - NOON
        self.tell(audience(_PEOPLE))
        self._dispose = engine.dispose

    def tell(self, events: list[Event]) -> None:
        self._log.append([replace(one, time=one.time + self._shift, facts=self._named(one.facts)) for one in events])

    def _named(self, facts: Facts) -> Facts:
        return replace(facts, title_id=self._ids[facts.title_id])  # type: ignore[attr-defined, call-arg]

    def close(self) -> None:
        self._dispose()


class Viewer:
    """Somebody who is signed in at both copies."""

    def __init__(self, house: House) -> None:
        self._copies = house.copies
        self._headers: dict[str, str] = {}
        account = {"email": _EMAIL, "password": _PASSWORD}
        self._post("/accounts", account)
        self._headers = {"Authorization": f"Bearer {self._post('/sessions', account)['token']}"}
        self.profile_id: str = self._post("/profiles", {"name": "Ada", "maturity_limit": 18})["id"]

    def _post(self, path: str, body: Mapping[str, object]) -> dict[str, str]:
        address = f"{self._copies[0].address}/api/v1{path}"
        answer = httpx.post(address, json=body, headers=self._headers, trust_env=False, timeout=60)
        found: dict[str, str] = answer.raise_for_status().json()
        return found

    def for_you(self, copy: Serve) -> list[str]:
        """The titles of the row that is ranked, as a copy shows it."""
        address = f"{copy.address}/api/v1/profiles/{self.profile_id}/home"
        page = httpx.get(address, headers=self._headers, trust_env=False, timeout=60).raise_for_status().json()
        return [title["id"] for row in page["rows"] if row["id"] == "for-you" for title in row["titles"]]

    def both(self) -> list[str] | None:
        """What both copies show; None while they differ."""
        one, other = (self.for_you(copy) for copy in self._copies)
        return one if one == other else None


@pytest.fixture
def house(tmp_path: Path, sqlite_template: bytes) -> Iterator[House]:
    data = tmp_path / "serve"
    data.mkdir()
    (data / "matinee.db").write_bytes(sqlite_template)
    made = House(data)
    with ExitStack() as running:
        running.callback(made.close)
        for copy in made.copies:
            running.enter_context(copy.running())
        yield made


def test_a_ranker_changes_both_copies_and_one_command_changes_them_back(house: House) -> None:
    here = house.copies[0]
    ada = Viewer(house)
    house.tell([watched(ada.profile_id, 3 + step, 11.5 * 86_400 + 3600 * step) for step in range(4)])
    by_formula = until("both copies' pages", ada.both)
    assert by_formula is not None
    assert len(by_formula) > 5

    taught = here.matinee("train")
    assert taught["version"] == 1, taught["sentence"]
    by_ranker = until("both copies' new pages", lambda: (page := ada.both()) != by_formula and page)
    told = until("the page's record", lambda: _ranked_by(here, ada.profile_id, 1))
    assert told["same"], told
    assert [part["title_id"] for part in told["row"]["parts"]] == by_ranker
    assert all(part["ranker"] is not None for part in told["row"]["parts"])

    back = here.matinee("train", "--rollback")
    assert (back["version"], back["let_in"]) == (0, False)
    until("both copies' old pages", lambda: ada.both() == by_formula)

    # What a night would do: it is taught, and stays out.
    assert here.matinee("train")["sentence"].startswith("Switched off: ")
    assert here.matinee("shadow", "candidate", "--day", _yesterday())["current"] == "formula"
    assert here.matinee("train", "--on")["let_in"]
    assert here.matinee("train")["version"] == 2


def _ranked_by(serve: Serve, profile_id: str, version: int) -> Any:
    found = serve.matinee("why", "row", profile_id, "for-you")
    return found if found["ranker"] == version else None


def _yesterday() -> str:
    return (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
